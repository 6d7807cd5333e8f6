"""The node's post office: one exchange with the hub over one link."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from node.office.hub_keys import follow
from node.office.models import Office, OfficeState
from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync import progress, recovery, sharing
from node.sync.waiting import waiting_of
from node.transfer import service as transfer
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import format_utc, now, parse_utc, utc_text
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.keys import PublicKey
from shared.messaging.entry import Handler
from shared.messaging.envelope import (
    EVERYONE,
    VERSION,
    BadEnvelope,
    Message,
    SealedMessage,
    read_envelope,
)
from shared.messaging.exchange import Events, Exchange
from shared.messaging.inbox import Refusal
from shared.messaging.link import Link, hub_queue, node_queue
from shared.messaging.models import OutgoingStream
from shared.messaging.parcel import ARRIVED
from shared.messaging.sending import Party, Timing

log = logging.getLogger(__name__)

_BATCH = 20
_RUNS_AT_A_TIME = 2
_SOON = 2.0
#: An answer that was on its way for longer says nothing of the clocks.
_QUICK = timedelta(seconds=30)
#: So long a new agent waits to hear how far the hub has come, before it tells what may be known.
_HEAR_FIRST = 5.0


class _AgentEvents(Events):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def refused(self, session: Session, refusals: Sequence[Refusal]) -> None:
        """What the hub sent and cannot be followed is written down; the hub is told the same."""
        for refusal in refusals:
            audit.record(
                session, system_actor("sync"), "entry.refused", "office", kind=refusal.entry.kind,
                about=refusal.entry.subject, seq=refusal.entry.seq, code=refusal.error.code,
            )  # fmt: skip

    def diverged(self, session: Session, reason: str) -> None:
        """Our log is not what the hub was sent before."""
        recovery.begin_recovery(session, reason)
        self._agent.greet_soon()

    def superseded(self, session: Session, epoch: int, instance: str) -> None:
        """Another instance speaks for this node now; or we do, in an epoch that we must ask for."""
        if instance == office_of(session).instance_id:
            self._agent.greet_soon()
        else:
            recovery.be_superseded(session, epoch)

    def acknowledged(self, session: Session, seq: int) -> None:
        """The hub has applied what we told as far as this."""
        progress.note_acknowledgement(session, office_of(session).epoch, seq)

    def greeting_due(self, session: Session) -> None:
        """The hub was restored or granted us an epoch."""
        self._agent.greet_soon()


class Agent:
    """Talks to the hub for one node. `step_in` and `step_out` are loops of the node process."""

    def __init__(
        self,
        folder: NodeFolder,
        link: Link,
        handlers: Mapping[str, Handler],
        *,
        version: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._database = folder.database()
        self._link = link
        self._version = version
        self._clock = clock
        with self._database.read() as session:
            office = office_of(session)
            if office.node_id is None or office.hub_id is None:
                raise Unavailable("本机尚未联网登记。", "请运行 danglian node enrol。")
            self._node_id, self._hub_id = office.node_id, office.hub_id
            self._hub_key = PublicKey.from_hex(office.hub_public_key)
        settings = folder.settings
        self._hello_seconds = settings.hello_seconds
        self._next_hello = 0.0
        self._silent_until: float | None = None
        self._exchange = Exchange(
            self._database,
            Party(self._node_id, self._hub_id, "up", folder.keys.device()),
            handlers,
            events=_AgentEvents(self),
            timing=Timing(retransmit_first=float(settings.retransmit_seconds)),
            clock=clock,
        )

    def close(self) -> None:
        """Give the link back; another agent goes on where this one stood."""
        self._link.close()

    def greet_soon(self) -> None:
        """Greet the hub at the next step, but not more often than every two seconds."""
        self._next_hello = min(self._next_hello, self._clock() + _SOON * random.uniform(0.1, 1))

    def is_silent(self) -> bool:
        """Whether another instance of this node was granted the queue: what waits there is its."""
        with self._database.read() as session:
            return office_of(session).state == OfficeState.SUPERSEDED

    def is_waiting(self) -> bool:
        """Whether this instance waits for its grant: what waits in the queue is another's."""
        with self._database.read() as session:
            return office_of(session).waits_for_grant

    def step_in(self) -> bool:
        """Take in what waits in this node's queue."""
        if self.is_silent():
            return False
        deliveries = self._link.receive(node_queue(self._node_id), wait_seconds=0.5, most=_BATCH)
        taken = 0
        try:
            for delivery in deliveries:
                if answers := self._take(delivery.body):
                    self._link.send(hub_queue(self._hub_id), answers)
                taken += 1
                if self.is_silent():
                    break
            self._link.flush()
        except BaseException:
            taken = 0
            raise
        finally:
            for delivery in deliveries[taken:]:
                delivery.release()
        for delivery in deliveries[:taken]:
            delivery.acknowledge()
        return bool(taken)

    def step_out(self) -> bool:
        """Greet the hub when it is time, and send what is due."""
        with self._database.read() as session:
            office = office_of(session)
            active = office.state == OfficeState.ACTIVE and not office.adopting
        if self.is_silent():
            return False
        if self._clock() >= self._next_hello:
            pause = self._hello_seconds if active else min(5, self._hello_seconds)
            self._next_hello = self._clock() + pause * random.uniform(0.8, 1.2)
            self._link.send(hub_queue(self._hub_id), [self._hello()])
        may_tell = active and self._may_tell()
        messages = self._exchange.sending.due(most=_RUNS_AT_A_TIME) if may_tell else []
        try:
            if messages:
                self._link.send(hub_queue(self._hub_id), messages)
            self._link.flush()
        except Unavailable:
            self._exchange.sending.unsent()
            raise
        return bool(messages)

    def _may_tell(self) -> bool:
        """Whether the hub has answered our first greeting, or did not in time.

        What was sent before a kill is on its way before that greeting, so the answer counts it in;
        told at once, it would all be told twice.
        """
        if self._silent_until is None:
            self._silent_until = self._clock() + _HEAR_FIRST
        return self._clock() >= self._silent_until

    # ---- by hand

    def everything(self) -> Iterator[bytes]:
        """All that the hub may lack of our stream, for a parcel.

        Our greeting, how far we have applied its stream, every run that it has not acknowledged.
        """
        with self._database.read() as session:
            office = office_of(session)
            active = office.state == OfficeState.ACTIVE and not office.adopting
        yield self._hello()
        yield self._exchange.acknowledgement()
        if active:
            yield from self._exchange.sending.unacknowledged()

    def seal(self, kind: str, body: bytes | dict[str, Any]) -> bytes:
        """A message to the hub that is no run, such as the cover of a parcel."""
        return self._exchange.message(kind, body)

    def open(self, raw: bytes) -> Message:
        """Open a message of the hub to us. Raises BadEnvelope."""
        message = read_envelope(raw).open(self._hub_key)
        self._exchange.check(message)
        return message

    # ---- one message

    def take(self, raw: bytes) -> list[bytes]:
        """Take in one message, whichever way it came; returns the answers. Raises BadEnvelope."""
        sealed = read_envelope(raw)
        if sealed.header.kind == "hub_key":
            self._follow(sealed)
            return []
        message = self.open(raw)
        if message.header.kind == "welcome":
            self._welcomed(message)
            return []
        if message.header.kind == ARRIVED:
            self._note_arrived(message)
            return []
        return self._exchange.receive(message)

    def _take(self, raw: bytes) -> list[bytes]:
        try:
            return self.take(raw)
        except BadEnvelope as error:
            log.warning("a message that is not from our hub was dropped: %s", error.reason)
            if error.reason == "signature":
                # The hub may have a new key: its answer to a greeting leads us to it.
                self.greet_soon()
            return []

    def _follow(self, letter: SealedMessage) -> None:
        """Go over to the hub's next key, of which the one that we know tells in this letter.

        It is for every node, so it names none. What was sent under the new key meanwhile, and
        could not be read, is sent again.
        """
        header = letter.header
        if (header.sender, header.recipient) != (self._hub_id, EVERYONE):
            raise BadEnvelope("recipient", claimed_sender=header.sender)
        statement = letter.open(self._hub_key).document()
        try:
            with self._database.write() as session:
                self._hub_key = follow(statement, session=session)
        except Invalid as error:
            raise BadEnvelope("statement", error.message, claimed_sender=header.sender) from error
        self.greet_soon()

    def _hello(self) -> bytes:
        with self._database.read() as session:
            office = office_of(session)
            stream = session.get(OutgoingStream, self._hub_id)
            waiting = waiting_of(session)
            body = {
                "instance_id": office.instance_id,
                "version": self._version,
                "reads": VERSION,
                "epoch": office.epoch,
                "generation": stream.generation if stream else 0,
                "want_grant": office.waits_for_grant,
                "reason": office.notice[:200],
                "acked": waiting.acknowledged,
                "backlog": waiting.count,
                "oldest": format_utc(waiting.oldest) if waiting.oldest else None,
                "down": self._exchange.position(session),
                "hub_key": self._hub_key.id,
                "time": utc_text(),
                "clock_offset_ms": office.clock_offset_ms,
                "shared": sharing.known(session),
                **audit.told_to(self._hub_id, session),
            }
        return self._exchange.message("hello", body)

    def _welcomed(self, message: Message) -> None:
        """Take in where the hub stands; see protocol §4 for what each case answers."""
        welcome = message.document()
        self._silent_until = 0.0
        generation = message.header.generation
        with self._database.write() as session:
            office = office_of(session)
            stream = session.get(OutgoingStream, self._hub_id)
            if stream is None or generation < stream.generation:
                return
            self._note_contact(office, welcome)
            if welcome.get("instance_id") == office.instance_id:
                audit.take_from(self._hub_id, welcome, session)
            progress.note_batches(session, welcome.get("batches"))
            sharing.note_shared(session, welcome.get("shared"))
            epoch = welcome.get("epoch")
            if type(epoch) is not int:
                raise BadEnvelope("welcome", claimed_sender=self._hub_id)
            if epoch > office.epoch:
                if welcome.get("instance_id") == office.instance_id:
                    recovery.begin_adoption(session, epoch, generation=generation)
                elif office.state == OfficeState.ACTIVE:
                    recovery.be_superseded(session, epoch)
                return
            newer = generation > stream.generation
            if newer and epoch < office.epoch:
                return
            if not office.has_grant and not office.adopting:
                return
            position = welcome.get("position")
            if not isinstance(position, dict):
                raise BadEnvelope("welcome", claimed_sender=self._hub_id)
            self._exchange.take_position(session, position, lower_counts=newer)
            if newer and office_of(session).has_grant:
                lost_after = welcome.get("lost_after")
                recovery.enter_generation(
                    session, generation, lost_after if type(lost_after) is int else None
                )

    def _note_arrived(self, message: Message) -> None:
        """Packages that the hub has need not be carried again (a hint; one of today's hub)."""
        offers = message.document().get("offers")
        if not isinstance(offers, list):
            raise BadEnvelope("arrived", claimed_sender=self._hub_id)
        with self._database.write() as session:
            stream = session.get(OutgoingStream, self._hub_id)
            if stream is not None and stream.generation == message.header.generation:
                for offer_id in offers:
                    transfer.upload_done(session, str(offer_id))

    def _note_contact(self, office: Office, welcome: dict[str, Any]) -> None:
        office.last_contact = now()
        offset = _clock_offset(welcome)
        if offset is not None:
            office.clock_offset_ms = offset // timedelta(milliseconds=1)


def _clock_offset(welcome: Mapping[str, Any]) -> timedelta | None:
    """What must be added to our time to have the hub's; None when the answer was long on its way.

    The answer repeats when we asked, so half of the way there and back is taken off. An older hub
    does not repeat it.
    """
    arrived = now()
    try:
        theirs = parse_utc(str(welcome.get("time")))
        if welcome.get("asked") is None:
            return theirs - arrived
        asked = parse_utc(str(welcome["asked"]))
    except ValueError:
        return None
    if not timedelta(0) <= arrived - asked <= _QUICK:
        return None
    return theirs - (asked + (arrived - asked) / 2)
