"""How a letter 公文 looks (GB/T 9704-2012): red head 红头, seal 印章, addressee 主送机关, margins.

Told from the first and the last page, in small: from the picture of a PDF, from the places and
colours that an OFD gives its objects. What is seen are facts; whether they are wanted of a file the
check knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

Box = tuple[float, float, float, float]

_DATA = Path(__file__).parents[1] / "data" / "letter-gbt9704-2012.json"
#: 主送机关: a line of its own, with a full-width colon behind it and no full stop within.
_ADDRESSEE = re.compile(r"(?:^|\n)[ \u3000]*[^\n。；：:]{2,120}[：:][ \u3000]*(?:\r?\n|$)")
_INK = 200


@cache
def rules() -> dict[str, dict[str, Any]]:
    """The measures in millimetres, each with its clause and how sure it is."""
    found: dict[str, dict[str, Any]] = json.loads(_DATA.read_text(encoding="utf-8"))
    return found


def _value(name: str) -> float:
    return float(rules()[name]["value"])


@cache
def _red_enough() -> list[int]:
    """For each strength of red whether it counts."""
    least = _value("red")
    return [255 if value > least else 0 for value in range(256)]


def names_addressee(text: str) -> bool:
    """Whether the first page has a line like 各县市区人民政府：."""
    return _ADDRESSEE.search(text) is not None


def facts_of_pictures(first: Image.Image, last: Image.Image, width: float) -> dict[str, Any]:
    """What two pages in colour show; `width` is that of the paper in millimetres."""
    scale = first.width / width
    grey = first.convert("L")
    ink = ImageChops.subtract(Image.new("L", grey.size, _INK), grey).getbbox()
    red = _red_boxes(first, scale)
    sealed = [box for box in red if box[3] > _value("head_within")]
    if last is not first:
        sealed += _red_boxes(last, scale)
    return {
        "red_head": _has_head(red),
        "seal": any(map(_is_seal, sealed)),
        "ink": [round(each / scale, 1) for each in ink] if ink else None,
    }


def facts_of_objects(first: list[tuple[Box, bool]], last: list[tuple[Box, bool]]) -> dict[str, Any]:
    """What the objects of two pages show: the box of each in millimetres, and whether it is red."""
    inked = [box for box, _red in first]
    ink = (
        [
            round(pick(each[side] for each in inked), 1)
            for side, pick in enumerate((min, min, max, max))
        ]
        if inked
        else None
    )
    head = [box for box, red in first if red]
    return {
        "red_head": _has_head(head),
        "seal": any(_is_seal(box) for box, red in last if red),
        "ink": ink,
    }


def _has_head(red: list[Box]) -> bool:
    upper = [box for box in red if box[1] < _value("head_within") and not _is_seal(box)]
    if not upper:
        return False
    width = max(box[2] for box in upper) - min(box[0] for box in upper)
    return width >= _value("head_width")


def _is_seal(box: Box) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    least, most = _value("seal_least"), _value("seal_most")
    return least <= width <= most and least <= height <= most and 0.5 <= width / height <= 2


def _red_boxes(page: Image.Image, scale: float) -> list[Box]:
    """The boxes, in millimetres, of what is red and hangs together."""
    red, green, blue = page.convert("RGB").split()
    strong = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    mask = strong.point(_red_enough())
    cell = _value("cell")
    side = max(1, round(cell * scale))
    small = mask.reduce(side)
    within = small.getbbox()
    if within is None:
        return []
    left, top, right, _bottom = within  # most of a page is not red
    inked = {
        (left + place % (right - left), top + place // (right - left))
        for place, value in enumerate(small.crop(within).tobytes())
        if value > 8
    }
    step = side / scale
    return [
        (
            min(x for x, _ in part) * step, min(y for _, y in part) * step,
            (max(x for x, _ in part) + 1) * step, (max(y for _, y in part) + 1) * step,
        )
        for part in _parts(inked)
    ]  # fmt: skip


def _parts(cells: set[tuple[int, int]]) -> Iterator[set[tuple[int, int]]]:
    waiting = set(cells)
    while waiting:
        part, edge = set(), [waiting.pop()]
        while edge:
            x, y = edge.pop()
            part.add((x, y))
            beside = {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & waiting
            waiting -= beside
            edge += beside
        yield part
