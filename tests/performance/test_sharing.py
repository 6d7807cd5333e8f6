"""How fast shared records are decided on, sequenced, and streamed out, beside a raw COPY TO."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.sharing.models import SharingPending
from hub.sharing.policies import Audience
from hub.sharing.sequencing import Sequencing
from shared.kernel.bulk import add_rows, table_of
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.identifiers import new_id
from tests.hub.conftest import City, city, city_on_postgresql, city_template
from tests.hub.sharing.conftest import Sharing, archive
from tests.performance.table import EMBEDDED, SERVERS, Table

__all__ = ["archive", "city", "city_on_postgresql", "city_template"]
DATABASES = ("sqlite", "postgresql")
DECIDED, STREAMED = 2_000, 100_000


@pytest.mark.performance
@pytest.mark.timeout(1800)
def test_records_a_second_through_decision_sequencer_and_feed(
    archive: Sharing, city: City, database_kind: str, table: Table
) -> None:
    stack = SERVERS if database_kind == "postgresql" else EMBEDDED
    archive.share()
    for _ in range(DECIDED // 500):
        archive.received(500)
    start = time.perf_counter()
    archive.settle()
    rate = DECIDED / (time.perf_counter() - start)
    table.add("Records decided on and sequenced, each second", stack, f"{rate:,.0f}")

    _fill(archive, STREAMED - DECIDED)
    start = time.perf_counter()
    sequencing = Sequencing(city.database)
    while sequencing.step():
        pass
    rate = (STREAMED - DECIDED) / (time.perf_counter() - start)
    table.add("Changes sequenced, each second", stack, f"{rate:,.0f}")

    url = city.database.engine.url.render_as_string(hide_password=False)
    url = url.replace("+alike", "+psycopg" if stack == SERVERS else "")
    child = [sys.executable, "-m", "tests.performance.feed_child", url]
    ran = subprocess.run(child, capture_output=True, text=True, check=True, cwd=Path.cwd())
    took = json.loads(ran.stdout)
    assert took["entries"] == STREAMED
    assert took["peak_mb"] <= 200
    load = os.getloadavg()[0]
    table.add(
        "Feed streamed, entries each second (peak memory)",
        stack,
        f"{STREAMED / took['seconds']:,.0f} ({took['peak_mb']} MB; load {load:.1f})",
        aim="≥ 20,000 (≤ 200 MB)",
    )
    if stack == SERVERS:
        start = time.perf_counter()
        size = _copied_out(city)
        plain = time.perf_counter() - start
        table.add(
            "The same rows by COPY TO, each second",
            stack,
            f"{STREAMED / plain:,.0f} ({size / 1e6:,.0f} MB; 1 : {took['seconds'] / plain:.1f})",
        )


def _fill(archive: Sharing, count: int) -> None:
    """Changes as the job writes them, straight into its table."""
    (sample,) = list(archive.seen().values())[:1]
    for begin in range(0, count, 10_000):
        rows = []
        for number in range(begin, min(begin + 10_000, count)):
            body = {**sample, "id": new_id(), "title": f"关于第{number}号事项的通知"}
            content = canonical_json(body)
            rows.append(
                {
                    "audience": str(Audience.PUBLIC),
                    "record_id": body["id"],
                    "fonds_id": body["fonds_id"],
                    "year": body["year"],
                    "kind": "upsert",
                    "reason": None,
                    "digest": sha256_hex(content),
                    "body": content.decode(),
                }
            )
        with archive.city.database.write() as session:
            add_rows(session, table_of(SharingPending), rows)


def _copied_out(city: City) -> int:
    """The bytes that the server gives for the same rows and columns in its own way."""
    with city.database.read() as session:
        cursor = session.connection().connection.cursor()
        with cursor.copy(
            "COPY (SELECT position, record_id, kind, reason, digest, body FROM sharing_feed"
            " WHERE audience = 'public' ORDER BY position) TO STDOUT"
        ) as copy:
            return sum(len(piece) for piece in copy)
