"""The fonds 全宗: registered, numbered, renamed, succeeded, assigned to a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.federation.agreements import agreed_archives
from hub.federation.assignments import announce, move_archives, write_shape
from hub.federation.events import FondsChanged, FondsMoved, tell
from hub.federation.finding import locked_fonds
from hub.federation.fonds_reach import require_over, require_over_fonds, require_reach
from hub.federation.models import Disclosure, Fonds, FondsNumber, FondsState, Node
from hub.federation.territory import archive_of, division_of, held_archive, own_archive
from shared.audit import Act
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import Conflict, Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.records.classes import load_classes
from shared.records.divisions import Level
from shared.records.fonds import Fonds as FondsShape
from shared.records.fonds import FondsName, RetentionScheduleRef, check_fonds_number
from shared.records.values import NAME_LENGTH, required_text


@dataclass(frozen=True)
class NewFonds:
    """What is known of a fonds when it is registered.

    Archives that are not named are those of the unit's own level, or of an agreement; a village
    keeps its own, so that its county's archive gives the number but nobody receives.
    """

    name: str
    division_code: str
    forming_unit: str | None = None
    number: str | None = None
    reviewing_archive: str | None = None
    receiving_archive: str | None = None
    since: date | None = None
    schedule: RetentionScheduleRef | None = None
    supervisor: str | None = None
    disclosure: Mapping[str, str] = field(default_factory=dict)
    id: str | None = None


def register_fonds(
    actor: Actor,
    new: NewFonds,
    *,
    session: Session,
    predecessors: Sequence[str] = (),
) -> Fonds:
    """Register a fonds, with the archives that review and receive it.

    Raises NotAllowed unless the actor administers its archive, Invalid for a wrong field.
    """
    division = division_of(new.division_code, session)
    if division.level == Level.PROVINCE:
        raise Invalid("division_code", "本平台不登记省级单位。", "请选择市级及以下的区划。")
    reviewing, receiving = _archives(new, Level(division.level), session)
    require_over(actor, reviewing, receiving)
    name = required_text(new.name, "name", max_length=NAME_LENGTH)
    shape = FondsShape(
        id=new.id or new_id(),
        names=(FondsName(name, new.since),),
        forming_unit=required_text(
            new.forming_unit or name, "forming_unit", max_length=NAME_LENGTH
        ),
        division_code=division.code,
        level=Level(division.level),
        predecessors=tuple(predecessors),
        reviewing_archive=reviewing,
        receiving_archive=receiving,
        retention_schedule=new.schedule,
    )
    if session.get(Fonds, shape.id) is not None:
        raise Conflict("这个全宗已经登记。", "请在全宗列表中查看。")
    position = session.scalar(select(func.count()).select_from(Fonds)) or 0
    fonds = Fonds(
        id=shape.id,
        position=position,
        supervisor=new.supervisor,
        disclosure=_checked_disclosure(new.disclosure),
    )
    write_shape(fonds, shape)
    session.add(fonds)
    session.flush()
    audit(
        session, actor, "fonds.registered", f"fonds:{fonds.id}", name=name, division=division.code
    )
    if new.number:
        archive = receiving or reviewing
        if archive is None:
            raise Invalid(
                "number", "没有档案馆可以给这个全宗编号。", "请先指明审核或接收的档案馆。"
            )
        _give_number(actor, fonds, archive, new.number, session)
    return fonds


def rename_fonds(
    actor: Actor, fonds_id: str, name: str, since: date, *, key: SigningKey, session: Session
) -> Fonds:
    """Give a fonds a new name from a day on; it stays the same fonds."""
    (fonds,) = locked_fonds([fonds_id], session)
    require_over_fonds(actor, fonds)
    _require_open(fonds)
    shape = fonds.shape
    name = required_text(name, "name", max_length=NAME_LENGTH)
    *earlier, last = shape.names
    if last.since is not None and since <= last.since:
        raise Invalid(
            "since",
            f"新名称的启用日期须晚于现名称的启用日期（{last.since}）。",
            "请核对更名文件的日期。",
        )
    ended = replace(last, until=since - timedelta(days=1))
    write_shape(fonds, replace(shape, names=(*earlier, ended, FondsName(name, since))))
    session.flush()
    act = Act(was=last.name, became=name)
    audit(
        session,
        actor,
        "fonds.renamed",
        f"fonds:{fonds.id}",
        act,
        name=name,
        since=since.isoformat(),
    )
    tell(session, FondsChanged(fonds.id))
    announce(fonds, key=key, session=session)
    return fonds


def assign_number(
    actor: Actor,
    fonds_id: str,
    archive_code: str,
    number: str,
    *,
    key: SigningKey,
    session: Session,
) -> Fonds:
    """Give a fonds its number 全宗号 in an archive, for ever.

    Raises Conflict when the archive has given the number to another fonds, or this fonds another
    number.
    """
    require(actor, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR, archive=archive_code)
    (fonds,) = locked_fonds([fonds_id], session)
    if archive_code not in (fonds.reviewing_archive, fonds.receiving_archive):
        raise Invalid(
            "archive", "这个档案馆不审核也不接收该全宗。", "请由审核馆或接收馆给定全宗号。"
        )
    _give_number(actor, fonds, archive_code, number, session)
    announce(fonds, key=key, session=session)
    return fonds


def close_fonds(
    actor: Actor, fonds_id: str, reason: str, *, key: SigningKey, session: Session
) -> Fonds:
    """Close a fonds: its unit was dissolved. What is in it stays as it is, unmixed."""
    (fonds,) = locked_fonds([fonds_id], session)
    require_over_fonds(actor, fonds)
    _require_open(fonds)
    _close(actor, fonds, reason, session)
    announce(fonds, key=key, session=session)
    return fonds


def succeed(
    actor: Actor,
    fonds_ids: Sequence[str],
    new: NewFonds,
    reason: str,
    *,
    key: SigningKey,
    session: Session,
) -> Fonds:
    """Close fonds and open the one that follows them (a merger, a division); returns that one."""
    closing = locked_fonds(fonds_ids, session)
    for fonds in closing:
        require_over_fonds(actor, fonds)
        _require_open(fonds)
    successor = register_fonds(actor, new, session=session, predecessors=fonds_ids)
    for fonds in closing:
        shape = fonds.shape
        write_shape(fonds, replace(shape, successors=(*shape.successors, successor.id)))
        _close(actor, fonds, reason, session)
        announce(fonds, key=key, session=session)
    return successor


def set_archives(
    actor: Actor,
    fonds_id: str,
    *,
    reviewing: str | None,
    receiving: str | None,
    key: SigningKey,
    session: Session,
) -> Fonds:
    """Name the archives that review and receive a fonds from now on."""
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    (fonds,) = locked_fonds([fonds_id], session)
    for code in (reviewing, receiving):
        if code is not None:
            archive_of(code, session)
    move_archives([fonds], reviewing, receiving, key=key, session=session)
    audit(
        session,
        actor,
        "fonds.archives_set",
        f"fonds:{fonds.id}",
        reviewing=reviewing,
        receiving=receiving,
    )
    return fonds


def set_disclosure(
    actor: Actor, fonds_id: str, disclosure: Mapping[str, str], *, session: Session
) -> Fonds:
    """Say how much of a class others see before receipt; the unit's leader decides (rule 7)."""
    (fonds,) = locked_fonds([fonds_id], session)
    require_reach(actor, fonds)
    require(
        actor, Role.LEADER, Role.SECURITY_ADMINISTRATOR,
        archive=fonds.receiving_archive, fonds=fonds.id,
    )  # fmt: skip
    was, fonds.disclosure = fonds.disclosure, _checked_disclosure(disclosure)
    session.flush()
    audit(
        session, actor, "fonds.disclosure_set", f"fonds:{fonds.id}",
        Act(was=was, became=fonds.disclosure), disclosure=fonds.disclosure,
    )  # fmt: skip
    tell(session, FondsChanged(fonds.id))
    return fonds


