"""Tables of the office: who this node is, and the fonds 全宗 it keeps."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime


class OfficeState(StrEnum):
    """How this node stands with the hub."""

    UNENROLLED = "unenrolled"
    ACTIVE = "active"
    RECOVERING = "recovering"
    SUPERSEDED = "superseded"


STATE_LABELS = {
    OfficeState.UNENROLLED: "尚未联网登记",
    OfficeState.ACTIVE: "正常",
    OfficeState.RECOVERING: "正在恢复（等待市级平台确认）",
    OfficeState.SUPERSEDED: "已由另一台电脑接替",
}


class Office(Model):
    """This node itself: exactly one row."""

    __tablename__ = "office"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default=OfficeState.UNENROLLED)
    instance_id: Mapped[str] = mapped_column(String(36))
    node_id: Mapped[str | None] = mapped_column(String(36), default=None)
    hub_id: Mapped[str | None] = mapped_column(String(36), default=None)
    hub_name: Mapped[str | None] = mapped_column(String(200), default=None)
    hub_url: Mapped[str | None] = mapped_column(String(500), default=None)
    hub_public_key: Mapped[str | None] = mapped_column(String(128), default=None)
    link: Mapped[str | None] = mapped_column(String(500), default=None)
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    generation: Mapped[int] = mapped_column(Integer, default=0)
    inline_limit: Mapped[int] = mapped_column(Integer, default=65536)
    archives: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    adopting: Mapped[bool] = mapped_column(Boolean, default=False)
    last_contact: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    clock_offset_ms: Mapped[int | None] = mapped_column(Integer, default=None)
    notice: Mapped[str] = mapped_column(String(1000), default="")

    @property
    def has_grant(self) -> bool:
        """Whether this instance holds the hub's grant for the current epoch."""
        return self.state == OfficeState.ACTIVE

    @property
    def waits_for_grant(self) -> bool:
        """Whether this instance has asked for a grant, and it has not come yet."""
        return self.state == OfficeState.RECOVERING and not self.adopting


class Standing(StrEnum):
    """Whether this node may write into a fonds, or why it may not (protocol §5: one writer)."""

    OPEN = "open"
    LEAVING = "leaving"
    ARRIVING = "arriving"
    LEFT = "left"


class OfficeHubKey(Model):
    """A key of the hub that this node followed, append-only; `Office.hub_public_key` is in force.

    `epoch` and `from_seq` say from which place of the down stream on it counts: that of the entry
    `hub_key`. They are None for keys from before this node's enrolment, and until the entry comes.
    """

    __tablename__ = "office_hub_key"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(128))
    statement: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    epoch: Mapped[int | None] = mapped_column(Integer, default=None)
    from_seq: Mapped[int | None] = mapped_column(Integer, default=None)
    learnt_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class OfficeFonds(Model):
    """A fonds that this node keeps, as the hub assigned it (signed).

    While it is handed over to another node it is frozen here (`leaving`), and afterwards a mirror
    that is only read (`left`); one that comes from another node is `arriving` until everything of
    it is here. `counterpart` is the other unit's name.
    """

    __tablename__ = "office_fonds"

    fonds_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, default=0)
    kept: Mapped[bool] = mapped_column(Boolean, default=True)
    standing: Mapped[str] = mapped_column(String(10), default=Standing.OPEN)
    counterpart: Mapped[str] = mapped_column(String(200), default="")
    wire: Mapped[dict[str, Any]] = mapped_column(JSON)


class OfficeRuleset(Model):
    """A version of an archive's ruleset 检测规则 as it came, with its seal; append-only."""

    __tablename__ = "office_ruleset"

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(Integer)
    active_from: Mapped[str] = mapped_column(String(10))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    arrived_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class OfficeSchedule(Model):
    """The approved 归档范围与保管期限表 of a fonds, by the digest that a ruleset names."""

    __tablename__ = "office_schedule"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    arrived_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
