"""Taking: good rows are handed to filing, whole volumes at a time, in the order of the sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.service import collect_many, holders_in_use
from node.intake.linking import held_back
from node.intake.models import Intake, IntakeRow, RowState
from node.intake.problems import Problem, problem_of
from node.intake.reading import source_key
from node.intake.staging import place_of, spoil
from shared.kernel.actor import Actor
from shared.kernel.errors import DanglianError
from shared.records.record import RecordLevel

#: Rows to one transaction, where volumes are not larger.
CHUNK = 500

#: What a row of the store becomes: the documents of a record, by place of the row.
Documents = Mapping[tuple[int, int], list[dict[str, Any]]]
_LEVELS = (RecordLevel.PROJECT, RecordLevel.RECORD, RecordLevel.VOLUME, RecordLevel.ITEM)


def next_rows(intake: Intake, *, session: Session) -> list[IntakeRow]:
    """The next good rows, never a part of a volume."""
    good = (
        select(IntakeRow)
        .where(IntakeRow.intake_id == intake.id, IntakeRow.state == RowState.GOOD)
        .order_by(IntakeRow.turn, IntakeRow.part, IntakeRow.number)
    )
    rows = list(session.scalars(good.limit(CHUNK + 1)))
    if len(rows) <= CHUNK:
        return rows
    turn = rows[-1].turn
    whole = [row for row in rows if row.turn != turn]
    return whole or list(session.scalars(good.where(IntakeRow.turn == turn)))


class Taker:
    """Hands rows of one import to filing within one transaction."""

    def __init__(
        self, actor: Actor, intake: Intake, documents: Documents, *, session: Session
    ) -> None:
        self._actor, self._intake = actor, intake
        self._documents, self._session = documents, session

    def take(self, rows: Sequence[IntakeRow], problems: Mapping[tuple[int, int], Problem]) -> None:
        """Take rows, whole volumes; what has a problem or is refused stays out, and is told."""
        units = []
        for _, some in groupby(rows, key=lambda row: row.turn):
            unit = list(some)
            bad = [row for row in unit if (row.part, row.number) in problems]
            for row in bad:
                self._refuse(unit, row, problems[row.part, row.number])
            if not bad:
                units.append(unit)
        self._take_units(units)

    def _take_units(self, units: Sequence[list[IntakeRow]]) -> None:
        """Hand over all at once; when filing refuses one, half by half to find which."""
        if not units:
            return
        try:
            with self._session.begin_nested():
                self._collect([row for unit in units for row in unit])
        except DanglianError as error:
            if len(units) == 1:
                self._refuse_unit(units[0], error)
                return
            middle = len(units) // 2
            self._take_units(units[:middle])
            self._take_units(units[middle:])

    def _refuse_unit(self, unit: list[IntakeRow], error: DanglianError) -> None:
        """Name the row that filing refuses; the others of its volume are held back."""
        if len(unit) == 1:
            self._refuse(unit, unit[0], problem_of(error))
            return
        with self._session.begin_nested() as attempt:
            culprit, why = unit[0], error
            for row in unit:
                try:
                    with self._session.begin_nested():
                        self._collect([row])
                except DanglianError as found:
                    culprit, why = row, found
                    break
            attempt.rollback()
        self._refuse(unit, culprit, problem_of(why))

    def _refuse(self, unit: Sequence[IntakeRow], culprit: IntakeRow, problem: Problem) -> None:
        place = place_of(self._intake, culprit.part, culprit.number)
        spoil(culprit, problem)
        for row in unit:
            if row.state == RowState.GOOD:
                spoil(row, held_back(place))

    def _collect(self, rows: Sequence[IntakeRow]) -> None:
        """Projects first, then volumes, then items: each is put into one that is there."""
        for level in _LEVELS:
            some = [row for row in rows if row.level == level]
            if level is RecordLevel.ITEM:
                # In the order that they have in their volume, whatever the sheet was sorted by.
                some.sort(key=lambda row: (row.turn, row.values.get("number") or row.number))
            if some:
                self._collect_level(level, some)

    def _collect_level(self, level: RecordLevel, rows: Sequence[IntakeRow]) -> None:
        holders = self._holders(level, rows)
        wanted = []
        for row in rows:
            values = {**row.values, "source_key": source_key(level, str(row.key), row.code)}
            if holder := holders.get((row.part, row.number)):
                values["parent_id"] = holder
            if documents := self._documents.get((row.part, row.number)):
                values["documents"] = documents
            wanted.append(values)
        collected = collect_many(
            self._actor,
            self._intake.fonds_id,
            wanted,
            session=self._session,
            source=self._source(rows[0]),
        )
        for row, record_id in zip(rows, collected.ids, strict=True):
            row.state = RowState.TAKEN
            row.record_id = record_id
            row.values, row.cells, row.files = {}, [], []

    def _source(self, row: IntakeRow) -> str:
        sheet = self._intake.sheet_of(row.part)
        return f"{sheet.file_name} {sheet.sheet_name}".strip()[:200]

    def _holders(self, level: RecordLevel, rows: Sequence[IntakeRow]) -> dict[tuple[int, int], str]:
        """What each row is put into: items into their volume, volumes into their project."""
        if level in (RecordLevel.RECORD, RecordLevel.PROJECT):
            return {}
        keys = {
            (row.part, row.number): row.group if level is RecordLevel.ITEM else row.links["above"]
            for row in rows
            if level is RecordLevel.ITEM or row.links.get("above")
        }
        codes = {row.links["holder"] for row in rows if row.links.get("holder")}
        held = holders_in_use(
            self._intake.fonds_id, {str(key) for key in keys.values()}, codes, session=self._session
        )
        found = {}
        for row in rows:
            key = keys.get((row.part, row.number))
            holder = held.get(str(key)) or held.get(row.links.get("holder", ""))
            if key and holder:
                found[row.part, row.number] = holder.id
        return found
