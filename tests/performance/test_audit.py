"""What an event costs its use case, how many are sealed in a second; beside the plain limits."""

from __future__ import annotations

import os
import statistics
import time

import pytest
from sqlalchemy import delete, insert, select, update

from shared import audit
from shared.audit import AuditEvent, Sealer
from shared.audit.models import AuditCheckpoint, AuditHead
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import canonical_json, sm3_hex
from shared.kernel.database import Database
from tests.performance.table import EMBEDDED, SERVERS, Table, ratio
from tests.sealing import KEY
from tests.shared.audit.log import database

__all__ = ["database"]
DATABASES = ("sqlite", "postgresql")
CLERK = Actor("a1", "张三", (Grant(Role.CLERK, fonds_id="f1"),))
COUNT = 10_000


def spent(since: tuple[float, float]) -> tuple[float, float]:
    """Seconds on the clock, and of computing by this process, since another moment."""
    return time.perf_counter() - since[0], time.process_time() - since[1]


def start() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


@pytest.mark.performance
@pytest.mark.timeout(900)
def test_events_a_second_beside_the_plain_limits(
    database: Database, database_kind: str, table: Table
) -> None:
    stack = EMBEDDED if database_kind == "sqlite" else SERVERS
    with database.write() as session:
        audit.record(session, CLERK, "record.edited", "record:0", fields=["title"])
    Sealer(database, lambda: KEY).finish()

    begun = start()
    with database.write() as session:
        for number in range(COUNT):
            audit.record(session, CLERK, "record.edited", f"record:{number}", fields=["title"])
    # With the commit: the events are written right before it.
    clock, computing = spent(begun)
    table.add(
        "an event in its use case, of 10,000 in one",
        stack,
        f"{clock / COUNT * 1000:.3f} ms ({computing / COUNT * 1000:.3f} ms of computing)",
        aim="0.1 ms",
    )

    median, least = _cost_alone(database)
    table.add(
        "an event alone in its use case: the median with it less that without (the least less"
        " the least, which another program's work does not touch)",
        stack,
        f"{median * 1000:.3f} ms ({least * 1000:.3f} ms)",
        aim="0.1 ms",
    )

    begun = start()
    Sealer(database, lambda: KEY).finish()
    sealing, computing = spent(begun)
    sealed = COUNT + 300
    table.add(
        "events sealed in a second",
        stack,
        f"{sealed / sealing:,.0f} ({sealed / computing:,.0f} a second of computing)",
        aim="5,000",
    )
    with database.read() as session:
        assert audit.waiting_for_seal(session) == 0
        assert audit.verify_chain(session) == []

    plain = _plain_digests(database)
    table.add("sealing : SM3 of the same bytes", stack, ratio(sealing, plain))
    inserting = _plain_inserts(database)
    table.add("events in their use case : plain inserts", stack, ratio(clock, inserting))
    table.add("load while measuring (1 min)", stack, f"{os.getloadavg()[0]:.1f}")


def _cost_alone(database: Database) -> tuple[float, float]:
    """The seconds that an event adds to a small use case: median and least of 300, in turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(600):
        is_told = number % 2
        begun = time.perf_counter()
        with database.write() as session:
            session.execute(update(AuditHead).values(id=1))
            if is_told:
                audit.record(session, CLERK, "record.edited", f"record:{number}", fields=["title"])
        seconds[is_told].append(time.perf_counter() - begun)
    without, told = map(statistics.median, seconds)
    return told - without, min(seconds[1]) - min(seconds[0])


def _plain_digests(database: Database) -> float:
    with database.read() as session:
        contents = [
            canonical_json({k: v for k, v in each.to_wire().items() if k != "digest"})
            for each in session.scalars(select(AuditEvent))
        ]
    begun = time.perf_counter()
    for content in contents:
        sm3_hex(b"danglian/audit/2\n", content)
    return time.perf_counter() - begun


def _plain_inserts(database: Database) -> float:
    """The same rows into the same, emptied table, by one statement of the driver for all."""
    with database.read() as session:
        rows = [dict(row) for row in session.execute(select(AuditEvent.__table__)).mappings()]
    with database.write() as session:
        for model in (AuditEvent, AuditCheckpoint):
            session.execute(delete(model))
        session.execute(update(AuditHead).values(seq=0))
    for row in rows:
        row |= {"seq": None, "previous": None, "digest": None}
    begun = time.perf_counter()
    with database.write() as session:
        session.connection().execute(insert(AuditEvent.__table__), rows)
    return time.perf_counter() - begun
