"""The table of pushing: where to a consumer's entries go, and how far it has them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.values import NAME_LENGTH, REASON_LENGTH

MOST_URL = 500

STATE_NAMES = {"active": "推送中", "suspended": "已停止推送"}


class Push(Model):
    """One consumer's address, and what it has acknowledged.

    `secret` is sealed (`hub.sharing.pushing.signing`). All up to `position` of `generation` is
    acknowledged, as read under the terms of which `scope` is the digest; under others, and in
    another generation, all is told anew. `series` counts on whenever the address changes.

    It is sent to when `due_at` has come, which is also the lease of who sends. `tries` failed in a
    row since `failing_since`, the last for `problem`.
    """

    __tablename__ = "sharing_push"
    __table_args__ = (
        Index("sharing_push_due", "state", "due_at"),
        {"info": {"origin": "backup"}},
    )

    consumer_id: Mapped[str] = mapped_column(ForeignKey("sharing_consumer.id"), primary_key=True)
    url: Mapped[str] = mapped_column(String(MOST_URL))
    secret: Mapped[str] = mapped_column(Text)
    series: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[str] = mapped_column(String(10), default="active")
    set_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    set_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    generation: Mapped[int] = mapped_column(Integer, default=0)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    scope: Mapped[str] = mapped_column(String(64), default="")
    sent: Mapped[int] = mapped_column(BigInteger, default=0)
    heard_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    due_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    problem: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
