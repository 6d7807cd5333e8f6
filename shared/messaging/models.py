"""Tables of the streams: for each peer one outgoing log and one incoming cursor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime


class OutgoingStream(Model):
    """The sending end of a stream.

    `seq` is a counter in the stream's own row, raised in the change's transaction; never a rowid
    or a database sequence, which start again or leave gaps.
    """

    __tablename__ = "messaging_outgoing_stream"

    peer: Mapped[str] = mapped_column(String(80), primary_key=True)
    sender: Mapped[str] = mapped_column(String(80))
    epoch: Mapped[int] = mapped_column(Integer)
    #: The hub's generation: at the hub the one it writes under, at a node the newest it has met.
    generation: Mapped[int] = mapped_column(Integer, default=0)
    seq: Mapped[int] = mapped_column(Integer, default=0)
    digest: Mapped[str] = mapped_column(String(64))
    #: Where the entries of this log begin: 0, or what the peer had seen of a log that was lost.
    base_seq: Mapped[int] = mapped_column(Integer, default=0)
    base_digest: Mapped[str] = mapped_column(String(64), default="")
    acked: Mapped[int] = mapped_column(Integer, default=0)
    durable: Mapped[int] = mapped_column(Integer, default=0)
    acked_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: The peer may be ahead of this log after a restore, or be no longer the instance that listens
    #: after a grant: nothing is sent until it has said where it stands.
    unsure: Mapped[bool] = mapped_column(Boolean, default=False)
    #: After a restore: the last seq that the restored log still had (the peer may have more).
    lost_after: Mapped[int | None] = mapped_column(Integer, default=None)

    @property
    def waits_after_restore(self) -> bool:
        """Whether the peer may be ahead of this log, and has not said so far."""
        return self.unsure and self.lost_after is not None


class OutgoingEntry(Model):
    """One fact in an outgoing log, with the rolling digest of the log up to and with it."""

    __tablename__ = "messaging_outgoing_entry"
    __table_args__ = (Index("messaging_outgoing_entry_subject", "subject"),)

    peer: Mapped[str] = mapped_column(String(80), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(80))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class IncomingStream(Model):
    """The receiving end of a stream: how far it was applied, and the digest of all of it."""

    __tablename__ = "messaging_incoming_stream"

    peer: Mapped[str] = mapped_column(String(80), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(80))
    epoch: Mapped[int] = mapped_column(Integer)
    seq: Mapped[int] = mapped_column(Integer, default=0)
    digest: Mapped[str] = mapped_column(String(64))
    applied_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class DeadLetter(Model):
    """A message without a valid envelope: what was wrong with it, never what it said."""

    __tablename__ = "messaging_dead_letter"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    queue: Mapped[str] = mapped_column(String(200))
    claimed_sender: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(60))
    detail: Mapped[str] = mapped_column(String(500), default="")
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    arrived_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class TakenParcel(Model):
    """The parcel 邮包 of a peer that was taken in last, by hand: which of its files are here.

    `files` is how many it has; None until the last one came.
    """

    __tablename__ = "messaging_taken_parcel"

    peer: Mapped[str] = mapped_column(String(80), primary_key=True)
    parcel_id: Mapped[str] = mapped_column(String(36))
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    numbers: Mapped[list[Any]] = mapped_column(JSON, default=list)
    files: Mapped[int | None] = mapped_column(Integer, default=None)
    taken_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    @property
    def missing(self) -> list[int]:
        """The numbers of the files that have not come, as far as that can be known."""
        most = self.files or max(self.numbers, default=0)
        return [number for number in range(1, most + 1) if number not in set(self.numbers)]
