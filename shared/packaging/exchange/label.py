"""The label sheet of media 载体标签 (DA/T 52-2014): a page for each, a label for each copy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from shared.packaging.exchange.form import DATA
from shared.packaging.pdf import Page, draw, text_width, wrap

_A4 = (595.28, 841.89)
_LEFT, _TOP = 57.0, 56.0
_WIDTH = _A4[0] - 2 * _LEFT
_KEY = 58.0
_ROW = 25.0
_SIZE, _LEAST = 9.0, 6.0
_GAP = 26.0
_LINES = 2


@cache
def _data() -> Any:
    return json.loads((DATA / "label-dat52-2014.json").read_text(encoding="utf-8"))


def labels_pdf(media: Sequence[Mapping[str, str]]) -> bytes:
    """The labels as PDF, to be cut out; same input, same bytes.

    Each of `media` says by key what the data file has a place for (`medium_number`, `codes` …);
    the copy 套别 is put in here.
    """
    copies = _data()["copies"]["value"]

    def paint(page: Page) -> None:
        for number, values in enumerate(media):
            if number:
                page.next_page()
            for place, copy in enumerate(copies):
                height = _ROW * len(_data()["rows"]["value"])
                _label(page, _TOP + place * (height + _GAP), {**values, "copy": copy})

    return draw(_A4, "载体标签", paint)


def _label(page: Page, y: float, values: Mapping[str, str]) -> None:
    rows = _data()["rows"]["value"]
    for at, row in enumerate(rows):
        width = _WIDTH / len(row)
        for place, field in enumerate(row):
            x = _LEFT + place * width
            page.cell(x, y + at * _ROW, _KEY, _ROW, [field["name"]], size=_SIZE, align="center")
            lines, size = _fitted(values.get(field["holds"], ""), width - _KEY - 8)
            page.cell(x + _KEY, y + at * _ROW, width - _KEY, _ROW, lines, size=size)
    page.box(_LEFT, y, _WIDTH, _ROW * len(rows), thick=True)


def _fitted(text: str, width: float) -> tuple[list[str], float]:
    """The text in at most two lines, in smaller letters where it is long."""
    size = _SIZE
    while size > _LEAST and text_width(text, size) > width * _LINES * 0.95:
        size -= 0.5
    return wrap(text, width, size, most=_LINES), size
