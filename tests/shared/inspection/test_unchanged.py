"""A second inspection of what has not changed: the report of before, as long as it holds."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.inspection.formats.remembering import Remembered
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_package, inspect_record
from shared.inspection.scheme import load_scheme, with_rows
from shared.inspection.subject import Context
from tests.shared.inspection.reports import context, outcome
from tests.shared.packaging.samples import Unit


class Memory(Remembered):
    """One that tells what it was asked for, and what it could say."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.hits = 0

    def recall(self, key: str) -> bytes | None:
        said = super().recall(key)
        self.hits += said is not None and key.startswith("report ")
        return said

    def reports(self) -> int:
        with sqlite3.connect(self.path) as database:
            query = "select count(*) from examination where key like 'report %'"
            return int(database.execute(query).fetchone()[0])


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "seen.sqlite")


def said(report: Report) -> dict[str, Any]:
    return {**report.to_wire(), "at": ""}


def test_the_second_time_the_same_is_said_without_looking(unit: Unit, memory: Memory) -> None:
    record = unit.record(title="关于防汛的通知")
    known = context(unit, remembered=memory)
    first = inspect_record(record, unit.paths(record), known)
    again = inspect_record(record, unit.paths(record), known)
    assert memory.hits == 1
    assert said(again) == said(first)
    assert again.at >= first.at
    assert "防汛" not in memory.path.read_bytes().decode("utf-8", "ignore")


def test_a_package_that_was_inspected_is_not_even_opened(
    unit: Unit, memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "package.zip"
    identity = unit.package(unit.record(), path)
    known = context(unit, remembered=memory, identity=identity, measured=identity)
    first = inspect_package(path, known)
    path.unlink()
    assert said(inspect_package(path, known)) == said(first)


def test_whatever_a_report_depends_on_makes_it_anew(unit: Unit, memory: Memory) -> None:
    record = unit.record()
    known = context(unit, remembered=memory)
    inspect_record(record, unit.paths(record), known)
    ruled = load_scheme().ruled("420500-1", {"1-8": {"weight": 3}}, 0)
    others: tuple[Context, ...] = (
        replace(known, scheme=ruled),
        replace(known, today=known.today + timedelta(days=1)),
        replace(known, accepted_formats=frozenset({"ofd"})),
        replace(known, fonds=replace(unit.fonds, forming_unit="另一个单位")),
        replace(known, record_digest="0" * 64),
        replace(known, code_used_by=None),
    )
    for other in others:
        inspect_record(record, unit.paths(record), other)
    inspect_record(replace(record, title="另一个题名"), unit.paths(record), known)
    (path,) = unit.paths(record).values()
    path.write_bytes(path.read_bytes() + b"\n")
    inspect_record(record, unit.paths(record), known)
    assert memory.hits == 0


def test_a_code_that_another_record_bears_meanwhile_is_found(unit: Unit, memory: Memory) -> None:
    record = unit.record()
    alone = context(unit, remembered=memory, code_used_by=lambda _code: None)
    assert outcome(inspect_record(record, unit.paths(record), alone), "1-8") is Outcome.PASSED
    taken = replace(alone, code_used_by=lambda _code: "another")
    assert outcome(inspect_record(record, unit.paths(record), taken), "1-8") is Outcome.FAILED


def test_what_bears_a_mark_and_what_others_inspect_is_not_remembered(
    unit: Unit, memory: Memory
) -> None:
    marked = unit.record(title="机密★10年 关于防汛的通知")
    known = context(unit, remembered=memory)
    for _ in range(2):
        assert inspect_record(marked, unit.paths(marked), known).is_classified
    record = unit.record()
    added = replace(known, scheme=with_rows(load_scheme(), "theirs", []))
    for _ in range(2):
        inspect_record(record, unit.paths(record), added)
    assert memory.hits == 0
    assert memory.reports() == 0


def test_a_damaged_memory_is_no_reason_to_fail(unit: Unit, memory: Memory) -> None:
    record = unit.record()
    known = context(unit, remembered=memory)
    first = inspect_record(record, unit.paths(record), known)
    with sqlite3.connect(memory.path) as database:
        database.execute("update examination set said = x'00' where key like 'report %'")
    assert said(inspect_record(record, unit.paths(record), known)) == said(first)
    memory.path.write_bytes(b"no database" * 100)
    assert said(inspect_record(record, unit.paths(record), known)) == said(first)
