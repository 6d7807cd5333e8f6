"""The embedded link: kombu over one SQLite file, for several processes and no server.

kombu's file-system transport, as shipped, swaps and tears messages under load (measured:
`docs/decisions/0005`), so this is a virtual transport of our own on kombu's base classes. A
message is a row; taking it marks the row with a lease of the consumer, acknowledging it deletes
the row. A consumer that dies loses its lease after a while, and the message is handed out again,
in its old place.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu import Connection
from kombu.transport import TRANSPORT_ALIASES, virtual

from shared.kernel.errors import Unavailable
from shared.kernel.files import sqlite_trace
from shared.kernel.identifiers import new_id
from shared.messaging.link import DEAD_BYTES_KEPT, DEAD_LETTERS_KEPT, Delivery, is_dead_queue

SCHEME = "danglian-embedded"
_LEASE_SECONDS = 20.0
_POLL_SECONDS = 0.05
_TABLES = """
create table if not exists message (
    id integer primary key autoincrement,
    queue text not null,
    lease text,
    lease_until real,
    payload text not null -- last: what stands behind a large value takes long to read
);
create index if not exists message_queue on message (queue, id);
"""
_SIZES = "select id, length(payload) from message where queue = ? order by id desc"
_FORGET_OLD = "delete from message where queue = ? and id <= ?"


class _QoS(virtual.QoS):
    """Acknowledging deletes the message's row; releasing it gives the lease back.

    A message in hand whose lease has run out is handed out once more, under the same tag: whoever
    settles it a second time has nothing to say any more.
    """

    def ack(self, delivery_tag: str) -> None:
        self._settle(delivery_tag, self.channel.forget)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        self._settle(delivery_tag, self.channel.give_back if requeue else self.channel.forget)

    def _settle(self, delivery_tag: str, how: Callable[[int], None]) -> None:
        if delivery_tag in self._delivered:
            how(self.get(delivery_tag).properties["row"])
            super().ack(delivery_tag)


class _Channel(virtual.Channel):
    """Queues as rows of one SQLite file."""

    QoS = _QoS
    supports_fanout = False
    do_restore = False

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._consumer = new_id()
        self._file = _open(Path(connection.client.hostname))

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        text = json.dumps(message)
        # Of bytes SQLite knows the length without reading them.
        payload = text.encode() if is_dead_queue(queue) else text
        with _writing(self._file) as file:
            file.execute("insert into message (queue, payload) values (?, ?)", (queue, payload))
            if is_dead_queue(queue):
                self._forget_old(queue)

    def _forget_old(self, queue: str) -> None:
        """Keep the newest dead letters, within their number and their bytes."""
        left = DEAD_BYTES_KEPT
        for place, (row, size) in enumerate(self._file.execute(_SIZES, (queue,)).fetchall()):
            left -= size * 3 // 4  # base64
            if place >= DEAD_LETTERS_KEPT or left < 0:
                self._file.execute(_FORGET_OLD, (queue, row))
                return

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        moment = time.time()
        free = "queue = ? and (lease is null or lease_until < ?)"
        # Looked at first without waiting for the turn to write: mostly nothing is there.
        look = f"select 1 from message where {free} limit 1"  # noqa: S608
        if self._file.execute(look, (queue, moment)).fetchone() is None:
            raise Empty
        query = f"select id, payload from message where {free} order by id limit 1"  # noqa: S608
        with _writing(self._file) as file:
            found = file.execute(query, (queue, moment)).fetchone()
            if found is None:
                raise Empty
            file.execute(
                "update message set lease = ?, lease_until = ? where id = ?",
                (self._consumer, moment + _LEASE_SECONDS, found[0]),
            )
        message: dict[str, Any] = json.loads(found[1])
        message["properties"]["row"] = found[0]
        return message

    def forget(self, row: int) -> None:
        """Delete an acknowledged message, unless its lease has passed to another consumer."""
        with _writing(self._file) as file:
            file.execute("delete from message where id = ? and lease = ?", (row, self._consumer))

    def give_back(self, row: int) -> None:
        """Hand a message out again, in its old place."""
        with _writing(self._file) as file:
            file.execute(
                "update message set lease = null where id = ? and lease = ?",
                (row, self._consumer),
            )

    def together(self) -> AbstractContextManager[object]:
        """Whatever is put or taken within is one transaction."""
        return _writing(self._file)

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return True

    def _size(self, queue: str) -> int:
        found = self._file.execute("select count(*) from message where queue = ?", (queue,))
        return int(found.fetchone()[0])

    def _purge(self, queue: str) -> int:
        with _writing(self._file) as file:
            return int(file.execute("delete from message where queue = ?", (queue,)).rowcount)

    def close(self) -> None:
        if not self.closed:
            with contextlib.suppress(sqlite3.Error), _writing(self._file) as file:
                file.execute("update message set lease = null where lease = ?", (self._consumer,))
            super().close()
            self._file.close()


class EmbeddedTransport(virtual.Transport):
    """kombu transport whose broker is one SQLite file, named by the host part of the URL."""

    Channel = _Channel
    global_state = virtual.BrokerState()
    driver_type = "danglian-embedded"
    driver_name = "sqlite3"
    polling_interval = _POLL_SECONDS

    def driver_version(self) -> str:
        return sqlite3.sqlite_version


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:EmbeddedTransport"


class KombuDelivery:
    """A message that kombu handed out."""

    def __init__(self, link: KombuLink, message: Any) -> None:
        self._link = link
        self._message = message
        body = message.body
        self.body: bytes = body if isinstance(body, bytes) else body.encode()

    def acknowledge(self) -> None:
        """Tell the broker to forget it."""
        self._link.settle(self._message.ack)

    def release(self) -> None:
        """Tell the broker to hand it out again."""
        self._link.settle(self._message.requeue)


class KombuLink:
    """A link through kombu; here over the embedded transport, elsewhere over any of kombu's."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.RLock()
        self._open()

    def _open(self) -> None:
        self._connection = Connection(transport=SCHEME, hostname=str(self._path))
        self._file: int | None = None

    @property
    def _channel(self) -> Any:
        # A restore of the hub's folder puts another file in the place of the one that we have open.
        if self._file is not None and self._file != _file_id(self._path):
            self._connection.close()
            self._open()
        channel = self._connection.default_channel
        self._file = _file_id(self._path)
        return channel

    def send(self, queue: str, messages: Sequence[bytes]) -> None:
        """Put messages into a queue, in order."""
        with self._lock, _reachable():
            channel = self._channel
            with channel.together():
                for body in messages:
                    message = channel.prepare_message(
                        body, content_type="application/octet-stream", content_encoding="binary"
                    )
                    channel.basic_publish(message, exchange="", routing_key=queue)

    def flush(self) -> None:
        """Nothing to wait for: what was sent is in the file."""

    def receive(self, queue: str, *, wait_seconds: float, most: int = 1) -> list[Delivery]:
        """Up to `most` messages of a queue, in order; waits a while for the first."""
        deadline = time.monotonic() + wait_seconds
        while True:
            before = sqlite_trace(self._path)
            found = self._take(queue, most)
            if found or time.monotonic() >= deadline:
                return found
            while (left := deadline - time.monotonic()) > 0 and before == sqlite_trace(self._path):
                time.sleep(min(_POLL_SECONDS, left))

    def _take(self, queue: str, most: int) -> list[Delivery]:
        found: list[Delivery] = []
        with self._lock, _reachable():
            channel = self._channel
            if (message := channel.basic_get(queue)) is None:
                return found
            with channel.together():
                while message is not None:
                    found.append(KombuDelivery(self, message))
                    message = channel.basic_get(queue) if len(found) < most else None
        return found

    def settle(self, how: Any) -> None:
        """Acknowledge or release one delivery."""
        with self._lock, _reachable():
            how()

    def size(self, queue: str) -> int:
        """How many messages wait in a queue."""
        with self._lock, _reachable():
            return int(self._channel._size(queue))

    def purge(self, queue: str) -> int:
        """Throw away what waits in a queue."""
        with self._lock, _reachable():
            return int(self._channel._purge(queue))

    def close(self) -> None:
        """Close the file; what was not acknowledged is handed out again."""
        with self._lock:
            self._connection.close()


def _file_id(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable("消息通道暂时不可用。", "系统会自动重试；请检查磁盘空间。") from error


def _open(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    # NORMAL: a power cut may lose messages, which the streams repair; it never tears one.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        file.execute(f"pragma {pragma}")
    file.executescript(_TABLES)
    return file


@contextlib.contextmanager
def _writing(file: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    if file.in_transaction:
        yield file  # joins the one that is open
        return
    file.execute("begin immediate")
    try:
        yield file
    except BaseException:
        file.execute("rollback")
        raise
    file.execute("commit")
