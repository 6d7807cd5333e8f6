"""How fast the hub applies catalogue entries, beside what its database alone can take in."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.service import apply_records, recount
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.messaging.envelope import Header
from shared.messaging.inbox import Answer, apply_run, open_incoming
from shared.messaging.run import RawEntry, fitting, pack_run, unpack_run
from shared.records.record import Event, record_to_wire
from tests.hub.conftest import City, city, city_on_postgresql, city_template
from tests.servers.postgresql import PostgreSQL

__all__ = ["city", "city_on_postgresql", "city_template"]
DATABASES = ("sqlite", "postgresql")
YILING = "420506000000"
RUN = 600


def bodies(city: City, fonds: Any, count: int) -> Iterator[tuple[str, bytes]]:
    """Filed records as their node tells them: their ids and canonical bytes."""
    event = Event(new_id(), "归档", now(), "张三", "办公室")
    for number in range(1, count + 1):
        year = 2000 + number // 9000
        record = city.record(fonds, number % 9000 + 1, year=year, events=(event,))
        yield record.id, canonical_json(record_to_wire(record))


def runs(told: Iterator[tuple[str, bytes]], digest: str) -> Iterator[tuple[int, int, bytes]]:
    """Packed runs as they travel: after, last, body."""
    waiting: list[RawEntry] = []
    after = 0
    for seq, (subject, body) in enumerate(told, 1):
        waiting.append(RawEntry(seq, "record", subject, body))
        if len(waiting) == RUN:
            part = waiting[: fitting(waiting)]
            packed = pack_run(digest, part)
            last = part[-1].seq
            yield after, last, packed
            digest = unpack_run(packed, after=after, last=last).digest_at(last)
            after, waiting = last, waiting[len(part) :]
    while waiting:
        part = waiting[: fitting(waiting)]
        packed = pack_run(digest, part)
        last = part[-1].seq
        yield after, last, packed
        digest = unpack_run(packed, after=after, last=last).digest_at(last)
        after, waiting = last, waiting[len(part) :]


def plain_limit(rows: list[tuple[Any, ...]], path: Path, server: PostgreSQL | None) -> float:
    """Seconds that the database alone needs for the same rows, in transactions of a run each."""
    names = ", ".join(f"c{number}" for number in range(len(rows[0])))
    if server is None:
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute(f"CREATE TABLE t ({names})")
            start = time.perf_counter()
            for first in range(0, len(rows), RUN):
                marks = ", ".join("?" * len(rows[0]))
                file.executemany(f"INSERT INTO t VALUES ({marks})", rows[first : first + RUN])
                file.commit()
            return time.perf_counter() - start
    with psycopg.connect(server.dsn(server.create())) as connection:
        connection.execute(f"CREATE TABLE t ({names.replace(',', ' text,')} text)")
        connection.commit()
        start = time.perf_counter()
        for first in range(0, len(rows), RUN):
            with connection.cursor().copy("COPY t FROM STDIN") as copy:
                for row in rows[first : first + RUN]:
                    copy.write_row(row)
            connection.commit()
        return time.perf_counter() - start


@pytest.mark.performance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [20_000, 200_000])
def test_entries_a_second_beside_the_plain_limit(
    city: City, database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, count: int
) -> None:
    handlers = {"record": apply_records}
    with city.database.write() as session:
        fonds = city.fonds("夷陵区发展和改革局", YILING, session, number="J001")
        node = city.node("夷陵区发展和改革局", fonds, session=session)
    with city.database.write() as session:
        digest = open_incoming(session, node.id, recipient="hub", epoch=1).digest
    took = worked = 0.0
    memory = []
    for after, last, body in runs(bodies(city, fonds, count), digest):
        header = Header(node.id, "hub", "up", "run", epoch=1, after=after, last=last)
        start, cpu = time.perf_counter(), time.process_time()
        with city.database.write() as session:
            answer, refusals = apply_run(session, header, body, handlers)
        took += time.perf_counter() - start
        worked += time.process_time() - cpu
        assert (answer, refusals) == (Answer.ACK, [])
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(CatalogueRecord)) == count
        columns = CatalogueRecord.__table__.columns
        held = [tuple(map(_plain, row)) for row in session.execute(select(*columns).limit(20_000))]
    with city.database.write() as session:
        assert not recount(fonds.id, session=session)
    server = request.getfixturevalue("postgresql") if database_kind == "postgresql" else None
    plain = plain_limit(held, tmp_path / "plain.sqlite", server) / len(held)
    what = "COPY" if server else "executemany"
    print(  # noqa: T201 - a measurement
        f"\n{database_kind:10} {count:7} entries: {took:5.1f} s, {count / took:6.0f}/s "
        f"({count / worked:6.0f}/s of this process's work); raw {what} {1 / plain:7.0f}/s: "
        f"1 : {took / count / plain:.1f}; memory {memory[len(memory) // 4]} → {memory[-1]} MB"
    )


def _plain(value: Any) -> Any:
    return canonical_json(value).decode() if isinstance(value, dict) else str(value)
