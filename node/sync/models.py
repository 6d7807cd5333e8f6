"""What is known of the other side: comparisons, acknowledgements, how far its batches are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime


class Reconciliation(Model):
    """One comparison with the hub: asked at a seq of the up stream, answered or not yet."""

    __tablename__ = "sync_reconciliation"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    groups: Mapped[int] = mapped_column(Integer, default=0)
    #: Fonds and years (`<fonds_id>/<year>`) whose sums differed, and how many records went again.
    differing: Mapped[list[Any]] = mapped_column(JSON, default=list)
    told_again: Mapped[int] = mapped_column(Integer, default=0)


class Acknowledgement(Model):
    """When the hub said that it has applied our up stream as far as `seq`.

    The cursor alone says how far it is now; these rows say since when each entry counts as
    accepted: since the first one of its epoch that reaches it.
    """

    __tablename__ = "sync_acknowledgement"

    epoch: Mapped[int] = mapped_column(Integer, primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class BatchProgress(Model):
    """How far the hub is with a batch 移交批次 that is open there, as it said last (a hint).

    `state` is one of `HUB_BATCH`, the times are the hub's; `heard_at` is ours. A batch that was
    returned may be offered again under its id: what was heard earlier is about the round before.
    """

    __tablename__ = "sync_batch_progress"

    batch_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    count: Mapped[int] = mapped_column(Integer, default=0)
    checked: Mapped[int] = mapped_column(Integer, default=0)
    arrived_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    reviewable_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    heard_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class SharedRecord(Model):
    """A record that its archive shares with an audience, as the hub said (a hint)."""

    __tablename__ = "sync_shared_record"

    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    audience: Mapped[str] = mapped_column(String(40), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime)


class SharedCursor(Model):
    """How far the hub has told of an audience's feed, when this node kept these `fonds`.

    `fonds` is the digest of their ids: of a fonds that came later all has yet to be told.
    """

    __tablename__ = "sync_shared_cursor"

    audience: Mapped[str] = mapped_column(String(40), primary_key=True)
    cursor: Mapped[str] = mapped_column(String(40))
    fonds: Mapped[str] = mapped_column(String(64))
