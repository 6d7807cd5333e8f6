"""The hub's post office: takes in what nodes send, and sends them what waits for them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.assignments import hub_of
from hub.federation.models import Node
from hub.federation.places import HubFolder
from shared.audit import record as audit
from shared.kernel.actor import Actor, system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now, utc_text
from shared.kernel.database import Database, locked
from shared.kernel.errors import Unavailable
from shared.kernel.identifiers import is_id, new_id
from shared.kernel.keys import PublicKey
from shared.messaging.entry import Handler
from shared.messaging.envelope import VERSION, BadEnvelope, Message, read_envelope
from shared.messaging.exchange import Events, Exchange, Party, Timing
from shared.messaging.inbox import Refusal
from shared.messaging.link import Delivery, Link, hub_queue, node_queue
from shared.messaging.log import digest_at, lock_streams, rebase
from shared.messaging.models import DeadLetter, IncomingStream, OutgoingStream
from shared.records.values import repair_text

log = logging.getLogger(__name__)

_BATCH = 50


class _NodeEvents(Events):
    """What the hub does when a node's digest does not continue what was sent."""

    def __init__(self, post: PostOffice, node_id: str) -> None:
        self._post = post
        self._node_id = node_id

    def refused(self, session: Session, refusals: Sequence[Refusal]) -> None:
        """Entries that broke a rule are written down, each with its code (protocol §2)."""
        for refusal in refusals:
            audit(
                session,
                system_actor("sync"),
                "entry.refused",
                f"node:{self._node_id}",
                kind=refusal.entry.kind,
                about=refusal.entry.subject,
                seq=refusal.entry.seq,
                code=refusal.error.code,
            )

    def diverged(self, session: Session, reason: str) -> None:
        """The node has other entries of ours than we have: begin again, downward."""
        node = session.get(Node, self._node_id)
        if node is not None:
            log.warning("down stream of %s does not continue (%s): new epoch", node.name, reason)
            self._post.restart(session, node)


def open_from_node(database: Database, hub_id: str, raw: bytes) -> Message:
    """Check envelope, sender and signature of what a node sent. Raises BadEnvelope."""
    sealed = read_envelope(raw)
    sender = sealed.header.sender
    if sealed.header.recipient != hub_id:
        raise BadEnvelope("recipient", claimed_sender=sender)
    with database.read() as session:
        node = session.get(Node, sender)
        if node is None:
            raise BadEnvelope("unknown_node", claimed_sender=sender)
        if not node.may_talk:
            raise BadEnvelope("suspended", claimed_sender=sender)
        public = PublicKey.from_hex(node.device_public)
    return sealed.open(public)


