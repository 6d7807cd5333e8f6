"""The tables of the log: events, the one row that says where the chain ends, signed checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.canonical import canonical_json, sha256_hex, sm3_hex
from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.database import Model, UtcTime

#: What stands before the first event.
NO_DIGEST = "0" * 64
#: Events of 0.1.0: SHA-256, without role, place, outcome and the rest.
FIRST_FORM = 1
#: Events as they are written now: SM3 over all of it.
FORM = 2

#: What every event has; of the second form these and more.
_COMMON = ("seq", "actor_id", "actor_name", "action", "subject", "details", "previous", "digest")
_MORE = ("id", "role", "place", "outcome", "before", "after", "count", "root")
#: Their types, besides None where the column may be empty.
_NUMBERS = frozenset(("seq", "id", "count"))
_EMPTY = frozenset(("before", "after", "count", "root"))


class Outcome(StrEnum):
    """How an act ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class AuditEvent(Model):
    """One thing that somebody did. Written once; the sealer adds `seq`, `previous`, `digest`."""

    __tablename__ = "audit_event"
    __table_args__ = (
        # Also finds what awaits its seal: `seq IS NULL`, few at any time.
        Index("audit_event_seq", "seq", unique=True),
        Index("audit_event_subject", "subject", "id"),
        Index("audit_event_action", "action", "id"),
        Index("audit_event_actor", "actor_id", "id"),
        Index("audit_event_time", "time"),
        Index("audit_event_outcome", "outcome", "time"),
        {"sqlite_autoincrement": True},
    )

    #: In the order in which they were written, as far as one writer goes; not without gaps.
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    #: Its place in the chain; None while it awaits its seal.
    seq: Mapped[int | None] = mapped_column(Integer)
    form: Mapped[int] = mapped_column(Integer, default=FORM)
    time: Mapped[datetime] = mapped_column(UtcTime)
    actor_id: Mapped[str] = mapped_column(String(80))
    actor_name: Mapped[str] = mapped_column(String(200))
    #: As what: the roles that the actor held, with commas between; `system` for the platform.
    role: Mapped[str] = mapped_column(String(200), default="")
    #: From where: address and browser, command, or loop of which computer.
    place: Mapped[str] = mapped_column(String(200), default="")
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200))
    outcome: Mapped[str] = mapped_column(String(10), default=Outcome.DONE)
    #: SM3 of what it was, and of what it became, where a thing was changed.
    before: Mapped[str | None] = mapped_column(String(64))
    after: Mapped[str | None] = mapped_column(String(64))
    #: Of an act on many things: how many, and the Merkle root over their names.
    count: Mapped[int | None] = mapped_column(Integer)
    root: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str | None] = mapped_column(String(64))
    digest: Mapped[str | None] = mapped_column(String(64))

    @property
    def is_sealed(self) -> bool:
        """Whether it has its place in the chain."""
        return self.seq is not None

    def computed_digest(self) -> str:
        """The digest of the whole event, the previous one included."""
        return digest_of_event(self.to_wire())

    def to_wire(self) -> dict[str, Any]:
        """The event as files have it: all that its digest is over, and the digest."""
        names = _COMMON if self.form == FIRST_FORM else _COMMON + _MORE
        wire = {name: getattr(self, name) for name in names}
        wire["time"] = format_utc(self.time)
        if self.form != FIRST_FORM:
            wire["form"] = self.form
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> AuditEvent:
        """The event that a file tells of, unchecked. Raises KeyError, TypeError or ValueError."""
        form = wire.get("form", FIRST_FORM)
        if type(form) is not int or (form == FIRST_FORM and "form" in wire):
            raise TypeError("form")
        names = _COMMON if form == FIRST_FORM else _COMMON + _MORE
        values = {name: wire[name] for name in names}
        for name, value in values.items():
            wanted = dict if name == "details" else int if name in _NUMBERS else str
            if type(value) is not wanted and not (value is None and name in _EMPTY):
                raise TypeError(name)
        if form == FIRST_FORM:
            values |= {"id": values["seq"], "role": "", "place": "", "outcome": Outcome.DONE}
        return cls(**values, form=form, time=parse_utc(wire["time"]))


