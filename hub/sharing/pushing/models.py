"""The table of pushing: by which way and where to a consumer's entries go, and how far they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.values import NAME_LENGTH, REASON_LENGTH

MOST_URL = 500

STATE_NAMES = {"active": "推送中", "suspended": "已停止推送"}
#: The ways: to an address of the receiver's, or into a queue on the broker from which it reads.
WEBHOOK, QUEUE = "webhook", "queue"
WAY_NAMES = {WEBHOOK: "推送到对方的地址", QUEUE: "消息队列"}


class Push(Model):
    """The way that one consumer's entries go, and what was acknowledged: by it, or by the broker.

    Of a webhook, `secret` is sealed (`hub.sharing.pushing.signing`); `former_secret` signs beside
    it until `former_until`. Of a queue, `password_hash` is what the broker knows of the account's
    password, which nobody keeps; both are empty for the other way.

    All up to `position` of `generation` is acknowledged, as read under the terms of which `scope`
    is the digest; under others, and in another generation, all is told anew. `series` counts on
    whenever the way or the address changes. With `tell` a message goes out though nothing is new,
    so that who reads a queue sees where the hub is.

    It is sent to when `due_at` has come, which is also the lease of who sends. `tries` failed in a
    row since `failing_since`, the last for `problem`; of a queue that is full, since when it is.
    """

    __tablename__ = "sharing_push"
    __table_args__ = (
        Index("sharing_push_due", "state", "due_at"),
        {"info": {"origin": "backup"}},
    )

    consumer_id: Mapped[str] = mapped_column(ForeignKey("sharing_consumer.id"), primary_key=True)
    way: Mapped[str] = mapped_column(String(10), default=WEBHOOK, server_default=WEBHOOK)
    url: Mapped[str] = mapped_column(String(MOST_URL), default="")
    secret: Mapped[str] = mapped_column(Text, default="")
    former_secret: Mapped[str | None] = mapped_column(Text, default=None)
    former_until: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    password_hash: Mapped[str | None] = mapped_column(String(100), default=None)
    tell: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
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
