"""Numbering 编号: within one lowest category, from 1, without gaps, never twice (DA/T 22-2015).

Pure rules. Numbers are drafts while a class is open; closing the class freezes them; afterwards a
late find takes the next number, and a removed one leaves a void number with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.kernel.errors import Invalid

if TYPE_CHECKING:
    from shared.records.model import Record


@dataclass(frozen=True)
class NumberingKey:
    """The lowest category 最低一级类目 in which numbers run; items run within their volume."""

    fonds_id: str
    level: str
    class_code: str
    subclass: str | None
    year: int | None
    retention: str | None
    organ: str | None
    project_number: str | None = None
    catalogue_number: str | None = None
    parent_id: str | None = None


def numbering_key(record: Record) -> NumberingKey:
    """The category in which this record is numbered."""
    in_project = record.project_number is not None or record.catalogue_number is not None
    return NumberingKey(
        record.fonds_id,
        str(record.level),
        record.class_code,
        record.subclass,
        None if in_project else record.year,
        None if in_project else record.retention,
        None if in_project else record.organ,
        record.project_number,
        record.catalogue_number,
        record.parent_id if record.level == "item" else None,
    )


def arrange(records: Iterable[Record], order: Sequence[str] | None = None) -> list[Record]:
    """The records in the order of numbering: by date, then document number, then title.

    With `order` (ids), those come first in that order, the others after them.
    """
    places = {record_id: place for place, record_id in enumerate(order or ())}
    return sorted(records, key=lambda record: (places.get(record.id, len(places)), _place(record)))


def _place(record: Record) -> tuple[Any, ...]:
    return (record.date or date.max, doc_no_key(record.doc_no), record.title, record.id)


def doc_no_key(doc_no: str | None) -> tuple[Any, ...]:
    """Order of document numbers 文号: 〔2024〕9号 before 〔2024〕10号; none comes last."""
    if doc_no is None:
        return (1, ())
    pieces = re.findall(r"\d+|\D+", doc_no)
    return (0, tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pieces))


def draft_numbers(ordered: Iterable[Record], start: int = 1) -> list[tuple[Record, int]]:
    """Each record with its draft number, from `start` on, without gaps."""
    if start < 1:
        raise Invalid("number", "件号应从1开始。", "请填写大于0的起始号。")
    return [(record, number) for number, record in enumerate(ordered, start)]


@dataclass(frozen=True)
class Gap:
    """Something wrong in a run of numbers: `missing`, `duplicate` or `out_of_range`."""

    kind: str
    number: int

    @property
    def problem(self) -> str:
        """The finding in words."""
        words = {"missing": "断号，没有件号", "duplicate": "重号，重复的件号"}
        return f"{words.get(self.kind, '件号应从1开始，却有')} {self.number}。"


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


def next_number(existing: Iterable[int]) -> int:
    """The number for a late find: after the highest, void ones counted; gaps are never filled."""
    return max(existing, default=0) + 1
