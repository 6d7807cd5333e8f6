"""What is in which volume 案卷 (or project 项目): put in, taken out, moved, until it is closed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from node.filing.access import fonds_subject, records_seen, records_to_change
from node.filing.arranging import arrange_inside, short, take_place, with_content
from node.filing.categories import Categories
from node.filing.models import Record
from node.filing.undoing import undoable
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.errors import Invalid, WrongState
from shared.records.record import RecordLevel
from shared.records.states import DRAFT_STATES, RECORD

_BEHIND_ALL = 1_000_000
_INNER = {RecordLevel.VOLUME: RecordLevel.ITEM, RecordLevel.PROJECT: RecordLevel.VOLUME}


def put_into(
    actor: Actor, parent: Record, record_ids: Sequence[str], *, session: Session
) -> list[Record]:
    """Put records into a volume as its items 组卷, or volumes into a project.

    What is in another volume moves over. They stand at the end, in the order named, and take the
    class, year and retention of the volume. Raises WrongState when the numbers of either are
    final, Invalid for what cannot be in it.
    """
    records_to_change(actor, [parent.id], session=session)
    records = records_to_change(actor, record_ids, session=session)
    level = _INNER.get(RecordLevel(parent.level))
    if level is None:
        raise WrongState("只有案卷和项目可以包含文件。", "请先建立案卷。")
    if parent.state not in DRAFT_STATES:
        raise WrongState(
            f"案卷现为“{RECORD.label(parent.state)}”，档号已定，不能再调整组成。",
            "漏掉的文件请在案卷页面逐件加入后补充归档，或另立案卷。",
            code="volume_closed",
        )
    for record in records:
        _may_move(record)
        if record.fonds_id != parent.fonds_id:
            raise Invalid("parent_id", "不同全宗的文件不能放入同一案卷。", "请只选择本全宗的文件。")
        kinds = _MAY_GO_INTO[level]
        if record.id == parent.id or record.level not in kinds:
            raise Invalid("parent_id", "案卷里只能放文件，项目里只能放案卷。", "请重新选择。")
    records = [record for record in records if record.parent_id != parent.id]
    categories = Categories(session)
    watched = with_content([*records, parent], session)
    with undoable(actor, f"放入《{short(parent.title)}》", watched, session=session):
        for place, record in enumerate(records):
            record.level = str(level)
            record.parent_id = parent.id
            record.volume_number = None
            record.position = _BEHIND_ALL + place  # until it gets its place, in the order named
        session.flush()
        arrange_inside(parent, categories, session)
    act = audit.Act(each=[each.id for each in records])
    audit.record(session, actor, "record.put_into", parent, act, records=len(records))
    return records


_MAY_GO_INTO = {
    RecordLevel.ITEM: (RecordLevel.RECORD, RecordLevel.ITEM),
    RecordLevel.VOLUME: (RecordLevel.VOLUME,),
}


def take_out(actor: Actor, record_ids: Sequence[str], *, session: Session) -> list[Record]:
    """Take items out of their volume again, as records by themselves; volumes out of a project.

    Raises WrongState for what is filed.
    """
    records = records_to_change(actor, record_ids, session=session)
    for record in records:
        _may_move(record)
    categories = Categories(session)
    inside = [record for record in records if record.parent_id is not None]
    with undoable(actor, "移出案卷", with_content(inside, session), session=session):
        for record in inside:
            if record.level == RecordLevel.ITEM:
                record.level = str(RecordLevel.RECORD)
            record.parent_id = None
            record.volume_number = None
            take_place(record, categories)
    audit.record(
        session, actor, "record.taken_out", fonds_subject(records),
        audit.Act(each=[each.id for each in inside]),
        records=len(inside),
    )  # fmt: skip
    return inside


def candidates(actor: Actor, parent: Record, *, session: Session) -> Select[Record]:
    """The drafts of a fonds that `put_into` takes for this volume or project; unordered."""
    level = _INNER[RecordLevel(parent.level)]
    return select(Record).where(
        records_seen(actor, session=session),
        Record.fonds_id == parent.fonds_id,
        Record.state.in_(DRAFT_STATES),
        Record.level.in_([str(each) for each in _MAY_GO_INTO[level]]),
        Record.id != parent.id,
        or_(Record.parent_id.is_(None), Record.parent_id != parent.id),
    )


def _may_move(record: Record) -> None:
    if record.state in DRAFT_STATES:
        return
    raise WrongState(
        f"《{short(record.title)}》现为“{RECORD.label(record.state)}”，档号已定，不能再移入或移出案卷。",
        "归错卷的，请把整卷作废，再重新组卷。",
        code="volume_closed",
    )
