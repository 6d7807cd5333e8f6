"""The door of receiving: what other rooms and the edges call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import MASKED_TITLE
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.federation.visibility import Sight, sight, within_reach
from hub.receiving import seal_evidence
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
from hub.receiving.forms import form_pdf_of
from hub.receiving.inspection_reports import signed_report
from hub.receiving.inspections import (
    Counting,
    ItemDecided,
    decide_items,
    inspection_of,
    may_decide_items,
    runs_of,
)
from hub.receiving.models import (
    HOLDING_STATES,
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
from hub.receiving.packages import is_marked
from hub.receiving.progress import locked_batch, news_of, offers_of
from hub.receiving.receipts import (
    accepted_listing,
    accepted_offers,
    accepted_totals,
    draft_receipt,
    settle_receipt,
)
from hub.receiving.sets import SetChecking, set_findings
from hub.receiving.stamping import Stamping, count_stamps, receipt_files, stamps_of
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
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import Conflict, NotAllowed, NotFound
from shared.kernel.keys import sign_document
from shared.messaging.entry import Handler
from shared.packaging import sign_receipt

__all__ = [
    "MASKED_TITLE",
    "OFFER_STATES",
    "Accession",
    "Batch",
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
    "inspection_of",
    "inspection_report_seen_by",
    "locked_batch",
    "may_decide_items",
    "news_of",
    "offer_in",
    "offer_to_look_at",
    "offers_named",
    "offers_of",
    "open_batches",
    "packages_here",
    "packages_missing",
    "present_parts",
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
    "steps",
    "take_package",
    "titles_hidden",
]

_CHUNK = 500
_SEES = (Role.REVIEWER, Role.ARCHIVIST)


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
            database, folder.staging, folder.seal_authorities, folder.clamd
        ).step,
        "receiving.sets": SetChecking(database).step,
        "receiving.count": Counting(database).step,
        "receiving.finish": Finishing(
            database, folder.store, folder.staging, folder.keys.seal, folder.seal_authorities
        ).step,
        "receiving.stamp": Stamping(database, folder.store, folder.time_stamper).step,
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


# ---- questions


def batches_seen_by(actor: Actor) -> Select[Batch]:
    """The batches that an actor may look at: of the archives that review or receive them."""
    return batches_within(actor, _SEES, Batch.reviewing_archive, Batch.receiving_archive)


def batches_within(
    actor: Actor, roles: Sequence[Role], *archives: InstrumentedAttribute[str]
) -> Select[Batch]:
    """The batches for which the actor holds a role in one of these archives of theirs."""
    return select(Batch).where(within_reach(actor, roles, Batch.fonds_id, *archives))


def batch_seen_by(actor: Actor, batch_row_id: str, *, session: Session) -> Batch:
    """A batch that the actor may look at. Raises NotFound, also when it is another archive's."""
    batch = session.get(Batch, batch_row_id)
    if batch is None or not any(
        actor.may(*_SEES, archive=archive, fonds=batch.fonds_id)
        for archive in (batch.reviewing_archive, batch.receiving_archive)
    ):
        raise NotFound("没有这批移交。", "请回到列表重新查看。")
    return batch


def open_batches(fonds_id: str, *, session: Session) -> list[Batch]:
    """The batches of a fonds that have not ended, oldest first."""
    ended = ("returned", "received", "stored", "withdrawn")
    return list(
        session.scalars(
            select(Batch)
            .where(Batch.fonds_id == fonds_id, Batch.state.not_in(ended))
            .order_by(Batch.arrived_at, Batch.id)
        )
    )


def accession_of(batch: Batch, *, session: Session) -> Accession | None:
    """The line of the accession register under which a batch came in; None before receipt."""
    return session.scalar(select(Accession).where(Accession.batch_id == batch.id))


def receiving_now(record_id: str, *, session: Session) -> str | None:
    """The archive that has signed for a record and is about to have it; None for none."""
    return session.scalar(
        select(Batch.receiving_archive)
        .join(Offer, Offer.batch_id == Batch.id)
        .where(Offer.record_id == record_id, Offer.state == OfferState.ACCEPTED)
        .where(Batch.state == "receiving")
    )


def titles_hidden(actor: Actor, offers: Iterable[Offer], *, session: Session) -> set[str]:
    """The offers whose records the actor does not see in full (any more), by id.

    The one rule of sight: who only reviews sees a record while it is under review.
    """
    listed = list(offers)
    records = catalogue.records_of({offer.record_id for offer in listed}, session)
    return {
        offer.id
        for offer in listed
        if offer.record_id not in records
        or sight(actor, records[offer.record_id]) is not Sight.FULL
    }


