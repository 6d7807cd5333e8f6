"""How fast shared records are decided on, sequenced, and streamed out, beside a raw COPY TO."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.sharing.models import SharingPending
from hub.sharing.policies import Audience
from hub.sharing.sequencing import Sequencing
from shared.kernel.bulk import add_rows, table_of
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.identifiers import new_id
from tests.hub.conftest import City, city, city_on_postgresql, city_template
from tests.hub.sharing.conftest import Sharing, archive
from tests.performance.table import EMBEDDED, SERVERS, Table, ratio

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
    with _measured() as took:
        archive.settle()
    what = "Records decided on and sequenced, each second (of our CPU)"
    table.add(what, stack, took.rate(DECIDED))

    _fill(archive, STREAMED - DECIDED)
    with _measured() as took:
        sequencing = Sequencing(city.database)
        while sequencing.step():
            pass
    what = "Changes sequenced, each second (of our CPU)"
    table.add(what, stack, took.rate(STREAMED - DECIDED))

    took_by = {}
    for way, what, aim in (
        ("feed", "Feed streamed, entries each second", "≥ 20,000; ≤ 200 MB"),
        ("oai_dc", "OAI-PMH, records in oai_dc each second", "≥ 2,000; ≤ 200 MB"),
        ("dat46", "OAI-PMH, records in dat46 each second", "≥ 2,000; ≤ 200 MB"),
    ):
        child = _read_out(city, way)
        assert child["entries"] == STREAMED
        assert child["peak_mb"] <= 200
        ours = took_by[way] = _Took(child["seconds"], child["cpu"])
        figure = f"{ours.rate(STREAMED)}; {child['peak_mb']} MB, load {os.getloadavg()[0]:.0f}"
        table.add(f"{what} (of our CPU; peak memory)", stack, figure, aim=aim)
    if stack == SERVERS:
        with _measured() as took:
            size = _copied_out(city)
        ratios = ", ".join(
            f"{way} {ratio(ours.seconds, took.seconds)}" for way, ours in took_by.items()
        )
        figure = f"{took.rate(STREAMED)}; {size / 1e6:,.0f} MB; {ratios}"
        table.add("The same rows by COPY TO, each second (of our CPU)", stack, figure)


@dataclass
class _Took:
    """How long something took, and how much of that was work of this process."""

    seconds: float = 0.0
    cpu: float = 0.0

    def rate(self, count: int) -> str:
        return f"{count / self.seconds:,.0f} ({count / self.cpu:,.0f})"


@contextmanager
def _measured() -> Iterator[_Took]:
    took = _Took()
    start, cpu = time.perf_counter(), time.process_time()
    yield took
    took.seconds, took.cpu = time.perf_counter() - start, time.process_time() - cpu


def _read_out(city: City, way: str) -> dict[str, Any]:
    """What it took a process of its own to read everything out."""
    url = city.database.engine.url.render_as_string(hide_password=False)
    on_servers = city.database.engine.dialect.name == "postgresql"
    url = url.replace("+alike", "+psycopg" if on_servers else "")
    command = [sys.executable, "-m", "tests.performance.feed_child", url, way]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd())
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


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
                    "archive": body["archive"],
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
