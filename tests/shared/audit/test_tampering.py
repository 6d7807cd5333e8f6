"""Whatever is done to the tables of the log is found, and where it begins is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import audit
from shared.audit import Act, Head, Sealer
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.database import Database
from tests.sealing import KEY
from tests.shared.audit.first_form import write_first_form

CLERK = Actor("a1", "张三", (Grant(Role.CLERK),))
#: Two of release 0.1.0, then pieces of three, each signed at its end.
OLD, COUNT = 2, 8
SIGNED = (5, 8)
EVENTS = [
    *("id", "seq", "form", "time", "actor_id", "actor_name", "role", "place", "action", "subject"),
    *("outcome", "before", "after", "count", "root", "details", "previous", "digest"),
]
CHECKPOINTS = ["last", "first", "digest", "at", "public_key", "signature"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.in_file(tmp_path_factory.mktemp("audit") / "log.sqlite", ("shared",))
    database.create_schema()
    write_first_form(database, OLD)
    with database.write() as session:
        for number in range(OLD + 1, COUNT + 1):
            audit.record(
                session, CLERK, "record.changed", f"record:{number}",
                Act(was={"title": "甲"}, became={"title": "乙"}, each=["r1", "r2"]),
                fields=["责任者", 1],
            )  # fmt: skip
    Sealer(database, lambda: KEY, most=3).finish()
    yield database
    database.close()


class _Undone(Exception):
    """Takes back what was done to the tables."""


def found(database: Database, *statements: Any, witness: Head | None = None) -> list[audit.Problem]:
    """What is found after these statements, which are then taken back."""
    problems: list[audit.Problem] = []
    try:
        with database.write() as session:
            _do(session, statements)
            problems += audit.verify_chain(session, witness=witness)
            raise _Undone
    except _Undone:
        return problems


def _do(session: Session, statements: Any) -> None:
    for statement, values in statements:
        session.connection().execute(text(statement), values)


def value_of(database: Database, table: str, key: str, row: int, column: str) -> Any:
    with database.read() as session:
        query = f'SELECT "{column}" FROM {table} WHERE "{key}" = :row'
        return session.connection().scalar(text(query), {"row": row})


def changed(value: Any, at: int, by: int) -> Any:
    """The value with one of its bytes or bits another one."""
    if value is None or value == "":
        return "0" * 64
    if isinstance(value, int):
        return value ^ (1 << at % 20)
    content = bytearray(str(value).encode() or b" ")
    content[at % len(content)] ^= 1 + by % 127
    return content.decode("utf-8", "replace")


def test_an_untouched_log_of_both_forms_is_whole(database: Database) -> None:
    assert found(database) == []


@settings(max_examples=60)
@given(
    some.integers(1, COUNT), some.sampled_from(EVENTS), some.integers(0, 999), some.integers(0, 999)
)
def test_a_changed_byte_of_an_event_is_named(
    database: Database, row: int, column: str, at: int, by: int
) -> None:
    old = value_of(database, "audit_event", "id", row, column)
    new = changed(old, at, by)
    change = (f'UPDATE audit_event SET "{column}" = :new WHERE id = :row', {"new": new, "row": row})
    try:
        problems = found(database, change)
    except IntegrityError:
        return  # the number of another one: the database itself refuses
    assert problems
    assert problems[0].seq == (min(row, new) if column == "seq" and new > 0 else row) or (
        column == "seq" and problems[0].seq <= row
    )


@settings(max_examples=30)
@given(
    some.sampled_from(SIGNED),
    some.sampled_from(CHECKPOINTS),
    some.integers(0, 999),
    some.integers(0, 999),
)
def test_a_changed_byte_of_a_checkpoint_is_named(
    database: Database, row: int, column: str, at: int, by: int
) -> None:
    old = value_of(database, "audit_checkpoint", "last", row, column)
    new = changed(old, at, by)
    change = f'UPDATE audit_checkpoint SET "{column}" = :new WHERE last = :row'
    try:
        problems = found(database, (change, {"new": new, "row": row}))
    except IntegrityError:
        return
    assert problems


@pytest.mark.parametrize(("column", "value"), [("seq", 7), ("seq", 9), ("digest", "0" * 64)])
def test_a_changed_head_is_found(database: Database, column: str, value: object) -> None:
    assert found(database, (f"UPDATE audit_head SET {column} = :value", {"value": value}))


@settings(max_examples=25)
@given(some.sets(some.integers(1, COUNT), min_size=1))
def test_deleted_events_are_missed_from_the_first_on(database: Database, gone: set[int]) -> None:
    problems = found(
        database, *(("DELETE FROM audit_event WHERE seq = :seq", {"seq": each}) for each in gone)
    )
    assert problems[0].seq == min(gone)


@settings(max_examples=15)
@given(some.integers(1, COUNT), some.integers(1, COUNT + 3))
def test_an_inserted_event_is_named(database: Database, copied: int, at: int) -> None:
    columns = ", ".join(f'"{each}"' for each in EVENTS if each not in ("id", "seq"))
    copy = (
        f"INSERT INTO audit_event (id, seq, {columns}) SELECT 100, :at, {columns} "
        "FROM audit_event WHERE id = :copied"
    )
    problems = found(
        database,
        # Negative on the way, since no two may have one number at any moment.
        ("UPDATE audit_event SET seq = -seq - 1 WHERE seq >= :at", {"at": at}),
        ("UPDATE audit_event SET seq = -seq WHERE seq < 0", {}),
        (copy, {"at": at, "copied": copied}),
        ("UPDATE audit_head SET seq = seq + 1", {}),
    )
    assert problems[0].seq <= at


@settings(max_examples=15)
@given(some.integers(1, COUNT), some.integers(1, COUNT))
def test_events_that_changed_places_are_named(database: Database, one: int, other: int) -> None:
    problems = found(
        database,
        ("UPDATE audit_event SET seq = -1 WHERE seq = :one", {"one": one}),
        ("UPDATE audit_event SET seq = :one WHERE seq = :other", {"one": one, "other": other}),
        ("UPDATE audit_event SET seq = :other WHERE seq = -1", {"other": other}),
    )
    assert [each.seq for each in problems][:1] == ([min(one, other)] if one != other else [])


@pytest.mark.parametrize("left", range(COUNT))
def test_a_log_cut_with_all_its_traces_lacks_what_a_witness_has(
    database: Database, left: int
) -> None:
    with database.read() as session:
        witness = audit.chain_head(session)
    cut = (
        ("DELETE FROM audit_event WHERE seq > :left", {"left": left}),
        ("DELETE FROM audit_checkpoint WHERE last > :left", {"left": left}),
        (
            "UPDATE audit_head SET seq = :left, digest = coalesce((SELECT digest FROM audit_event "
            "WHERE seq = :left), '" + "0" * 64 + "')",
            {"left": left},
        ),
    )
    assert found(database, *cut, witness=witness)[-1].code == "witness"
    if left > OLD and left not in SIGNED:
        assert found(database, *cut)[0].code == "unsigned", "the installation has not signed that"


def test_an_event_of_the_first_form_stands_before_those_of_the_second(database: Database) -> None:
    with database.read() as session:
        events = session.scalars(audit.events().order_by(audit.AuditEvent.seq)).all()
    assert [each.form for each in events] == [1] * OLD + [2] * (COUNT - OLD)
    assert events[OLD].previous == events[OLD - 1].digest
    last = events[-1]
    assert (last.role, last.outcome, last.count) == ("clerk", "done", 2)
    assert last.before != last.after
    assert last.place
    assert len(last.root or "") == len(last.before or "") == 64
    assert events[0].details == {"number": 1, "title": "通知"}


def test_an_export_of_both_forms_is_whole(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with database.read() as session, path.open("wb") as file:
        file.writelines(audit.export_lines(session, KEY))
    verified = audit.verify_files([path], key=KEY.public)
    assert (verified.problems, verified.count) == ([], COUNT)