def reassign_fonds(
    actor: Actor, fonds_id: str, node_id: str, *, key: SigningKey, session: Session
) -> Fonds:
    """Let a node keep a fonds that nobody has written into yet.

    Raises WrongState when the node that keeps it has enrolled: it may have written, so the fonds
    moves by a hand-over that both units sign (`hub.custody`).
    """
    (fonds,) = locked_fonds([fonds_id], session, node_id)
    require_over_fonds(actor, fonds)
    node = session.get(Node, node_id)
    if node is None:
        raise NotFound("没有这个联网单位。", "请从联网单位列表中选择。")
    before = fonds.keeping_node
    if before == node.id:
        return fonds
    keeper = session.get(Node, before) if before is not None else None
    if keeper is not None and keeper.enrolled_at is not None:
        raise WrongState(
            f"全宗“{fonds.name}”由“{keeper.name}”保管，其中可能已有档案，不能直接改派。",
            "请办理“全宗交接”：移出方清点签字、接管方核对签字后，由平台改派。",
            code="fonds_written",
        )
    audit(
        session, actor, "fonds.reassigned", f"fonds:{fonds.id}",
        Act(was=before, became=node.id), from_node=before, to_node=node.id,
    )  # fmt: skip
    assign_fonds(fonds, node.id, key=key, session=session)
    return fonds


