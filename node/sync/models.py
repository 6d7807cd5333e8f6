"""The last proof that hub and node hold the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer
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
