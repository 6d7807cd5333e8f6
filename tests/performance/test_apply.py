"""How fast the hub applies catalogue entries, beside what its database alone can take in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from tests.performance.limits import RUN, rows_by_copy, rows_into_sqlite
from tests.performance.table import EMBEDDED, SERVERS, Table, ratio, seconds
from tests.servers.postgresql import PostgreSQL

__all__ = ["city", "city_on_postgresql", "city_template"]
DATABASES = ("sqlite", "postgresql")
YILING = "420506000000"
COUNT = 20_000


def bodies(city: City, fonds: Any, count: int) -> Iterator[tuple[str, bytes]]:
    """Filed records as their node tells them: their ids and canonical bytes."""
    event = Event(new_id(), "归档", now(), "张三", "办公室")
    for number in range(1, count + 1):
        year = 2000 + number // 9000
        record = city.record(fonds, number % 9000 + 1, year=year, events=(event,))
        yield record.id, canonical_json(record_to_wire(record))


def runs(told: Iterator[tuple[str, bytes]], digest: str) -> Iterator[tuple[int, int, bytes]]:
    """Packed runs as they travel: after, last, body."""
    waiting = [RawEntry(seq, "record", id_, body) for seq, (id_, body) in enumerate(told, 1)]
    after = 0
    while waiting:
        part = waiting[: fitting(waiting[:RUN])]
        packed = pack_run(digest, part)
        last = part[-1].seq
        yield after, last, packed
        digest = unpack_run(packed, after=after, last=last).digest_at(last)
        after, waiting = last, waiting[len(part) :]


@pytest.mark.performance
@pytest.mark.timeout(900)
def test_entries_a_second_beside_the_plain_limit(
    city: City, database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, table: Table
) -> None:
    handlers = {"record": apply_records}
    with city.database.write() as session:
        fonds = city.fonds("夷陵区发展和改革局", YILING, session, number="J001")
        node = city.node("夷陵区发展和改革局", fonds, session=session)
    with city.database.write() as session:
        digest = open_incoming(session, node.id, recipient="hub", epoch=1).digest
    took = worked = 0.0
    for after, last, body in runs(bodies(city, fonds, COUNT), digest):
        header = Header(node.id, "hub", "up", "run", epoch=1, after=after, last=last)
        start, cpu = time.perf_counter(), time.process_time()
        with city.database.write() as session:
            answer, refusals = apply_run(session, header, body, handlers)
        took += time.perf_counter() - start
        worked += time.process_time() - cpu
        assert (answer, refusals) == (Answer.ACK, [])
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(CatalogueRecord)) == COUNT
        held = list(session.execute(select(*CatalogueRecord.__table__.columns)))
    with city.database.write() as session:
        assert not recount(fonds.id, session=session)
    if database_kind == "sqlite":
        plain, stack = rows_into_sqlite(tmp_path / "plain.sqlite", held), EMBEDDED
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        plain, stack = rows_by_copy(server.dsn(server.create()), held), SERVERS
    table.add(
        f"of that, {COUNT:,} records applied by the hub alone",
        stack,
        f"{seconds(took)} ({seconds(worked)} of it in Python), "
        f"bare rows {seconds(plain)}, {ratio(took, plain)}",
    )
