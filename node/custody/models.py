"""Tables of custody: the hand-overs that this node gives or takes, and their bundles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.values import NAME_LENGTH, REASON_LENGTH, REMARK_LENGTH


class HandOver(Model):
    """One hand-over of a fonds 全宗交接 that this node gives (`leaving`) or takes.

    `state` and `document` are the hub's last word (states: `HAND_OVER`); the other columns are what
    was done here.
    """

    __tablename__ = "hand_over"
    __table_args__ = (Index("hand_over_fonds", "fonds_id", "state"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    fonds_name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    leaving: Mapped[bool] = mapped_column(Boolean)
    counterpart: Mapped[str] = mapped_column(CleanText(NAME_LENGTH), default="")
    state: Mapped[str] = mapped_column(String(12))
    asked_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH), default="")
    #: What the hub said last, signed by it; handed back to a restored hub.
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    #: Why this side, or the hub, called it off; the hub's answer makes it count.
    called_off: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    #: Why the hub did not take what this side said last; it may be said again.
    refused: Mapped[str | None] = mapped_column(CleanText(REMARK_LENGTH), default=None)
    job_id: Mapped[str | None] = mapped_column(String(36), default=None)

    frozen_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    frozen_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    #: Giving: the inventory is written (its digest, counts, sums). Taking: what was verified.
    inventory: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    signed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    signed_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    #: The body of the entry with this side's signature: told again byte for byte in a new epoch.
    signed_body: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    taken_in_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    @property
    def audit_name(self) -> str:
        """Its name in the audit log."""
        return f"hand_over:{self.id}"


class Bundle(Model):
    """One of the ZIPs that carry a fonds; `moved` when it went up (giving) or is here (taking)."""

    __tablename__ = "hand_over_bundle"
    __table_args__ = (Index("hand_over_bundle_order", "hand_over_id", "number", unique=True),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    hand_over_id: Mapped[str] = mapped_column(ForeignKey("hand_over.id"))
    number: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    moved: Mapped[bool] = mapped_column(Boolean, default=False)
