"""What the papers of a unit say of themselves: title, number, issuer, day, kind, retention."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

#: How many of a hundred papers are incoming, outgoing, internal.
_SHARES = {"village": (30, 10, 60), "": (50, 33, 17)}
_PERMANENT = ("决定", "批复", "办法", "规定", "意见", "方案", "规划", "条例", "报告", "请示")
_THIRTY_YEARS = ("函", "通报", "公告", "通知")


class UnitKind(StrEnum):
    """What sort of unit: it decides organs, matters and meetings."""

    CITY_DEPARTMENT = "city_department"
    COUNTY_DEPARTMENT = "county_department"
    TOWNSHIP = "township"
    VILLAGE = "village"


class Kind(StrEnum):
    """Which register a paper stands in."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"


KIND_NAMES = {Kind.INCOMING: "收文", Kind.OUTGOING: "发文", Kind.INTERNAL: "内部"}


@dataclass(frozen=True)
class Unit:
    """A unit that forms papers.

    Attributes:
        name: its full name, as it stands as issuer.
        kind: what sort of unit it is.
        matters: its group of matters in `words.json`.
        sign: 机关代字, the letters of its document numbers; a village has none.
        superiors: names and 机关代字 of those that send it papers.
        places: names of places that its papers are about.
    """

    name: str
    kind: UnitKind
    matters: str
    sign: str
    superiors: tuple[tuple[str, str], ...]
    places: tuple[str, ...]


@dataclass(frozen=True)
class Paper:
    """One paper, before it is registered or filed anywhere."""

    kind: Kind
    title: str
    doc_no: str | None
    author: str
    day: date
    year: int
    retention: str
    organ: str
    organ_name: str
    pages: int
    matter: str


@cache
def words() -> dict[str, Any]:
    """The words and sentences that papers are made of."""
    path = Path(__file__).with_name("words.json")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def papers_of(unit: Unit, year: int, count: int, seed: int) -> list[Paper]:
    """So many papers of one unit in one year, in the order of their days; numbers never repeat."""
    chance = random.Random(f"papers/{seed}/{unit.name}/{year}")
    shares = _SHARES.get(unit.kind, _SHARES[""])
    kinds = chance.choices(list(Kind), weights=shares, k=count)
    numbers = _Numbers(chance)
    made = []
    for day, kind in zip(_days(year, count, chance), kinds, strict=True):
        made.append(_paper(unit, kind, day, numbers, chance))
    return made


def papers_of_titles(
    titles: Path, unit: Unit, years: Sequence[int], count: int, seed: int, *, part: int, parts: int
) -> list[Paper]:
    """Up to so many incoming papers with real titles, from a table `title,doc_no,issuer,date`.

    Rows of the wanted years are dealt out like cards, so that `parts` units get different ones.
    """
    found = list(_titles(titles, frozenset(years)))
    random.Random(f"titles/{seed}").shuffle(found)
    chance = random.Random(f"titles/{seed}/{unit.name}")
    organs = words()["organs"][unit.kind]
    made = []
    for title, doc_no, issuer, day in found[part::parts][:count]:
        organ, organ_name = chance.choice(organs)
        made.append(
            Paper(
                kind=Kind.INCOMING,
                title=title,
                doc_no=doc_no,
                author=issuer,
                day=day,
                year=day.year,
                retention=_retention_of(title),
                organ=organ,
                organ_name=organ_name,
                pages=chance.choice((1, 2, 2, 3, 4)),
                matter=title[:40],
            )
        )
    return sorted(made, key=lambda paper: (paper.day, paper.title))


class _Numbers:
    """Running numbers for each 机关代字, with gaps for what went elsewhere."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._last: dict[str, int] = {}

    def next(self, sign: str, year: int, most_gap: int) -> str:
        number = self._last.get(sign, 0) + self._chance.randint(1, most_gap)
        self._last[sign] = number
        return f"{sign}〔{year}〕{number}号"

    def ordinal(self, of: str) -> int:
        self._last[of] = self._last.get(of, 0) + 1
        return self._last[of]


def _paper(unit: Unit, kind: Kind, day: date, numbers: _Numbers, chance: random.Random) -> Paper:
    pattern, retention = chance.choice(words()[kind])
    matter = chance.choice(words()["matters"][unit.matters])
    organ, organ_name = chance.choice(words()["organs"][unit.kind])
    doc_no = None
    author = unit.name
    if kind is Kind.INCOMING:
        author, sign = chance.choice(unit.superiors)
        doc_no = numbers.next(sign, day.year, 4)
    elif kind is Kind.OUTGOING and unit.sign:
        doc_no = numbers.next(unit.sign, day.year, 1)
    meeting = words()["meetings"][unit.kind]
    title = pattern.format(
        matter=matter,
        year=day.year,
        unit=unit.name,
        place=chance.choice(unit.places),
        meeting=meeting,
        ordinal=numbers.ordinal("meeting") if "{ordinal}" in pattern else 0,
    )
    if kind is not Kind.INTERNAL:
        title = f"{author}{title}"
    elif "{ordinal}" in pattern:
        title = f"{title}（{day.year}年）"
    elif "{unit}" not in pattern or "{year}" not in pattern:
        title = f"{title}（{day.month}月{day.day}日）"
    return Paper(
        kind=kind,
        title=title,
        doc_no=doc_no,
        author=author,
        day=day,
        year=day.year,
        retention=retention,
        organ=organ,
        organ_name=organ_name,
        pages=chance.choice((1, 1, 2, 2, 2, 3, 4)),
        matter=matter,
    )


def _days(year: int, count: int, chance: random.Random) -> Iterator[date]:
    """Working days of a year, in order, some of them several times."""
    first = date(year, 1, 4)
    span = (date(year, 12, 28) - first).days
    for offset in sorted(chance.randint(0, span) for _ in range(count)):
        day = first + timedelta(days=offset)
        yield day - timedelta(days=max(0, day.weekday() - 4))


def _retention_of(title: str) -> str:
    if any(word in title for word in _PERMANENT):
        return "Y"
    return "D30" if any(word in title for word in _THIRTY_YEARS) else "D10"


@cache
def _titles(path: Path, years: frozenset[int]) -> tuple[tuple[str, str | None, str, date], ...]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return tuple(_read_titles(csv.DictReader(stream), years))


def _read_titles(
    rows: Iterable[dict[str, str]], years: frozenset[int]
) -> Iterator[tuple[str, str | None, str, date]]:
    for row in rows:
        try:
            day = date.fromisoformat(row["date"])
        except ValueError:
            continue
        if day.year in years and row["title"]:
            yield row["title"], row.get("doc_no") or None, row.get("issuer") or "", day
