"""What an event costs its use case, how many are sealed in a second; beside the plain limits."""

from __future__ import annotations

import json
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
from shared.kernel.clock import format_utc
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

    told, bare = _cost_alone(database)
    for what, cost, aim in (("an event", told, "0.1 ms"), ("such a row by the driver", bare, "")):
        table.add(
            f"{what} alone in its use case: the median with it less that without (the least less"
            " the least, which another program's work does not touch; of computing)",
            stack,
            "{:.3f} ms ({:.3f} ms; {:.3f} ms)".format(*(each * 1000 for each in cost)),
            aim=aim,
        )

    begun = start()
    Sealer(database, lambda: KEY).finish()
    sealing, computing = spent(begun)
    sealed = COUNT + 600
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


Cost = tuple[float, float, float]


def _cost_alone(database: Database) -> tuple[Cost, Cost]:
    """The seconds that an event adds to a small use case, and those of a bare INSERT of its row.

    Median, least, and median of computing, of 300 each, in turns.
    """
    with database.read() as session:
        row = dict(session.execute(select(AuditEvent.__table__).limit(1)).mappings().one())
    row |= {"time": format_utc(row["time"]), "details": json.dumps(row["details"])}
    names = [name for name in row if name not in {"id", "seq", "previous", "digest"}]
    mark = "?" if database.engine.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(names))
    statement = f"INSERT INTO audit_event ({', '.join(names)}) VALUES ({marks})"
    values = [row[name] for name in names]
    spans: list[list[tuple[float, float]]] = [[], [], []]
    for number in range(900):
        begun = start()
        with database.write() as session:
            session.execute(update(AuditHead).values(id=1))
            if number % 3 == 1:
                audit.record(session, CLERK, "record.edited", f"record:{number}", fields=["title"])
            elif number % 3 == 2:
                driver = session.connection().connection.driver_connection
                assert driver is not None
                driver.execute(statement, values)
        spans[number % 3].append(spent(begun))
    without, told, bare = spans
    return _more(told, without), _more(bare, without)


def _more(with_it: list[tuple[float, float]], without: list[tuple[float, float]]) -> Cost:
    """What the one costs more than the other: median, least, median of computing."""
    (clock, computing), (plain_clock, plain_computing) = (
        tuple(zip(*each, strict=True)) for each in (with_it, without)
    )
    return (
        statistics.median(clock) - statistics.median(plain_clock),
        min(clock) - min(plain_clock),
        statistics.median(computing) - statistics.median(plain_computing),
    )


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
