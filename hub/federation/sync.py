"""The hub's post office: takes in what nodes send, and sends them what waits for them."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.assignments import hub_of
from hub.federation.contact import count_of
from hub.federation.enrolment import key_at
from hub.federation.greeting import News, Reception, no_news
from hub.federation.lanes import InHand, Lanes
from hub.federation.letters import FAILED, note_letter
from hub.federation.models import KeyPurpose, Node
from hub.federation.nodes import node_of
from hub.federation.own_keys import all_letters
from hub.federation.places import HubFolder
from shared.audit import record as audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.kernel.keys import PublicKey
from shared.messaging.ahead import Ahead, Coming, is_worth_reading
from shared.messaging.entry import Handler
from shared.messaging.envelope import BadEnvelope, Header, Message, read_envelope
from shared.messaging.exchange import Events, Exchange
from shared.messaging.inbox import Refusal
from shared.messaging.link import Link, dead_queue, hub_queue, node_queue, shard_of
from shared.messaging.models import OutgoingStream
from shared.messaging.sending import Party, Timing

log = logging.getLogger(__name__)

_BATCH = 50
#: A node with so many changes waiting sends runs that are worth reading ahead.
_MUCH = 500
#: When a node was heard of last is known to within so much.
_CONTACT_SECONDS = 2.0


class _NodeEvents(Events):
    """What the hub does when a node's digest does not continue what was sent."""

    def __init__(self, reception: Reception, node_id: str) -> None:
        self._reception = reception
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

    def holder(self, session: Session) -> str:
        """The instance that was granted the node's epoch."""
        node = session.get(Node, self._node_id)
        return node.instance_id or "" if node is not None else ""

    def diverged(self, session: Session, reason: str) -> None:
        """The node has other entries of ours than we have: begin again, downward."""
        node = session.get(Node, self._node_id)
        if node is not None:
            log.warning("down stream of %s does not continue (%s): new epoch", node.name, reason)
            self._reception.restart(session, node)


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
        public = _key_of(node, sealed.header, session)
    return sealed.open(public)


def _key_of(node: Node, header: Header, session: Session) -> PublicKey:
    """The device key that the node had at this place of its stream.

    A computer that was replaced may still send runs of its epoch; it is told that it is superseded.
    For anything else only the key in force is good.
    """
    if header.kind == "run" and header.epoch < node.epoch:
        known = key_at(node.id, KeyPurpose.DEVICE, header.epoch, header.after + 1, session=session)
        if known is not None:
            return known
    return PublicKey.from_hex(node.device_public)


def claimed_sender(raw: bytes) -> str:
    """Who a message says that it is from, to sort it by; nothing is believed yet."""
    try:
        return read_envelope(raw).header.sender
    except BadEnvelope:
        return ""


def database_away(error: Exception) -> Unavailable:
    """The error of a database that went away in the middle, as one that waits and tries again."""
    if isinstance(error, Unavailable):
        return error
    return Unavailable("数据库暂时不可用。", "系统会自动重试。")


