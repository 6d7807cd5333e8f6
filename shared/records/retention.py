"""Retention periods 保管期限 (order no. 8 of 2006 of the National Archives, as versioned data).

The old 长期 and 短期 are kept for old stock and never turned into years.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from shared.kernel.errors import Invalid
from shared.records.resources import load_json
from shared.records.text import repair_text

#: So many records one list of an appraisal takes: people read each line of it.
MOST_LISTED = 500


class Opinion(StrEnum):
    """What is to become of a record when its retention is over 鉴定意见."""

    DESTROY = "destroy"
    EXTEND = "extend"
    RAISE = "raise"


OPINION_NAMES = {Opinion.DESTROY: "销毁", Opinion.EXTEND: "续存", Opinion.RAISE: "升级为永久"}


@dataclass(frozen=True)
class RetentionPeriod:
    """One period: its code in the archival code, its name, and its years where it has any."""

    code: str
    name: str
    years: int | None
    kind: str
    aliases: tuple[str, ...]


@cache
def retention_periods() -> tuple[RetentionPeriod, ...]:
    """All periods, longest first; the old ones last."""
    return tuple(
        RetentionPeriod(
            each["code"], each["name"], each["years"], each["kind"], tuple(each["aliases"])
        )
        for each in load_json("retention-2006.json")["periods"]
    )


@cache
def _by_code() -> dict[str, RetentionPeriod]:
    return {period.code: period for period in retention_periods()}


@cache
def _readings() -> dict[str, str]:
    return {
        _plain(spelling): period.code
        for period in retention_periods()
        for spelling in (period.code, period.name, *period.aliases)
    }


def _plain(value: object) -> str:
    text = unicodedata.normalize("NFKC", repair_text(value)).upper()
    return re.sub(r"[\s()\[\]【】〔〕:.\-_]", "", text)


def read_retention(value: object, field: str = "retention") -> str:
    """The code of a retention period: 永久, Y, 30年, D30, 30Y, 定期30年, 长期, C …

    Raises Invalid for what is none of them.
    """
    plain = _plain(value)
    code = _readings().get(plain)
    if code is not None:
        return code
    if not plain:
        raise Invalid(field, "保管期限不能为空。", "请选择永久、30年或10年。", code="required")
    if plain == "定期":
        raise Invalid(
            field, "只写“定期”看不出年数。", "请写明“30年”或“10年”。", code="unknown_retention"
        )
    raise Invalid(
        field,
        "不认识这个保管期限。",
        "请填写永久、30年、10年（或 Y、D30、D10）；旧档案可填长期、短期。",
        code="unknown_retention",
    )


def retention_period(code: str) -> RetentionPeriod:
    """The period of a code. Raises Invalid for an unknown code."""
    period = _by_code().get(code)
    if period is None:
        raise Invalid(
            "retention",
            "不认识这个保管期限代码。",
            "请选择永久、30年或10年。",
            code="unknown_retention",
        )
    return period


def retention_name(code: str) -> str:
    """The name of a code: `D30` is 30年. An unknown code is its own name."""
    period = _by_code().get(code)
    return period.name if period else code


def outlasts(code: str, other: str) -> bool:
    """Whether one period is longer than another; of the old 长期, 短期 only 永久 is known to be."""
    longer, shorter = retention_period(code), retention_period(other)
    if shorter.kind == "permanent":
        return False
    if longer.kind == "permanent":
        return True
    return bool(longer.years and shorter.years and longer.years > shorter.years)


def last_year(code: str, year: int) -> int | None:
    """The last year in which a record of `year` must be kept; None when no year can be named.

    The period runs from the first day of the year after: 10年 of 2013 ends with 2023. 永久 never
    ends, and the old 长期, 短期 are never turned into years.
    """
    years = retention_period(code).years
    return None if years is None else year + years


def retention_rank(code: str) -> int:
    """Place in the customary order: permanent, 30, 25 … 5 years, 长期, 短期; unknown ones last."""
    codes = [period.code for period in retention_periods()]
    return codes.index(code) if code in codes else len(codes)


def ended_before(year: int) -> list[tuple[str, int]]:
    """For each period with an end: its code, and before which year a record of it is over then."""
    return [
        (each.code, year - each.years) for each in retention_periods() if each.years is not None
    ]
