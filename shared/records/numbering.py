"""Numbering 编号: within one lowest category, from 1, without gaps, never twice (DA/T 22-2015).

Pure rules. Numbers are drafts while a class is open; closing the class freezes them; afterwards a
late find takes the next number, and a removed one leaves a void number with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


def doc_no_key(doc_no: str | None) -> tuple[Any, ...]:
    """Order of document numbers 文号: 〔2024〕9号 before 〔2024〕10号; none comes last."""
    if doc_no is None:
        return (1, ())
    pieces = re.findall(r"\d+|\D+", doc_no)
    return (0, tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pieces))


#: A `Gap` in words, by its kind.
_GAP_WORDS = {
    "missing": "断号，没有件号",
    "duplicate": "重号，重复的件号",
    "unsent": "尚未移交的件号",
    "returned": "退回后没有再移交的件号",
    "withdrawn": "撤回后没有再移交的件号",
}


@dataclass(frozen=True)
class Gap:
    """Something wrong in a run of numbers, from `number` to `last` (None: only that one).

    `kind` is `missing`, `duplicate` or `out_of_range`; of what an archive lacks and the unit has,
    `unsent`, `returned` or `withdrawn`, which somebody has to explain and which may be right.
    """

    kind: str
    number: int
    last: int | None = None

    @property
    def is_error(self) -> bool:
        """Whether it is wrong in any case."""
        return self.kind not in ("unsent", "returned", "withdrawn")

    @property
    def numbers(self) -> str:
        """The number, or both ends of the run: `17–19`."""
        return (
            f"{self.number}" if self.last in (None, self.number) else f"{self.number}–{self.last}"
        )

    @property
    def problem(self) -> str:
        """The finding in words."""
        return f"{_GAP_WORDS.get(self.kind, '件号应从1开始，却有')} {self.numbers}。"


def gaps(numbers: Iterable[tuple[int, str]], start: int = 1) -> list[Gap]:
    """Missing and repeated numbers in one category, given as (number, state), from `start`.

    A void number fills its place. A number that is void and in use at once is a duplicate.
    """
    counts = Counter(number for number, _state in numbers)
    found = [Gap("out_of_range", number) for number in sorted(counts) if number < start]
    highest = max(counts, default=start - 1)
    for number in range(start, highest + 1):
        if counts[number] == 0:
            found.append(Gap("missing", number))
        elif counts[number] > 1:
            found.append(Gap("duplicate", number))
    return found
