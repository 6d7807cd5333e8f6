"""Publishing with many confirms in flight.

Waiting for each confirm alone costs a round trip and a disk flush per message. So messages go out
one behind the other, and whoever sent them waits once, for all of them. A message that is not
confirmed in time is given up: it stays in the change log, from where it is sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import pika
from pika import spec

from shared.kernel.errors import Unavailable
from shared.messaging.rabbitmq.connection import Connection, no_queue, problem_of_channel

log = logging.getLogger(__name__)

_IN_FLIGHT = 1000
_BYTES_IN_FLIGHT = 32 * 1024 * 1024
_CONFIRM_SECONDS = 30.0
_REOPEN_SECONDS = 1.0


class Batch:
    """Messages that were sent together: how many are not settled, and what went wrong first.

    With `is_returned` some may have had no queue.
    """

    def __init__(self, count: int) -> None:
        self.waiting = count
        self.problem: Unavailable | None = None
        self.is_returned = False


class _Letter:
    """One message under way."""

    __slots__ = ("batch", "body", "exchange", "key", "size")

    def __init__(self, batch: Batch, exchange: str, key: str, body: bytes) -> None:
        self.batch, self.exchange, self.key, self.body = batch, exchange, key, body
        self.size = len(body)


class Publisher:
    """The channel that messages leave through, in the order in which they were handed over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._condition = connection.condition
        self._channel: Any = None
        self._number = 0
        self._outbox: deque[_Letter] = deque()
        self._in_flight: dict[int, _Letter] = {}
        self._bytes = 0
        self._sent = threading.local()
        connection.add(self)

    # ---- for everyone

    def send(self, exchange: str, key: str, bodies: Sequence[bytes]) -> None:
        """Hand messages over; waits only while too many are under way.

        Raises Unavailable; then nothing of what this thread sent is waited for any more.
        """
        batch = Batch(len(bodies))
        try:
            self._hand_over([_Letter(batch, exchange, key, body) for body in bodies])
        except Unavailable:
            self._sent.batches = []
            raise
        self._batches.append(batch)
        self._connection.call(self._pump)

    def _hand_over(self, letters: Sequence[_Letter]) -> None:
        deadline = time.monotonic() + _CONFIRM_SECONDS
        with self._condition:
            self._require_connection()
            while len(self._outbox) >= _IN_FLIGHT or self._channel is None:
                if not self._condition.wait(deadline - time.monotonic()):
                    raise _not_confirmed()
                self._require_connection()
            self._outbox.extend(letters)

    def flush(self, *, routed: bool = False) -> None:
        """Wait until all that this thread sent is confirmed. Raises Unavailable if some is not.

        `routed` asks for a queue as well: a broker confirms also what it has given back.
        """
        batches, self._sent.batches = self._batches, []
        deadline = time.monotonic() + _CONFIRM_SECONDS
        with self._condition:
            for batch in batches:
                while batch.waiting:
                    if not self._condition.wait(deadline - time.monotonic()):
                        self._outbox = deque(
                            each for each in self._outbox if each.batch not in batches
                        )
                        raise _not_confirmed()
            for batch in batches:
                if batch.problem is not None:
                    raise again(batch.problem)
                if routed and batch.is_returned:
                    raise no_queue()

    @property
    def _batches(self) -> list[Batch]:
        if not hasattr(self._sent, "batches"):
            self._sent.batches = []
        batches: list[Batch] = self._sent.batches
        return batches

    def _require_connection(self) -> None:
        if self._connection.problem is not None:
            raise again(self._connection.problem)

    # ---- in the connection's thread

    def opened(self, connection: Any) -> None:
        """Open the channel."""
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_close_callback(self._on_close)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._on_ready(channel))

    def _on_ready(self, channel: Any) -> None:
        with self._condition:
            self._channel, self._number = channel, 0
            self._condition.notify_all()
        self._pump()

    def _pump(self) -> None:
        with self._condition:
            while (
                self._channel is not None
                and self._channel.is_open
                and self._outbox
                and len(self._in_flight) < _IN_FLIGHT
                and self._bytes < _BYTES_IN_FLIGHT
            ):
                letter = self._outbox.popleft()
                self._number += 1
                self._in_flight[self._number] = letter
                self._bytes += letter.size
                self._channel.basic_publish(
                    letter.exchange,
                    letter.key,
                    letter.body,
                    pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent),
                    # What has no queue comes back, so that we know of it.
                    mandatory=True,
                )
                letter.body = b""
            if len(self._outbox) < _IN_FLIGHT:
                self._condition.notify_all()

    def _on_return(self, channel: Any, method: Any, properties: object, body: bytes) -> None:
        # Lost like anything that a link may lose; the stream sends it again. It comes before its
        # confirm, without its number.
        log.warning("nobody has declared the queue of %s%s", method.exchange, method.routing_key)
        with self._condition:
            for letter in self._in_flight.values():
                if (letter.exchange, letter.key) == (method.exchange, method.routing_key):
                    letter.batch.is_returned = True

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tag = method.delivery_tag
        problem = None if isinstance(method, spec.Basic.Ack) else _not_confirmed()
        with self._condition:
            tags = [tag]
            if method.multiple:
                tags = list(takewhile(lambda each: each <= tag, self._in_flight))
            for each in tags:
                letter = self._in_flight.pop(each)
                self._bytes -= letter.size
                self._settle([letter], problem)
        if self._outbox:
            self._pump()

    def _on_close(self, channel: Any, reason: object) -> None:
        if channel is self._channel:
            self.lost(problem_of_channel(reason))
            self._connection.later(_REOPEN_SECONDS, self)

    def lost(self, problem: Unavailable) -> None:
        """Nobody will confirm what is under way: give it up."""
        with self._condition:
            self._channel = None
            under_way = [*self._in_flight.values(), *self._outbox]
            self._in_flight.clear()
            self._outbox.clear()
            self._bytes = 0
            self._settle(under_way, problem)

    def _settle(self, letters: Iterable[_Letter], problem: Unavailable | None) -> None:
        for letter in letters:
            batch = letter.batch
            batch.waiting -= 1
            batch.problem = batch.problem or problem
            if not batch.waiting:
                self._condition.notify_all()


def again(problem: Unavailable) -> Unavailable:
    """The same error to be raised in another thread, with a traceback of its own."""
    return type(problem)(problem.message, problem.remedy)


def _not_confirmed() -> Unavailable:
    return Unavailable("消息服务器没有及时确认收件。", "系统会自动重发。")
