"""Taking messages out of one queue.

The broker hands out up to `_PREFETCH` messages ahead; they wait here until they are asked for. What
is released goes back to its place here, not to the broker: while the database is away the consumer
simply pauses, and nothing is rejected. Acknowledgements are gathered; one word to the broker
covers all up to the first message that is still in work.
"""

from __future__ import annotations

import heapq
import logging
import time
from typing import Any

from pika.exceptions import ChannelClosedByBroker

from shared.kernel.errors import Unavailable
from shared.messaging.rabbitmq.connection import Connection, problem_of_channel
from shared.messaging.rabbitmq.publisher import again

log = logging.getLogger(__name__)

_PREFETCH = 50
_REOPEN_SECONDS = 1.0


class RabbitDelivery:
    """A message that the broker handed out, in one life of the channel."""

    def __init__(self, consumer: Consumer, life: int, tag: int, body: bytes) -> None:
        self._consumer = consumer
        self.life, self.tag, self.body = life, tag, body

    def __lt__(self, other: RabbitDelivery) -> bool:
        return self.tag < other.tag

    def acknowledge(self) -> None:
        """The broker may forget it."""
        self._consumer.acknowledge(self)

    def release(self) -> None:
        """Hand it out again, before the later ones."""
        self._consumer.release(self)


class Consumer:
    """The channel that the messages of one queue come through."""

    def __init__(self, connection: Connection, queue: str) -> None:
        self._connection = connection
        self._condition = connection.condition
        self._queue = queue
        self._channel: Any = None
        #: Counts the channels: a delivery of an earlier one is the broker's again.
        self._life = 0
        self._waiting: list[RabbitDelivery] = []
        self._open: dict[int, None] = {}
        self._done: set[int] = set()
        self._problem: Unavailable | None = None
        connection.add(self)

    # ---- for everyone

    def take(self, *, wait_seconds: float, most: int) -> list[RabbitDelivery]:
        """Up to `most` messages in order; waits a while for the first. Raises Unavailable."""
        deadline = time.monotonic() + wait_seconds
        with self._condition:
            while not self._waiting:
                problem = self._connection.problem or self._problem
                if problem is not None:
                    raise again(problem)
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return []
                self._condition.wait(remaining)
            return [heapq.heappop(self._waiting) for _ in range(min(most, len(self._waiting)))]

    @property
    def held(self) -> int:
        """How many messages wait here, ahead of being asked for."""
        return len(self._waiting)

    def acknowledge(self, delivery: RabbitDelivery) -> None:
        """Dealt with, if the broker has not taken it back meanwhile."""
        with self._condition:
            if delivery.life != self._life:
                return
            self._done.add(delivery.tag)
            if len(self._done) > 1:
                return  # the first one has asked for the settling already
        self._connection.call(self._settle)

    def release(self, delivery: RabbitDelivery) -> None:
        """Not now: put it back into its place."""
        with self._condition:
            if delivery.life == self._life:
                heapq.heappush(self._waiting, delivery)
                self._condition.notify_all()

    def purge(self) -> int:
        """Throw away what waits here; how many."""
        with self._condition:
            thrown, self._waiting = self._waiting, []
        for each in thrown:
            self.acknowledge(each)
        return len(thrown)

    # ---- in the connection's thread

    def opened(self, connection: Any) -> None:
        """Open the channel."""
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_close_callback(self._on_close)
        channel.add_on_cancel_callback(lambda _: channel.close())
        with self._condition:
            self._channel = channel
            self._life += 1
        channel.basic_qos(prefetch_count=_PREFETCH, callback=lambda _: self._consume(channel))

    def _consume(self, channel: Any) -> None:
        channel.basic_consume(self._queue, self._on_message, callback=lambda _: self._on_ready())

    def _on_ready(self) -> None:
        with self._condition:
            self._problem = None

    def _on_message(self, channel: Any, method: Any, properties: object, body: bytes) -> None:
        with self._condition:
            if channel is not self._channel:
                return
            tag = method.delivery_tag
            self._open[tag] = None
            heapq.heappush(self._waiting, RabbitDelivery(self, self._life, tag, body))
            self._condition.notify_all()

    def _settle(self) -> None:
        with self._condition:
            if self._channel is None or not self._channel.is_open:
                return
            done, self._done = self._done, set()
            up_to = 0
            for tag in self._open:
                if tag not in done:
                    break
                up_to = tag
            if up_to:
                self._channel.basic_ack(up_to, multiple=True)
            for tag in sorted(done):
                if tag > up_to:
                    self._channel.basic_ack(tag)
                del self._open[tag]

    def _on_close(self, channel: Any, reason: object) -> None:
        if channel is self._channel:
            if isinstance(reason, ChannelClosedByBroker):
                log.warning("queue %s: %s", self._queue, reason)
            self.lost(problem_of_channel(reason))
            self._connection.later(_REOPEN_SECONDS, self)

    def lost(self, problem: Unavailable) -> None:
        """What was handed out is the broker's again."""
        with self._condition:
            self._channel = None
            self._life += 1
            self._waiting.clear()
            self._open.clear()
            self._done.clear()
            self._problem = problem
            self._condition.notify_all()
