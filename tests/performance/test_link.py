"""Publish and consume the same bytes with the bare library and through our link, as ratios."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.messaging.embedded import KombuLink
from shared.messaging.link import Link
from tests.performance.limits import BATCH, IN_FLIGHT, RawPika, queue_in_sqlite
from tests.performance.table import EMBEDDED, SERVERS, Table, ratio, seconds
from tests.servers.rabbitmq import RabbitMQ

#: How many messages of how many bytes: notes between hub and node, and full runs of changes.
LOADS = ((10_000, 1_000), (1_000, 100_000))

pytestmark = [pytest.mark.performance, pytest.mark.timeout(600)]


def through(link: Link, bodies: list[bytes]) -> float:
    """Seconds to send messages in batches, each waited for, and to take and acknowledge them."""
    start = time.perf_counter()
    for first in range(0, len(bodies), IN_FLIGHT):
        link.send("q", bodies[first : first + IN_FLIGHT])
        link.flush()
    taken = 0
    while taken < len(bodies):
        deliveries = link.receive("q", wait_seconds=30, most=BATCH)
        for delivery in deliveries:
            delivery.acknowledge()
        taken += len(deliveries)
    assert link.receive("q", wait_seconds=0) == []
    return time.perf_counter() - start


def _report(
    table: Table, stack: str, raw: Callable[[list[bytes]], float], ours: Iterator[Link]
) -> None:
    for (count, size), link in zip(LOADS, ours, strict=False):
        bodies = [os.urandom(size) for _ in range(count)]
        bare, linked = raw(bodies), through(link, bodies)
        table.add(
            f"{count:,} messages of {size // 1000} KB through the link alone",
            stack,
            f"{seconds(linked)}, bare {seconds(bare)}, {ratio(linked, bare)}",
        )


def test_rabbitmq(rabbitmq: RabbitMQ, table: Table) -> None:
    vhost = rabbitmq.new_vhost()
    rabbitmq.declare(vhost, "q")
    parameters = rabbitmq.parameters(vhost)

    def links() -> Iterator[Link]:
        for _ in LOADS:
            with closing(rabbitmq.open(vhost)) as link:
                yield link

    _report(table, SERVERS, lambda bodies: RawPika(parameters, bodies).seconds(), links())


def test_embedded(tmp_path: Path, table: Table) -> None:
    def links() -> Iterator[Link]:
        for count, size in LOADS:
            with closing(KombuLink(tmp_path / f"{count}-{size}.sqlite")) as link:
                yield link

    files = iter(range(len(LOADS)))
    _report(
        table,
        EMBEDDED,
        lambda bodies: queue_in_sqlite(tmp_path / f"raw-{next(files)}.sqlite", bodies),
        links(),
    )