class PostOffice:
    """Everything that travels between the hub and its nodes, over one link.

    `step_in` and `step_out` are loops of the hub process; `answer` serves the requests that nodes
    make over HTTPS.
    """

    def __init__(
        self,
        folder: HubFolder,
        link: Link,
        handlers: Mapping[str, Handler],
        holdings: epochs.Holdings,
        *,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._database = folder.database()
        self._link = link
        self._handlers = handlers
        self._holdings = holdings
        self._timing = timing
        self._clock = clock
        self._hub_id = folder.settings.hub_id
        self._key = folder.keys.hub()
        self._exchanges: dict[str, Exchange] = {}
        self._lock = threading.Lock()

    # ---- what an administrator sees

    def asking(self, session: Session) -> Sequence[Node]:
        """Nodes of which an instance waits for a grant."""
        return epochs.asking(session)

    def restore_suspected(self, session: Session) -> str | None:
        """What a node said that this database does not know; None while all is well."""
        return hub_of(session).restore_suspected

    # ---- loops

    def step_in(self) -> bool:
        """Take in what waits in the hub's queue; pauses while a restore is suspected."""
        with self._database.read() as session:
            if hub_of(session).restore_suspected is not None:
                return False
        deliveries = self._link.receive(hub_queue(self._hub_id), wait_seconds=0.5, most=_BATCH)
        for position, delivery in enumerate(deliveries):
            try:
                self._take(delivery)
            except Unavailable:
                for rest in deliveries[position:]:
                    rest.release()
                raise
        return bool(deliveries)

    def step_out(self) -> bool:
        """Send what is due to every node that something waits for."""
        with self._database.read() as session:
            waiting = session.scalars(
                select(OutgoingStream.peer)
                .where(OutgoingStream.seq > OutgoingStream.acked)
                .where(OutgoingStream.unsure.is_(False))
            ).all()
        sent = False
        for node_id in waiting:
            messages = self._exchange(node_id).due()
            if messages:
                self._link.send(node_queue(node_id), messages)
                sent = True
        return sent

    def _take(self, delivery: Delivery) -> None:
        raw = delivery.body
        try:
            message = open_from_node(self._database, self._hub_id, raw)
            answers = self._receive(message)
        except BadEnvelope as error:
            self._bury(raw, error)
            answers = []
        if answers:
            self._link.send(node_queue(message.header.sender), answers)
        delivery.acknowledge()

    # ---- one message

    def _receive(self, message: Message) -> list[bytes]:
        exchange = self._exchange(message.header.sender)
        self._note_contact(message.header.sender)
        if message.header.kind == "hello":
            exchange.check(message)
            return self._greet(exchange, message)
        return exchange.receive(message)

    def _exchange(self, node_id: str) -> Exchange:
        with self._lock:
            if node_id not in self._exchanges:
                self._exchanges[node_id] = Exchange(
                    self._database,
                    Party(self._hub_id, node_id, "down", self._key),
                    self._handlers,
                    events=_NodeEvents(self, node_id),
                    timing=self._timing,
                    clock=self._clock,
                )
            return self._exchanges[node_id]

    def _note_contact(self, node_id: str) -> None:
        with self._database.write() as session:
            node = session.get(Node, node_id)
            if node is not None:
                node.last_contact = now()

    def _bury(self, raw: bytes, error: BadEnvelope) -> None:
        """Keep that a bad message came and why; never what it said."""
        log.warning("dead letter: %s from %r", error.reason, error.claimed_sender)
        with self._database.write() as session:
            session.add(
                DeadLetter(
                    id=new_id(),
                    queue=hub_queue(self._hub_id),
                    claimed_sender=error.claimed_sender,
                    reason=error.reason,
                    detail=error.detail[:500],
                    size=len(raw),
                    sha256=sha256_hex(raw),
                )
            )

    # ---- greeting

    def _greet(self, exchange: Exchange, message: Message) -> list[bytes]:
        """Answer a node's `hello`: is it the one with the grant, and where do both streams stand.

        `hello` travels in the same queue as the runs, so the answer counts everything before it.
        """
        hello = message.document()
        instance = hello.get("instance_id")
        if not isinstance(instance, str) or not is_id(instance):
            raise BadEnvelope("instance_id", claimed_sender=message.header.sender)
        with self._database.write() as session:
            lock_streams(session, [message.header.sender])
            node = locked(session, Node, message.header.sender)
            if node is None:
                raise BadEnvelope("unknown_node", claimed_sender=message.header.sender)
            node.software_version = repair_text(hello.get("version", ""))[:40]
            node.backlog = _count(hello.get("backlog"))
            known_epoch = _count(hello.get("epoch"))
            if instance == node.instance_id:
                self._greet_holder(session, node, hello, known_epoch)
            elif hello.get("want_grant") or known_epoch > node.epoch:
                epochs.ask_grant(
                    session,
                    node,
                    instance_id=instance,
                    known_epoch=known_epoch,
                    reason=repair_text(hello.get("reason", "")),
                )
                if self._folder.settings.grant_policy == "auto":
                    self.grant(system_actor("grant_policy"), node.id, session=session)
            body = self._welcome(session, exchange, node)
        return [exchange.message("welcome", body)]

    def _greet_holder(
        self, session: Session, node: Node, hello: Mapping[str, Any], known_epoch: int
    ) -> None:
        """The instance with the grant greets: go on, or begin again when it lost its place."""
        if known_epoch == node.epoch and not hello.get("want_grant"):
            self._settle(session, node, hello)
        elif known_epoch >= node.epoch:
            node.epoch = known_epoch
            self.restart(session, node)

    def _settle(self, session: Session, node: Node, hello: Mapping[str, Any]) -> None:
        """Compare what the node knows of our streams with what we know ourselves."""
        incoming = locked(session, IncomingStream, node.id)
        outgoing = locked(session, OutgoingStream, node.id)
        down = hello.get("down")
        if incoming is None or outgoing is None or not isinstance(down, dict):
            return
        down_seq, down_digest = _count(down.get("seq")), str(down.get("digest"))
        if down.get("epoch") != outgoing.epoch:
            return
        if not outgoing.unsure:
            if _count(hello.get("acked")) > incoming.seq or down_seq > outgoing.seq:
                same = _count(hello.get("generation")) == outgoing.generation
                if same:
                    epochs.suspect_restore(session, node, "该单位收到过本平台已没有的回执或消息")
            return
        outgoing.unsure = False
        if down_seq > (outgoing.lost_after or 0):
            rebase(session, outgoing, onto_seq=down_seq, onto_digest=down_digest)
        elif digest_at(session, outgoing, down_seq) != down_digest:
            self.restart(session, node)

    def _welcome(self, session: Session, exchange: Exchange, node: Node) -> dict[str, Any]:
        outgoing = session.get(OutgoingStream, node.id)
        return {
            "epoch": node.epoch,
            "instance_id": node.instance_id,
            "position": exchange.position(session),
            "lost_after": outgoing.lost_after if outgoing else None,
            "reads": VERSION,
            "time": utc_text(),
        }

    def restart(self, session: Session, node: Node) -> None:
        """Begin a new epoch for the instance that has the grant."""
        epochs.restart(session, node, key=self._key, holdings=self._holdings)

    def grant(self, actor: Actor, node_id: str, *, session: Session) -> int:
        """Grant the instance of a node that asked; see `epochs.grant`."""
        return epochs.grant(actor, node_id, key=self._key, holdings=self._holdings, session=session)


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 1 << 31 else 0
