"""What is printed for paper: 盒脊, 备考表, and of a volume its cover and list.

The fields are those of DA/T 22-2015 for boxes and of GB/T 9705 for volumes. Same input, same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.packaging.pdf import Column, Page, draw, draw_counted, table, wrap
from shared.records.values import parse_date

_A4 = (595.28, 841.89)
_MM = 72 / 25.4
#: The widths of boxes in millimetres (DA/T 22), and how high a label is.
SPINES = (20, 30, 40, 50)
_SPINE_HEIGHT = 220 * _MM
_MARGIN = 57.0
_WIDTH = _A4[0] - 2 * _MARGIN


@dataclass(frozen=True)
class BoxPaper:
    """A box as its papers show it; years, retentions, organs and numbers of what is in it."""

    fonds_number: str
    fonds_name: str
    number: str
    years: tuple[str, ...]
    retentions: tuple[str, ...]
    organs: tuple[str, ...]
    spans: tuple[str, ...]
    records: int
    pages: int
    voids: tuple[str, ...]
    is_draft: bool


@dataclass(frozen=True)
class VolumePaper:
    """A volume as its papers show it."""

    fonds_number: str
    fonds_name: str
    class_name: str
    code: str
    title: str
    unit: str
    dates: tuple[str, str]
    retention: str
    catalogue_number: str
    number: str
    records: int
    pages: int
    is_draft: bool


@dataclass(frozen=True)
class NotePaper:
    """What stands on a note sheet; what is empty is left to be written by hand."""

    situation: str
    arranged_by: str
    arranged_on: str
    checked_by: str
    checked_on: str


def spines_pdf(boxes: Sequence[BoxPaper], width_mm: int) -> bytes:
    """Labels for the backs of boxes 盒脊, side by side on A4 sheets, to be cut out."""
    width = width_mm * _MM
    each_row = max(1, int((_A4[0] - 40) // (width + 8)))

    def paint(page: Page) -> None:
        for index, box in enumerate(boxes):
            column = index % each_row
            if index and not column:
                page.next_page()
            _spine(page, 20 + column * (width + 8), 60, width, box)
            if not column:
                page.text(20, 40, f"盒脊（宽 {width_mm} 毫米），沿框线裁下", 8)

    return draw(_A4, "盒脊", paint)


def _spine(page: Page, x: float, y: float, width: float, box: BoxPaper) -> None:
    fields = [
        ("全宗号", [box.fonds_number], 1.4),
        ("年度", _joined(box.years), 1.6),
        ("保管期限", _joined(box.retentions), 1.6),
        *([("机构（问题）", _joined(box.organs), 2.2)] if box.organs else []),
        ("起止件号", list(box.spans) or ["—"], 3.0),
        ("盒号", [box.number], 1.4),
    ]
    unit = _SPINE_HEIGHT / sum(0.8 + share for _, _, share in fields)
    size = 11.0 if width >= 80 else 9.0
    top = y
    for label, values, share in fields:
        heading = wrap(label, width - 4, size - 1)
        page.cell(x, y, width, unit * 0.8, heading, size=size - 1, align="center")
        y += unit * 0.8
        lines = [line for value in values for line in wrap(value, width - 6, size)]
        most = max(1, int(unit * share / (size * 1.35)))
        if len(lines) > most:
            lines = [*lines[: most - 1], "等"]
        page.cell(x, y, width, unit * share, lines, size=size, align="center")
        y += unit * share
    page.box(x, top, width, y - top, thick=True)
    if box.is_draft:
        page.text(x + width / 2, y + 11, "草稿，未定号", 7, "center")


def _joined(values: Sequence[str]) -> list[str]:
    return list(values) or ["—"]


def box_notes_pdf(papers: Sequence[tuple[BoxPaper, NotePaper]]) -> bytes:
    """The note sheets 备考表 of boxes, one on each page."""

    def paint(page: Page) -> None:
        for index, (box, note) in enumerate(papers):
            if index:
                page.next_page()
            facts = [
                ("全宗", f"{box.fonds_number}　{box.fonds_name}".strip()),
                ("年度", "、".join(box.years) or "—"),
                ("保管期限", "、".join(box.retentions) or "—"),
                *([("机构（问题）", "、".join(box.organs))] if box.organs else []),
                ("盒号", box.number),
                ("件数、页数", _counted(box.records, box.pages)),
                ("起止件号", "；".join(box.spans) or "—"),
                *([("空号", "；".join(box.voids))] if box.voids else []),
            ]
            _note(
                page, facts, note,
                title="备考表", situation="盒内文件情况说明", people=("整理人", "检查人"),
            )  # fmt: skip
            _draft_mark(page, box.is_draft)

    return draw(_A4, "备考表", paint)


def volume_note_pdf(volume: VolumePaper, note: NotePaper) -> bytes:
    """The note sheet of a volume 卷内备考表."""

    def paint(page: Page) -> None:
        facts = [
            ("案卷档号", volume.code or "—"),
            ("案卷题名", volume.title),
            ("件数、页数", _counted(volume.records, volume.pages)),
        ]
        _note(
            page, facts, note,
            title="卷内备考表", situation="本卷情况说明", people=("立卷人", "检查人"),
        )  # fmt: skip
        _draft_mark(page, volume.is_draft)

    return draw(_A4, "卷内备考表", paint)


def _note(
    page: Page,
    facts: Sequence[tuple[str, str]],
    note: NotePaper,
    *,
    title: str,
    situation: str,
    people: tuple[str, str],
) -> None:
    page.text(page.width / 2, 74, title, 20, "center")
    y = 100.0
    for label, text in facts:
        y = _line(page, y, label, text)
    bottom = 841.89 - 60 - 4 * 32
    page.cell(_MARGIN, y, _WIDTH, bottom - y, [], top=True)
    page.text(_MARGIN + 6, y + 18, f"{situation}：", 11)
    for number, line in enumerate(wrap(note.situation, _WIDTH - 24, 11, most=24)):
        page.text(_MARGIN + 12, y + 40 + number * 18, line, 11)
    signed = (
        (people[0], note.arranged_by),
        ("日期", chinese_day(note.arranged_on)),
        (people[1], note.checked_by),
        ("日期", chinese_day(note.checked_on)),
    )
    for label, text in signed:
        bottom = _line(page, bottom, label, text, height=32.0)


def cover_pdf(volume: VolumePaper) -> bytes:
    """The cover of a volume 案卷封面 (GB/T 9705)."""

    def paint(page: Page) -> None:
        page.text(page.width / 2, 120, volume.fonds_name, 20, "center")
        page.text(page.width / 2, 160, volume.class_name, 15, "center")
        y = 230.0
        for number, line in enumerate(wrap(volume.title, _WIDTH - 20, 20, most=6)):
            page.text(page.width / 2, y + number * 32, line, 20, "center")
        first, last = volume.dates
        span = f"自 {chinese_day(first)}　至 {chinese_day(last)}" if first else ""
        y = 480.0
        for label, text in (
            ("立卷单位", volume.unit),
            ("起止日期", span),
            ("件数、页数", _counted(volume.records, volume.pages)),
            ("保管期限", volume.retention),
        ):
            y = _line(page, y, label, text, height=34.0)
        y = 841.89 - 150
        cells = (
            ("全宗号", volume.fonds_number),
            ("目录号", volume.catalogue_number),
            ("案卷号", volume.number),
        )
        width = _WIDTH / len(cells)
        for index, (label, text) in enumerate(cells):
            page.cell(_MARGIN + index * width, y, width, 26, [label], align="center")
            page.cell(_MARGIN + index * width, y + 26, width, 34, [text], size=13, align="center")
        page.text(_MARGIN, y + 82, f"档号：{volume.code}" if volume.code else "", 11)
        _draft_mark(page, volume.is_draft)

    return draw(_A4, "案卷封面", paint)


_LIST = (
    Column("顺序号", 6, "center"),
    Column("文号", 17),
    Column("责任者", 15),
    Column("题名", 34),
    Column("日期", 10, "center"),
    Column("页号", 7, "center"),
    Column("备注", 11),
)


def contents_pdf(volume: VolumePaper, rows: Sequence[Sequence[str]]) -> bytes:
    """The list of what is in a volume 卷内文件目录; a row is what the columns name."""

    def heading(page: Page, _number: int) -> float:
        page.text(page.width / 2, 60, "卷内文件目录", 17, "center")
        page.text(_MARGIN, 84, f"案卷档号：{volume.code or '—'}", 10)
        lines = wrap(f"案卷题名：{volume.title}", _WIDTH, 10, most=2)
        for number, line in enumerate(lines):
            page.text(_MARGIN, 100 + number * 14, line, 10)
        return 100 + len(lines) * 14.0

    def footing(pages: int, page: Page, number: int) -> None:
        page.text(page.width / 2, page.height - 30, f"第 {number} 页　共 {pages} 页", 8.5, "center")
        _draft_mark(page, volume.is_draft)

    def paint(page: Page, pages: int) -> int:
        return table(
            page, _LIST, rows, heading=heading, footing=partial(footing, pages), margin=_MARGIN,
            bottom=841.89 - 48,
        )  # fmt: skip

    return draw_counted(_A4, "卷内文件目录", paint)


def _line(page: Page, y: float, label: str, text: str, *, height: float = 26.0) -> float:
    lines = wrap(text, _WIDTH - 118, 11, most=4)
    height = max(height, 15.0 * len(lines) + 10)
    page.cell(_MARGIN, y, 110, height, [label], size=11, align="center")
    page.cell(_MARGIN + 110, y, _WIDTH - 110, height, lines, size=11)
    return y + height


def _counted(records: int, pages: int) -> str:
    return f"{records} 件，{pages} 页" if pages else f"{records} 件"


def _draft_mark(page: Page, is_draft: bool) -> None:
    if is_draft:
        page.text(page.width - _MARGIN, page.height - 30, "草稿，尚未定号", 8.5, "right")


def chinese_day(text: str) -> str:
    """A day as it is written on paper: 2024年3月5日; empty for none."""
    if not text:
        return ""
    day = parse_date(text, "date")
    return f"{day.year}年{day.month}月{day.day}日"
