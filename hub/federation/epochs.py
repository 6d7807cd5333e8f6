"""Epochs and generations: who may speak for a node, and since which restore of the hub.

Epochs are granted by the hub alone, rising, each for one random instance id (protocol §4). A new
epoch starts downward: the hub sends what it holds of the node, the node adopts it, and only then
may it send. The hub's generation rises at each restore of the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.federation.assignments import fonds_facts, hub_of
from hub.federation.models import Hub, Node
from hub.federation.nodes import held_node
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.clock import now
from shared.kernel.database import locked, locked_all
from shared.kernel.errors import NotFound
from shared.kernel.keys import SigningKey
from shared.messaging.inbox import open_incoming
from shared.messaging.log import append_many, lock_streams, open_outgoing
from shared.messaging.models import OutgoingEntry, OutgoingStream

Fact = tuple[str, str, dict[str, Any]]
#: What the hub holds of a node, as facts for its down stream; given by the rooms above this one.
Holdings = Callable[[str, Session], Iterable[Fact]]

_CHUNK = 500


def suspect_restore(session: Session, node: Node, what: str) -> None:
    """Note that a node knows more of this hub than the hub itself: links stop until `recover`."""
    hub = locked(session, Hub, 1) or hub_of(session)
    if hub.restore_suspected is None:
        hub.restore_suspected = f"{node.name}：{what}"
        audit(session, system_actor("sync"), "hub.restore_suspected", f"node:{node.id}", what=what)


def open_streams(session: Session, node: Node, *, epoch: int) -> None:
    """Begin both streams of a node at an epoch."""
    hub = hub_of(session)
    open_outgoing(session, node.id, sender=hub.hub_id, epoch=epoch, generation=hub.generation)
    open_incoming(session, node.id, recipient=hub.hub_id, epoch=epoch)
    node.epoch = epoch


def ask_grant(
    session: Session, node: Node, *, instance_id: str, known_epoch: int, reason: str
) -> None:
    """Write down that an instance asks for a grant; the last one that asked is kept."""
    if node.asking_instance != instance_id:
        node.asked_at = now()
        audit(
            session,
            system_actor("sync"),
            "node.grant_asked",
            f"node:{node.id}",
            instance=instance_id,
            reason=reason,
        )
    node.asking_instance = instance_id
    node.asked_epoch = known_epoch
    node.asked_reason = reason[:200]
    session.flush()


def asking(session: Session) -> Sequence[Node]:
    """Nodes of which an instance waits for an administrator's decision, oldest first."""
    return session.scalars(
        select(Node).where(Node.asking_instance.is_not(None)).order_by(Node.asked_at)
    ).all()


def grant(
    actor: Actor, node_id: str, *, key: SigningKey, holdings: Holdings, session: Session
) -> int:
    """Let the instance that asked speak for the node; every other one is superseded.

    Returns the new epoch. Raises NotFound when none asked, NotAllowed for others than
    administrators.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    lock_streams(session, [node_id])
    node = held_node(node_id, session)
    if node.asking_instance is None:
        raise NotFound("这个单位没有待确认的恢复申请。", "请先在该单位的电脑上启动程序。")
    epoch = max(node.epoch, node.asked_epoch) + 1
    node.instance_id = node.asking_instance
    node.asking_instance = node.asked_at = None
    node.asked_reason = ""
    audit(session, actor, "node.granted", f"node:{node_id}", epoch=epoch, instance=node.instance_id)
    _start(session, node, epoch, key=key, holdings=holdings)
    # Nothing of it goes out before the instance has its grant and greets: until then another one
    # may be listening.
    session.get_one(OutgoingStream, node_id).unsure = True
    return epoch


def restart(session: Session, node: Node, *, key: SigningKey, holdings: Holdings) -> int:
    """Begin a new epoch for the instance that has the grant, because the streams do not fit."""
    epoch = node.epoch + 1
    audit(session, system_actor("sync"), "node.restarted", f"node:{node.id}", epoch=epoch)
    _start(session, node, epoch, key=key, holdings=holdings)
    return epoch


def _start(
    session: Session, node: Node, epoch: int, *, key: SigningKey, holdings: Holdings
) -> None:
    open_streams(session, node, epoch=epoch)
    chunk: list[Fact] = list(fonds_facts(node.id, key=key, session=session))
    count = 0
    for fact in holdings(node.id, session):
        chunk.append(fact)
        count += 1
        if len(chunk) >= _CHUNK:
            append_many(session, node.id, chunk)
            chunk = []
    chunk.append(("adopted", node.id, {"count": count}))
    append_many(session, node.id, chunk)


def raise_generation(session: Session, *, to: int | None = None) -> int:
    """Begin a new generation after a restore; every down stream waits for its node's greeting."""
    streams = locked_all(
        session, OutgoingStream, session.scalars(select(OutgoingStream.peer)).all()
    )
    hub = locked(session, Hub, 1) or hub_of(session)
    hub.generation = to or hub.generation + 1
    hub.restore_suspected = None
    for stream in streams:
        if stream.waits_after_restore:
            # Not greeted since the last time: what was written meanwhile is still to be told.
            session.execute(
                update(OutgoingEntry)
                .where(OutgoingEntry.peer == stream.peer, OutgoingEntry.epoch == stream.epoch)
                .where(OutgoingEntry.seq > stream.lost_after)
                .values(generation=hub.generation)
            )
        else:
            stream.lost_after = stream.seq
        stream.generation = hub.generation
        stream.unsure = True
    audit(session, system_actor("recover"), "hub.generation", "hub", generation=hub.generation)
    session.flush()
    return hub.generation
