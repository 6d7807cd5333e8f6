"""Older events leave the database as signed files that continue each other, and can be computed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from shared import audit
from shared.audit import Archiver, AuditEvent, Sealer
from shared.audit.models import AuditArchive
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.storage import FolderStore
from tests.sealing import KEY, seal

CLERK = Actor("a1", "张三")
OLD, YOUNG = 7, 3


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def database(tmp_path: Path, store: FolderStore) -> Database:
    """Seven events of last year, in signed pieces of three, are in files of four at most."""
    database = Database.in_file(tmp_path / "log.sqlite", ("shared",))
    database.create_schema()
    with database.write() as session:
        for number in range(1, OLD + 1):
            audit.record(session, CLERK, "record.filed", f"record:{number}")
        session.execute(update(AuditEvent).values(time=now() - timedelta(days=365)))
    Sealer(database, lambda: KEY, most=3).finish()
    with database.write() as session:
        for number in range(YOUNG):
            audit.record(session, CLERK, "record.filed", f"record:{number}")
    seal(database)
    archiver = Archiver(database, lambda: store, lambda: KEY, most=4)
    while archiver.step():
        pass
    return database


def problems(database: Database, store: FolderStore) -> list[tuple[int, str]]:
    seal(database)
    with database.read() as session:
        return [(each.seq, each.code) for each in audit.verify_all(session, store)]


def test_old_events_are_in_files_and_the_young_on_line(
    database: Database, store: FolderStore, tmp_path: Path
) -> None:
    assert problems(database, store) == []
    with database.read() as session:
        files = audit.archives(session)
        assert [(each.first, each.last) for each in files] == [(1, 3), (4, 7)]
        assert session.scalar(select(func.min(AuditEvent.seq))) == OLD + 1
        told = session.scalars(audit.events(action="audit.archived")).all()
        assert [each.details["last"] for each in told] == [3, 7]
        export = tmp_path / "now.jsonl"
        export.write_bytes(b"".join(audit.export_lines(session, KEY)))
    paths = [tmp_path / "store" / each.name for each in files]
    verified = audit.verify_files([*paths, export], key=KEY.public)
    assert (verified.first, verified.count, verified.problems) == (1, OLD + YOUNG + 2, [])


def test_an_altered_file_is_named_by_the_event(database: Database, store: FolderStore) -> None:
    with database.read() as session:
        name = audit.archives(session)[1].name
    with store.open(name) as stream:
        content = stream.read()
    store.replace(name, content.replace(b"record:5", b"record:9"))
    assert problems(database, store)[0] == (5, "edited")


def test_a_file_that_was_taken_away_with_its_row_is_missed(
    database: Database, store: FolderStore
) -> None:
    with database.write() as session:
        session.delete(session.get_one(AuditArchive, 7))
    assert problems(database, store)[0] == (4, "gap")


def test_nothing_young_is_ever_archived(database: Database, store: FolderStore) -> None:
    assert not Archiver(database, lambda: store, lambda: KEY, months=1).step(), "six at least"
