"""归档文件目录: the item catalogue of DA/T 22-2015 with its nine columns, to read and print."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.models import Record
from node.office.service import fonds_of
from shared.kernel.actor import Actor, Role, require
from shared.packaging.catalogue import CatalogueHeading, CatalogueRow, catalogue_pdf
from shared.records.fonds import Fonds
from shared.records.retention import retention_name, retention_periods
from shared.records.security import SECURITY_NAMES, SecurityClass
from shared.records.text import neutral

HEADINGS = ("序号", "档号", "文号", "责任者", "题名", "日期", "密级", "页数", "备注")
_WIDTHS = (6, 28, 22, 22, 60, 11, 9, 7, 24)


@dataclass(frozen=True)
class Catalogue:
    """One catalogue: of a class and year, and, where chosen, of a retention and an organ."""

    fonds: Fonds
    class_code: str
    year: int
    retention: str | None
    organ: str | None
    rows: list[CatalogueRow]
    is_draft: bool

    @property
    def heading(self) -> CatalogueHeading:
        """What stands above each printed page."""
        return CatalogueHeading(
            fonds_number=self.fonds.number or "",
            fonds_name=self.fonds.name,
            year=str(self.year),
            retention=retention_name(self.retention) if self.retention else "",
            organ=self.organ or "",
        )

    @property
    def file_name(self) -> str:
        """A name for the file, without ending."""
        parts = [self.fonds.number or "", "归档文件目录", self.class_code, str(self.year)]
        parts += [self.retention or "", self.organ or ""]
        return "-".join(part for part in parts if part)


def catalogue(
    actor: Actor,
    fonds_id: str,
    class_code: str,
    year: int,
    *,
    retention: str | None = None,
    organ: str | None = None,
    session: Session,
) -> Catalogue:
    """The catalogue of a class of a year: 永久 first, then by code.

    Void numbers and destroyed records keep a line.
    """
    require(actor, Role.CLERK, Role.LEADER, fonds=fonds_id, class_code=class_code)
    query = (
        select(Record)
        .where(Record.fonds_id == fonds_id, Record.class_code == class_code)
        .where(Record.year == year, Record.state != "collected")
        .order_by(Record.code.is_(None), Record.code, Record.position, Record.id)
    )
    if retention is not None:
        query = query.where(Record.retention == retention)
    if organ is not None:
        query = query.where(Record.organ == organ)
    longest_first = {each.code: place for place, each in enumerate(retention_periods())}
    records = sorted(
        session.scalars(query),
        key=lambda each: longest_first.get(each.retention or "", len(longest_first)),
    )
    return Catalogue(
        fonds_of(fonds_id, session),
        class_code,
        year,
        retention,
        organ,
        [_row(record) for record in records],
        any(record.state == "arranging" for record in records),
    )


def _row(record: Record) -> CatalogueRow:
    security = SecurityClass(record.security)
    return CatalogueRow(
        code=record.code or "",
        doc_no=record.doc_no or "",
        author=record.author or "",
        title=record.title,
        date=(record.date or "").replace("-", ""),
        security="" if security is SecurityClass.NONE else SECURITY_NAMES[security],
        pages="" if record.pages is None else str(record.pages),
        remark="已销毁"
        if record.state == "disposed"
        else record.void_reason or record.remark or "",
    )


def as_pdf(found: Catalogue) -> bytes:
    """The catalogue on paper."""
    return catalogue_pdf(found.rows, found.heading, is_draft=found.is_draft)


def as_xlsx(found: Catalogue) -> bytes:
    """The catalogue as a spreadsheet; every cell is text, so that nothing is ever computed."""
    import xlsxwriter  # few ask for a spreadsheet, and no start need wait for it

    target = io.BytesIO()
    options = {
        "in_memory": True,
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("归档文件目录")
        bold = book.add_format({"bold": True, "border": 1, "align": "center"})
        plain = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0, 1)
        sheet.freeze_panes(2, 0)
        sheet.write_string(0, 0, _title(found))
        for column, name in enumerate(HEADINGS):
            sheet.write_string(1, column, name, bold)
        for number, row in enumerate(found.rows, 1):
            for column, text in enumerate(_cells(number, row)):
                sheet.write_string(number + 1, column, neutral(text), plain)
    return target.getvalue()


def _cells(number: int, row: CatalogueRow) -> Sequence[str]:
    return (
        *(str(number), row.code, row.doc_no, row.author, row.title),
        *(row.date, row.security, row.pages, row.remark),
    )


def _title(found: Catalogue) -> str:
    heading = found.heading
    parts = [heading.title, heading.fonds_number, heading.fonds_name, f"{heading.year}年度"]
    parts += [heading.retention, heading.organ, "（草稿，尚未定号）" if found.is_draft else ""]
    return neutral(" ".join(part for part in parts if part))
