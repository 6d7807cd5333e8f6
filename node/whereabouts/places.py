"""Where records are: one of a few places each, found by one statement for any number of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import office_of
from node.sync.models import BatchProgress
from node.transfer import service as transfer
from node.transfer.service import Batch
from shared.messaging.models import OutgoingEntry, OutgoingStream
from shared.records.states import DRAFT_STATES


class Place(StrEnum):
    """Where a record's newest state has come to."""

    DRAFT = "draft"
    HELD_UP = "held_up"
    QUEUED = "queued"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    OFFERED = "offered"
    CHECKING = "checking"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    PASSED = "passed"
    SIGNED = "signed"
    RECEIVED = "received"


PLACES: dict[str, str] = {
    Place.DRAFT: "只在本机（未定号）",
    Place.HELD_UP: "等平台确认本机",
    Place.QUEUED: "待发送",
    Place.REFUSED: "平台没有接受",
    Place.ACCEPTED: "平台已收到",
    Place.OFFERED: "移交送出中",
    Place.CHECKING: "平台检验中",
    Place.UNDER_REVIEW: "档案馆审核中",
    Place.RETURNED: "被退回",
    Place.PASSED: "审核通过，待本单位签字",
    Place.SIGNED: "已签字，待档案馆接收",
    Place.RECEIVED: "档案馆已接收",
}

Record, Objection = filing.Record, filing.Objection


def place_column(session: Session) -> ColumnElement[str]:
    """The place of a record as a column of any statement over records.

    A change that waits comes before all else: what the other side says is about what it has.
    """
    office = office_of(session)
    stream = session.get(OutgoingStream, office.hub_id) if office.hub_id else None
    drafts = Record.state.in_(DRAFT_STATES)
    if stream is None or not office.has_grant or office.adopting:
        return case(
            (Record.state == "received", literal(Place.RECEIVED)),
            (drafts, literal(Place.DRAFT)),
            else_=literal(Place.HELD_UP),
        )
    entries = and_(
        OutgoingEntry.peer == stream.peer,
        OutgoingEntry.epoch == stream.epoch,
        OutgoingEntry.kind == "record",
    )
    waiting = select(OutgoingEntry.subject).where(entries, OutgoingEntry.seq > stream.acked)
    refused = filing.objected_by("refused", *_still_refused(entries))
    return case(
        (drafts, literal(Place.DRAFT)),
        (Record.id.in_(waiting), literal(Place.QUEUED)),
        (Record.id.in_(refused), literal(Place.REFUSED)),
        (Record.state == "received", literal(Place.RECEIVED)),
        (Record.state == "offered", _at_the_archive()),
        (
            Record.id.in_(filing.objected_by("returned", Objection.settled_at.is_(None))),
            literal(Place.RETURNED),
        ),
        else_=literal(Place.ACCEPTED),
    )


def _still_refused(entries: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    """When a refusal counts: until the record was told anew, though somebody put it aside before.

    A refusal of an earlier epoch has a seq of that epoch; there the times decide, both of this
    clock.
    """
    about = and_(entries, OutgoingEntry.subject == Objection.record_id)
    later = or_(OutgoingEntry.seq > Objection.seq, OutgoingEntry.created_at > Objection.at)
    the_one = and_(OutgoingEntry.seq == Objection.seq, OutgoingEntry.created_at <= Objection.at)
    return (
        or_(Objection.seq.is_(None), ~exists().where(about, later)),
        or_(Objection.settled_at.is_(None), exists().where(about, the_one)),
    )


def _at_the_archive() -> ColumnElement[str]:
    """How far the batch of an offered record is, by its papers and by what the hub said last."""

    def in_state(*states: str, and_: tuple[ColumnElement[bool], ...] = ()) -> ColumnElement[bool]:
        return Record.id.in_(transfer.in_batches(Batch.state.in_(states), *and_))

    def said(state: str) -> ColumnElement[bool]:
        heard = exists().where(
            BatchProgress.batch_id == Batch.id,
            BatchProgress.state == state,
            BatchProgress.heard_at > Batch.offered_at,
        )
        return in_state("offered", "withdrawing", and_=(heard,))

    return case(
        (in_state("signed"), literal(Place.SIGNED)),
        (in_state("accepted", "corrected"), literal(Place.PASSED)),
        (said("under_review"), literal(Place.UNDER_REVIEW)),
        (said("checking"), literal(Place.CHECKING)),
        else_=literal(Place.OFFERED),
    )


def listing(seen: filing.Within, session: Session) -> Select[Any]:
    """The records that are seen, with their places, as a statement to page through."""
    return filing.listing(filing.Filter(), seen).add_columns(place_column(session).label("place"))


def counts(seen: filing.Within, session: Session) -> dict[str, int]:
    """How many of the records that are seen are at each place, in the order of the way."""
    where = place_column(session).label("place")
    rows = session.execute(select(where, func.count()).where(filing.within(seen)).group_by(where))
    found: dict[str, int] = {str(name): count for name, count in rows}
    return {str(each): found[each] for each in Place if each in found}
