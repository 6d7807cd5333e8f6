"""The audit chain: whole when nothing happened to it, telling when something did."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import delete, select, update

from shared import audit
from shared.audit import AuditEvent, Head, Sealer
from shared.audit.models import AuditCheckpoint, AuditHead
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import now
from shared.kernel.database import Database
from tests.sealing import KEY, seal

CLERK = Actor("a1", "张三")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database.in_file(tmp_path / "test.sqlite", ("shared",))
    database.create_schema()
    with database.write() as session:
        for number in range(1, 6):
            audit.record(session, CLERK, "record.filed", f"record:{number}", number=number)
    Sealer(database, lambda: KEY, most=3).finish()
    return database


def problems(database: Database, witness: Head | None = None) -> list[tuple[int, str]]:
    seal(database)
    with database.read() as session:
        found = audit.verify_chain(session, witness=witness)
    return [(each.seq, each.code) for each in found]


def test_an_untouched_chain_is_whole(database: Database) -> None:
    assert problems(database) == []
    with database.read() as session:
        head = audit.chain_head(session)
    assert head.seq == 5
    assert problems(database, head) == []


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "empty.sqlite", ("shared",))
    database.create_schema()
    assert problems(database) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_name", "李四"),
        ("actor_id", "a2"),
        ("action", "record.voided"),
        ("subject", "record:9"),
        ("details", {"number": 4}),
        ("time", now() - timedelta(days=1)),
    ],
)
def test_an_edited_event_is_found(database: Database, column: str, value: object) -> None:
    with database.write() as session:
        session.execute(update(AuditEvent).where(AuditEvent.seq == 3).values({column: value}))
    assert problems(database) == [(3, "edited")]


def test_an_edit_with_a_new_digest_breaks_the_link(database: Database) -> None:
    with database.write() as session:
        event = session.get_one(AuditEvent, 3)
        event.actor_name = "李四"
        event.digest = event.computed_digest()
    assert problems(database) == [(3, "checkpoint"), (4, "link")]


def test_a_removed_event_is_a_gap(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq.in_([2, 3])))
    assert problems(database) == [(2, "gap"), (3, "checkpoint")]


def test_a_truncated_log_disagrees_with_its_counter(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq > 3))
    assert problems(database) == [(4, "truncated")]


def test_a_truncation_with_its_counter_is_seen_by_a_witness(database: Database) -> None:
    with database.write() as session:
        witness = audit.chain_head(session)
        session.execute(delete(AuditEvent).where(AuditEvent.seq > 3))
        session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.last > 3))
        last = session.get_one(AuditEvent, 3)
        head = session.get_one(AuditHead, 1)
        head.seq, head.digest = 3, str(last.digest)
    assert problems(database) == []
    assert problems(database, witness) == [(5, "witness")]


def test_an_event_vanishes_with_the_change_it_tells_of(database: Database) -> None:
    with suppress(KeyError), database.write() as session:
        audit.record(session, CLERK, "record.filed", "record:6")
        raise KeyError
    with database.write() as session:
        audit.record(session, CLERK, "record.filed", "record:7")
    assert problems(database) == []


def test_what_a_savepoint_took_back_is_not_in_the_chain(database: Database) -> None:
    def note(subject: str) -> None:
        audit.record(session, CLERK, "record.filed", subject)

    with database.write() as session:
        note("record:kept")
        try:
            with session.begin_nested():
                note("record:lost")
                with session.begin_nested():
                    note("record:lost too")
                raise KeyError
        except KeyError:
            pass
        with session.begin_nested():
            note("record:kept too")
    with database.read() as session:
        seen = session.scalars(
            select(AuditEvent.subject).where(AuditEvent.id > 5).order_by(AuditEvent.id)
        ).all()
    assert seen == ["record:kept", "record:kept too"]
    assert problems(database) == []


def test_writers_at_the_same_time_make_one_chain(database: Database) -> None:
    def write() -> None:
        for _ in range(20):
            with database.write() as session:
                audit.record(session, CLERK, "record.filed", "record:x")

    threads = [Thread(target=write) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seal(database)
    with database.read() as session:
        assert audit.chain_head(session).seq == 85
    assert problems(database) == []


def test_marks_of_classification_never_get_into_the_log(database: Database) -> None:
    with database.write() as session:
        audit.record(
            session, CLERK, "door.refused", "row:3", title="机密★10年 关于某事", rows=["秘 密★"]
        )
    with database.read() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert "机密" not in str(event.details)
    assert "某事" not in str(event.details)
    assert event.details["rows"] == ["（含密级标志，未记录）"]


def test_details_of_many_kinds_are_kept_as_plain_values(database: Database) -> None:
    class Named:
        audit_name = "record:8"

    with database.write() as session:
        audit.record(
            session,
            CLERK,
            "record.changed",
            Named(),
            at=now(),
            role=Role.CLERK,
            share=0.5,
            thing=Named(),
            bad="a\x00\ud800",
            names={"b", "a"},
        )
    assert problems(database) == []
    with database.read() as session:
        event = session.get_one(AuditEvent, 6)
    assert event.subject == "record:8"
    assert event.details["share"] == "0.5"
    assert event.details["names"] == ["a", "b"]


def test_events_can_be_asked_for(database: Database) -> None:
    with database.write() as session:
        audit.record(session, Actor("a2", "李四"), "review.returned", "record:2")
    with database.read() as session:
        by = [
            len(session.scalars(audit.events(**each)).all())
            for each in (
                {"action": "review."},
                {"action": "review.returned"},
                {"actor_id": "a1"},
                {"subject": "record:2"},
                {"since": now() + timedelta(hours=1)},
                {"until": now() + timedelta(hours=1)},
            )
        ]
    assert by == [1, 1, 5, 2, 0, 6]
