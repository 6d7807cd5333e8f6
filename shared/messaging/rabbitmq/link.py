"""RabbitMQ behind the port of links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from shared.kernel.errors import Unavailable
from shared.messaging.link import Delivery, is_hub_queue
from shared.messaging.rabbitmq.address import UP_EXCHANGE, BrokerAddress, up_key
from shared.messaging.rabbitmq.connection import Connection, problem_of_channel
from shared.messaging.rabbitmq.consumer import Consumer
from shared.messaging.rabbitmq.publisher import Publisher, again

_ANSWER_SECONDS = 15.0


class RabbitLink:
    """A link over one connection; may be used by many threads.

    `sender` is the id of the node whose link this is: what it sends to the hub goes out under its
    own key, and the broker puts it into whichever shard the hub has bound that to. The hub's own
    link names queues directly.
    """

    def __init__(self, address: BrokerAddress, *, ca: str = "", sender: str | None = None) -> None:
        self._sender = sender
        self._connection = Connection(address, ca)
        self._publisher = Publisher(self._connection)
        self._consumers: dict[str, Consumer] = {}

    def send(self, queue: str, messages: Sequence[bytes]) -> None:
        """Hand messages over, in order."""
        if self._sender is not None and is_hub_queue(queue):
            self._publisher.send(UP_EXCHANGE, up_key(self._sender), messages)
        else:
            self._publisher.send("", queue, messages)

    def flush(self) -> None:
        """Wait until the broker has what this thread sent."""
        self._publisher.flush()

    def deliver(self, queue: str, messages: Sequence[bytes]) -> None:
        """Send, and wait until the broker has it in that queue.

        Raises Unavailable, other than `flush` also when nobody has declared the queue.
        """
        self.send(queue, messages)
        self._publisher.flush(routed=True)

    def receive(self, queue: str, *, wait_seconds: float, most: int = 1) -> list[Delivery]:
        """Up to `most` messages of a queue, in order; waits a while for the first."""
        consumer = self._consumers.get(queue)
        if consumer is None:
            with self._connection.condition:
                consumer = self._consumers.get(queue)
                if consumer is None:
                    consumer = self._consumers[queue] = Consumer(self._connection, queue)
        return list(consumer.take(wait_seconds=wait_seconds, most=most))

    def size(self, queue: str) -> int:
        """How many messages wait in a queue, and ahead of it here."""
        count = self._ask(
            lambda channel, answer: channel.queue_declare(
                queue, passive=True, callback=lambda frame: answer(frame.method.message_count)
            )
        )
        consumer = self._consumers.get(queue)
        return count + (consumer.held if consumer else 0)

    def purge(self, queue: str) -> int:
        """Throw away what waits in a queue."""
        count = self._ask(
            lambda channel, answer: channel.queue_purge(
                queue, callback=lambda frame: answer(frame.method.message_count)
            )
        )
        consumer = self._consumers.get(queue)
        return count + (consumer.purge() if consumer else 0)

    def close(self) -> None:
        """Close the connection; what was not acknowledged is handed out again."""
        self._connection.close()

    def _ask(self, question: Callable[[Any, Callable[[int], None]], object]) -> int:
        """Ask the broker one thing over a channel of its own."""
        asking = _Question(question)
        self._connection.add(asking)
        try:
            return asking.future.result(_ANSWER_SECONDS)
        except TimeoutError:
            raise Unavailable("消息服务器没有回答。", "请稍候再试。") from None
        except Unavailable as problem:
            raise again(problem) from None
        finally:
            self._connection.remove(asking)


class _Question:
    """A channel that is opened for one question and closed after its answer."""

    def __init__(self, question: Callable[[Any, Callable[[int], None]], object]) -> None:
        self._question = question
        self.future: Future[int] = Future()

    def opened(self, connection: Any) -> None:
        """Open the channel and ask."""
        if not self.future.done():
            connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_close_callback(lambda _, reason: self.lost(problem_of_channel(reason)))

        def answer(value: int) -> None:
            if not self.future.done():
                self.future.set_result(value)
            channel.close()

        self._question(channel, answer)

    def lost(self, problem: Unavailable) -> None:
        """There will be no answer."""
        if not self.future.done():
            self.future.set_exception(problem)
