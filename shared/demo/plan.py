"""What is to happen: which papers come to which office, by which sheet, and how far each goes.

Everything follows from the seed and the number of records, so that a demo that was killed knows
again, without asking anybody, what it was about to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.demo.city import OFFICES, FondsPlan, Office
from shared.demo.generator import Paper, papers_of, papers_of_titles

#: Years whose classes are closed and handed over; the year being arranged; the year in the books.
CLOSED_YEARS = (2021, 2022)
OPEN_YEAR = 2023
REGISTER_YEAR = 2024
#: Of a hundred papers of an office: those of the open year. Few enough go through the register,
#: because each of them is a command of its own.
_OPEN_SHARE = 14
_REGISTERED = 6


@dataclass(frozen=True)
class SheetPlan:
    """One spreadsheet with its folder of files, and what becomes of its records."""

    office: Office
    fonds: FondsPlan
    year: int
    papers: tuple[Paper, ...]
    closes: bool
    bad_rows: bool = False

    @property
    def name(self) -> str:
        """Its name in the folder of papers."""
        return f"{self.fonds.number}-{self.year}"


@dataclass(frozen=True)
class RegisterPlan:
    """The documents that an office registers one by one, as they come."""

    office: Office
    fonds: FondsPlan
    papers: tuple[Paper, ...]


@dataclass(frozen=True)
class CityPlan:
    """All of it."""

    records: int
    seed: int
    titles: Path | None = None

    def sheets(self) -> Iterator[SheetPlan]:
        """Every spreadsheet, office by office."""
        for office, count in zip(OFFICES, _dealt(self.records, OFFICES), strict=True):
            for fonds, part in zip(office.fonds, _dealt(count, office.fonds), strict=True):
                yield from self._sheets_of(office, fonds, part)

    def registers(self) -> Iterator[RegisterPlan]:
        """The register of each office."""
        for office, count in zip(OFFICES, _dealt(self.records, OFFICES), strict=True):
            fonds = office.fonds[0]
            part = _dealt(count, office.fonds)[0]
            papers = self._papers(office, fonds, REGISTER_YEAR, _in_register(part))
            yield RegisterPlan(office, fonds, papers)

    def _sheets_of(self, office: Office, fonds: FondsPlan, count: int) -> Iterator[SheetPlan]:
        in_register = _in_register(count) if fonds is office.fonds[0] else 0
        open_count = count * _OPEN_SHARE // 100
        closed = count - in_register - open_count
        first = closed // 2
        for year, part in zip(CLOSED_YEARS, (first, closed - first), strict=True):
            if part:
                papers = self._papers(office, fonds, year, part)
                yield SheetPlan(office, fonds, year, papers, closes=True)
        if open_count:
            papers = self._papers(office, fonds, OPEN_YEAR, open_count)
            yield SheetPlan(
                office, fonds, OPEN_YEAR, papers, closes=False, bad_rows=fonds.hands_over
            )

    def _papers(self, office: Office, fonds: FondsPlan, year: int, count: int) -> tuple[Paper, ...]:
        papers: list[Paper] = []
        if self.titles is not None and fonds.hands_over and year != REGISTER_YEAR:
            part = OFFICES.index(office)
            papers = papers_of_titles(
                self.titles, fonds.unit, [year], count, self.seed, part=part, parts=len(OFFICES)
            )
        found: dict[tuple[object, ...], Paper] = {}
        wanted = count
        while len(found) < count:
            for paper in [*papers, *papers_of(fonds.unit, year, wanted, self.seed)]:
                found.setdefault((paper.title, paper.doc_no, paper.day), paper)
            wanted += count
        chosen = list(found.values())[:count]
        return tuple(sorted(chosen, key=lambda paper: (paper.day, paper.title)))


def _in_register(count: int) -> int:
    return min(_REGISTERED, count // 6)


def _dealt(count: int, to: Sequence[Office] | Sequence[FondsPlan]) -> list[int]:
    """A number in parts by share; what rounding leaves goes to the first."""
    whole = sum(each.share for each in to)
    parts = [count * each.share // whole for each in to]
    parts[0] += count - sum(parts)
    return parts
