"""Who may see and do what in filing: by fonds (a village sees its own), class and openness.

A grant that is limited to a class or to what is open reaches single records, and the class of a
year as a whole where it names the class; boxes, imports, batches and the registry have no class,
and need a grant for the whole fonds (`ids_seen`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from node.filing.models import Category, ClosedClass, Record
from node.filing.wire import chunked
from node.office.service import fonds_here, fonds_of, fonds_written, require_writable
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import NotAllowed, NotFound
from shared.kernel.reach import within_reach
from shared.records.fonds import Fonds

#: Roles that see the catalogue of a fonds.
SEEING = (Role.CLERK, Role.LEADER)
#: What a question is about: fonds as a whole, by their ids, or what a condition says.
Within = Collection[str] | ColumnElement[bool]


def fonds_seen(actor: Actor, *, in_part: bool = False, session: Session) -> list[Fonds]:
    """The fonds that the actor may see here, mirrors included, in the office's order.

    `in_part` also those of which it sees some records only.
    """
    return [
        each
        for each in fonds_here(session)
        if actor.may(*SEEING, fonds=each.id)
        or (in_part and actor.reaches_into(*SEEING, fonds=each.id))
    ]


def ids_seen(actor: Actor, *, in_part: bool = False, session: Session) -> list[str]:
    """The ids of `fonds_seen`."""
    return [each.id for each in fonds_seen(actor, in_part=in_part, session=session)]


def records_seen(
    actor: Actor, *roles: Role, written: bool = False, session: Session
) -> ColumnElement[bool]:
    """The condition that the actor sees a record, or holds one of the roles for it.

    `written` leaves out the fonds that cannot be written into here now.
    """
    return _reached(
        actor, roles or SEEING, Record, written=written, opening=Record.opening_opinion,
        session=session,
    )  # fmt: skip


def classes_seen(
    actor: Actor,
    model: type[ClosedClass | Category],
    *,
    written: bool = False,
    session: Session,
) -> ColumnElement[bool]:
    """The condition that the actor sees the whole class of a row, closed or a category."""
    return _reached(actor, SEEING, model, written=written, opening=None, session=session)


def _reached(
    actor: Actor,
    roles: Collection[Role],
    model: Any,
    *,
    written: bool,
    opening: Any,
    session: Session,
) -> ColumnElement[bool]:
    found = (
        fonds_written(actor, *roles, in_part=True, session=session)
        if written
        else fonds_here(session)
    )
    return and_(
        model.fonds_id.in_([each.id for each in found]),
        within_reach(
            actor, roles, model.fonds_id, None, class_code=model.class_code, opening=opening
        ),
    )


def within(seen: Within, model: Any = Record) -> ColumnElement[bool]:
    """What a question is about, as a condition on rows of `model`."""
    if isinstance(seen, ColumnElement):
        return seen
    return model.fonds_id.in_(seen)


def holds(actor: Actor, record: Record, *roles: Role) -> bool:
    """Whether the actor holds one of the roles for this very record."""
    return actor.may(
        *roles,
        fonds=record.fonds_id,
        class_code=record.class_code,
        opening=record.opening_opinion,
    )


def sees(actor: Actor, record: Record) -> bool:
    """Whether the actor may see this record."""
    return holds(actor, record, *SEEING)


def require_clerk(
    actor: Actor, fonds_id: str, class_code: str | None = None, *, session: Session
) -> Fonds:
    """The fonds, for someone who may file in it (in a class of it) now.

    Raises NotAllowed, NotFound, WrongState.
    """
    require(actor, Role.CLERK, fonds=fonds_id, class_code=class_code)
    require_writable(fonds_id, session)
    return fonds_of(fonds_id, session)


def require_held(actor: Actor, records: Iterable[Record], *roles: Role) -> None:
    """Raise NotAllowed unless one of the roles is held for each of these records.

    Asked again after a change: a clerk of one class puts nothing into another.
    """
    places = {(each.fonds_id, each.class_code, each.opening_opinion) for each in records}
    for fonds_id, class_code, opening in places:
        require(actor, *roles, fonds=fonds_id, class_code=class_code, opening=opening)


def record_of(actor: Actor, record_id: str, *, session: Session) -> Record:
    """A record that the actor may see. Raises NotFound for all others."""
    record = session.get(Record, record_id)
    if record is None or not sees(actor, record):
        raise NotFound("没有这件档案。", "它可能已被移走；请回到列表重新查找。")
    return record


def records_to_change(actor: Actor, record_ids: Sequence[str], *, session: Session) -> list[Record]:
    """The records, in the given order, for a clerk of each. Raises NotFound, NotAllowed."""
    wanted = list(dict.fromkeys(record_ids))
    found: dict[str, Record] = {}
    for some in chunked(wanted):
        for record in session.scalars(select(Record).where(Record.id.in_(some))):
            found[record.id] = record
    if not all(each in found and sees(actor, found[each]) for each in wanted):
        raise NotFound("所选档案中有的已不存在。", "请刷新列表后重新选择。")
    require_held(actor, found.values(), Role.CLERK)
    for fonds_id in {record.fonds_id for record in found.values()}:
        require_writable(fonds_id, session)
    return [found[each] for each in wanted]


def require_leader(actor: Actor, records: Sequence[Record], what: str, *, session: Session) -> None:
    """Raise NotAllowed unless a leader of each of these records decides in person.

    WrongState when the fonds is not written here now.
    """
    if actor.system:
        raise NotAllowed(f"{what}须由单位负责人本人批准。", "请用负责人的账号登录后办理。")
    require_held(actor, records, Role.LEADER)
    for fonds_id in {record.fonds_id for record in records}:
        require_writable(fonds_id, session)


def fonds_subject(records: Sequence[Record]) -> str:
    """The name in the audit log of what a selection belongs to."""
    return f"fonds:{records[0].fonds_id}" if records else "fonds:"
