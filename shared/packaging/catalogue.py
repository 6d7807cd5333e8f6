"""归档文件目录 on paper: the item catalogue of DA/T 22-2015, nine columns, A4 landscape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.packaging.pdf import Column, Page, draw_counted, table
from shared.records.record import Record, SecurityClass

_A4_LANDSCAPE = (841.89, 595.28)
_MARGIN = 42.0
_BOTTOM = 595.28 - 46

_COLUMNS = (
    Column("序号", 4, "center"),
    Column("档号", 19),
    Column("文号", 13),
    Column("责任者", 12),
    Column("题名", 29),
    Column("日期", 7, "center"),
    Column("密级", 6, "center"),
    Column("页数", 4, "center"),
    Column("备注", 8),
)


@dataclass(frozen=True)
class CatalogueRow:
    """One line of the catalogue, as it is printed."""

    code: str
    doc_no: str
    author: str
    title: str
    date: str
    security: str
    pages: str
    remark: str

    @classmethod
    def of(cls, record: Record) -> CatalogueRow:
        """The line of a record: the date in eight digits, no security class for none.

        A void number keeps its line, with its reason as the remark.
        """
        return cls(
            record.code or "",
            record.doc_no or "",
            record.author or "",
            record.title,
            record.date.strftime("%Y%m%d") if record.date else "",
            "" if record.security is SecurityClass.NONE else record.security.label,
            "" if record.pages is None else str(record.pages),
            record.void_reason or record.remark or "",
        )


@dataclass(frozen=True)
class CatalogueHeading:
    """What stands above each page: 全宗号, 全宗名称, 年度, 保管期限, 机构（问题）."""

    fonds_number: str
    fonds_name: str
    year: str
    retention: str
    organ: str = ""
    title: str = "归档文件目录"


def catalogue_pdf(
    rows: Sequence[Record | CatalogueRow],
    heading: CatalogueHeading,
    *,
    is_draft: bool = False,
) -> bytes:
    """The catalogue as PDF: A4 landscape, headings on every page, pages numbered.

    Same input, same bytes. `is_draft` marks a class that is not closed yet (草稿).
    """
    lines = [row if isinstance(row, CatalogueRow) else CatalogueRow.of(row) for row in rows]

    def paint(page: Page, pages: int) -> int:
        return table(
            page,
            _COLUMNS,
            (_cells(number, line) for number, line in enumerate(lines, 1)),
            heading=lambda page, number: _heading(page, heading, is_draft),
            footing=lambda page, number: _footing(page, number, pages, len(lines)),
            margin=_MARGIN,
            bottom=_BOTTOM,
        )

    return draw_counted(_A4_LANDSCAPE, heading.title, paint)


def _cells(number: int, line: CatalogueRow) -> Sequence[str]:
    return (
        str(number), line.code, line.doc_no, line.author, line.title, line.date, line.security,
        line.pages, line.remark,
    )  # fmt: skip


def _heading(page: Page, heading: CatalogueHeading, is_draft: bool) -> float:
    title = f"{heading.title}（草稿，尚未定号）" if is_draft else heading.title
    page.text(page.width / 2, 48, title, 16, "center")
    parts = [
        ("全宗号", heading.fonds_number),
        ("全宗名称", heading.fonds_name),
        ("年度", heading.year),
        ("保管期限", heading.retention),
        ("机构（问题）", heading.organ),
    ]
    shown = "　　".join(f"{name}：{value}" for name, value in parts if value)
    page.text(_MARGIN, 70, shown, 9.5)
    return 78.0


def _footing(page: Page, number: int, of: int, rows: int) -> None:
    y = page.height - 28
    page.text(_MARGIN, y, f"共 {rows} 件", 8.5)
    page.text(page.width / 2, y, f"第 {number} 页　共 {of or '…'} 页", 8.5, "center")
