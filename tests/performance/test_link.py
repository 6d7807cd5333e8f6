"""Publish and consume the same bytes with the bare library and through our link, as ratios."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.select_connection import SelectConnection

from shared.messaging.embedded import KombuLink
from shared.messaging.link import Link
from tests.servers.rabbitmq import RabbitMQ

#: How many messages of how many bytes: notes between hub and node, and full runs of changes.
LOADS = ((10_000, 1_000), (1_000, 100_000))
_BATCH = 100
_IN_FLIGHT = 1000

pytestmark = [pytest.mark.performance, pytest.mark.timeout(600)]


def through(link: Link, bodies: list[bytes]) -> float:
    """Seconds to send messages in batches, each waited for, and to take and acknowledge them."""
    start = time.perf_counter()
    for first in range(0, len(bodies), _IN_FLIGHT):
        link.send("q", bodies[first : first + _IN_FLIGHT])
        link.flush()
    taken = 0
    while taken < len(bodies):
        deliveries = link.receive("q", wait_seconds=30, most=_BATCH)
        for delivery in deliveries:
            delivery.acknowledge()
        taken += len(deliveries)
    assert link.receive("q", wait_seconds=0) == []
    return time.perf_counter() - start


class _RawPika:
    """pika's SelectConnection with confirms in flight, then a consumer with multiple acks."""

    def __init__(self, parameters: pika.ConnectionParameters, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self._sent = self._confirmed = self._taken = 0
        self._connection = SelectConnection(
            parameters,
            on_open_callback=lambda it: it.channel(on_open_callback=self._on_channel),
            on_close_callback=lambda it, _: it.ioloop.stop(),
        )

    def seconds(self) -> float:
        self._start = time.perf_counter()
        self._connection.ioloop.start()
        self._connection.ioloop.close()
        assert self._taken == len(self._bodies)
        return self._end - self._start

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        self._start = time.perf_counter()
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._publish())

    def _publish(self) -> None:
        while self._sent < len(self._bodies) and self._sent - self._confirmed < _IN_FLIGHT:
            self._channel.basic_publish(
                "", "q", self._bodies[self._sent], pika.BasicProperties(delivery_mode=2)
            )
            self._sent += 1

    def _on_confirm(self, frame: Any) -> None:
        self._confirmed = frame.method.delivery_tag
        if self._confirmed == len(self._bodies):
            self._channel.basic_qos(
                prefetch_count=2 * _BATCH,
                callback=lambda _: self._channel.basic_consume("q", self._on_message),
            )
        else:
            self._publish()

    def _on_message(self, channel: Any, method: Any, properties: object, body: bytes) -> None:
        self._taken += 1
        if self._taken % _BATCH == 0 or self._taken == len(self._bodies):
            channel.basic_ack(method.delivery_tag, multiple=True)
        if self._taken == len(self._bodies):
            self._end = time.perf_counter()
            self._connection.close()


def raw_sqlite(path: Path, bodies: list[bytes]) -> float:
    """Bare SQLite with the same durability: a transaction per batch in, and one per batch out."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("pragma journal_mode=WAL")
        file.execute("pragma synchronous=NORMAL")
        file.execute("create table message (id integer primary key, payload blob)")
        start = time.perf_counter()
        for first in range(0, len(bodies), _IN_FLIGHT):
            file.execute("begin immediate")
            rows = [(body,) for body in bodies[first : first + _IN_FLIGHT]]
            file.executemany("insert into message (payload) values (?)", rows)
            file.execute("commit")
        while True:
            query = "select id, payload from message order by id limit ?"
            taken = file.execute(query, (_BATCH,)).fetchall()
            if not taken:
                return time.perf_counter() - start
            file.execute("begin immediate")
            file.execute("delete from message where id <= ?", (taken[-1][0],))
            file.execute("commit")


def _report(name: str, raw: Callable[[list[bytes]], float], ours: Iterator[Link]) -> None:
    print(f"\n{name}: publish + consume")  # noqa: T201 - a measurement
    print("  messages   bytes      raw/s     link/s   link:raw")  # noqa: T201 - a measurement
    for (count, size), link in zip(LOADS, ours, strict=False):
        bodies = [os.urandom(size) for _ in range(count)]
        bare, linked = raw(bodies), through(link, bodies)
        print(  # noqa: T201 - a measurement
            f"  {count:8} {size:7} {count / bare:10.0f} {count / linked:10.0f}"
            f" {bare / linked:10.2f}"
        )


def test_rabbitmq(rabbitmq: RabbitMQ) -> None:
    vhost = rabbitmq.new_vhost()
    rabbitmq.declare(vhost, "q")
    parameters = rabbitmq.parameters(vhost)

    def links() -> Iterator[Link]:
        for _ in LOADS:
            with closing(rabbitmq.open(vhost)) as link:
                yield link

    _report("RabbitMQ", lambda bodies: _RawPika(parameters, bodies).seconds(), links())


def test_embedded(tmp_path: Path) -> None:
    def links() -> Iterator[Link]:
        for count, size in LOADS:
            with closing(KombuLink(tmp_path / f"{count}-{size}.sqlite")) as link:
                yield link

    files = iter(range(len(LOADS)))
    _report(
        "embedded",
        lambda bodies: raw_sqlite(tmp_path / f"raw-{next(files)}.sqlite", bodies),
        links(),
    )
