"""Staging: rows as read are compared with each other, with filing, and written down, in bulk.

A fixed number of statements per chunk, whatever the sheet's size: staging is linear in rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from node.filing.service import codes_in_use, keys_in_use
from node.intake.models import Intake, IntakeFile, IntakeRow, IntakeSheet, RowState
from node.intake.problems import Problem
from node.intake.reading import ReadRow, source_key
from shared.kernel.errors import Classified
from shared.records.record import RecordLevel

_HOLDERS = (RecordLevel.VOLUME, RecordLevel.PROJECT)
_MOST_IDS = 500


@dataclass
class StagedRow:
    """A row as read, with its cells as they stood and the computer files that it names."""

    row: ReadRow
    cells: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)


#: Projects are taken before volumes, and items behind all whose volume is not in the import.
_TURNS = {
    RecordLevel.RECORD: 0,
    RecordLevel.PROJECT: 0,
    RecordLevel.VOLUME: 1_000_000,
    RecordLevel.ITEM: 2_000_000,
}


@dataclass
class _Earlier:
    """A row of the same import that came before."""

    part: int
    number: int
    level: str
    key: str | None
    code: str | None
    state: str


def place_of(intake: Intake, part: int, number: int) -> str:
    """Where a row stands, in words; with the sheet, where there are several."""
    row = f"第 {number} 行"
    return f"“{intake.sheet_of(part).name}”{row}" if intake.linked else row


def stage(
    intake: Intake, sheet: IntakeSheet, rows: Sequence[StagedRow], *, session: Session
) -> None:
    """Write rows of a sheet down, each as good, bad, already there, or classified."""
    judge = _Judge(intake, sheet, rows, session)
    made = []
    for each in rows:
        state, same_as = judge.judge(each.row)
        bad = state == RowState.BAD
        kept = state in (RowState.GOOD, RowState.BAD)
        made.append(
            {
                "intake_id": intake.id,
                "part": sheet.part,
                "number": each.row.number,
                "fonds_id": intake.fonds_id,
                "level": str(each.row.level),
                "state": state,
                "turn": _TURNS[each.row.level] + each.row.number,
                "key": each.row.key or None,
                "code": each.row.code,
                "group": each.row.links.group,
                "links": {} if each.row.classified else each.row.links.to_wire(),
                "values": each.row.values if state == RowState.GOOD else {},
                "problems": [problem.to_wire() for problem in each.row.problems] if bad else [],
                # A good row may yet turn out to share its code with a later one.
                "cells": each.cells if kept else [],
                "files": each.files if state == RowState.GOOD else [],
                "same_as": same_as,
                "record_id": None,
            }
        )
    if made:
        session.execute(insert(IntakeRow), made)
    judge.spoil_earlier()
    _ask_for([file["id"] for each in rows for file in each.files if file.get("id")], session)


def _ask_for(file_ids: Sequence[str], session: Session) -> None:
    """Note that rows found these uploaded files."""
    for start in range(0, len(file_ids), _MOST_IDS):
        some = file_ids[start : start + _MOST_IDS]
        session.execute(update(IntakeFile).where(IntakeFile.id.in_(some)).values(wanted=True))


def spoil(row: IntakeRow, *problems: Problem) -> None:
    """Make a staged row a bad one; its cells stay for the spreadsheet of rejected rows.

    Of a classified one, whose file bears a mark, nothing but its number is kept.
    """
    row.values, row.files = {}, []
    if any(each.code == Classified.code for each in problems):
        row.state = RowState.CLASSIFIED
        row.key = row.code = None
        row.problems, row.cells = [], []
        return
    row.problems = [*row.problems, *(each.to_wire() for each in problems)]
    row.state = RowState.BAD


class _Judge:
    """Knows what a chunk of rows could repeat: the import so far, and what filing has."""

    def __init__(
        self, intake: Intake, sheet: IntakeSheet, rows: Sequence[StagedRow], session: Session
    ) -> None:
        self._intake, self._sheet, self._session = intake, sheet, session
        keys = [each.row.key for each in rows if each.row.key]
        codes = [each.row.code for each in rows if each.row.code]
        self._by_key: dict[str, list[_Earlier]] = {}
        self._by_code: dict[str, _Earlier] = {}
        self._spoiled: dict[tuple[int, int], Problem] = {}
        for row in self._earlier(keys, codes):
            self._remember(row)
        sources = {each.row.source_key for each in rows if each.row.key} | set(keys)
        coded = self._coded_before(keys)
        level = str(sheet.level)
        sources |= {source_key(level, key, code) for key, code in coded}
        self._sources = set(keys_in_use(intake.fonds_id, sources, session=session))
        self._taken_with_code = {
            key for key, code in coded if source_key(level, key, code) in self._sources
        }
        self._codes = codes_in_use(intake.fonds_id, codes, session=session)

    def _earlier(self, keys: list[str], codes: list[str]) -> list[_Earlier]:
        found = {}
        for column, wanted in ((IntakeRow.key, keys), (IntakeRow.code, codes)):
            rows = self._session.execute(
                select(
                    *(IntakeRow.part, IntakeRow.number, IntakeRow.level),
                    *(IntakeRow.key, IntakeRow.code, IntakeRow.state),
                )
                .where(IntakeRow.intake_id == self._intake.id)
                .where(column.in_(wanted))
            )
            found.update({(row.part, row.number): _Earlier(*row) for row in rows})
        return [found[place] for place in sorted(found)]

    def _coded_before(self, keys: list[str]) -> list[tuple[str, str]]:
        """Content and code of rows that were taken from other sheets."""
        rows = self._session.execute(
            select(IntakeRow.key, IntakeRow.code)
            .where(IntakeRow.fonds_id == self._intake.fonds_id)
            .where(IntakeRow.key.in_(keys))
            .where(IntakeRow.state == RowState.TAKEN)
            .where(IntakeRow.code.is_not(None))
        )
        return [(str(key), str(code)) for key, code in rows]

    def _remember(self, row: _Earlier) -> None:
        if row.key and (row.state in (RowState.GOOD, RowState.THERE) or row.level in _HOLDERS):
            self._by_key.setdefault(row.key, []).append(row)
        if row.code:
            self._by_code.setdefault(row.code, row)

    def judge(self, row: ReadRow) -> tuple[RowState, str | None]:
        """The state of a row, and where the row of the same import stands that it repeats."""
        if row.classified:
            return RowState.CLASSIFIED, None
        same = self._same_before(row)
        state, same_as = self._state(row, same)
        self._remember(
            _Earlier(self._sheet.part, row.number, str(row.level), row.key, row.code, state)
        )
        return state, same_as

    def _state(self, row: ReadRow, same: _Earlier | None) -> tuple[RowState, str | None]:
        if row.problems:
            return RowState.BAD, None
        if same is not None:
            return RowState.THERE, place_of(self._intake, same.part, same.number)
        known = row.code is not None and row.code in self._codes
        known = known or row.source_key in self._sources or row.key in self._sources
        if known or (row.code is None and row.key in self._taken_with_code):
            return RowState.THERE, None
        return RowState.GOOD, None

    def _same_before(self, row: ReadRow) -> _Earlier | None:
        """The earlier row with the same content; one that only shares the code spoils both.

        Two rows of one volume or project spoil each other, whatever their content.
        """
        holder = self._by_code.get(row.code) if row.code else None
        if holder is None and row.level in _HOLDERS and row.links.group:
            holder = next(iter(self._by_key.get(row.key, ())), None)
        if holder is not None and (holder.key != row.key or row.level in _HOLDERS):
            row.problems.append(self._same_code(row, holder.part, holder.number))
            self._spoiled.setdefault(
                (holder.part, holder.number), self._same_code(row, self._sheet.part, row.number)
            )
            return None
        for each in self._by_key.get(row.key, ()):
            if row.code is None or each.code is None or row.code == each.code:
                return each
        return None

    def _same_code(self, row: ReadRow, part: int, number: int) -> Problem:
        return Problem(
            "code",
            f"档号 {row.code} 与{place_of(self._intake, part, number)}重复。",
            "请核对两行的档号，改正后重新导入这两行。",
            "duplicate_code",
        )

    def spoil_earlier(self) -> None:
        """The first row of a shared code is bad, too: a person must say which one is right."""
        for (part, number), problem in self._spoiled.items():
            earlier = self._session.get(IntakeRow, (self._intake.id, part, number))
            if earlier is not None and earlier.state != RowState.CLASSIFIED:
                spoil(earlier, problem)
        self._session.flush()
