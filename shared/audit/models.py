"""The table of events, and the one row that says where the chain ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.database import Model, UtcTime

#: What stands before the first event.
NO_DIGEST = "0" * 64


class AuditEvent(Model):
    """One thing that somebody did. Written once, never changed."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("audit_event_subject", "subject"),
        Index("audit_event_action", "action"),
        Index("audit_event_actor", "actor_id"),
        Index("audit_event_time", "time"),
    )

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    time: Mapped[datetime] = mapped_column(UtcTime)
    actor_id: Mapped[str] = mapped_column(String(80))
    actor_name: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))

    def computed_digest(self) -> str:
        """SHA-256 over the canonical bytes of the whole event, the previous digest included."""
        wire = self.to_wire()
        del wire["digest"]
        return sha256_hex(b"danglian/audit/1\n", canonical_json(wire))

    def to_wire(self) -> dict[str, Any]:
        """The event as files have it: all that its digest is over, and the digest."""
        return {
            "seq": self.seq,
            "time": format_utc(self.time),
            "actor_id": self.actor_id,
            "actor_name": self.actor_name,
            "action": self.action,
            "subject": self.subject,
            "details": self.details,
            "previous": self.previous,
            "digest": self.digest,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> AuditEvent:
        """The event that a file tells of, unchecked. Raises KeyError, TypeError or ValueError."""
        names = ("seq", "actor_id", "actor_name", "action", "subject", "details", "previous")
        values = {name: wire[name] for name in (*names, "digest")}
        if type(wire["seq"]) is not int:
            raise TypeError("seq")
        return cls(**values, time=parse_utc(wire["time"]))


class AuditHead(Model):
    """The end of the chain: a single row (id 1), raised with every event."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))


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

    @property
    def is_contradicted(self) -> bool:
        """Whether one of the two chains is not what the other side has seen of it."""
        return self.contradicted_seq is not None or self.missing_seq is not None
