"""The verbs of the office: who are we, which fonds do we keep, may we send, tell the hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.office.models import (
    STATE_LABELS,
    Office,
    OfficeFonds,
    OfficeHubKey,
    OfficeState,
    Standing,
)
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey, document_is_signed_by
from shared.messaging.log import append_many
from shared.records.fonds import Fonds


def open_office(name: str, *, session: Session) -> Office:
    """Write down who this node is, at its making. Enrolment comes later, or never."""
    office = Office(id=1, name=name, instance_id=new_id())
    session.add(office)
    session.flush()
    return office


def office_of(session: Session) -> Office:
    """This node's own row. Raises NotFound before `open_office`."""
    office = session.get(Office, 1)
    if office is None:
        raise NotFound("本机尚未初始化。", "请先运行 danglian node init。")
    return office


def hub_key_named(key_id: object, session: Session) -> PublicKey | None:
    """The key of the hub, in force or earlier, that has this short name.

    An earlier one is good for papers only: whatever brings them is signed by the one in force.
    """
    pinned = office_of(session).hub_public_key
    if pinned is not None and PublicKey.from_hex(pinned).id == key_id:
        return PublicKey.from_hex(pinned)
    row = session.get(OfficeHubKey, str(key_id))
    return PublicKey.from_hex(row.public_key) if row is not None else None


def fonds_kept(session: Session) -> list[Fonds]:
    """The fonds that this node keeps, in the hub's order."""
    rows = session.scalars(
        select(OfficeFonds)
        .where(OfficeFonds.kept.is_(True))
        .order_by(OfficeFonds.position, OfficeFonds.fonds_id)
    )
    return [Fonds.from_wire(row.wire) for row in rows]


def fonds_here(session: Session) -> list[Fonds]:
    """The fonds that can be read here: those kept, and the mirrors of those handed over."""
    return [Fonds.from_wire(row.wire) for row in _rows_here(session)]


def fonds_written(
    actor: Actor, *roles: Role, in_part: bool = False, session: Session
) -> list[Fonds]:
    """The fonds that this node writes now, and in which the actor holds one of the roles.

    `in_part` also those in which it holds them for some records only. Pages decide by it (and
    `may_write`) what they offer; the verbs ask `require_writable`.
    """
    return [
        Fonds.from_wire(row.wire)
        for row in _rows_here(session)
        if row.kept
        and row.standing == Standing.OPEN
        and (
            actor.may(*roles, fonds=row.fonds_id)
            or (in_part and actor.reaches_into(*roles, fonds=row.fonds_id))
        )
    ]


def may_write(
    actor: Actor,
    fonds_id: str,
    *roles: Role,
    class_code: str | None = None,
    opening: str | None = None,
    session: Session,
) -> bool:
    """Whether a page offers the actor to change something of this fonds: see `fonds_written`.

    What is meant of it has this class and this opening, where it has one.
    """
    return actor.may(*roles, fonds=fonds_id, class_code=class_code, opening=opening) and any(
        each.id == fonds_id for each in fonds_written(actor, *roles, in_part=True, session=session)
    )


def standings(session: Session) -> dict[str, OfficeFonds]:
    """The fonds that can be read here but not written into, by id."""
    return {row.fonds_id: row for row in _rows_here(session) if row.standing != Standing.OPEN}


def _rows_here(session: Session) -> Sequence[OfficeFonds]:
    return session.scalars(
        select(OfficeFonds)
        .where(OfficeFonds.kept.is_(True) | (OfficeFonds.standing != Standing.OPEN))
        .order_by(OfficeFonds.position, OfficeFonds.fonds_id)
    ).all()


def fonds_of(fonds_id: str, session: Session) -> Fonds:
    """One fonds that this node keeps or kept. Raises NotFound."""
    row = session.get(OfficeFonds, fonds_id)
    if row is None:
        raise NotFound(
            "本机不保管这个全宗。", "请在全宗列表中选择；如应由本单位保管，请联系市档案馆。"
        )
    return Fonds.from_wire(row.wire)


def keeps(fonds_id: str, session: Session) -> bool:
    """Whether this node keeps the fonds now."""
    row = session.get(OfficeFonds, fonds_id)
    return row is not None and row.kept


def standing_of(fonds_id: str, session: Session) -> Standing | None:
    """Whether a fonds may be written into here; None for one that was never here."""
    row = session.get(OfficeFonds, fonds_id)
    return None if row is None else Standing(row.standing)


