"""The way into a queue on the broker, from which the receiver reads: acknowledged by its confirm.

A queue holds a few messages only. What its reader has not fetched stays in the feed, and goes on
from the position once there is room: so a reader that is away for a year fills no broker.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.federation.places import HubFolder
from hub.sharing.consumers import quotas
from hub.sharing.pushing.models import QUEUE, Push
from hub.sharing.pushing.subscribers import SubscriberQueues, queue_name
from hub.sharing.pushing.ways import Message, Outcome, Rest
from shared.messaging.rabbitmq.address import BrokerAddress

if TYPE_CHECKING:
    from shared.messaging.rabbitmq.link import RabbitLink

#: So many messages wait for a reader at most, those among them that it has not acknowledged.
MOST_WAITING = 20
_LOOK_AGAIN, _BEING_MADE = timedelta(seconds=5), timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(seconds=30)
_TAKEN = 200


class Queues:
    """Queues of subscribers on the hub's broker. `open_link` is called when it is needed first."""

    name = QUEUE
    #: The broker is the hub's own: when it is back, so are we, however long it was away.
    longest_pause = _LONGEST_PAUSE
    patience: timedelta | None = None

    def __init__(self, queues: SubscriberQueues, open_link: Callable[[], RabbitLink]) -> None:
        self._queues = queues
        self._open_link = open_link
        self._link: RabbitLink | None = None

    def close(self) -> None:
        """Give the connection back."""
        if self._link is not None:
            self._link.close()

    def asked(self, push: Push) -> quotas.Asked:
        """How a message stands in the log of requests."""
        return quotas.Asked("消息队列", "PUBLISH", queue_name(push.consumer_id))

    def rest(self, push: Push) -> Rest | None:
        """Wait until there is a queue with room. Raises Unavailable.

        The link counts exactly what nobody has fetched, the other what is fetched as well.
        """
        lately = self._queues.waiting(push.consumer_id)
        if lately is None:
            return Rest(_BEING_MADE, "消息服务器上的队列正在建立。")
        waiting = max(lately, self._connected().size(queue_name(push.consumer_id)))
        if waiting < MOST_WAITING:
            return None
        problem = f"队列里有 {waiting} 条消息对方没有取走，先停下；取走后接着送，一件不少。"
        return Rest(_LOOK_AGAIN, problem)

    def bring(self, message: Message, body: bytes) -> Outcome:
        """Put it into the queue, and wait until the broker has it for good. Raises Unavailable.

        Where all is told anew, what still waits is of other terms, or of before a restore.
        """
        link, queue = self._connected(), queue_name(message.push.consumer_id)
        if message.after is None:
            link.purge(queue)
        link.deliver(queue, [body])
        return Outcome(_TAKEN)

    def _connected(self) -> RabbitLink:
        if self._link is None:
            self._link = self._open_link()
        return self._link


def queues_of(folder: HubFolder) -> Queues:
    """The queues on the broker of a hub."""
    address = BrokerAddress.parse(folder.settings.link).of(*folder.broker_account)

    def link() -> RabbitLink:
        # Loaded where there is a broker: a small hub has none, and starts the sooner.
        from shared.messaging.rabbitmq.link import RabbitLink

        return RabbitLink(address, ca=folder.broker_ca)

    return Queues(SubscriberQueues(folder), link)
