"""Tables of intake: one import of a sheet, and its rows as staged before they are taken."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText


class IntakeState(StrEnum):
    """Where an import stands."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    TAKING = "taking"
    TAKEN = "taken"
    DISCARDED = "discarded"


STATE_LABELS = {
    IntakeState.UPLOADED: "待核对列名",
    IntakeState.CHECKING: "正在检查",
    IntakeState.CHECKED: "检查完毕，待确认导入",
    IntakeState.TAKING: "正在导入",
    IntakeState.TAKEN: "已导入",
    IntakeState.DISCARDED: "已放弃",
}


class RowState(StrEnum):
    """What became of a row."""

    GOOD = "good"
    BAD = "bad"
    THERE = "there"
    CLASSIFIED = "classified"
    TAKEN = "taken"


ROW_LABELS = {
    RowState.GOOD: "可导入",
    RowState.BAD: "有问题",
    RowState.THERE: "已有",
    RowState.CLASSIFIED: "涉密，未保存",
    RowState.TAKEN: "已导入",
}


class Intake(Model):
    """One sheet that somebody brought, with the mapping of its columns and its counts."""

    __tablename__ = "intake"
    __table_args__ = (Index("intake_list", "fonds_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20), default=IntakeState.UPLOADED)
    file_name: Mapped[str] = mapped_column(CleanText(255))
    sheet: Mapped[int] = mapped_column(Integer, default=0)
    sheet_name: Mapped[str] = mapped_column(CleanText(255), default="")
    header_row: Mapped[int] = mapped_column(Integer, default=1)
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)
    mapping: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    vocabulary: Mapped[str] = mapped_column(String(20), default="")
    defaults: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    files_folder: Mapped[str | None] = mapped_column(String(1000), default=None)
    #: Rows of the sheet below the header, as far as can be told before reading them.
    expected: Mapped[int] = mapped_column(Integer, default=0)
    read: Mapped[int] = mapped_column(Integer, default=0)
    finished_reading: Mapped[bool] = mapped_column(Boolean, default=False)
    job_id: Mapped[str | None] = mapped_column(String(36), default=None)
    by_id: Mapped[str] = mapped_column(String(80))
    by_name: Mapped[str] = mapped_column(CleanText(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class IntakeRow(Model):
    """One row of a sheet. Of a classified row only its number is kept.

    `cells` holds the row as it stood, for the spreadsheet of rejected rows; only bad rows have it.
    `values` is what filing gets; it is emptied when the row was taken.
    """

    __tablename__ = "intake_row"
    __table_args__ = (
        Index("intake_row_key", "fonds_id", "key"),
        Index("intake_row_code", "fonds_id", "code"),
        Index("intake_row_state", "intake_id", "state", "number"),
    )

    intake_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(12))
    key: Mapped[str | None] = mapped_column(String(64), default=None)
    code: Mapped[str | None] = mapped_column(CleanText(100), default=None)
    values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    problems: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    cells: Mapped[list[str]] = mapped_column(JSON, default=list)
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    same_as: Mapped[int | None] = mapped_column(Integer, default=None)
    record_id: Mapped[str | None] = mapped_column(String(36), default=None)
