"""A hub and a node reduced to their exchanges, over a link whose weather the test decides."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.kernel.canonical import canonical_json
from shared.kernel.database import Database, Model
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, SigningKey
from shared.messaging.entry import Entry
from shared.messaging.envelope import BadEnvelope, read_envelope
from shared.messaging.exchange import Events, Exchange
from shared.messaging.inbox import open_incoming
from shared.messaging.log import append, open_outgoing
from shared.messaging.models import IncomingStream, OutgoingStream
from shared.messaging.sending import Party, Timing

HUB, NODE = "hub-1", "node-1"
_KEYS = {HUB: SigningKey.generate(), NODE: SigningKey.generate()}


class Applied(Model):
    """A fact that was applied, in the order in which it was."""

    __tablename__ = "test_applied"

    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)


def take_fact(session: Session, peer: str, entries: Sequence[Entry]) -> None:
    """Apply facts; one whose body says `bad` is refused."""
    for entry in entries:
        if entry.body.get("bad"):
            raise Invalid("bad", "这一条不能接收。", "请更正。")
        session.add(
            Applied(
                kind=entry.kind,
                subject=entry.subject,
                body=canonical_json(entry.body).decode(),
            )
        )


class Noted(Events):
    """Remembers what an exchange told its owner."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def diverged(self, session: Session, reason: str) -> None:
        self.told.append("diverged")

    def superseded(self, session: Session, epoch: int, instance: str) -> None:
        self.told.append(f"superseded:{epoch}")

    def greeting_due(self, session: Session) -> None:
        self.told.append("greeting_due")


class Clock:
    """A clock that goes only when the test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Side:
    """One side: its database, its exchange, and how to start it again after a kill."""

    me: str
    peer: str
    direction: str
    folder: Path
    clock: Clock
    events: Noted = field(default_factory=Noted)

    def __post_init__(self) -> None:
        self.database = Database.in_file(self.folder / f"{self.me}.sqlite", ("shared", "tests"))
        self.database.create_schema()
        self.start()

    def start(self) -> None:
        """Start the process anew: only what is in the database is remembered."""
        self.exchange = Exchange(
            self.database,
            Party(self.me, self.peer, self.direction, _KEYS[self.me]),
            {"fact": take_fact, "refused": take_fact},
            events=self.events,
            timing=Timing(retransmit_first=10, retransmit_longest=100, resend_pause=5),
            clock=self.clock,
        )

    def open(self, epoch: int = 1) -> None:
        with self.database.write() as session:
            open_outgoing(session, self.peer, sender=self.me, epoch=epoch)
            open_incoming(session, self.peer, recipient=self.me, epoch=epoch)

    def tell(self, subject: str, body: dict[str, Any] | None = None) -> None:
        with self.database.write() as session:
            append(session, self.peer, "fact", subject, body or {})

    def applied(self, kind: str = "fact") -> list[str]:
        with self.database.read() as session:
            rows = select(Applied.subject).where(Applied.kind == kind).order_by(Applied.place)
            return list(session.scalars(rows))

    def receive(self, raw: bytes) -> list[bytes]:
        """What a process does with a message: bad envelopes answer nothing."""
        try:
            return self.exchange.receive(read_envelope(raw).open(public_key(self.peer)))
        except BadEnvelope:
            return []

    def outgoing(self) -> OutgoingStream:
        with self.database.read() as session:
            stream = session.get(OutgoingStream, self.peer)
            assert stream is not None
            return stream

    def incoming(self) -> IncomingStream:
        with self.database.read() as session:
            stream = session.get(IncomingStream, self.peer)
            assert stream is not None
            return stream


def public_key(name: str) -> PublicKey:
    """The public key of a side."""
    return _KEYS[name].public


class Weather:
    """What the link does to messages on their way: nothing, or everything."""

    def __init__(self, seed: int = 0, *, storm: bool = False) -> None:
        self._random = random.Random(seed)
        self.storm = storm

    def through(self, messages: list[bytes]) -> list[bytes]:
        if not self.storm:
            return messages
        arrived: list[bytes] = []
        for whole in messages:
            message = whole
            luck = self._random.random()
            if luck < 0.2:
                continue
            if luck < 0.3:
                message = message[: self._random.randrange(len(message))]
            elif luck < 0.4:
                place = self._random.randrange(len(message))
                message = message[:place] + bytes([message[place] ^ 0x40]) + message[place + 1 :]
            arrived.append(message)
            if luck > 0.8:
                arrived.append(message)
        if self._random.random() < 0.4:
            self._random.shuffle(arrived)
        return arrived


class Pair:
    """A hub and a node with messages on the way between them."""

    def __init__(self, folder: Path, *, weather: Weather | None = None) -> None:
        self.clock = Clock()
        self.weather = weather or Weather()
        self.hub = Side(HUB, NODE, "down", folder, self.clock)
        self.node = Side(NODE, HUB, "up", folder, self.clock)
        self.hub.open()
        self.node.open()
        self.on_the_way: dict[str, list[bytes]] = {HUB: [], NODE: []}

    def side(self, name: str) -> Side:
        return self.hub if name == HUB else self.node

    def send(self, name: str) -> None:
        """Let one side put what is due on its way."""
        side = self.side(name)
        self.on_the_way[side.peer] += self.weather.through(side.exchange.sending.due())

    def deliver(self, name: str, count: int = 100) -> None:
        """Deliver some of what is on its way to one side."""
        arriving = self.on_the_way[name][:count]
        self.on_the_way[name] = self.on_the_way[name][count:]
        side = self.side(name)
        for raw in arriving:
            answers = side.receive(raw)
            self.on_the_way[side.peer] += self.weather.through(answers)

    def settle(self, rounds: int = 60) -> None:
        """Run with fair weather and time passing, until both logs are acknowledged."""
        self.weather.storm = False
        for _ in range(rounds):
            for name in (NODE, HUB):
                self.send(name)
                self.deliver(name)
            if self.settled():
                return
            self.clock.seconds += 20
        raise AssertionError("the streams did not settle")

    def settled(self) -> bool:
        return all(
            stream.acked == stream.seq for stream in (self.hub.outgoing(), self.node.outgoing())
        )

    def until(self, condition: Callable[[], bool], rounds: int = 60) -> None:
        for _ in range(rounds):
            if condition():
                return
            for name in (NODE, HUB):
                self.send(name)
                self.deliver(name)
            self.clock.seconds += 20
        assert condition()
