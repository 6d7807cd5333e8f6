"""The gap list 断号表: which numbers of a fonds an archive lacks, across its batches and years.

Pure rules. What is known comes as *runs*, consecutive numbers of one series that stand alike, as
one query over a catalogue gives them; `lacking` adds the numbers that no record bears, and leaves
out what nobody can call a gap yet. A void number 空号 with its reason and a number that is kept
elsewhere 另处保存 are no gaps (DA/T 70-2018, 2-6; DA/T 22-2015).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from shared.records.archival_code import normalise
from shared.records.classes import class_name
from shared.records.numbering import Gap
from shared.records.retention import retention_name
from shared.records.text import FIRST_YEAR, LAST_YEAR


class Standing(StrEnum):
    """Where a number stands, seen from the archive."""

    HELD = "held"
    OFFERED = "offered"
    UNSENT = "unsent"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    EMPTY_YEAR = "empty_year"
    VOID = "void"
    ELSEWHERE = "elsewhere"
    DISPOSED = "disposed"

    @property
    def label(self) -> str:
        """The name that people see."""
        return STANDING_NAMES[self]

    @property
    def is_gap(self) -> bool:
        """Whether the archive lacks such a number and somebody has to say why."""
        return self in GAPS


STANDING_NAMES = {
    Standing.HELD: "已接收",
    Standing.OFFERED: "移交中",
    Standing.UNSENT: "尚未移交",
    Standing.RETURNED: "退回后未再移交",
    Standing.WITHDRAWN: "撤回后未再移交",
    Standing.UNKNOWN: "去向不明",
    Standing.EMPTY_YEAR: "整年没有目录",
    Standing.VOID: "空号",
    Standing.ELSEWHERE: "另处保存",
    Standing.DISPOSED: "已销毁",
}
#: What the archive lacks; everything else is accounted for.
GAPS = frozenset(
    {
        Standing.UNSENT,
        Standing.RETURNED,
        Standing.WITHDRAWN,
        Standing.UNKNOWN,
        Standing.EMPTY_YEAR,
    }
)
#: What to do about each.
REMEDIES = {
    Standing.UNSENT: "单位的目录中有这些件，还没有移交；请单位补交，或说明何时移交。",
    Standing.RETURNED: "这些件退回后没有再移交；请单位改正后重新移交。",
    Standing.WITHDRAWN: "这些件撤回后没有再移交；请单位重新移交，或说明原因。",
    Standing.UNKNOWN: "目录中没有这些件号；请单位查找，确已没有的，作废该号并写明原因。",
    Standing.EMPTY_YEAR: "这一年没有一件目录；请单位核对当年是否归档，确无文件的请书面说明。",
}

_KINDS = {
    Standing.UNKNOWN: "missing",
    Standing.UNSENT: "unsent",
    Standing.RETURNED: "returned",
    Standing.WITHDRAWN: "withdrawn",
}

#: How a void number says that its document is kept by somebody else, or in another place.
_ELSEWHERE = re.compile("另处保存|另处保管|另行保存|另行保管|另柜保管|占号")
#: An empty year is only asked about between years that are not further apart than this.
_MOST_YEARS = 60


@dataclass(frozen=True)
class Series:
    """One series of numbers: the lowest category 最低一级类目, and what is said of it.

    `key` is what its codes have in common, `A182-WS·2024-Y-BGS-`; years and retention are empty
    where a series of old stock goes through several.
    """

    key: str
    class_code: str
    year: int | None
    retention: str | None
    organ: str | None = None

    @property
    def label(self) -> str:
        """As people read it: `文书·2024·永久·BGS`."""
        parts = (
            class_name(self.class_code) if self.class_code else "",
            str(self.year) if self.year else "",
            retention_name(self.retention) if self.retention else "",
            self.organ or "",
        )
        return "·".join(each for each in parts if each) or self.key


@dataclass(frozen=True)
class Run:
    """Consecutive numbers of one series that stand alike, `first` to `last`; 0 to 0 for a year."""

    series: Series
    first: int
    last: int
    standing: Standing
    reason: str = ""

    @property
    def count(self) -> int:
        """How many numbers it is."""
        return self.last - self.first + 1 if self.last else 0

    @property
    def numbers(self) -> str:
        """The numbers as people write them: `0017–0019`."""
        if not self.last:
            return "—"
        if self.first == self.last:
            return f"{self.first:04d}"
        return f"{self.first:04d}–{self.last:04d}"

    @property
    def label(self) -> str:
        """Series and numbers: `文书·2024·永久 0017–0019`."""
        return f"{self.series.label} {self.numbers}" if self.last else self.series.label


def gap_of(run: Run) -> Gap | None:
    """What a run is to the check of runs of numbers (2-6); None for what is accounted for."""
    kind = _KINDS.get(run.standing)
    return Gap(kind, run.first, run.last if run.last > run.first else None) if kind else None


def is_kept_elsewhere(void_reason: str | None) -> bool:
    """Whether the reason of a void number says that the document is kept elsewhere 另处保存."""
    return bool(void_reason and _ELSEWHERE.search(void_reason))


def series_key(code: str) -> str:
    """What the codes of a series have in common: a code without its last number."""
    return split_code(code)[0]


def split_code(code: str) -> tuple[str, int | None]:
    """The series of a code and its number there; a part `·001` counts as its whole record."""
    plain = normalise(code)
    whole = plain[:-4] if re.search(r"·\d{3}$", plain) else plain
    key = whole.rstrip("0123456789")
    return key, int(whole[len(key) :]) if len(key) < len(whole) else None


def lacking(runs: Iterable[Run], *, present: Collection[Standing] = (Standing.HELD,)) -> list[Run]:
    """What is not `present` in each series, with the numbers that no record bears; in order.

    Up to the highest number that is present: what comes after it may still follow. Where nothing is
    present only numbers that nobody knows are told, below the highest that somebody does.
    """
    found: list[Run] = []
    ordered = sorted(runs, key=lambda run: (run.series.key, run.first))
    for _, each in groupby(ordered, key=lambda run: run.series.key):
        found += _of_series(list(each), present)
    found += _empty_years(ordered)
    return sorted(found, key=lambda run: (run.series.class_code, *_order(run)))


def _order(run: Run) -> tuple[int, str, str, int]:
    return (run.series.year or 0, run.series.retention or "", run.series.key, run.first)


def _of_series(known: Sequence[Run], present: Collection[Standing]) -> Iterator[Run]:
    end = max((run.last for run in known if run.standing in present), default=0)
    reached = 0
    for run in known:
        if run.first > reached + 1:
            yield Run(known[0].series, reached + 1, run.first - 1, Standing.UNKNOWN)
        reached = max(reached, run.last)
        if run.standing not in present and run.first <= end:
            yield replace(run, last=min(run.last, end))


def _empty_years(runs: Sequence[Run]) -> Iterator[Run]:
    """Years without one record, between two that have some, by class and retention."""
    years: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        series = run.series
        if series.year and series.retention and FIRST_YEAR <= series.year <= LAST_YEAR:
            years.setdefault((series.class_code, series.retention), set()).add(series.year)
    for (class_code, retention), there in years.items():
        if max(there) - min(there) > _MOST_YEARS:
            continue
        for year in range(min(there), max(there)):
            if year not in there:
                yield Run(Series("", class_code, year, retention), 0, 0, Standing.EMPTY_YEAR)
