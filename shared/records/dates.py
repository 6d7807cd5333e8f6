"""Dates as offices write them, read into one form; the impossible is refused with a remedy."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta

from shared.kernel.errors import Invalid
from shared.records.text import FIRST_YEAR, LAST_YEAR, repair_text

#: Serial numbers of spreadsheets that are read as days: 1927-05-18 to 2099-12-31.
FIRST_SERIAL = 10_000
LAST_SERIAL = 73_050
_SERIAL_ORIGIN = date(1899, 12, 30)

_EIGHT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_PARTS = re.compile(r"(\d{4})([-/.年])(\d{1,2})([-/.月])(\d{1,2})日?")
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$")
_SERIAL = re.compile(r"(\d{5})(\.\d+)?")
_RANGE = re.compile(r"(.+?)\s*(?:[~—–]+|至|到)\s*(.+)|(\d{8})-(\d{8})")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_NUMERALS = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_CHINESE = re.compile(
    r"([〇零○一二三四五六七八九]{4})年([一二三四五六七八九十]{1,2})月([一二三四五六七八九十]{1,3})日"
)

_REMEDY = "请填写年月日，例如 20240305 或 2024-03-05。"


def parse_date(value: object, field: str = "date") -> date:
    """One day, from a cell or a form.

    Reads dates and times, 20210331, 2021-3-31, 2021/3/31, 2021.3.31, 2021年3月31日,
    二〇二一年三月三十一日, and the serial day numbers of spreadsheets. Raises Invalid for what is
    no day, with what to do.
    """
    if isinstance(value, datetime):
        return _plausible(value.date(), field)
    if isinstance(value, date):
        return _plausible(value, field)
    if isinstance(value, float) and FIRST_SERIAL <= value < LAST_SERIAL + 1:
        value = int(value)
    text = "" if isinstance(value, bool) else repair_text(value)
    if not text:
        raise Invalid(field, "日期不能为空。", _REMEDY, code="required")
    return _plausible(_from_text(text, field), field)


def _from_text(original: str, field: str) -> date:
    if chinese := _CHINESE.fullmatch(original.replace(" ", "")):
        year, month, day = chinese.groups()
        return _day(int(year.translate(_NUMERALS)), _tens(month), _tens(day), original, field)
    text = _TIME.sub("", unicodedata.normalize("NFKC", original)).strip()
    text = re.sub(r"\s", "", text).translate(_DASHES)
    if parts := _EIGHT.fullmatch(text):
        year, month, day = (int(part) for part in parts.groups())
        return _day(year, month, day, original, field)
    if parts := _PARTS.fullmatch(text):
        year, first, month, second, day = parts.groups()
        if (first == second) != (first == "年"):
            return _day(int(year), int(month), int(day), original, field)
    if (serial := _SERIAL.fullmatch(text)) and FIRST_SERIAL <= int(serial[1]) <= LAST_SERIAL:
        return _SERIAL_ORIGIN + timedelta(days=int(serial[1]))
    if re.fullmatch(r"\d{6}|\d{4}[-/.年]?(\d{1,2}月?)?", text):
        raise Invalid(
            field,
            f"“{_short(original)}”只有年或年月，没有日。",
            "请补全到日；查不清的，请考证后填写，并在备注中说明。",
            code="bad_date",
        )
    raise Invalid(field, f"“{_short(original)}”不是日期。", _REMEDY, code="bad_date")


def _tens(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return int(ones.translate(_NUMERALS))
    return int(tens.translate(_NUMERALS) or "1") * 10 + int(ones.translate(_NUMERALS) or "0")


def _day(year: int, month: int, day: int, original: str, field: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        unknown = "；月日查不清的，请考证后填写，并在备注中说明" if 0 in (month, day) else ""
        raise Invalid(
            field,
            f"“{_short(original)}”：没有{year}年{month}月{day}日这一天。",
            f"请核对原文后填写真实的日期{unknown}。",
            code="bad_date",
        ) from None


def _plausible(day: date, field: str) -> date:
    if FIRST_YEAR <= day.year <= LAST_YEAR:
        return day
    raise Invalid(
        field,
        f"日期的年份 {day.year} 不合理。",
        f"年份应在{FIRST_YEAR}至{LAST_YEAR}之间，请核对原文。",
        code="bad_date",
    )


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:30] + "…"


def parse_date_range(value: object, field: str = "date") -> tuple[date, date]:
    """First and last day 起止日期: `20210101-20211231`, also with ~, 至; one day counts as both."""
    if not isinstance(value, str):
        day = parse_date(value, field)
        return day, day
    text = repair_text(value)
    if found := _RANGE.fullmatch(unicodedata.normalize("NFKC", text)):
        first, last = (part for part in found.groups() if part)
        start, end = parse_date(first, field), parse_date(last, field)
    else:
        start = end = parse_date(text, field)
    if end < start:
        raise Invalid(field, "止日期早于起日期。", "请核对起止日期的先后。", code="bad_date")
    return start, end
