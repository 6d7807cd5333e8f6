"""Tables of intake: an import, its sheets, the files with it, and its rows as staged."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

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


class IntakeSheet(Model):
    """One sheet of an import: of which level it is, and the mapping of its columns.

    A sheet that is left out has no level. `part` says which of the import's sheets it is.
    """

    __tablename__ = "intake_sheet"

    intake_id: Mapped[str] = mapped_column(ForeignKey("intake.id"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    level: Mapped[str | None] = mapped_column(String(10), default=None)
    #: Under which name the file lies in the spool; sheets of one workbook share it.
    spooled: Mapped[str] = mapped_column(String(36))
    file_name: Mapped[str] = mapped_column(CleanText(255))
    sheet: Mapped[int] = mapped_column(Integer, default=0)
    sheet_name: Mapped[str] = mapped_column(CleanText(255), default="")
    header_row: Mapped[int] = mapped_column(Integer, default=1)
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)
    mapping: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    #: Rows of the sheet below the header, as far as can be told before reading them.
    expected: Mapped[int] = mapped_column(Integer, default=0)
    read: Mapped[int] = mapped_column(Integer, default=0)
    finished: Mapped[bool] = mapped_column(Boolean, default=False)

    @property
    def name(self) -> str:
        """Which sheet it is, for people."""
        return self.sheet_name or self.file_name

    @property
    def fields(self) -> dict[int, str]:
        """Column index → field."""
        return {int(index): name for index, name in self.mapping.items()}


class Intake(Model):
    """What somebody brought to import into one fonds: sheets, and maybe files with them."""

    __tablename__ = "intake"
    __table_args__ = (Index("intake_list", "fonds_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20), default=IntakeState.UPLOADED)
    file_name: Mapped[str] = mapped_column(CleanText(255))
    vocabulary: Mapped[str] = mapped_column(String(20), default="")
    defaults: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: A folder of this machine that holds the files (of the command); files of the page have rows.
    files_folder: Mapped[str | None] = mapped_column(String(1000), default=None)
    #: Up to which group rows were linked, while a check is under way.
    linked_to: Mapped[str] = mapped_column(String(64), default="")
    job_id: Mapped[str | None] = mapped_column(String(36), default=None)
    by_id: Mapped[str] = mapped_column(String(80))
    by_name: Mapped[str] = mapped_column(CleanText(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    all_sheets: Mapped[list[IntakeSheet]] = relationship(
        order_by=IntakeSheet.part, lazy="selectin", cascade="all, delete-orphan"
    )

    @property
    def sheets(self) -> list[IntakeSheet]:
        """The sheets that are imported, in the order in which they came."""
        return [each for each in self.all_sheets if each.level]

    @property
    def linked(self) -> bool:
        """Whether its sheets belong together by the codes in them."""
        return len(self.sheets) > 1

    def sheet_of(self, part: int) -> IntakeSheet:
        """One of its sheets."""
        return next(each for each in self.all_sheets if each.part == part)


class IntakeRow(Model):
    """One row of a sheet. Of a classified row only its number and the digest `group` are kept.

    `cells` holds the row as it stood, for the spreadsheet of rejected rows; rows taken lose them.
    `values` is what filing gets; it is emptied when the row was taken. `group` is what goes in or
    stays out together (a volume with its items), and `turn` the order of taking.
    """

    __tablename__ = "intake_row"
    __table_args__ = (
        Index("intake_row_key", "fonds_id", "key"),
        Index("intake_row_code", "fonds_id", "code"),
        Index("intake_row_state", "intake_id", "state", "turn"),
        Index("intake_row_group", "intake_id", "group"),
    )

    intake_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    fonds_id: Mapped[str] = mapped_column(String(36))
    level: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))
    turn: Mapped[int] = mapped_column(Integer)
    key: Mapped[str | None] = mapped_column(String(64), default=None)
    code: Mapped[str | None] = mapped_column(CleanText(100), default=None)
    group: Mapped[str | None] = mapped_column(String(64), default=None)
    links: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    problems: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    cells: Mapped[list[str]] = mapped_column(JSON, default=list)
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    #: Where the row stands that it repeats, in words: `第 3 行`.
    same_as: Mapped[str | None] = mapped_column(CleanText(300), default=None)
    record_id: Mapped[str | None] = mapped_column(String(36), default=None)


class IntakeFile(Model):
    """A computer file that was uploaded with a sheet, or the reason why it was not kept."""

    __tablename__ = "intake_file"
    __table_args__ = (Index("intake_file_list", "intake_id", "name"),)

    #: Also its name in the spool.
    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    intake_id: Mapped[str] = mapped_column(ForeignKey("intake.id"))
    name: Mapped[str] = mapped_column(CleanText(1000))
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    wanted: Mapped[bool] = mapped_column(Boolean, default=False)
    problem: Mapped[str | None] = mapped_column(CleanText(500), default=None)
