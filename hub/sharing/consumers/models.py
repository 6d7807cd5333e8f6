"""Tables of consumers: who they are, on what terms, what they asked for, and how much."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.sharing.consumers.terms import Terms
from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.values import NAME_LENGTH, REASON_LENGTH

_ID = String(36)

STATE_NAMES = {
    "applied": "待批准",
    "active": "使用中",
    "suspended": "已停用",
    "refused": "未批准",
}


class Consumer(Model):
    """An application 应用 of another body; its `id` is its client id (OAuth 2.0).

    `approved` are the terms in force, `proposed` those that wait for another person. The secret is
    never kept, only its SHA-256: it is random, so that nobody finds it by trying. `series` counts
    on when credentials end; tokens of an earlier one are refused.
    """

    __tablename__ = "sharing_consumer"
    __table_args__ = (
        Index("sharing_consumer_elsewhere", "client_elsewhere", unique=True),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    body: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    contact: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    state: Mapped[str] = mapped_column(String(10), default="applied")
    approved: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    proposed: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    until: Mapped[str | None] = mapped_column(String(10), default=None)
    client_elsewhere: Mapped[str | None] = mapped_column(String(255), default=None)
    applied_by_id: Mapped[str] = mapped_column(String(60))
    applied_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    applied_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    decided_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    secret_digest: Mapped[str | None] = mapped_column(String(64), default=None)
    secret_made_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    public_keys: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    series: Mapped[int] = mapped_column(Integer, default=1)

    @property
    def audit_name(self) -> str:
        """The name in the audit."""
        return f"consumer:{self.id}"

    @property
    def terms(self) -> Terms | None:
        """The terms in force."""
        return Terms.from_wire(self.approved) if self.approved is not None else None

    @property
    def proposal(self) -> Terms | None:
        """The terms that wait to be decided on."""
        return Terms.from_wire(self.proposed) if self.proposed is not None else None


class ConsumerUsage(Model):
    """What a consumer used on a day (Asia/Shanghai): its quota, and its statistics.

    `minute` is the minute (since 1970) that `in_minute` requests were counted in last.
    """

    __tablename__ = "sharing_consumer_usage"
    __table_args__ = ({"info": {"origin": "backup"}},)

    consumer_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    minute: Mapped[int] = mapped_column(Integer)
    in_minute: Mapped[int] = mapped_column(Integer)
    requests: Mapped[int] = mapped_column(Integer)
    refused: Mapped[int] = mapped_column(Integer, default=0)
    taken: Mapped[int] = mapped_column(BigInteger, default=0)
    sent: Mapped[int] = mapped_column(BigInteger, default=0)


class ConsumerRequest(Model):
    """One request of a consumer, written before it is answered; the outcome when it was.

    Without `status` the answer did not come to its end (a process was killed).
    """

    __tablename__ = "sharing_consumer_request"
    __table_args__ = (
        Index("sharing_consumer_request_of", "consumer_id", "at"),
        Index("sharing_consumer_request_at", "at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    consumer_id: Mapped[str] = mapped_column(_ID)
    at: Mapped[datetime] = mapped_column(UtcTime)
    place: Mapped[str] = mapped_column(String(60))
    method: Mapped[str] = mapped_column(String(10))
    path: Mapped[str] = mapped_column(String(300))
    status: Mapped[int | None] = mapped_column(Integer, default=None)
    taken: Mapped[int] = mapped_column(BigInteger, default=0)
    sent: Mapped[int] = mapped_column(BigInteger, default=0)


class UsedAssertion(Model):
    """A signed assertion (RFC 7523) that has been used; it counts once until it has expired."""

    __tablename__ = "sharing_consumer_assertion"
    __table_args__ = (
        Index("sharing_consumer_assertion_expiry", "expires_at"),
        {"info": {"origin": "derived"}},
    )

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
