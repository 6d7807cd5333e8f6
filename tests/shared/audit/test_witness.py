"""Two installations hold the ends of each other's logs: what is cut or rewritten is found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from shared import audit
from shared.audit import AuditEvent, AuditWitness
from shared.audit.models import NO_DIGEST, AuditCheckpoint, AuditHead
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from tests.sealing import seal

CLERK = Actor("a1", "张三")


class Side:
    """A hub or a node, as far as its log goes."""

    def __init__(self, folder: Path, other: str) -> None:
        self.other = other
        self.database = Database.in_file(folder / "log.sqlite", ("shared",))
        self.database.create_schema()

    def does(self, *things: str) -> None:
        for each in things:
            with self.database.write() as session:
                audit.record(session, CLERK, "record.filed", each)
            seal(self.database)

    def says(self) -> dict[str, Any]:
        seal(self.database)
        with self.database.read() as session:
            return audit.told_to(self.other, session)

    def hears(self, told: dict[str, Any]) -> None:
        with self.database.write() as session:
            audit.take_from(self.other, told, session)

    def holds(self) -> AuditWitness:
        with self.database.read() as session:
            return session.scalars(select(AuditWitness)).one()

    def actions(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))

    def cut_to(self, seq: int) -> None:
        """Whoever may write the database takes away the end of the log, traces included."""
        with self.database.write() as session:
            session.execute(delete(AuditEvent).where(AuditEvent.seq > seq))
            session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.last > seq))
            last = session.get(AuditEvent, seq)
            session.execute(
                update(AuditHead).values(seq=seq, digest=last.digest if last else NO_DIGEST)
            )
            session.execute(update(AuditWitness).values(missing_seq=None))
        with self.database.read() as session:
            assert audit.verify_chain(session) == [], "alone it cannot be seen"


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Side, Side]:
    for name in ("hub", "node"):
        (tmp_path / name).mkdir()
    return Side(tmp_path / "hub", "node-1"), Side(tmp_path / "node", "hub")


def greet(hub: Side, node: Side) -> None:
    hub.hears(node.says())
    node.hears(hub.says())


def test_each_holds_the_end_of_the_other(sides: tuple[Side, Side]) -> None:
    hub, node = sides
    hub.does("record:1", "record:2")
    node.does("record:3")
    for _ in range(3):
        greet(hub, node)
    assert (hub.holds().seq, node.holds().seq) == (1, 2)
    assert not hub.holds().is_contradicted
    assert not node.holds().is_contradicted
    node.does("record:4")
    greet(hub, node)
    assert hub.holds().seq == 2


@pytest.mark.parametrize("rewritten", [False, True])
def test_a_log_that_was_cut_is_named_on_both_sides(
    sides: tuple[Side, Side], rewritten: bool
) -> None:
    hub, node = sides
    hub.does("record:1", "record:2", "record:3")
    node.does("record:4")
    greet(hub, node)
    hub.cut_to(1)
    if rewritten:
        hub.does("record:7", "record:8", "record:9", "record:10")
    for _ in range(2):
        greet(hub, node)
    assert hub.holds().missing_seq == 3
    assert hub.actions().count("audit.own_contradicted") == 1, "once, by the number it had"
    with hub.database.write() as session:
        assert audit.settle(CLERK, ["node-1"], "恢复了昨天的备份", session) == 1
    greet(hub, node)
    assert not hub.holds().is_contradicted
    if not rewritten:
        assert node.holds().contradicted_seq == 3, (
            "the one left, that the cut was noticed, and a new segment"
        )
        assert node.actions().count("audit.other_contradicted") == 1


def test_what_an_older_release_or_a_stranger_says_is_no_witness(sides: tuple[Side, Side]) -> None:
    hub, _ = sides
    hub.does("record:1")
    for told in (
        {}, {"audit": None}, {"audit": {"seq": "1", "digest": NO_DIGEST}},
        {"audit": {"seq": -1, "digest": NO_DIGEST}}, {"audit": {"seq": 2**40, "digest": NO_DIGEST}},
        {"audit": {"seq": 1, "digest": "x" * 64}}, {"audit": [1]}, {"audit": {"seq": True}},
    ):  # fmt: skip
        hub.hears(told)
    with hub.database.read() as session:
        assert audit.witnesses(session) == []


def test_a_restored_log_goes_on_in_a_segment_that_names_what_is_missing(
    sides: tuple[Side, Side],
) -> None:
    hub, node = sides
    hub.does("record:1")
    node.does("record:2", "record:3", "record:4")
    greet(hub, node)
    node.cut_to(1)
    with node.database.write() as session:
        session.execute(update(AuditWitness).values(held_seq=0))  # the backup is older than that
        audit.open_segment(session, CLERK, "restore")
    for _ in range(2):
        greet(hub, node)
    with node.database.read() as session:
        opened = session.scalars(
            audit.events(action="audit.segment_opened").order_by(AuditEvent.id)
        ).all()
    assert [each.details["segment"] for each in opened] == [2, 3]
    told = opened[-1].details
    assert (told["witnessed"], told["by"], told["missing"]) == (3, "hub", [2, 3])
    assert opened[0].details["here"] == 1


def test_only_time_on_line_without_a_kept_end_lets_a_node_wait(sides: tuple[Side, Side]) -> None:
    hub, node = sides
    hub.does("record:1")
    node.does("record:2")
    audit.depend_on_witness(node.database, "hub", timedelta(hours=24))

    def waits() -> bool:
        with node.database.read() as session:
            try:
                audit.require_witness(session)
            except Unavailable as error:
                return error.code == "audit_not_witnessed"
        return False

    def silent_for(minutes: float) -> None:
        with node.database.write() as session:
            session.execute(update(AuditWitness).values(seen_at=now() - timedelta(minutes=minutes)))

    greet(hub, node)
    for _ in range(3):
        silent_for(60 * 24 * 30)
        node.hears({"audit": {"seq": 1, "digest": hub.says()["audit"]["digest"]}})
    assert not waits(), "a month without the line is nobody's fault"
    with node.database.write() as session:
        session.execute(update(AuditWitness).values(unheld_seconds=24 * 3600 - 60))
    silent_for(2)
    node.hears(hub.says() | {"audit_held": None})
    assert waits()
    greet(hub, node)
    assert not waits(), "the hub has kept a newer end"
