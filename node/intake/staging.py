"""Staging: rows as read are compared with each other, with filing, and written down, in bulk.

A fixed number of statements per chunk, whatever the sheet's size: staging is linear in rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from node.filing.service import codes_in_use, keys_in_use
from node.intake.models import Intake, IntakeRow, RowState
from node.intake.reading import Problem, ReadRow, source_key


@dataclass
class StagedRow:
    """A row as read, with its cells as they stood and the computer files that it names."""

    row: ReadRow
    cells: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Earlier:
    """A row of the same sheet that came before."""

    number: int
    key: str | None
    code: str | None
    state: str


def stage(intake: Intake, rows: Sequence[StagedRow], *, session: Session) -> None:
    """Write rows of a sheet down, each as good, bad, already there, or classified."""
    judge = _Judge(intake, rows, session)
    made = []
    for each in rows:
        state, same_as = judge.judge(each.row)
        bad = state == RowState.BAD
        kept = state in (RowState.GOOD, RowState.BAD)
        made.append(
            {
                "intake_id": intake.id,
                "number": each.row.number,
                "fonds_id": intake.fonds_id,
                "state": state,
                "key": each.row.key or None,
                "code": each.row.code,
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


class _Judge:
    """Knows what a chunk of rows could repeat: the sheet so far, and what filing has."""

    def __init__(self, intake: Intake, rows: Sequence[StagedRow], session: Session) -> None:
        self._intake, self._session = intake, session
        keys = [each.row.key for each in rows if each.row.key]
        codes = [each.row.code for each in rows if each.row.code]
        self._by_key: dict[str, list[_Earlier]] = {}
        self._by_code: dict[str, _Earlier] = {}
        self._spoiled: dict[int, Problem] = {}
        for row in self._earlier(keys, codes):
            self._remember(row)
        sources = {each.row.source_key for each in rows if each.row.key} | set(keys)
        coded = self._coded_before(keys)
        sources |= {source_key(key, code) for key, code in coded}
        self._sources = set(keys_in_use(intake.fonds_id, sources, session=session))
        self._taken_with_code = {
            key for key, code in coded if source_key(key, code) in self._sources
        }
        self._codes = codes_in_use(intake.fonds_id, codes, session=session)

    def _earlier(self, keys: list[str], codes: list[str]) -> list[_Earlier]:
        found = {}
        for column, wanted in ((IntakeRow.key, keys), (IntakeRow.code, codes)):
            rows = self._session.execute(
                select(IntakeRow.number, IntakeRow.key, IntakeRow.code, IntakeRow.state)
                .where(IntakeRow.intake_id == self._intake.id)
                .where(column.in_(wanted))
            )
            found.update({row.number: _Earlier(*row) for row in rows})
        return [found[number] for number in sorted(found)]

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
        if row.key and row.state in (RowState.GOOD, RowState.THERE):
            self._by_key.setdefault(row.key, []).append(row)
        if row.code:
            self._by_code.setdefault(row.code, row)

    def judge(self, row: ReadRow) -> tuple[RowState, int | None]:
        """The state of a row, and the row of the same sheet that it repeats."""
        if row.classified:
            return RowState.CLASSIFIED, None
        same = self._same_in_sheet(row)
        state, same_as = self._state(row, same)
        self._remember(_Earlier(row.number, row.key, row.code, state))
        return state, same_as

    def _state(self, row: ReadRow, same: int | None) -> tuple[RowState, int | None]:
        if row.problems:
            return RowState.BAD, None
        if same is not None:
            return RowState.THERE, same
        known = row.code is not None and row.code in self._codes
        known = known or row.source_key in self._sources or row.key in self._sources
        if known or (row.code is None and row.key in self._taken_with_code):
            return RowState.THERE, None
        return RowState.GOOD, None

    def _same_in_sheet(self, row: ReadRow) -> int | None:
        """The earlier row with the same content; one that only shares the code spoils both."""
        holder = self._by_code.get(row.code) if row.code else None
        if holder is not None and holder.key != row.key:
            row.problems.append(_same_code(row.code, holder.number))
            self._spoiled.setdefault(holder.number, _same_code(row.code, row.number))
            return None
        for each in self._by_key.get(row.key, ()):
            if row.code is None or each.code is None or row.code == each.code:
                return each.number
        return None

    def spoil_earlier(self) -> None:
        """The first row of a shared code is bad, too: a person must say which one is right."""
        for number, problem in self._spoiled.items():
            earlier = self._session.get(IntakeRow, (self._intake.id, number))
            if earlier is None or earlier.state == RowState.CLASSIFIED:
                continue
            earlier.problems = [*earlier.problems, problem.to_wire()]
            earlier.state = RowState.BAD
            earlier.values = {}
        self._session.flush()


def _same_code(code: str | None, number: int) -> Problem:
    return Problem(
        "code",
        f"档号 {code} 与第 {number} 行重复。",
        "请核对两行的档号，改正后重新导入这两行。",
        "duplicate_code",
    )
