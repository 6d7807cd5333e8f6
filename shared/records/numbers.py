"""Whole numbers as offices write them: pages, years."""

from __future__ import annotations

import re
import unicodedata

from shared.kernel.errors import Invalid
from shared.records.text import FIRST_YEAR, LAST_YEAR, empty_like, repair_text

MOST_PAGES = 100_000


def whole_number(value: object) -> int | None:
    """A whole number that a cell holds, as int, whole float or digits; None if it holds none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", repair_text(value)).strip()
        if re.fullmatch(r"[0-9]{1,15}(\.0+)?", text):
            return int(text.partition(".")[0])
    return None


def parse_pages(value: object, field: str = "pages") -> int | None:
    """A number of pages 页数: `3`, `3.0`, `3页`, `共3页`; None for empty or 无."""
    if empty_like(value) is None:
        return None
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", repair_text(value)).replace(" ", "")
        value = re.sub(r"^共|[页张]$", "", text)
    number = whole_number(value)
    if number is None or not 0 < number <= MOST_PAGES:
        raise Invalid(
            field, "页数应为大于0的整数。", "请填写阿拉伯数字，例如 3。", code="bad_pages"
        )
    return number


def parse_year(value: object, field: str = "year") -> int:
    """A year 年度: `2024`, `2024.0`, `2024年`, `2024年度`."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", repair_text(value)).replace(" ", "")
        value = re.sub(r"年度?$", "", text)
    number = whole_number(value)
    if number is None or not FIRST_YEAR <= number <= LAST_YEAR:
        raise Invalid(
            field,
            f"年度应为{FIRST_YEAR}至{LAST_YEAR}之间的四位数字。",
            "请填写四位年份，例如 2024。",
            code="bad_year",
        )
    return number
