"""The nodes: invited with a one-time code, suspended, resumed, looked after."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, or_, select, update
from sqlalchemy.orm import Session

from hub.federation.finding import fonds_of
from hub.federation.fonds import reassign_fonds
from hub.federation.models import EnrolmentCode, Fonds, Node, NodeState
from hub.federation.territory import division_of, divisions_below, own_archive
from shared.audit import AuditEvent
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, NotFound, WrongState
from shared.kernel.keys import SigningKey
from shared.kernel.reach import within_reach
from shared.records.values import NAME_LENGTH, REASON_LENGTH, required_text

#: Without letters and digits that look alike.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _GROUP = 4, 5


@dataclass(frozen=True)
class Invitation:
    """A node and its one-time code: the only time that the code is readable."""

    node: Node
    code: str
    expires_at: datetime


def create_node_with_code(
    actor: Actor,
    name: str,
    division_code: str,
    fonds_ids: Sequence[str],
    *,
    key: SigningKey,
    session: Session,
    valid_hours: int = 72,
    quota_bytes: int | None = None,
) -> Invitation:
    """Write down a node with the fonds it will keep, and make its one-time enrolment code."""
    division = division_of(division_code, session)
    _require_over(actor, division.code, session)
    node = Node(
        name=required_text(name, "name", max_length=NAME_LENGTH), division_code=division.code
    )
    if quota_bytes is not None:
        node.quota_bytes = quota_bytes
    session.add(node)
    session.flush()
    audit(session, actor, "node.invited", f"node:{node.id}", name=node.name)
    for each in fonds_ids:
        fonds = fonds_of(each, session)
        if fonds.keeping_node is not None:
            holder = node_of(fonds.keeping_node, session)
            raise Conflict(
                f"全宗“{fonds.name}”现由“{holder.name}”保管。",
                "如确需改由新单位保管，请先让新单位联网，再在全宗页面办理“全宗交接”。",
                code="fonds_kept",
            )
        reassign_fonds(actor, each, node.id, key=key, session=session)
    return _make_code(actor, node, valid_hours, session)


def new_code(actor: Actor, node_id: str, *, session: Session, valid_hours: int = 72) -> Invitation:
    """Make another code for a node: the first ran out, or its computer is replaced.

    Codes that were made before no longer work.
    """
    node = held_node(node_id, session)
    _require_over(actor, node.division_code, session, missing=no_node())
    if node.state == NodeState.SUSPENDED:
        raise WrongState(f"“{node.name}”已停用。", "请先恢复使用，再生成登记码。")
    return _make_code(actor, node, valid_hours, session)


def suspend_node(actor: Actor, node_id: str, reason: str, *, session: Session) -> Node:
    """Take no more messages and uploads of a node, until it is resumed. Nothing of it is lost."""
    node = held_node(node_id, session)
    _require_over(actor, node.division_code, session, missing=no_node())
    if node.state != NodeState.ENROLLED:
        raise WrongState(f"“{node.name}”现为待登记或已停用。", "只有已联网的单位可以停用。")
    node.state = NodeState.SUSPENDED
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    session.flush()
    audit(session, actor, "node.suspended", f"node:{node.id}", reason=reason)
    return node


def suspension_of(node: Node, session: Session) -> AuditEvent | None:
    """Who suspended a node, when, and why (in its details); None while it is not suspended."""
    if node.state != NodeState.SUSPENDED:
        return None
    return session.scalar(
        select(AuditEvent)
        .where(AuditEvent.subject == f"node:{node.id}", AuditEvent.action == "node.suspended")
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )


def resume_node(actor: Actor, node_id: str, *, session: Session) -> Node:
    """Take a suspended node's messages again."""
    node = held_node(node_id, session)
    _require_over(actor, node.division_code, session, missing=no_node())
    if node.state != NodeState.SUSPENDED:
        raise WrongState(f"“{node.name}”没有停用。", "只有停用的单位需要恢复。")
    node.state = NodeState.ENROLLED
    session.flush()
    audit(session, actor, "node.resumed", f"node:{node.id}")
    return node


def set_notes(actor: Actor, node_id: str, notes: str, *, session: Session) -> Node:
    """Keep remarks about a node: whom to call, where it stands."""
    node = held_node(node_id, session)
    _require_over(actor, node.division_code, session, missing=no_node())
    node.notes = notes.replace("\r\n", "\n").strip()
    session.flush()
    audit(session, actor, "node.notes", f"node:{node.id}")
    return node


