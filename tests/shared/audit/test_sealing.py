"""One sealer: nothing forks, nothing is lost, whoever writes and in whatever order it commits."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from shared import audit
from shared.audit import AuditEvent, Sealer
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.kernel.keys import SigningKey
from tests.sealing import KEY, seal
from tests.servers.postgresql import PostgreSQL

DATABASES = ("sqlite", "postgresql")
CLERK = Actor("a1", "张三")
_EACH = 60


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> str:
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'log.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.url(server.create())


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url, ("shared",))
    database.create_schema()
    yield database
    database.close()


def write(database: Database, subject: str) -> None:
    with database.write() as session:
        audit.record(session, CLERK, "record.filed", subject)


def _at_full_speed(url: str, name: str) -> None:
    """A process that writes and seals as fast as it can; every fifth use case fails."""
    database = Database(url, ("shared",))
    sealer = Sealer(database, lambda: KEY, most=7)
    for number in range(_EACH):
        with suppress(KeyError), database.write() as session:
            audit.record(session, CLERK, "record.filed", f"{name}:{number}")
            if number % 5 == 4:
                raise KeyError
        # The other one may be quicker in the midst of it: the next step sees what is left.
        with suppress(Unavailable):
            sealer.step()
    database.close()


def test_two_processes_at_full_speed_make_one_chain_and_lose_nothing(
    url: str, database: Database
) -> None:
    forked = multiprocessing.get_context("fork")
    both = [forked.Process(target=_at_full_speed, args=(url, name)) for name in ("one", "other")]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert [each.exitcode for each in both] == [0, 0]
    seal(database)
    with database.read() as session:
        assert audit.verify_chain(session) == []
        subjects = session.scalars(select(AuditEvent.subject).order_by(AuditEvent.seq)).all()
        assert session.scalar(select(func.max(AuditEvent.seq))) == len(subjects)
    wanted = {f"{name}:{n}" for name in ("one", "other") for n in range(_EACH) if n % 5 != 4}
    assert (len(subjects), set(subjects)) == (len(wanted), wanted)


def test_what_commits_late_is_sealed_although_it_was_written_first(
    database: Database, database_kind: str
) -> None:
    if database_kind == "sqlite":
        write(database, "record:late")
    else:
        with database.write() as slow:
            audit.record(slow, CLERK, "record.filed", "record:late")
            write(database, "record:quick")
            seal(database)
    seal(database)
    with database.read() as session:
        assert audit.waiting_for_seal(session) == 0
        assert audit.verify_chain(session) == []
        sealed = session.scalars(select(AuditEvent.subject).order_by(AuditEvent.seq)).all()
    assert sealed[-1] == "record:late"


def test_a_sealer_that_was_overtaken_writes_nothing(database: Database) -> None:
    write(database, "record:1")

    def key() -> SigningKey:
        seal(database)  # another sealer, between this one's look and its writing
        return KEY

    assert Sealer(database, key).step(), "look again"
    with database.read() as session:
        assert audit.chain_head(session).seq == 1
        assert audit.verify_chain(session) == []


def test_an_event_is_there_at_once_and_has_no_number_yet(database: Database) -> None:
    write(database, "record:1")
    with database.read() as session:
        (event,) = session.scalars(audit.events())
        assert (event.seq, event.is_sealed) == (None, False)
        assert audit.chain_head(session).seq == 0
        assert audit.verify_chain(session) == []
        assert audit.oldest_unsealed(session) == event.time


def test_nothing_is_written_while_the_oldest_event_awaits_its_seal_for_too_long(
    database: Database,
) -> None:
    audit.shut_when_unsealed(database, timedelta(minutes=5), patience=0.0)
    write(database, "record:1")
    with database.write() as session:
        session.execute(update(AuditEvent).values(time=now() - timedelta(minutes=6)))
    with pytest.raises(Unavailable) as caught:
        write(database, "record:2")
    assert caught.value.code == "audit_unsealed"
    seal(database)
    write(database, "record:3")
    with database.read() as session:
        subjects = session.scalars(select(AuditEvent.subject).order_by(AuditEvent.id)).all()
    assert subjects == ["record:1", "record:3"]