def require_writable(fonds_id: str, session: Session) -> None:
    """Raise WrongState unless this node is the one that writes into the fonds now.

    Every verb that changes anything of a fonds asks this, so that a fonds under hand-over has
    exactly one writer. NotFound for a fonds that was never here.
    """
    fonds = fonds_of(fonds_id, session)
    row = session.get_one(OfficeFonds, fonds_id)
    if row.standing == Standing.LEAVING:
        raise WrongState(
            f"全宗“{fonds.name}”正在移交给“{row.counterpart}”保管，本机已停止书写。",
            "请等交接办完；如需继续在本机办理，请在“全宗交接”页面取消交接。",
            code="fonds_leaving",
        )
    if row.standing == Standing.ARRIVING:
        raise WrongState(
            f"全宗“{fonds.name}”正在从“{row.counterpart}”接管，内容还没有全部并入。",
            "请等并入完毕；进度见“全宗交接”页面。",
            code="fonds_arriving",
        )
    if row.standing == Standing.LEFT or not row.kept:
        raise WrongState(
            f"全宗“{fonds.name}”已改由“{row.counterpart or '别的单位'}”保管，本机只能查看。",
            "请到现在的保管单位办理。",
            code="fonds_left",
        )


def set_standing(
    fonds: Fonds, standing: Standing, counterpart: str = "", *, session: Session
) -> None:
    """Freeze a fonds, thaw it, make it a mirror, or begin to take it over.

    A mirror is not kept any more; one that arrives, or is open again, is.
    """
    row = session.get(OfficeFonds, fonds.id)
    if row is None:
        position = session.scalar(select(func.count()).select_from(OfficeFonds)) or 0
        row = OfficeFonds(fonds_id=fonds.id, position=position, wire=fonds.to_wire())
        session.add(row)
    row.standing = standing
    row.counterpart = counterpart
    row.kept = standing != Standing.LEFT
    session.flush()


def add_local_fonds(fonds: Fonds, *, session: Session) -> None:
    """Keep a fonds before enrolment, so that filing can begin with the hub away."""
    position = session.scalar(select(func.count()).select_from(OfficeFonds)) or 0
    session.add(OfficeFonds(fonds_id=fonds.id, position=position, wire=fonds.to_wire()))
    session.flush()


def apply_fonds(session: Session, body: dict[str, Any]) -> None:
    """Take over an assignment that the hub signed (entry `fonds`).

    Body: `{fonds, kept, position, archives, signed}`, the signature over the rest.
    Raises NotAllowed when the signature is not the hub's.
    """
    office = office_of(session)
    require_hub_signature(body, session)
    fonds = Fonds.from_wire(body["fonds"])
    row = session.get(OfficeFonds, fonds.id)
    if row is None:
        row = OfficeFonds(fonds_id=fonds.id, wire={})
        session.add(row)
    row.wire = fonds.to_wire()
    # What was handed over comes back by a hand-over alone: a hub restored to before it may still
    # take this node for the keeper.
    row.kept = bool(body["kept"]) and row.standing != Standing.LEFT
    row.position = int(body["position"])
    office.archives = list(body["archives"])
    session.flush()


def require_hub_signature(body: dict[str, Any], session: Session) -> None:
    """Raise NotAllowed unless `signed` is the hub's signature over the rest of the body.

    With its key in force or an earlier one: what was signed before a roll-over stays good.
    """
    document = {name: value for name, value in body.items() if name != "signed"}
    signed = body.get("signed", {})
    hub_key = hub_key_named(signed.get("key"), session)
    if hub_key is None or not document_is_signed_by(hub_key, document, signed):
        raise NotAllowed(
            "全宗分配未经市级平台签名。", "请联系市档案馆重新下发。", code="bad_signature"
        )


def require_grant(session: Session) -> Office:
    """Raise WrongState unless the hub's grant is held (numbering for good, offering, sending).

    Protocol §4: an instance without a valid grant may register documents and file, but not number
    for good, offer or send.
    """
    office = office_of(session)
    if not office.has_grant:
        raise WrongState(
            f"本机当前状态为“{STATE_LABELS[OfficeState(office.state)]}”，暂不能定号和移交。",
            "登记和整理可以照常进行；请联系市档案馆确认本机后再继续。",
            code="no_grant",
        )
    return office


def tell_hub(session: Session, kind: str, subject: str, body: dict[str, Any]) -> None:
    """Put one fact into the up stream, in the transaction of the change it tells."""
    tell_hub_many(session, [(kind, subject, body)])


def tell_hub_many(session: Session, facts: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    """Put facts into the up stream, in order.

    Without a grant nothing is written: when the grant comes, `finish_adoption` and `reoffer` tell
    the hub everything that it does not hold.
    """
    office = office_of(session)
    if office.has_grant and not office.adopting and office.hub_id is not None:
        append_many(session, office.hub_id, facts)
