"""The conversation with one peer: what to do with what came, and what to say to it.

Knows nothing of links and queues: it turns the state of the database and an incoming message into
outgoing messages. So the same code runs over a broker, over files, over a USB stick, and in a
model test that loses, repeats and reorders everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.messaging.entry import Handler
from shared.messaging.envelope import BadEnvelope, Header, Message, close_envelope
from shared.messaging.inbox import Answer, Refusal, apply_run
from shared.messaging.log import append_many, digest_at, lock_streams
from shared.messaging.models import IncomingStream, OutgoingStream
from shared.messaging.sending import Party, Sending, Timing


class Events:
    """What an exchange tells its owner; each runs in a transaction of its own or of the message."""

    def diverged(self, session: Session, reason: str) -> None:
        """The peer's digest does not continue ours: this log is not what was sent before."""

    def superseded(self, session: Session, epoch: int, instance: str) -> None:
        """The peer knows a newer epoch of us, granted to this instance (another, or ourselves)."""

    def holder(self, session: Session) -> str:
        """The instance of the peer that has the grant, for one that speaks in an older epoch."""
        return ""

    def refused(self, session: Session, refusals: Sequence[Refusal]) -> None:
        """Entries of the peer were not applied; the peer is told in the same transaction."""

    def acknowledged(self, session: Session, seq: int) -> None:
        """The peer has applied our log up to here; one that was restored may say a lower seq."""

    def greeting_due(self, session: Session) -> None:
        """The hub was restored or granted a new epoch: it has to be greeted before all else."""


