"""Tables of appraisals under way, their lines, holds, and the lists of units."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH, SHORT_LENGTH, TITLE_LENGTH


class Appraisal(Model):
    """One appraisal of an archive's records; its states are `APPRAISAL`.

    Who did what is kept as `{id, name, at}`: `drawn`, `approved`, and each of `witnesses` 监销人.
    `returned` is why the list was sent back last. The sealed list gets the same id.
    """

    __tablename__ = "disposal_appraisal"
    __table_args__ = (
        Index("disposal_appraisal_desk", "archive_code", "state", "begun_at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    state: Mapped[str] = mapped_column(String(10), default="drawing")
    begun_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    drawn: Mapped[dict[str, Any]] = mapped_column(Json)
    approved: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    witnesses: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    returned: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class AppraisalLine(Model):
    """One record of an appraisal: the opinion 鉴定意见 on it, its reason, and what came of it.

    `whole_id` is the volume or project that it belongs to, else its own: these share one opinion.
    `problem` says why the decision was not carried out.
    """

    __tablename__ = "disposal_line"
    __table_args__ = (
        Index("disposal_line_record", "record_id"),
        Index("disposal_line_whole", "appraisal_id", "whole_id"),
        {"info": {"origin": "backup"}},
    )

    appraisal_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    whole_id: Mapped[str] = mapped_column(String(36))
    fonds_id: Mapped[str] = mapped_column(String(36))
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    year: Mapped[int] = mapped_column(Integer)
    retention: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    opinion: Mapped[str | None] = mapped_column(String(10), default=None)
    longer: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    is_done: Mapped[bool] = mapped_column(Boolean, default=False)
    problem: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)

    @property
    def id(self) -> str:
        """How a list of lines names it."""
        return self.record_id


class Hold(Model):
    """A hold 暂缓处置: while it lasts, a record is not destroyed (a lawsuit, an audit, a loan)."""

    __tablename__ = "disposal_hold"
    __table_args__ = (
        Index("disposal_hold_record", "record_id", "lifted_at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    placed_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    placed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    lifted_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class UnitList(Model):
    """A list 销毁清册 that a unit has sealed: what it destroyed of what no archive had received.

    `document` is the paper, as it lies in the store; the other columns repeat what is in it.
    """

    __tablename__ = "disposal_unit_list"
    __table_args__ = (
        Index("disposal_unit_list_fonds", "fonds_id", "at"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    count: Mapped[int] = mapped_column(Integer)
    destroyed: Mapped[int] = mapped_column(Integer)
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcTime)
