"""A hand-over as the hub tells it to both nodes: whole, signed by the hub (entry `hand_over`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub.custody.models import FETCHING, Bundle, HandOver
from hub.federation import service as federation
from hub.federation.models import NodeState
from shared.kernel.clock import utc_text
from shared.kernel.keys import SigningKey, sign_document


def tell_both(hand_over: HandOver, *, key: SigningKey, session: Session) -> None:
    """Tell both nodes how a hand-over stands now, in the transaction of the change."""
    session.flush()
    document = hand_over.told = _document(hand_over, key=key, session=session)
    for node_id in (hand_over.from_node, hand_over.to_node):
        if node_id is None:
            continue
        if federation.node_of(node_id, session).state != NodeState.INVITED:
            federation.tell_node(session, node_id, "hand_over", hand_over.id, document)


def holdings(node_id: str, session: Session) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Every hand-over that a node gives or takes, as a new epoch tells them, oldest first."""
    rows = session.scalars(
        select(HandOver)
        .where(or_(HandOver.from_node == node_id, HandOver.to_node == node_id))
        .order_by(HandOver.begun_at, HandOver.id)
    )
    for row in rows.all():
        if row.told is not None:
            yield "hand_over", row.id, row.told


def _lacking(hand_over: HandOver, session: Session) -> list[str]:
    """The bundles that had arrived and are not here any more: the giving node sends them again."""
    if hand_over.state not in FETCHING:
        return []
    lost = select(Bundle.id).where(Bundle.hand_over_id == hand_over.id, Bundle.arrived.is_(False))
    return list(session.scalars(lost.order_by(Bundle.number)))


def _document(hand_over: HandOver, *, key: SigningKey, session: Session) -> dict[str, Any]:
    giving = federation.node_of(hand_over.from_node, session)
    taking = federation.node_of(hand_over.to_node, session) if hand_over.to_node else None
    hub = federation.hub_of(session)
    document = {
        "hub_id": hub.hub_id,
        "generation": hub.generation,
        "hand_over_id": hand_over.id,
        "fonds_id": hand_over.fonds_id,
        "fonds": federation.fonds_of(hand_over.fonds_id, session).wire,
        "from_node": giving.id,
        "from_name": giving.name,
        "to_node": taking.id if taking else None,
        "to_name": taking.name if taking else None,
        "state": hand_over.state,
        "wish": hand_over.wish,
        "reason": hand_over.reason,
        "begun_by": hand_over.begun_by,
        "statement": hand_over.statement,
        "from_signed": hand_over.from_signed,
        "to_signed": hand_over.to_signed,
        "ended": hand_over.ended if hand_over.state == "called_off" else None,
        "lacking": _lacking(hand_over, session),
        "at": utc_text(),
    }
    return {**document, "signed": sign_document(key, document)}