class Exchange:
    """One side's half of the conversation with one peer."""

    def __init__(
        self,
        database: Database,
        party: Party,
        handlers: Mapping[str, Handler],
        *,
        events: Events | None = None,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.party = party
        self._handlers = handlers
        self._events = events or Events()
        self._timing = timing or Timing()
        self._clock = clock
        self.sending = Sending(database, party, self._timing, clock)
        self._resend_asked = (-1, 0.0)

    def tell_again(self, session: Session, seq: int, digest: str) -> bool:
        """The peer has less of our log than it had acknowledged: go on from what it has.

        It was restored to before that; where it has told nothing since, its own log does not show
        it. A position that was late costs a run that comes twice. False when ours is another log.
        """
        stream = locked(session, OutgoingStream, self.party.peer)
        if stream is None or digest_at(session, stream, seq) != digest:
            return False
        stream.acked = seq
        stream.durable = min(stream.durable, seq)
        self.sending.unsent()
        return True

    def message(self, kind: str, body: bytes | dict[str, Any], *, after: int = 0) -> bytes:
        """A signed hint to the peer (everything that is not a run); it may be lost."""
        with self.database.read() as session:
            header = self.party.header(
                kind, session.get(OutgoingStream, self.party.peer), after=after
            )
        return close_envelope(self.party.key, header, body)

    def check(self, message: Message) -> None:
        """Raise BadEnvelope unless the message is for us, from the peer, the right way round."""
        header = message.header
        for name, found, wanted in (
            ("recipient", header.recipient, self.party.me),
            ("sender", header.sender, self.party.peer),
            ("direction", header.direction, self.party.opposite),
        ):
            if found != wanted:
                raise BadEnvelope(name, claimed_sender=header.sender)

    def receive(self, message: Message) -> list[bytes]:
        """Take in a run or a word about our own stream; returns the answers to send.

        Raises BadEnvelope for what is not for us, Unavailable when the database is away.
        """
        self.check(message)
        if self._other_generation(message.header):
            return []
        match message.header.kind:
            case "run":
                return self._receive_run(message)
            case "ack" | "recover":
                self._receive_ack(message)
            case "resend":
                self._receive_resend(message.header)
            case "superseded":
                with self.database.write() as session:
                    stream = session.get(OutgoingStream, self.party.peer)
                    if stream is not None and message.header.after > stream.epoch:
                        instance = str(message.document().get("instance_id", ""))
                        self._events.superseded(session, message.header.after, instance)
            case other:
                raise BadEnvelope("kind", other, claimed_sender=message.header.sender)
        return []

    def _receive_run(self, message: Message) -> list[bytes]:
        with self.database.write() as session:
            lock_streams(session, [self.party.peer])
            answer, refusals = apply_run(
                session, message.header, message.body, self._handlers, ahead=message.ahead
            )
            if refusals:
                self._events.refused(session, refusals)
                append_many(
                    session,
                    self.party.peer,
                    [("refused", refusal.entry.subject, refusal.to_wire()) for refusal in refusals],
                )
        match answer:
            case Answer.ACK:
                return [self.acknowledgement()]
            case Answer.RESEND:
                return self._ask_resend()
            case Answer.RECOVER:
                return self._ask_recovery(message.header)
            case Answer.SUPERSEDED:
                return [self._superseded()]

    def _ask_recovery(self, header: Header) -> list[bytes]:
        """Say that the peer's log does not continue what we have, with what we do have.

        An epoch that a node does not know of is no divergence: it asks the hub, which grants them.
        """
        if self.party.direction == "up" and self._incoming_epoch() < header.epoch:
            with self.database.write() as session:
                self._events.greeting_due(session)
            return []
        with self.database.read() as session:
            position = self.position(session)
        return [self.message("recover", position)]

    def _superseded(self) -> bytes:
        with self.database.read() as session:
            body = {"instance_id": self._events.holder(session)}
        return self.message("superseded", body, after=self._incoming_epoch())

    def _incoming_epoch(self) -> int:
        with self.database.read() as session:
            stream = session.get(IncomingStream, self.party.peer)
            return stream.epoch if stream else 0

    def acknowledgement(self) -> bytes:
        """How far the peer's stream was applied here, with the digest that proves it."""
        with self.database.read() as session:
            position = self.position(session)
        return self.message("ack", position)

    def position(self, session: Session) -> dict[str, Any]:
        """Epoch, seq, digest of what was applied, and how much of it is durable.

        Where no backup is configured, all that is committed counts as durable.
        """
        stream = session.get(IncomingStream, self.party.peer)
        if stream is None:
            return {"epoch": 0, "seq": 0, "digest": "", "durable_seq": 0}
        return {
            "epoch": stream.epoch,
            "seq": stream.seq,
            "digest": stream.digest,
            "durable_seq": stream.seq,
        }

    def _ask_resend(self) -> list[bytes]:
        with self.database.read() as session:
            stream = session.get(IncomingStream, self.party.peer)
            cursor = stream.seq if stream else 0
        asked, when = self._resend_asked
        if asked == cursor and self._clock() < when + self._timing.resend_pause:
            return []
        self._resend_asked = (cursor, self._clock())
        return [self.message("resend", {}, after=cursor)]

    def _receive_resend(self, header: Header) -> None:
        with self.database.read() as session:
            stream = session.get(OutgoingStream, self.party.peer)
            if stream is None or header.epoch != stream.epoch:
                return
            self.sending.again_after(header.after, stream)

    def _receive_ack(self, message: Message) -> None:
        body = message.document()
        with self.database.write() as session:
            self.take_position(session, body, lower_counts=False)

    def _other_generation(self, header: Header) -> bool:
        """Whether the message is from before a restore of the hub, or from after one we missed.

        Either way its numbers mean nothing here: the first is too old, the second waits until the
        greeting has told both sides where they stand (protocol §4).
        """
        if self.party.direction == "down":
            return False
        with self.database.read() as session:
            stream = session.get(OutgoingStream, self.party.peer)
            if stream is None or header.generation == stream.generation:
                return False
            newer = header.generation > stream.generation
        if newer:
            with self.database.write() as session:
                self._events.greeting_due(session)
        return True

    def take_position(
        self, session: Session, position: Mapping[str, Any], *, lower_counts: bool
    ) -> None:
        """Move our acknowledged position to what the peer says, if its digest is ours.

        A lower position counts only in a new generation of the hub (protocol §4). A position that
        our log does not reach, or another digest, means that this is a copy or was restored.
        """
        stream = locked(session, OutgoingStream, self.party.peer)
        if stream is None or position.get("epoch") != stream.epoch:
            return
        seq, durable = position.get("seq"), position.get("durable_seq")
        if type(seq) is not int or type(durable) is not int or seq < 0:
            raise BadEnvelope("ack", "position", claimed_sender=self.party.peer)
        if digest_at(session, stream, seq) != position.get("digest"):
            self._events.diverged(session, "digest")
            return
        if seq >= stream.acked or lower_counts:
            if seq != stream.acked:
                stream.acked_at = now()
                self._events.acknowledged(session, seq)
            stream.acked = seq
            stream.durable = min(durable, seq)
            if lower_counts:
                self.sending.begin_at(stream.epoch, seq)
