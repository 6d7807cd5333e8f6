"""The plain limits: the same bytes, rows and objects with nothing of ours in between."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pika
import psycopg
from minio import Minio
from pika.adapters.select_connection import SelectConnection

from shared.kernel.canonical import canonical_json

BATCH = 100
IN_FLIGHT = 1000
_AT_ONCE = 256 * 1024
#: How many rows a transaction has, as many as a run of changes.
RUN = 1000


class RawPika:
    """pika's SelectConnection with confirms in flight, then a consumer with multiple acks."""

    def __init__(self, parameters: pika.ConnectionParameters, bodies: Sequence[bytes]) -> None:
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
        while self._sent < len(self._bodies) and self._sent - self._confirmed < IN_FLIGHT:
            self._channel.basic_publish(
                "", "q", self._bodies[self._sent], pika.BasicProperties(delivery_mode=2)
            )
            self._sent += 1

    def _on_confirm(self, frame: Any) -> None:
        self._confirmed = frame.method.delivery_tag
        if self._confirmed == len(self._bodies):
            self._channel.basic_qos(
                prefetch_count=2 * BATCH,
                callback=lambda _: self._channel.basic_consume("q", self._on_message),
            )
        else:
            self._publish()

    def _on_message(self, channel: Any, method: Any, properties: object, body: bytes) -> None:
        self._taken += 1
        if self._taken % BATCH == 0 or self._taken == len(self._bodies):
            channel.basic_ack(method.delivery_tag, multiple=True)
        if self._taken == len(self._bodies):
            self._end = time.perf_counter()
            self._connection.close()


def queue_in_sqlite(path: Path, bodies: Sequence[bytes]) -> float:
    """Bare SQLite with the same durability: a transaction per batch in, and one per batch out."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("pragma journal_mode=WAL")
        file.execute("pragma synchronous=NORMAL")
        file.execute("create table message (id integer primary key, payload blob)")
        start = time.perf_counter()
        for first in range(0, len(bodies), IN_FLIGHT):
            file.execute("begin immediate")
            rows = [(body,) for body in bodies[first : first + IN_FLIGHT]]
            file.executemany("insert into message (payload) values (?)", rows)
            file.execute("commit")
        while True:
            query = "select id, payload from message order by id limit ?"
            taken = file.execute(query, (BATCH,)).fetchall()
            if not taken:
                return time.perf_counter() - start
            file.execute("begin immediate")
            file.execute("delete from message where id <= ?", (taken[-1][0],))
            file.execute("commit")


def rows_into_sqlite(path: Path, rows: Sequence[Sequence[Any]]) -> float:
    """Seconds for `executemany` of the rows into a table without index, a transaction a run."""
    names = ", ".join(f"c{number}" for number in range(len(rows[0])))
    marks = ", ".join("?" * len(rows[0]))
    plain = [tuple(map(_plain, row)) for row in rows]
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute(f"CREATE TABLE t ({names})")
        start = time.perf_counter()
        for first in range(0, len(plain), RUN):
            file.executemany(f"INSERT INTO t VALUES ({marks})", plain[first : first + RUN])
            file.commit()
        return time.perf_counter() - start


def rows_by_copy(dsn: str, rows: Sequence[Sequence[Any]]) -> float:
    """Seconds for COPY of the rows into a table without index, a transaction a run."""
    names = ", ".join(f"c{number} text" for number in range(len(rows[0])))
    plain = [tuple(map(_plain, row)) for row in rows]
    with psycopg.connect(dsn) as connection:
        connection.execute(f"CREATE TABLE t ({names})")
        connection.commit()
        start = time.perf_counter()
        for first in range(0, len(plain), RUN):
            with connection.cursor().copy("COPY t FROM STDIN") as copy:
                for row in plain[first : first + RUN]:
                    copy.write_row(row)
            connection.commit()
        return time.perf_counter() - start


def _plain(value: Any) -> Any:
    return canonical_json(value).decode() if isinstance(value, dict | list) else str(value)


def objects_into_folder(folder: Path, objects: Sequence[bytes]) -> float:
    """Seconds to write each object into a file, durably."""
    folder.mkdir()
    start = time.perf_counter()
    for number, content in enumerate(objects):
        with (folder / str(number)).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - start


def objects_over_http(folder: Path, objects: Sequence[bytes]) -> float:
    """Seconds to PUT each object to a process that only writes it into a file, durably."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.performance.bare_server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with closing(HTTPConnection("127.0.0.1", port, blocksize=_AT_ONCE)) as line:
                start = time.perf_counter()
                for number, content in enumerate(objects):
                    length = {"Content-Length": str(len(content))}
                    line.request("PUT", f"/{number}", io.BytesIO(content), length)
                    assert line.getresponse().read() == b""
                return time.perf_counter() - start
        finally:
            server.kill()


def objects_into_bucket(client: Minio, bucket: str, objects: Sequence[bytes]) -> float:
    """Seconds to PUT each object in one request, as the minio client does by itself."""
    client.make_bucket(bucket)
    start = time.perf_counter()
    for number, content in enumerate(objects):
        # One part: below 5 GiB the client would else cut it into parts of 5 MiB.
        client.put_object(
            bucket, str(number), io.BytesIO(content), len(content), part_size=5 * 1024**3
        )
    return time.perf_counter() - start