class PostOffice:
    """Everything that travels between the hub and the nodes of one shard, over one link.

    `step_collect`, `step_work` (in as many threads as are wanted) and `step_out` are loops of the
    hub's processes; `step_in` does the first two in one thread.
    """

    def __init__(
        self,
        folder: HubFolder,
        link: Link,
        handlers: Mapping[str, Handler],
        holdings: epochs.Holdings,
        *,
        news: News = no_news,
        shard: int = 0,
        shards: int = 1,
        ahead: Ahead | None = None,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._database = folder.database()
        self._link = link
        self._handlers = handlers
        self._timing = timing
        self._clock = clock
        self._hub_id = folder.settings.hub_id
        self._shard, self._shards = shard, shards
        self._queue = hub_queue(self._hub_id, shard)
        self._lanes = Lanes(clock=clock)
        self._ahead = ahead
        self._noted: dict[str, float] = {}
        self._key = folder.keys.hub()
        self.reception = Reception(folder, holdings, news)
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
        """Take in what waits, and deal with all of it, in one thread."""
        came = self.step_collect()
        while self._deal(wait_seconds=0):
            pass
        return came

    def step_collect(self) -> bool:
        """Take in hand what waits in this shard; pauses while a restore is suspected."""
        with self._database.read() as session:
            if hub_of(session).restore_suspected is not None:
                return False
        room = min(_BATCH, self._lanes.room)
        if not room:
            return False
        deliveries = self._link.receive(self._queue, wait_seconds=0.5, most=room)
        for delivery in deliveries:
            self._lanes.put(claimed_sender(delivery.body), delivery)
        return bool(deliveries)

    def step_work(self) -> bool:
        """Deal with some messages of one node; any number of threads may do this."""
        return self._deal(wait_seconds=0.5)

    def step_out(self) -> bool:
        """Send what is due to every node of this shard that something waits for."""
        with self._database.read() as session:
            waiting = session.scalars(
                select(OutgoingStream.peer)
                .where(OutgoingStream.seq > OutgoingStream.acked)
                .where(OutgoingStream.unsure.is_(False))
            ).all()
        sent = []
        try:
            for node_id in waiting:
                if shard_of(node_id, self._shards) != self._shard:
                    continue
                exchange = self._exchange(node_id)
                if messages := exchange.sending.due():
                    sent.append(exchange)
                    self._link.send(node_queue(node_id), messages)
            self._link.flush()
        except Unavailable:
            for exchange in sent:
                exchange.sending.unsent()
            raise
        return bool(sent)

    def _deal(self, *, wait_seconds: float) -> bool:
        taken = self._lanes.take(wait_seconds=wait_seconds)
        if taken is None:
            return False
        lane, deliveries = taken
        answers: list[tuple[str, list[bytes]]] = []
        handled = 0
        away: Unavailable | None = None
        fault = False
        try:
            self._read_ahead([*deliveries, *self._lanes.next_after(lane)])
            for delivery in deliveries:
                answers.append(self._take(delivery))
                handled += 1
        except (Unavailable, OperationalError, InterfaceError) as error:
            away = database_away(error)
        except Exception as error:
            log.exception("a message of %s could not be dealt with", lane.sender)
            fault = True
            self._note_fault(deliveries[handled].body, lane.sender, error)
        try:
            for node_id, messages in answers:
                if messages:
                    self._link.send(node_queue(node_id), messages)
            self._link.flush()
        except Unavailable as error:
            # Their messages come again, and are answered again.
            away, handled = error, 0
        try:
            for delivery in deliveries[:handled]:
                delivery.acknowledge()
        except Unavailable as error:
            # The link hands them out once more; what comes twice changes nothing.
            away = error
        rest = deliveries[handled:]
        if away is not None:
            self._lanes.give_back(lane, rest)
            raise away
        if fault:
            seconds = self._lanes.park(lane, rest)
            log.warning("%s is left alone for %.0f s", lane.sender, seconds)
        else:
            self._lanes.done(lane)
        return True

    def _read_ahead(self, messages: Iterable[InHand]) -> None:
        """Let the runs in these be read before their turn: only what is signed well is (§2)."""
        for each in messages:
            if self._ahead is None or each.looked_at or not is_worth_reading(each.body):
                continue
            each.looked_at = True
            with suppress(BadEnvelope):  # which is buried in its turn
                message = open_from_node(self._database, self._hub_id, each.body)
                each.coming = self._ahead.read(message)

    def _take(self, message: InHand) -> tuple[str, list[bytes]]:
        """Deal with one message; returns the node that is answered, and the answers."""
        try:
            return self.take(message.body, message.coming)
        except BadEnvelope as error:
            self._bury(message.body, error)
            return "", []

    def take(self, raw: bytes, coming: Coming | None = None) -> tuple[str, list[bytes]]:
        """Deal with one message, whichever way it came; `coming` is its run. Raises BadEnvelope."""
        message = open_from_node(self._database, self._hub_id, raw)
        if coming is not None:
            message = replace(message, ahead=coming.run())
        return message.header.sender, self._receive(message)

    def greet(self, raw: bytes) -> list[bytes]:
        """Answer a greeting, whichever way it came. Raises BadEnvelope for anything else."""
        message = open_from_node(self._database, self._hub_id, raw)
        if message.header.kind != "hello":
            raise BadEnvelope("kind", message.header.kind, claimed_sender=message.header.sender)
        return self._receive(message)

    # ---- by hand

    def everything(self, node_id: str) -> Iterator[bytes]:
        """All that a node may lack of our stream, for a parcel.

        How to follow our key, where both streams stand, every run that it has not acknowledged.
        """
        exchange = self._exchange(node_id)
        with self._database.read() as session:
            letters = all_letters(session)
            welcome = self.reception.welcome(session, exchange, node_of(node_id, session), {})
        # What is on the way for days says nothing about a clock.
        del welcome["time"], welcome["asked"]
        yield from letters
        yield exchange.message("welcome", welcome)
        yield exchange.acknowledgement()
        yield from exchange.sending.unacknowledged()

    def seal(self, node_id: str, kind: str, body: bytes | dict[str, Any]) -> bytes:
        """A message to a node that is no run, such as the cover of a parcel."""
        return self._exchange(node_id).message(kind, body)

    # ---- one message

    def _receive(self, message: Message) -> list[bytes]:
        exchange = self._exchange(message.header.sender)
        self._note_contact(message.header.sender)
        if message.header.kind == "hello":
            exchange.check(message)
            self._prepare(message)
            return self.reception.greet(exchange, message)
        return exchange.receive(message)

    def _prepare(self, hello: Message) -> None:
        """Be ready for what a node says that it will send."""
        if self._ahead is not None and count_of(hello.document().get("backlog")) >= _MUCH:
            self._ahead.prepare()

    def _exchange(self, node_id: str) -> Exchange:
        with self._lock:
            if node_id not in self._exchanges:
                self._exchanges[node_id] = Exchange(
                    self._database,
                    Party(self._hub_id, node_id, "down", self._key),
                    self._handlers,
                    events=_NodeEvents(self.reception, node_id),
                    timing=self._timing,
                    clock=self._clock,
                )
            return self._exchanges[node_id]

    def _note_contact(self, node_id: str) -> None:
        """Note that a node was heard of; during a sync not with every run, for each is a commit."""
        moment = self._clock()
        if moment < self._noted.get(node_id, -math.inf) + _CONTACT_SECONDS:
            return
        with self._database.write() as session:
            node = session.get(Node, node_id)
            if node is not None:
                node.last_contact = now()
        self._noted[node_id] = moment

    def _bury(self, raw: bytes, error: BadEnvelope) -> None:
        """Keep a bad message apart, and that it came and why; never what it said."""
        log.warning("dead letter: %s from %r", error.reason, error.claimed_sender)
        self._link.send(dead_queue(self._hub_id), [raw])
        self._link.flush()
        self._note_letter(raw, error.claimed_sender, error.reason, error.detail)

    def _note_fault(self, raw: bytes, sender: str, error: Exception) -> None:
        """Let the administrator see that a node is parked because of a fault of ours."""
        try:
            self._note_letter(raw, sender, FAILED, type(error).__name__)
        except (Unavailable, SQLAlchemyError):
            log.exception("the fault could not be noted")

    def _note_letter(self, raw: bytes, sender: str, reason: str, detail: str) -> None:
        with self._database.write() as session:
            note_letter(session, self._queue, raw, sender=sender, reason=reason, detail=detail)
