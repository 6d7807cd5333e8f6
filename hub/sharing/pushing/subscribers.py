"""The broker as subscribers find it: a queue for each, and an account that reads it and no more.

What there should be is read from the database, and made again wherever it is missing. The broker is
told the digest of a password: so an account comes back as it was, after a suspension or on a broker
that was made anew, and to remove it is to cut it off.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.federation.broker import STREAM_QUEUE
from hub.federation.management import Management
from hub.federation.places import HubFolder
from hub.sharing.consumers.models import Consumer
from hub.sharing.pushing.models import QUEUE, Push
from hub.sharing.pushing.passwords import ALGORITHM
from hub.sharing.pushing.service import terms_in_force
from shared.kernel.clock import now
from shared.messaging.rabbitmq.address import BrokerAddress

_NAME = re.compile(r"shared\.[0-9a-f-]{36}")
#: How often the broker is looked at though nothing has changed: it may have been made anew.
_ANYWAY_SECONDS = 60.0
#: A queue that is empty for so long is told where the hub is: who reads it sees what is missing,
#: also where somebody has emptied it.
QUIET = timedelta(hours=1)


@dataclass(frozen=True)
class Subscriber:
    """A consumer with a queue, and whether its account is let in."""

    consumer_id: str
    password_hash: str
    is_in: bool


def queue_name(consumer_id: str) -> str:
    """The queue of a consumer, which is also the name of its account."""
    return f"shared.{consumer_id}"


def subscribers(session: Session) -> list[Subscriber]:
    """The consumers that have a queue."""
    rows = session.execute(
        select(Push, Consumer)
        .join(Consumer, Consumer.id == Push.consumer_id)
        .where(Push.way == QUEUE)
        .order_by(Push.consumer_id)
    )
    return [
        Subscriber(
            push.consumer_id,
            push.password_hash or "",
            push.state == "active" and terms_in_force(consumer, QUEUE) is not None,
        )
        for push, consumer in rows
    ]


@dataclass(frozen=True)
class Kept:
    """What was found: whose queue had to be made, and whose has nothing in it."""

    made: set[str]
    empty: set[str]


class SubscriberQueues:
    """The subscribers' part of the hub's virtual host. Its calls can all be repeated."""

    def __init__(self, folder: HubFolder) -> None:
        settings = folder.settings
        self._vhost = BrokerAddress.parse(settings.link).vhost
        self._api = Management(
            settings.broker_management, folder.broker_account, ca=settings.broker_ca
        )

    def keep(self, wanted: Sequence[Subscriber]) -> Kept:
        """Make what is missing and remove what should not be, accounts before all."""
        readers = {queue_name(each.consumer_id): each for each in wanted if each.is_in}
        let_in = self._let_in()
        for user in let_in.keys() - readers.keys():
            self._api.call("DELETE", "users", user)
        there = self._queues()
        made, empty = set(), set()
        for each in wanted:
            name = queue_name(each.consumer_id)
            if name not in there:
                body = {"durable": True, "arguments": STREAM_QUEUE}
                self._api.call("PUT", "queues", self._vhost, name, body=body)
                made.add(each.consumer_id)
            elif not there[name].get("messages", 1):
                empty.add(each.consumer_id)
        for name in there.keys() - {queue_name(each.consumer_id) for each in wanted}:
            self._api.call("DELETE", "queues", self._vhost, name)
        for name, each in readers.items():
            self._admit(name, each.password_hash, let_in.get(name))
        return Kept(made, empty)

    def waiting(self, consumer_id: str) -> int | None:
        """How many messages a subscriber has not acknowledged, as the broker counted lately.

        None without the queue.
        """
        found = self._api.call("GET", "queues", self._vhost, queue_name(consumer_id))
        return None if found is None else int(found.get("messages", 0))

    def _queues(self) -> dict[str, dict[str, Any]]:
        found = self._api.call("GET", "queues", self._vhost, missing=[])
        return {each["name"]: each for each in found if _NAME.fullmatch(each["name"])}

    def _let_in(self) -> dict[str, dict[str, Any]]:
        """The accounts of subscribers that may do something here, with what they may."""
        found = self._api.call("GET", "vhosts", self._vhost, "permissions", missing=[])
        return {each["user"]: each for each in found if _NAME.fullmatch(each["user"])}

    def _admit(self, name: str, password_hash: str, may: dict[str, Any] | None) -> None:
        """The account may read its own queue, and nothing else."""
        known = self._api.call("GET", "users", name)
        if known is not None and known.get("password_hash") != password_hash:
            self._api.call("DELETE", "users", name)  # its connections are cut
            known = may = None
        if known is None:
            body = {"password_hash": password_hash, "hashing_algorithm": ALGORITHM, "tags": ""}
            self._api.call("PUT", "users", name, body=body)
        wanted = {"configure": "^$", "write": "^$", "read": f"^{re.escape(name)}$"}
        if may is None or any(may.get(each) != pattern for each, pattern in wanted.items()):
            self._api.call("PUT", "permissions", self._vhost, name, body=wanted)


class SubscriberKeeper:
    """Keeps queues and accounts as the subscribers are: a loop of the hub process."""

    def __init__(self, folder: HubFolder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = folder.database()
        self._queues = SubscriberQueues(folder)
        self._clock = clock
        self._kept: list[Subscriber] | None = None
        self._kept_at = 0.0

    def step(self) -> bool:
        """Look at the broker when subscribers came, went or changed, and now and then anyway."""
        with self._database.read() as session:
            wanted = subscribers(session)
        moment = self._clock()
        if wanted == self._kept and moment < self._kept_at + _ANYWAY_SECONDS:
            return False
        if wanted or self._kept is None or self._kept:
            kept = self._queues.keep(wanted)
            self._tell(kept.made, kept.empty)
        self._kept, self._kept_at = wanted, moment
        return False

    def _tell(self, made: Collection[str], empty: Collection[str]) -> None:
        """Have something said to whose queue was made anew, or is empty for long."""
        if not made and not empty:
            return
        of_queues = update(Push).where(Push.way == QUEUE).values(tell=True)
        with self._database.write() as session:
            if made:
                session.execute(of_queues.where(Push.consumer_id.in_(sorted(made))))
            if empty:
                quiet = Push.heard_at <= now() - QUIET
                session.execute(of_queues.where(Push.consumer_id.in_(sorted(empty)), quiet))
