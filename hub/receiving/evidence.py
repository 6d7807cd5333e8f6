"""Signed papers that nodes hand back after a restore of the hub (protocol §4).

The node's stream has brought the offers again before; what is missing is what this hub itself had
decided. Only our own signatures count: the hub's on a verdict, an archive's seal on a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.receiving.models import Batch, Offer, OfferState, Receipt, Verdict
from hub.receiving.progress import locked_batch, offers_of
from hub.receiving.receipts import record_receipt
from hub.receiving.schemas import EvidenceSchema
from hub.receiving.verdicts import VERBS, confirm_early, record_verdict
from hub.repository import service as repository
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Conflict, NotAllowed, NotFound
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.messaging.entry import Entry
from shared.records import wire
from shared.records.states import HUB_BATCH
from shared.storage import ObjectStore

_ACTOR = system_actor("receiving")


def apply_evidence(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Bring batches to where our own signed verdicts and receipts say that they were.

    What is known already changes nothing. A receipt always wins: it has no way back. A key of ours
    that was rolled over since has signed what it has signed.
    Raises NotAllowed for a paper that we did not sign.
    """
    for entry in entries:
        body = wire.load(EvidenceSchema(), entry.body)
        document = body["document"]
        if body["kind"] == "verdict":
            named = _signature_of(document, "signature").get("key")
            key = federation.hub_key_named(named, session)
            require_signature([key] if key else [], document, "signature")
            adopt_verdict(session, node_id, document)
        else:
            seals = federation.seals_of(str(document.get("archive")), session)
            require_signature(seals, document, "archive_signature")
            adopt_receipt(session, node_id, document)


def _signature_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    signed = document.get(name)
    return signed if isinstance(signed, Mapping) else {}


def require_signature(keys: Iterable[PublicKey], document: Mapping[str, Any], name: str) -> None:
    """Raise NotAllowed unless `document[name]` is the signature over the rest by one of these."""
    signed = _signature_of(document, name)
    rest = {key: value for key, value in document.items() if key != name}
    key = signer_of(keys, signed)
    if key is None or not document_is_signed_by(key, rest, signed):
        raise NotAllowed(
            "交回的文书不是本平台所签，或已被改动。",
            "请把这份文书的编号告诉市档案馆管理员。",
            code="bad_signature",
        )


def adopt_verdict(session: Session, node_id: str, document: Mapping[str, Any]) -> None:
    """Conclude a batch as a verdict of ours, whose signature was checked, says that it was."""
    if session.get(Verdict, document["verdict_id"]) is not None:
        return
    batch = _batch_of(session, node_id, document)
    if batch.concluded_at is None and _receipt_of(batch, session) is not None:
        return  # received again from the store, which had no verdict: there is no way back
    if batch.concluded_at is not None:
        raise Conflict("平台上这批移交已有另一结论。", "请联系市档案馆核对。", code="other_verdict")
    # The checks may not have come to it again; the signed conclusion stands for them.
    batch.state = HUB_BATCH.verbs[VERBS[document["outcome"]]].target
    record_verdict(batch, document, session=session)
    audit.record(
        session, _ACTOR, "batch.verdict_restored", f"batch:{batch.id}",
        verdict=document["verdict_id"], node=node_id,
    )  # fmt: skip
    confirm_early(batch, session=session)


def receipt_in_store(
    store: ObjectStore, archive_code: str, drafted: Mapping[str, Any], seals: Sequence[PublicKey]
) -> dict[str, Any] | None:
    """The receipt under which the repository has a drafted batch already; None when it has not.

    That is so when the database was restored to before the archive's signature.
    """
    first = drafted["offers"][0]
    beside = repository.receipt_beside(store, archive_code, first["record_id"])
    slip = repository.read_document(beside) if beside is not None else None
    if slip is None or slip.get("offer_id") != first["offer_id"]:
        return None
    receipt = repository.paper_of(store, archive_code, "receipts", str(slip.get("receipt_id")))
    if receipt is None:
        return None
    require_signature(seals, receipt, "archive_signature")
    return receipt


def adopt_receipt(session: Session, node_id: str, document: Mapping[str, Any]) -> None:
    """Bring a batch to where a receipt of ours, whose signature was checked, says that it is."""
    known = session.get(Receipt, document["receipt_id"])
    if known is not None:
        take_over(session, known.document)
        return
    batch = _batch_of(session, node_id, document)
    if _receipt_of(batch, session) is not None:
        raise Conflict(
            "平台上这批移交已有另一份接收凭据。", "请联系市档案馆核对。", code="other_receipt"
        )
    received = {each["offer_id"] for each in document["offers"]}
    for offer in offers_of(batch.id, session=session):
        offer.state = OfferState.ACCEPTED if offer.id in received else OfferState.RETURNED
    batch.form = document["form"]
    batch.form_digest = digest_of(document["form"])
    batch.unit_signature = document["unit_signature"]
    batch.early_confirmation = None
    # `finishing` goes on from here: it finds the packages in the repository, or waits for them.
    batch.state = HUB_BATCH.verbs["receive"].target
    record_receipt(batch, document, made_by=str(document.get("by", "")), session=session)
    audit.record(
        session, _ACTOR, "batch.receipt_restored", f"batch:{batch.id}",
        receipt=document["receipt_id"], node=node_id,
    )  # fmt: skip


def take_over(session: Session, receipt: Mapping[str, Any]) -> None:
    """Move into the archive's custody what a finished receipt names and a rebuild had left out.

    Such a record is in the catalogue again when its node has told it, or its object was put back.
    """
    offers = session.scalars(
        select(Offer)
        .join(Batch, Batch.id == Offer.batch_id)
        .where(Offer.id.in_([each["offer_id"] for each in receipt["offers"]]))
        .where(Batch.incomplete, Offer.state == OfferState.RECEIVED)
    ).all()
    held = catalogue.records_of([offer.record_id for offer in offers], session)
    for offer in offers:
        record = held.get(offer.record_id)
        if record is not None and not record.received:
            offer.code, offer.title, offer.class_code = record.code, record.title, record.class_code
            offer.year, offer.retention = record.year, record.retention
    catalogue.set_custody(session, held, receipt["archive"], receipt["receipt_id"])


def _receipt_of(batch: Batch, session: Session) -> Receipt | None:
    return session.scalar(select(Receipt).where(Receipt.batch_id == batch.id))


def _batch_of(session: Session, node_id: str, document: Mapping[str, Any]) -> Batch:
    """The round that holds the offers which a paper names; they must be the very same."""
    lines = {each["offer_id"]: each for each in document["offers"]}
    first = session.get(Offer, next(iter(lines), ""))
    if first is None:
        raise NotFound(
            "平台没有文书所说的这批移交。", "请先重新提交这批移交。", code="batch_unknown"
        )
    if first.node_id != node_id:
        raise NotAllowed("这批移交属于另一个节点。", "请联系市档案馆核对。", code="foreign_batch")
    batch = locked_batch(session, first.batch_id)
    offers = {offer.id: offer for offer in offers_of(batch.id, session=session)}
    for offer_id, line in lines.items():
        offer = offers.get(offer_id)
        if offer is None or (offer.record_version, offer.package_sha256) != (
            line["record_version"],
            line["package_sha256"],
        ):
            raise Conflict(
                "文书所说的档案版本与平台收到的不一致。",
                "请联系市档案馆核对。",
                code="other_offer",
            )
    return batch
