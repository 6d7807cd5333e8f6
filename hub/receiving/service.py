"""The door of receiving: what other rooms and the edges call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue.query import MASKED_TITLE
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.receiving.arrival import apply_batch, apply_offers, apply_withdraw
from hub.receiving.carried import CarriedPackages, packages_here, packages_missing
from hub.receiving.checking import Checking
from hub.receiving.evidence import (
    adopt_receipt,
    apply_evidence,
    receipt_in_store,
    require_signature,
)
from hub.receiving.finishing import Finishing
from hub.receiving.inspections import (
    Counting,
    ItemDecided,
    decide_items,
    inspect_again,
    inspection_of,
    may_decide_items,
    may_inspect_again,
    may_stop_inspecting,
    runs_of,
    stop_inspecting,
)
from hub.receiving.models import (
    OFFER_STATES,
    Accession,
    Batch,
    Offer,
    OfferState,
    Receipt,
    Verdict,
    has_finding,
)
from hub.receiving.numbers import gaps_of
from hub.receiving.progress import locked_batch, news_of, offers_of
from hub.receiving.receipts import (
    accepted_listing,
    accepted_offers,
    accepted_totals,
    draft_receipt,
    settle_receipt,
)
from hub.receiving.rules import compared, program
from hub.receiving.seen import (
    BatchNumbers,
    accession_of,
    batch_seen_by,
    batches_seen_by,
    batches_within,
    form_seen_by,
    inspection_report_seen_by,
    is_listed,
    is_listed_whole,
    numbers_of,
    offer_in,
    offer_to_look_at,
    offers_named,
    open_batches,
    receipt_of,
    receipt_seen_by,
    receiving_now,
    require_sight,
    titles_hidden,
    unsettled,
)
from hub.receiving.sets import SetChecking, set_findings
from hub.receiving.stamping import Stamping, count_stamps, stamps_of
from hub.receiving.statuses import Asking, status_words
from hub.receiving.timeliness import untimely
from hub.receiving.unit_seal import UnitSeal, unit_seal
from hub.receiving.uploads import (
    UploadArrived,
    UploadSweeper,
    forget_upload,
    grant_parts,
    grant_upload,
    present_parts,
    put_part,
    take_package,
)
from hub.receiving.verdicts import (
    Outcome,
    Ruling,
    apply_confirmation,
    draft_verdict,
    settle_verdict,
)
from hub.repository import loops as repository
from shared.kernel.actor import Actor
from shared.kernel.errors import Conflict
from shared.kernel.keys import sign_document
from shared.messaging.entry import Handler
from shared.packaging import sign_receipt

__all__ = [
    "MASKED_TITLE",
    "OFFER_STATES",
    "Accession",
    "Batch",
    "BatchNumbers",
    "CarriedPackages",
    "Checking",
    "Counting",
    "Finishing",
    "ItemDecided",
    "Offer",
    "OfferState",
    "Outcome",
    "Receipt",
    "Ruling",
    "UnitSeal",
    "UploadArrived",
    "UploadSweeper",
    "Verdict",
    "accepted_listing",
    "accepted_offers",
    "accepted_totals",
    "accession_of",
    "apply_batch",
    "apply_confirmation",
    "apply_evidence",
    "apply_offers",
    "apply_withdraw",
    "batch_seen_by",
    "batches_seen_by",
    "batches_within",
    "compared",
    "conclude",
    "count_stamps",
    "decide_items",
    "draft_receipt",
    "draft_verdict",
    "forget_upload",
    "form_seen_by",
    "gaps_of",
    "grant_parts",
    "grant_upload",
    "handlers",
    "has_finding",
    "holdings",
    "inspect_again",
    "inspection_of",
    "inspection_report_seen_by",
    "is_listed",
    "is_listed_whole",
    "locked_batch",
    "may_decide_items",
    "may_inspect_again",
    "may_stop_inspecting",
    "news_of",
    "numbers_of",
    "offer_in",
    "offer_to_look_at",
    "offers_named",
    "offers_of",
    "open_batches",
    "packages_here",
    "packages_missing",
    "present_parts",
    "program",
    "put_part",
    "receipt_of",
    "receipt_seen_by",
    "receiving_now",
    "require_sight",
    "require_signature",
    "runs_of",
    "set_findings",
    "settle_receipt",
    "settle_verdict",
    "sign_and_receive",
    "stamps_of",
    "status_words",
    "steps",
    "stop_inspecting",
    "take_package",
    "titles_hidden",
    "unit_seal",
    "unsettled",
    "untimely",
]


# ---- for the wiring


def handlers() -> dict[str, Handler]:
    """The handlers of the entries that nodes send to this room, by kind."""
    return {
        "offer": apply_offers,
        "batch": apply_batch,
        "withdraw": apply_withdraw,
        "confirmation": apply_confirmation,
        "evidence": apply_evidence,
    }


def steps(folder: HubFolder) -> dict[str, Callable[[], bool]]:
    """The background steps of this room and of the repository below it, by name."""
    database = folder.database()
    return {
        "receiving.check": Checking(
            *(database, folder.staging, folder.seal_authorities, folder.clamd),
            remembered=folder.remembered,
            decoder=folder.settings.media_decoder,
        ).step,
        "receiving.sets": SetChecking(database).step,
        "receiving.count": Counting(database).step,
        "receiving.finish": Finishing(
            database, folder.store, folder.staging, folder.keys.seal, folder.seal_authorities
        ).step,
        "receiving.stamp": Stamping(database, folder.store, folder.time_stamper).step,
        "receiving.statuses": Asking(
            database, folder.store, folder.status_service, folder.seal_authorities
        ).step,
        "receiving.sweep": UploadSweeper(database, folder.staging).step,
        **repository.steps(folder),
    }


def holdings(node_id: str, session: Session) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """What a node must know of its batches at the start of an epoch: offers, verdict, receipt."""
    rounds = (
        select(Batch)
        .where(Batch.node_id == node_id, Batch.state != "withdrawn")
        .order_by(Batch.arrived_at, Batch.id)
    )
    for batch in session.scalars(rounds).all():
        yield "batch_held", batch.batch_id, _held_batch(batch, session)
        verdict = session.scalar(select(Verdict).where(Verdict.batch_id == batch.id))
        if verdict is not None:
            yield "verdict", batch.batch_id, verdict.document
        receipt = session.scalar(select(Receipt).where(Receipt.batch_id == batch.id))
        if receipt is not None and batch.received_at is not None:
            yield "receipt", batch.batch_id, receipt.document


def _held_batch(batch: Batch, session: Session) -> dict[str, Any]:
    """The body of a `batch_held` entry: which offers are here, and whether all of them are."""
    offers = [
        each for each in offers_of(batch.id, session=session) if each.state != OfferState.WITHDRAWN
    ]
    return {
        "batch_id": batch.batch_id,
        "fonds_id": batch.fonds_id,
        "title": batch.title,
        "whole": batch.listed is not None and all(each.arrived for each in offers),
        "offers": [
            {
                "offer_id": each.id,
                "record_id": each.record_id,
                "record_version": each.record_version,
                "package_sha256": each.package_sha256,
                "size": each.package_size,
            }
            for each in offers
        ],
    }


# ---- what signs: between two transactions, never inside one


def conclude(
    folder: HubFolder,
    actor: Actor,
    batch_row_id: str,
    outcome: Outcome,
    rulings_of: Callable[[Session], Mapping[str, Ruling]],
) -> Batch:
    """Conclude a review: draft the verdict, sign it with the hub's key, make it count.

    Raises as `draft_verdict` does, and Conflict when somebody decided otherwise meanwhile.
    """
    database = folder.database()
    with database.read() as session:
        rulings = rulings_of(session)
        document = draft_verdict(actor, batch_row_id, outcome, rulings, session=session)
    document["signature"] = sign_document(folder.keys.hub(), document)
    with database.write() as session:
        batch = settle_verdict(actor, batch_row_id, document, session=session)
        if rulings_of(session) != rulings:
            raise Conflict(
                "办理结论的同时，有人改了这批移交的审核决定。",
                "请刷新页面，核对后再办理。",
                code="saved_meanwhile",
            )
        return batch


def sign_and_receive(folder: HubFolder, actor: Actor, batch_row_id: str) -> Batch:
    """Sign as the archive and so receive: from here on there is no way back."""
    database = folder.database()
    with database.read() as session:
        document = draft_receipt(actor, batch_row_id, session=session)
        seals = federation.seals_of(document["archive"], session)
    seal = folder.keys.seal(document["archive"])
    earlier = receipt_in_store(folder.store, document["archive"], document, seals)
    if earlier is not None:
        # We have signed before, and lost our memory of it: that receipt stands.
        with database.write() as session:
            batch = session.get_one(Batch, batch_row_id)
            adopt_receipt(session, batch.node_id, earlier)
            return batch
    signed = sign_receipt(document, seal)
    with database.write() as session:
        return settle_receipt(actor, batch_row_id, signed, session=session)