def assign_fonds(fonds: Fonds, node_id: str, *, key: SigningKey, session: Session) -> None:
    """Make a node the keeper of a fonds, and the one before it no longer.

    Both hear it by an assignment that the hub signs; one fonds belongs to one node at a time. The
    caller has decided, and writes it down.
    """
    before = fonds.keeping_node
    write_shape(fonds, replace(fonds.shape, keeping_node=node_id))
    session.flush()
    tell(session, FondsMoved(fonds.id, before, node_id))
    if before is not None:
        announce(fonds, key=key, session=session, node_id=before, kept=False)
    announce(fonds, key=key, session=session)


def _archives(new: NewFonds, level: Level, session: Session) -> tuple[str | None, str | None]:
    for code in (new.reviewing_archive, new.receiving_archive):
        if code is not None:
            archive_of(code, session)
    if new.reviewing_archive or new.receiving_archive:
        return new.reviewing_archive or new.receiving_archive, new.receiving_archive
    own = own_archive(new.division_code, session)
    if own is None:
        return None, None
    if level is Level.VILLAGE:
        return own.code, None
    # An agreement that is being made must find this fonds, or this fonds the agreement.
    held_archive(own.code, session)
    return agreed_archives(own.code, session)


def _give_number(
    actor: Actor, fonds: Fonds, archive_code: str, number: str, session: Session
) -> None:
    number = check_fonds_number(number, "number")
    shape = fonds.shape
    held = shape.number_in(archive_code)
    if held == number:
        return
    if held is not None:
        raise Conflict(
            f"这个全宗在该馆已有全宗号 {held}，全宗号给定后不变。",
            "如确属错号，请保留原号并在全宗卷中说明。",
            code="number_given",
            field="number",
        )
    other = session.scalar(
        select(Fonds.name)
        .join(FondsNumber, FondsNumber.fonds_id == Fonds.id)
        .where(FondsNumber.archive_code == archive_code, FondsNumber.number == number)
    )
    if other is not None:
        raise Conflict(
            f"全宗号 {number} 已给了“{other}”。",
            "请换一个没有用过的全宗号。",
            code="number_taken",
            field="number",
        )
    session.add(FondsNumber(fonds_id=fonds.id, archive_code=archive_code, number=number))
    write_shape(fonds, replace(shape, numbers={**shape.numbers, archive_code: number}))
    session.flush()
    audit(
        session,
        actor,
        "fonds.number_assigned",
        f"fonds:{fonds.id}",
        archive=archive_code,
        number=number,
    )


def _close(actor: Actor, fonds: Fonds, reason: str, session: Session) -> None:
    reason = required_text(reason, "reason", max_length=500)
    fonds.state = FondsState.CLOSED
    fonds.closed_at = now()
    session.flush()
    audit(session, actor, "fonds.closed", f"fonds:{fonds.id}", reason=reason)


def _require_open(fonds: Fonds) -> None:
    if fonds.state == FondsState.CLOSED:
        raise WrongState(f"全宗“{fonds.name}”已封闭。", "请在接续它的全宗中办理。")


def _checked_disclosure(disclosure: Mapping[str, str]) -> dict[str, str]:
    classes = load_classes()
    for class_code, level in disclosure.items():
        if class_code != "*" and class_code not in classes:
            raise Invalid("disclosure", f"没有门类“{class_code}”。", "请从门类列表中选择。")
        if level not in set(Disclosure):
            raise Invalid(
                "disclosure", f"没有公开程度“{level}”。", "请选择全部著录项、隐去题名或只报数量。"
            )
    return dict(disclosure)
