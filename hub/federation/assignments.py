"""A fonds as it is assigned: written, moved to other archives, and told to its node, signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.events import FondsChanged, tell
from hub.federation.models import Archive, Fonds, Hub, Node, NodeState, OwnKey
from shared.kernel.clock import utc_text
from shared.kernel.errors import NotFound
from shared.kernel.keys import SigningKey, sign_document
from shared.kernel.succession import seal_holder
from shared.messaging.log import append
from shared.messaging.models import OutgoingEntry, OutgoingStream
from shared.records.fonds import Fonds as FondsShape


def hub_of(session: Session) -> Hub:
    """This hub's own row. Raises NotFound before `hub init`."""
    found = session.get(Hub, 1)
    if found is None:
        raise NotFound("平台尚未初始化。", "请先运行 danglian hub init。")
    return found


def tell_node(session: Session, node_id: str, kind: str, subject: str, body: dict[str, Any]) -> int:
    """Append one fact to a node's down stream, in the change's transaction; returns its seq."""
    return append(session, node_id, kind, subject, body)


def told_after(session: Session, node_id: str, kind: str, seq: int) -> list[str]:
    """The subjects of the facts of a kind that a node's down stream has after a place of it."""
    stream = session.get(OutgoingStream, node_id)
    if stream is None:
        return []
    return list(
        session.scalars(
            select(OutgoingEntry.subject)
            .where(OutgoingEntry.peer == node_id, OutgoingEntry.epoch == stream.epoch)
            .where(OutgoingEntry.seq > seq, OutgoingEntry.kind == kind)
        )
    )


def archives_wire(session: Session) -> list[dict[str, Any]]:
    """The archives with the public halves of their seals, as nodes keep them.

    Former seals are among them: what was signed with one stays signed.
    """
    former: dict[str, list[str]] = {}
    for own in session.scalars(select(OwnKey).order_by(OwnKey.serial)):
        former.setdefault(own.holder, []).append(own.public_key)
    rows = session.scalars(select(Archive).order_by(Archive.position, Archive.code))
    return [
        {
            "code": row.code,
            "name": row.name,
            "seal_public_key": row.seal_public,
            "former_seals": [
                each for each in former.get(seal_holder(row.code), []) if each != row.seal_public
            ],
        }
        for row in rows
    ]


def fonds_facts(
    node_id: str, *, key: SigningKey, session: Session
) -> Sequence[tuple[str, str, dict[str, Any]]]:
    """The assignments of all fonds that a node keeps, as facts `(kind, subject, body)`."""
    rows = session.scalars(
        select(Fonds).where(Fonds.keeping_node == node_id).order_by(Fonds.position, Fonds.id)
    )
    archives = archives_wire(session)
    hub_id = hub_of(session).hub_id
    return [
        ("fonds", row.id, _signed(row, node_id, True, archives, hub_id=hub_id, key=key))
        for row in rows
    ]


def announce(
    fonds: Fonds,
    *,
    key: SigningKey,
    session: Session,
    node_id: str | None = None,
    kept: bool = True,
) -> None:
    """Tell the keeping node (or another) how a fonds stands now.

    A node that has not enrolled hears nothing: it gets all its assignments at enrolment.
    """
    told = node_id or fonds.keeping_node
    if told is None:
        return
    node = session.get(Node, told)
    if node is None or node.state == NodeState.INVITED:
        return
    hub_id = hub_of(session).hub_id
    body = _signed(fonds, told, kept, archives_wire(session), hub_id=hub_id, key=key)
    tell_node(session, told, "fonds", fonds.id, body)


def write_shape(fonds: Fonds, shape: FondsShape) -> None:
    """Let a row say what the shape says: the shape itself, and the columns that repeat it."""
    fonds.name = shape.name
    fonds.number = shape.number
    fonds.forming_unit = shape.forming_unit
    fonds.division_code = shape.division_code
    fonds.level = str(shape.level)
    fonds.reviewing_archive = shape.reviewing_archive
    fonds.receiving_archive = shape.receiving_archive
    fonds.keeping_node = shape.keeping_node
    fonds.wire = shape.to_wire()


def move_archives(
    many: Iterable[Fonds],
    reviewing: str | None,
    receiving: str | None,
    *,
    key: SigningKey,
    session: Session,
) -> None:
    """Let other archives review and receive these fonds; tells nodes and the rooms above."""
    for fonds in many:
        write_shape(
            fonds, replace(fonds.shape, reviewing_archive=reviewing, receiving_archive=receiving)
        )
        session.flush()
        tell(session, FondsChanged(fonds.id))
        announce(fonds, key=key, session=session)


def _signed(
    fonds: Fonds,
    node_id: str,
    kept: bool,
    archives: Sequence[Mapping[str, Any]],
    *,
    hub_id: str,
    key: SigningKey,
) -> dict[str, Any]:
    document = {
        "hub_id": hub_id,
        "node_id": node_id,
        "fonds": fonds.wire,
        "kept": kept,
        "position": fonds.position,
        "archives": [dict(each) for each in archives],
        "at": utc_text(),
    }
    return {**document, "signed": sign_document(key, document)}