def require_sight(actor: Actor, offer: Offer, *, session: Session) -> None:
    """Raise NotAllowed unless the actor sees the record of this offer in full."""
    if titles_hidden(actor, [offer], session=session):
        raise NotAllowed(
            "这件档案已不在审核中，内容只有形成单位和接收馆可以查看。",
            "如需查阅，请向保管它的单位或档案馆提出。",
        )


def offer_to_look_at(actor: Actor, record: CatalogueRecord, *, session: Session) -> Offer | None:
    """The offer in which the actor may look at the files of a record; None when there is none.

    The one that was received, or the open one of just this version: by the rules of the desk, and
    never one that bears a mark of classification.
    """
    offers = session.scalars(
        select(Offer)
        .where(Offer.record_id == record.id)
        .where(Offer.state.in_((*HOLDING_STATES, OfferState.RECEIVED)))
        .where(Offer.batch_id.in_(batches_seen_by(actor).with_only_columns(Batch.id)))
        .order_by(Offer.offered_at.desc(), Offer.id)
    )
    for offer in offers:
        here = offer.state == OfferState.RECEIVED or (
            offer.arrived and offer.record_digest == record.digest
        )
        if here and not is_marked(offer) and not titles_hidden(actor, [offer], session=session):
            return offer
    return None


def inspection_report_seen_by(folder: HubFolder, actor: Actor, batch_row_id: str) -> dict[str, Any]:
    """The signed report 四性检测报告 of a batch, for who sees its records. Raises NotAllowed.

    A record that bears a mark of classification is in it without title and content.
    """
    with folder.database().read() as session:
        batch = batch_seen_by(actor, batch_row_id, session=session)
        offers = offers_of(batch.id, session=session)
        hidden = titles_hidden(actor, offers, session=session)
        for offer in [each for each in offers if each.id in hidden][:1]:
            require_sight(actor, offer, session=session)
    return signed_report(folder, batch)


def form_seen_by(actor: Actor, batch_row_id: str, *, session: Session) -> bytes:
    """The form of a batch as PDF; it lists titles, so only for who sees them. Raises NotAllowed."""
    batch = batch_seen_by(actor, batch_row_id, session=session)
    for offer in accepted_offers(batch.id, session=session)[:1]:
        require_sight(actor, offer, session=session)
    return form_pdf_of(batch, session=session)


def receipt_of(batch: Batch, *, session: Session) -> Receipt | None:
    """The receipt of a batch; None before the archive has signed."""
    return session.scalar(select(Receipt).where(Receipt.batch_id == batch.id))


def receipt_seen_by(folder: HubFolder, actor: Actor, batch_row_id: str) -> bytes:
    """The receipt of a batch with its time stamps and the evidence of its seals, as ZIP.

    It lists titles. Raises NotFound.
    """
    with folder.database().read() as session:
        batch = batch_seen_by(actor, batch_row_id, session=session)
        receipt = receipt_of(batch, session=session)
        if receipt is None:
            raise NotFound("这批移交还没有接收凭证。", "本馆签字接收以后才有。")
        for offer in accepted_offers(batch.id, session=session)[:1]:
            require_sight(actor, offer, session=session)
        stamps = stamps_of(receipt.id, session=session)
    evidence = seal_evidence.stored(folder.store, receipt.archive_code, receipt.id)
    return receipt_files(receipt, stamps, evidence)


def offers_named(batch: Batch, offer_ids: Iterable[str], *, session: Session) -> dict[str, Offer]:
    """The offers of this batch among the named ones, by id."""
    wanted = sorted(set(offer_ids))
    found: dict[str, Offer] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = session.scalars(
            select(Offer).where(
                Offer.batch_id == batch.id, Offer.id.in_(wanted[start : start + _CHUNK])
            )
        )
        found.update({row.id: row for row in rows})
    return found


def offer_in(batch: Batch, offer_id: str, *, session: Session) -> Offer:
    """An offer of this batch, with its report. Raises NotFound."""
    offer = session.scalar(
        select(Offer)
        .options(undefer(Offer.report))
        .where(Offer.id == offer_id, Offer.batch_id == batch.id)
    )
    if offer is None:
        raise NotFound("这批移交中没有这件档案。", "请回到这批移交的清单。")
    return offer
