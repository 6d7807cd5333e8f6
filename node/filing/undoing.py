"""Taking back the last step of arranging 撤销: until numbers are final nothing is lost by a slip.

A verb of arranging wraps what it changes in `undoable`, which keeps how the records stood before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from node.filing.access import SEEING, records_seen, records_to_change, require_held
from node.filing.models import Record, Step
from node.filing.numbering import plan_numbers, write_numbers
from node.filing.values import PLACE_FIELDS
from node.filing.wire import chunked
from node.office.service import fonds_of
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import now
from shared.kernel.errors import NotFound, WrongState
from shared.records.states import DRAFT_STATES

_FIELDS = (
    *("level", "parent_id", "state", "category_id", "position", "volume_number"),
    *("number", "number_given", *PLACE_FIELDS),
)
_KEPT = 20


@contextmanager
def undoable(
    actor: Actor, what: str, records: Iterable[Record], *, session: Session
) -> Iterator[None]:
    """Keep how these records stood before the block, so that `undo` can bring it back.

    `what` says in the user's words what was done. Nothing is kept where nothing changed. All of
    them are the actor's to change, before it and after. Raises NotAllowed.
    """
    watched = list(records)
    require_held(actor, watched, Role.CLERK)
    before = {record.id: _values(record) for record in watched}
    yield
    session.flush()
    require_held(actor, watched, Role.CLERK)
    changed = {each.id: before[each.id] for each in watched if _values(each) != before[each.id]}
    if not changed:
        return
    fonds_id = watched[0].fonds_id
    session.add(Step(fonds_id=fonds_id, what=what, records=changed, made_by=actor.name))
    session.flush()
    old = select(Step.id).where(Step.fonds_id == fonds_id).order_by(Step.made_at.desc(), Step.id)
    session.execute(delete(Step).where(Step.id.in_(old.offset(_KEPT))))


def last_step(fonds_id: str, *, session: Session) -> Step | None:
    """The step that `undo` would take back now; None when there is none, or numbers are final."""
    step = session.scalar(
        select(Step)
        .where(Step.fonds_id == fonds_id, Step.undone_at.is_(None))
        .order_by(Step.made_at.desc(), Step.id.desc())
        .limit(1)
    )
    return step if step is not None and _free(step, session) else None


def step_to_undo(actor: Actor, fonds_id: str, *, session: Session) -> Step | None:
    """The step that `undo` would take back for this actor: one of which it may see all records."""
    step = last_step(fonds_id, session=session)
    return step if step is not None and _sees_all(actor, step, session) else None


def _sees_all(actor: Actor, step: Step, session: Session) -> bool:
    if actor.may(*SEEING, fonds=step.fonds_id):
        return True
    seen = records_seen(actor, session=session)
    return all(
        len(session.scalars(select(Record.id).where(Record.id.in_(some), seen)).all()) == len(some)
        for some in chunked(list(step.records))
    )


def undo(actor: Actor, step_id: str, *, session: Session) -> Step:
    """Bring the records of the last step back to how they stood before it.

    Raises NotFound for an unknown step, WrongState when another step came after it, or when
    records of it were filed or discarded since.
    """
    step = session.get(Step, step_id)
    if step is None or not _sees_all(actor, step, session):
        raise NotFound("没有这一步可以撤销。", "请刷新页面后查看。")
    newest = last_step(step.fonds_id, session=session)
    if newest is None or newest.id != step.id:
        raise WrongState(
            "这一步已不能撤销：其后又有调整，或有文件已定号、已删除。",
            "请刷新页面，直接按现在的情况调整。",
            code="not_undoable",
        )
    records = records_to_change(actor, list(step.records), session=session)
    drafted = any(record.number is not None for record in records)
    for record in records:
        record.number = record.code = None
    session.flush()  # two records may exchange their numbers
    for record in records:
        for name, value in step.records[record.id].items():
            if name != "number" or record.number_given or step.records[record.id]["number_given"]:
                setattr(record, name, value)
        drafted = drafted or step.records[record.id]["number"] is not None
        record.changed_at = now()
    step.undone_at = now()
    session.flush()
    require_held(actor, records, Role.CLERK)
    if drafted:
        _draft_anew(records, session)
    audit.record(
        session, actor, "record.undone", f"fonds:{step.fonds_id}",
        audit.Act(each=[each.id for each in records]),
        what=step.what, records=len(records),
    )  # fmt: skip
    return step


def _values(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _FIELDS}


def _free(step: Step, session: Session) -> bool:
    """Whether every record of a step, and what it stood in before, still is a draft."""
    parents = {each["parent_id"] for each in step.records.values() if each["parent_id"]}
    wanted = [*step.records, *(parents - set(step.records))]
    free = 0
    for some in chunked(wanted):
        query = select(Record.id).where(Record.id.in_(some), Record.state.in_(DRAFT_STATES))
        free += len(session.scalars(query).all())
    return free == len(wanted)


def _draft_anew(records: Sequence[Record], session: Session) -> None:
    """Let the draft numbers of all the classes and years in question follow."""
    classes = {
        (each.fonds_id, each.class_code, each.year)
        for each in records
        if each.year is not None and each.state == "arranging"
    }
    for fonds_id, class_code, year in sorted(classes):
        plan = plan_numbers(fonds_of(fonds_id, session), class_code, year, session=session)
        write_numbers(plan.rows, session=session)
