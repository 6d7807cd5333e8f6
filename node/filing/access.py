"""Who may see and do what in filing: everything goes by fonds (a village sees only its own)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.models import Record
from node.filing.wire import chunked
from node.office.service import fonds_here, fonds_of, require_writable
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import NotAllowed, NotFound
from shared.records.fonds import Fonds

#: Roles that see the catalogue of a fonds.
SEEING = (Role.CLERK, Role.LEADER)


def fonds_seen(actor: Actor, *, session: Session) -> list[Fonds]:
    """The fonds that the actor may see here, mirrors included, in the office's order."""
    return [each for each in fonds_here(session) if actor.may(*SEEING, fonds=each.id)]


def ids_seen(actor: Actor, *, session: Session) -> list[str]:
    """The ids of `fonds_seen`."""
    return [each.id for each in fonds_seen(actor, session=session)]


def require_clerk(actor: Actor, fonds_id: str, *, session: Session) -> Fonds:
    """The fonds, for someone who may file in it now. Raises NotAllowed, NotFound, WrongState."""
    require(actor, Role.CLERK, fonds=fonds_id)
    require_writable(fonds_id, session)
    return fonds_of(fonds_id, session)


def record_of(actor: Actor, record_id: str, *, session: Session) -> Record:
    """A record that the actor may see. Raises NotFound for all others."""
    record = session.get(Record, record_id)
    if record is None or not actor.may(*SEEING, fonds=record.fonds_id):
        raise NotFound("没有这件档案。", "它可能已被移走；请回到列表重新查找。")
    return record


def records_to_change(actor: Actor, record_ids: Sequence[str], *, session: Session) -> list[Record]:
    """The records, in the given order, for a clerk of their fonds. Raises NotFound, NotAllowed."""
    wanted = list(dict.fromkeys(record_ids))
    found: dict[str, Record] = {}
    for some in chunked(wanted):
        for record in session.scalars(select(Record).where(Record.id.in_(some))):
            found[record.id] = record
    if not all(each in found and actor.may(*SEEING, fonds=found[each].fonds_id) for each in wanted):
        raise NotFound("所选档案中有的已不存在。", "请刷新列表后重新选择。")
    for fonds_id in {record.fonds_id for record in found.values()}:
        require_clerk(actor, fonds_id, session=session)
    return [found[each] for each in wanted]


def require_leader(actor: Actor, records: Sequence[Record], what: str, *, session: Session) -> None:
    """Raise NotAllowed unless a leader of these records' fonds decides in person.

    WrongState when the fonds is not written here now.
    """
    if actor.system:
        raise NotAllowed(f"{what}须由单位负责人本人批准。", "请用负责人的账号登录后办理。")
    for fonds_id in {record.fonds_id for record in records}:
        require(actor, Role.LEADER, fonds=fonds_id)
        require_writable(fonds_id, session)


def fonds_subject(records: Sequence[Record]) -> str:
    """The name in the audit log of what a selection belongs to."""
    return f"fonds:{records[0].fonds_id}" if records else "fonds:"