def digest_of_event(wire: Mapping[str, Any]) -> str:
    """The digest of an event as `to_wire` has it: SM3 (GB/T 32905), of the first form SHA-256.

    Raises TypeError for a value that has no canonical form.
    """
    content = {name: value for name, value in wire.items() if name != "digest"}
    if "form" in content:
        return sm3_hex(b"danglian/audit/2\n", canonical_json(content))
    return sha256_hex(b"danglian/audit/1\n", canonical_json(content))


class AuditHead(Model):
    """The end of the chain: a single row (id 1); who moves it on has sealed, nobody else."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))


class AuditCheckpoint(Model):
    """One signature of the installation over an end of its chain, at each sealing."""

    __tablename__ = "audit_checkpoint"

    #: The event that it is over, and the first since the checkpoint before.
    last: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime)
    public_key: Mapped[str] = mapped_column(String(128))
    signature: Mapped[str] = mapped_column(String(160))

    def document(self) -> dict[str, Any]:
        """What is signed (`shared.kernel.keys.sign_document`)."""
        return checkpoint_document(self.first, self.last, self.digest, self.at)

    def to_wire(self) -> dict[str, Any]:
        """As files have it."""
        return {
            **self.document(),
            "public_key": self.public_key,
            "signature": self.signature,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> AuditCheckpoint:
        """The checkpoint that a file has, unchecked. Raises KeyError, TypeError or ValueError."""
        texts = {name: wire[name] for name in ("digest", "public_key", "signature")}
        numbers = {name: wire[name] for name in ("first", "last")}
        if any(type(each) is not str for each in texts.values()):
            raise TypeError("checkpoint")
        if any(type(each) is not int for each in numbers.values()):
            raise TypeError("checkpoint")
        return cls(**texts, **numbers, at=parse_utc(wire["at"]))


def checkpoint_document(first: int, last: int, digest: str, at: datetime) -> dict[str, Any]:
    """What a checkpoint says."""
    return {
        "checkpoint": 1,
        "first": first,
        "last": last,
        "digest": digest,
        "at": format_utc(at),
    }


class AuditArchive(Model):
    """A signed file of older events, which are on line no more."""

    __tablename__ = "audit_archive"

    last: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first: Mapped[int] = mapped_column(Integer)
    #: Of the event `last`: what is on line continues from it.
    digest: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime] = mapped_column(UtcTime)
    until: Mapped[datetime] = mapped_column(UtcTime)
    name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcTime)


class AuditWitness(Model):
    """What this installation and another one hold of the ends of each other's chains."""

    __tablename__ = "audit_witness"

    #: The node's id at the hub, `hub` at a node.
    party: Mapped[str] = mapped_column(String(80), primary_key=True)
    #: The end of its chain that it told last; 0 while it has told none.
    seq: Mapped[int] = mapped_column(Integer, default=0)
    digest: Mapped[str] = mapped_column(String(64), default=NO_DIGEST)
    seen_at: Mapped[datetime | None] = mapped_column(UtcTime)
    #: An end that it told after a further one: its log was restored, cut or rewritten.
    contradicted_seq: Mapped[int | None] = mapped_column(Integer)
    #: An event of ours that it holds, and that our chain does not have (any more).
    missing_seq: Mapped[int | None] = mapped_column(Integer)
    #: The furthest end of ours that it has said it holds, and for how many seconds on line it has
    #: not held a newer one although there is one.
    held_seq: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    held_digest: Mapped[str] = mapped_column(
        String(64), default=NO_DIGEST, server_default=NO_DIGEST
    )
    unheld_seconds: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    #: The further end that it had told before it told an earlier one, until somebody settles that.
    lost_seq: Mapped[int | None] = mapped_column(Integer)
    lost_digest: Mapped[str | None] = mapped_column(String(64))

    @property
    def is_contradicted(self) -> bool:
        """Whether one of the two chains is not what the other side has seen of it."""
        return self.contradicted_seq is not None or self.missing_seq is not None
