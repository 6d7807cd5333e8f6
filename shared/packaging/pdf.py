"""Drawing tables of Chinese text into PDF: embedded font, same bytes for same input.

Drawn straight onto the page, because that is fast: a catalogue of 2,000 rows takes a second or
two, where a layout engine takes many.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import shared
from shared.kernel.errors import Unavailable

FONT = "NotoSansSC"
FONT_FILE = Path(shared.__file__).parent / "web/static/vendor/fonts/NotoSansSC-Regular.ttf"

#: Reportlab keeps fonts and the state of their subsets for the whole process.
_LOCK = threading.Lock()
_NEVER_FIRST = frozenset("，。、；：？！）》〉」』】〕”’％%,.;:?!)]}")
_LEADING = 1.35
_THIN, _THICK = 0.4, 1.0


@dataclass(frozen=True)
class Column:
    """One column of a table: its heading, its share of the width, and where text stands in it."""

    heading: str
    width: float
    align: str = "left"


class Page:
    """A PDF that is being drawn; lengths are points, and y runs from the top downwards."""

    def __init__(self, size: tuple[float, float], title: str) -> None:
        from reportlab.pdfgen.canvas import Canvas

        _register_font()
        self._buffer = io.BytesIO()
        self._canvas = Canvas(self._buffer, pagesize=size, invariant=1, pageCompression=1)
        self._canvas.setTitle(title)
        self._canvas.setCreator("档联")
        self._canvas.setProducer("档联")
        self.width, self.height = size

    def text(self, x: float, y: float, text: str, size: float = 10, align: str = "left") -> None:
        """One line whose baseline is at y; `align` says which of its points is at x."""
        if align != "left":
            x -= text_width(text, size) / (2 if align == "center" else 1)
        self._canvas.setFont(FONT, size)
        self._canvas.drawString(x, self.height - y, text)

    def line(self, x1: float, y1: float, x2: float, y2: float, *, thick: bool = False) -> None:
        """A straight line."""
        self._canvas.setLineWidth(_THICK if thick else _THIN)
        self._canvas.line(x1, self.height - y1, x2, self.height - y2)

    def box(self, x: float, y: float, width: float, height: float, *, thick: bool = False) -> None:
        """A rectangle by its upper left corner."""
        self._canvas.setLineWidth(_THICK if thick else _THIN)
        self._canvas.rect(x, self.height - y - height, width, height)

    def cell(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: Sequence[str],
        *,
        size: float = 10,
        align: str = "left",
        top: bool = False,
    ) -> None:
        """A box with lines in it, in the middle of its height (or at its top)."""
        self.box(x, y, width, height)
        leading = size * _LEADING
        start = y + 4 if top else y + (height - leading * len(lines)) / 2
        at = {"left": x + 4, "center": x + width / 2, "right": x + width - 4}[align]
        for number, line in enumerate(lines):
            self.text(at, start + leading * number + size * 1.02, line, size, align)

    def qr(self, x: float, y: float, size: float, text: str) -> None:
        """A QR code by its upper left corner."""
        from reportlab.graphics import renderPDF
        from reportlab.graphics.barcode.qr import QrCodeWidget
        from reportlab.graphics.shapes import Drawing

        widget = QrCodeWidget(text)
        left, bottom, right, top = widget.getBounds()
        scale = (size / (right - left), 0, 0, size / (top - bottom), 0, 0)
        drawing = Drawing(size, size, transform=scale)
        drawing.add(widget)
        renderPDF.draw(drawing, self._canvas, x, self.height - y - size)

    def next_page(self) -> None:
        """Begin another page."""
        self._canvas.showPage()

    def finish(self) -> bytes:
        """The whole document."""
        self._canvas.save()
        return self._buffer.getvalue()


def draw(size: tuple[float, float], title: str, paint: Callable[[Page], None]) -> bytes:
    """The PDF that `paint` draws; one at a time in a process, since fonts are shared state."""
    from reportlab import rl_config

    with _LOCK:
        rl_config.useA85 = 0  # set here, so that nobody else's setting changes our bytes
        page = Page(size, title)
        paint(page)
        return page.finish()


def draw_counted(size: tuple[float, float], title: str, paint: Callable[[Page, int], int]) -> bytes:
    """As `draw`, for pages on each of which stands how many there are.

    `paint` is told that number, and says how many pages it drew; it draws again where it was told
    wrongly.
    """
    told, counted = 0, 1

    def count(page: Page) -> None:
        nonlocal counted
        counted = paint(page, told)

    content = b""
    while told != counted:
        told = counted
        content = draw(size, title, count)
    return content


def wrap(text: str, width: float, size: float, most: int = 20) -> list[str]:
    """A text in lines of at most this width; what is beyond `most` lines ends in an ellipsis."""
    lines: list[str] = []
    line, used = "", 0.0
    for character in text:
        if character == "\n":
            lines.append(line)
            line, used = "", 0.0
            continue
        step = _character_width(character) * size
        if line and used + step > width:
            kept = _kept_together(line, character)
            lines.append(line[: len(line) - kept])
            line = line[len(line) - kept :]
            used = text_width(line, size)
        line, used = line + character, used + step
    lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-1] + "…"]
    return lines


def _kept_together(line: str, character: str) -> int:
    """How many characters at the end of a full line go to the next one with this character.

    A closing mark takes its character along (GB/T 15834); numbers and Latin words stay whole
    where they fit on a line.
    """
    if character in _NEVER_FIRST:
        return 1 if len(line) > 1 else 0
    run = 0
    if _is_of_word(character):
        while run < len(line) and _is_of_word(line[-1 - run]):
            run += 1
    return run if run < len(line) else 0


def _is_of_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def text_width(text: str, size: float) -> float:
    """How wide a line is."""
    return sum(_character_width(character) for character in text) * size


def table(
    page: Page,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    heading: Callable[[Page, int], float],
    footing: Callable[[Page, int], None],
    margin: float,
    bottom: float,
    size: float = 9,
) -> int:
    """Draw rows over as many pages as they need, the column headings repeated on each.

    Args:
        page: where to draw; begins on the current page.
        columns: the columns; their widths are shares of what the margins leave.
        rows: the cells of each row, as many as columns.
        heading: draws what stands above the table on the page of this number; returns the y below.
        footing: draws what stands at the foot of that page.
        margin: the left and right margin.
        bottom: the y below which no row goes.
        size: of the letters.

    Returns:
        The number of the last page.
    """
    whole = page.width - 2 * margin
    share = sum(column.width for column in columns)
    widths = [whole * column.width / share for column in columns]
    leading = size * _LEADING
    number = 1
    y = _headings(page, columns, widths, (margin, heading(page, number)), size)
    for row in rows:
        cells = [
            wrap(text, width - 6, size) if text else [""]
            for text, width in zip(row, widths, strict=True)
        ]
        height = max(len(lines) for lines in cells) * leading + 5
        if y + height > bottom:
            footing(page, number)
            page.next_page()
            number += 1
            y = _headings(page, columns, widths, (margin, heading(page, number)), size)
        x = margin
        for lines, width, column in zip(cells, widths, columns, strict=True):
            page.cell(x, y, width, height, lines, size=size, align=column.align)
            x += width
        y += height
    footing(page, number)
    return number


def _headings(
    page: Page,
    columns: Sequence[Column],
    widths: Sequence[float],
    corner: tuple[float, float],
    size: float,
) -> float:
    height = size * _LEADING + 9
    x, y = corner
    for column, width in zip(columns, widths, strict=True):
        page.cell(x, y, width, height, [column.heading], size=size, align="center")
        x += width
    return y + height


@cache
def _character_width(character: str) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(stringWidth(character, FONT, 1000)) / 1000


@cache
def _register_font() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    try:
        pdfmetrics.registerFont(TTFont(FONT, str(FONT_FILE)))
    except TTFError as error:
        raise Unavailable(
            "缺少打印用的中文字体，不能生成 PDF。", "请运行 make setup，或重新安装本程序。"
        ) from error