def node_of(node_id: str, session: Session) -> Node:
    """The node of an id. Raises NotFound."""
    found = session.get(Node, node_id)
    if found is None:
        raise no_node()
    return found


def no_node() -> NotFound:
    """How a node answers that there is not, or that the actor may not look at."""
    return NotFound("没有这个联网单位，或您无权查看。", "请从联网单位列表中选择。")


def held_node(node_id: str, session: Session) -> Node:
    """The node of an id, held for a change. Raises NotFound.

    Whoever changes its streams too locks them first (`lock_streams`).
    """
    return locked(session, Node, node_id) or node_of(node_id, session)


def nodes(session: Session, *, division: str | None = None, state: str | None = None) -> list[Node]:
    """The nodes, by name; those of a division subtree or in a state when given."""
    query = select(Node).order_by(Node.name, Node.id)
    if division:
        query = query.where(Node.division_code.in_(divisions_below(division, session)))
    if state:
        query = query.where(Node.state == state)
    return list(session.scalars(query))


def nodes_seen_by(actor: Actor, session: Session) -> Select[Any]:
    """The nodes that an actor may look at: those that keep fonds of the actor's archives.

    A node without fonds is seen by whoever administers the archive of its place.
    """
    roles = (Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR, Role.AUTHORITY)
    if actor.archives(*roles) is None:
        return select(Node)
    keeping = select(Fonds.keeping_node).where(Fonds.keeping_node.is_not(None))
    of_archive = (
        and_(archive.is_not(None), within_reach(actor, roles, Fonds.id, archive))
        for archive in (Fonds.reviewing_archive, Fonds.receiving_archive)
    )
    seen = Node.id.in_(keeping.where(or_(*of_archive)))
    if not actor.has(Role.SYSTEM_ADMINISTRATOR):
        return select(Node).where(seen)
    without_fonds = session.scalars(select(Node).where(Node.id.not_in(keeping)))
    over = [node.id for node in without_fonds if _may_over(actor, node, session)]
    return select(Node).where(or_(seen, Node.id.in_(over)))


def node_shown_to(actor: Actor, node_id: str, session: Session) -> Node:
    """The node, when the actor may look at it. Raises NotFound otherwise."""
    found: Node | None = session.scalar(nodes_seen_by(actor, session).where(Node.id == node_id))
    if found is None:
        raise no_node()
    return found


def code_digest(code: str) -> str:
    """The digest under which a code is kept; case, spaces and dashes do not matter."""
    plain = "".join(each for each in code.upper() if each.isalnum())
    return sha256_hex(b"danglian/enrolment/1\n", plain.encode())


def open_code(node_id: str, session: Session) -> EnrolmentCode | None:
    """The node's code that can still be used, if there is one."""
    return session.scalar(
        select(EnrolmentCode)
        .where(EnrolmentCode.node_id == node_id)
        .where(EnrolmentCode.used_at.is_(None), EnrolmentCode.cancelled.is_(False))
        .where(EnrolmentCode.expires_at > now())
    )


def _make_code(actor: Actor, node: Node, valid_hours: int, session: Session) -> Invitation:
    session.execute(
        update(EnrolmentCode)
        .where(EnrolmentCode.node_id == node.id, EnrolmentCode.used_at.is_(None))
        .values(cancelled=True)
    )
    code = "-".join(
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )
    expires_at = now() + timedelta(hours=valid_hours)
    session.add(
        EnrolmentCode(
            digest=code_digest(code), node_id=node.id, made_by=actor.name, expires_at=expires_at
        )
    )
    session.flush()
    audit(session, actor, "node.code_made", f"node:{node.id}", valid_hours=valid_hours)
    return Invitation(node, code, expires_at)


def _require_over(
    actor: Actor, division_code: str, session: Session, *, missing: NotFound | None = None
) -> None:
    archive = own_archive(division_code, session)
    code = archive.code if archive else None
    require(actor, Role.SYSTEM_ADMINISTRATOR, archive=code, missing=missing)


def _may_over(actor: Actor, node: Node, session: Session) -> bool:
    archive = own_archive(node.division_code, session)
    return actor.may(Role.SYSTEM_ADMINISTRATOR, archive=archive.code if archive else None)
