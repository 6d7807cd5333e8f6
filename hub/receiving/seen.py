"""What people may look at of the batches: whose batch it is, and which records they see in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation.places import HubFolder
from hub.receiving import seal_evidence
from hub.receiving.forms import form_pdf_of
from hub.receiving.inspection_reports import signed_report
from hub.receiving.models import HOLDING_STATES, Accession, Batch, Offer, OfferState, Receipt
from hub.receiving.packages import is_marked
from hub.receiving.progress import offers_of
from hub.receiving.receipts import accepted_offers
from hub.receiving.stamping import receipt_files, stamps_of
from hub.receiving.statuses import answers_of
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import NotAllowed, NotFound
from shared.kernel.reach import within_reach

_CHUNK = 500
_SEES = (Role.REVIEWER, Role.ARCHIVIST, Role.AUTHORITY)


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


def unsettled(record_ids: Iterable[str], *, session: Session) -> set[str]:
    """Which records a batch has that is under way still, or came back incomplete."""
    query = (
        select(Offer.record_id)
        .join(Batch, Offer.batch_id == Batch.id)
        .where(Offer.record_id.in_(list(record_ids)))
        .where(
            Batch.state.not_in(("received", "returned", "withdrawn"))
            | ((Batch.state == "received") & Batch.incomplete & Offer.ready.is_(False))
        )
    )
    return set(session.scalars(query))


def titles_hidden(actor: Actor, offers: Iterable[Offer], *, session: Session) -> set[str]:
    """The offers whose records the actor does not see in full (any more), by id.

    The one rule of sight: who only reviews sees a record while it is under review.
    """
    listed = list(offers)
    seen = catalogue.seen_among(actor, (offer.record_id for offer in listed), session=session)
    return {offer.id for offer in listed if offer.record_id not in seen}


def is_listed(actor: Actor) -> ColumnElement[bool]:
    """The condition that an offer is in a list: 内部 and 工作秘密 only in those of the parties."""
    return ~catalogue.kept_from(actor, Offer.record_id)


def is_listed_whole(actor: Actor, batch: Batch, *, session: Session) -> bool:
    """Whether nothing of a batch is left out of the lists that the actor reads."""
    left_out = exists().where(Offer.batch_id == batch.id, ~is_listed(actor))
    return not session.scalar(select(left_out))


@dataclass(frozen=True)
class BatchNumbers:
    """How many a batch has, how much, and how far it is, as somebody may read it."""

    count: int
    size: int
    arrived: int
    checked: int
    findings: int
    errors: int


def numbers_of(
    actor: Actor, batches: Sequence[Batch], *, session: Session
) -> dict[str, BatchNumbers]:
    """The numbers of batches, by id, less what is left out of the lists that the actor reads.

    So a third party cannot take the length of a list from the number above it, and know how much
    of it is 内部 or 工作秘密.
    """
    ids = [each.id for each in batches]
    sums = (
        func.count(),
        func.coalesce(func.sum(Offer.package_size), 0),
        func.coalesce(func.sum(cast(Offer.arrived, Integer)), 0),
        func.count(Offer.checked_at),
        func.coalesce(func.sum(Offer.findings), 0),
        func.coalesce(func.sum(Offer.errors), 0),
    )
    by_batch = select(Offer.batch_id, *sums).where(Offer.batch_id.in_(ids)).group_by(Offer.batch_id)
    left_out = {row[0]: row[1:] for row in session.execute(by_batch.where(~is_listed(actor)))}
    here = select(Offer.batch_id, sums[2]).where(Offer.batch_id.in_(ids)).group_by(Offer.batch_id)
    arrived = {row[0]: row[1] for row in session.execute(here)}
    return {
        each.id: BatchNumbers(
            *(
                max(0, whole - kept)
                for whole, kept in zip(
                    (
                        *(each.count, each.size, arrived.get(each.id, 0)),
                        *(each.checked, each.findings, each.errors),
                    ),
                    left_out.get(each.id, (0,) * len(sums)),
                    strict=True,
                )
            )
        )
        for each in batches
    }


def require_sight(actor: Actor, *offers: Offer, session: Session) -> None:
    """Raise NotAllowed unless the actor sees the record of each of these offers in full."""
    if titles_hidden(actor, offers, session=session):
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
        require_sight(actor, *offers_of(batch.id, session=session), session=session)
    return signed_report(folder, batch)


def form_seen_by(actor: Actor, batch_row_id: str, *, session: Session) -> bytes:
    """The form of a batch as PDF; it lists titles, so only for who sees them. Raises NotAllowed."""
    batch = batch_seen_by(actor, batch_row_id, session=session)
    require_sight(actor, *accepted_offers(batch.id, session=session), session=session)
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
        require_sight(actor, *accepted_offers(batch.id, session=session), session=session)
        stamps = stamps_of(receipt.id, session=session)
    evidence = seal_evidence.stored(folder.store, receipt.archive_code, receipt.id)
    return receipt_files(receipt, stamps, evidence, answers_of(folder.store, receipt))


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
