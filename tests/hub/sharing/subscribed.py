"""An archive that shares, and a consumer that reads its queue on a broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pika
import pytest
from danglian.client.queue import Queue

from hub.federation.places import HubFolder
from hub.sharing.consumers.models import Consumer
from hub.sharing.policies import Audience
from hub.sharing.pushing import service
from hub.sharing.pushing.models import Push
from hub.sharing.pushing.queues import queues_of
from hub.sharing.pushing.sending import Pushing
from hub.sharing.pushing.subscribers import SubscriberKeeper, queue_name
from shared.kernel.clock import now
from shared.kernel.settings import save_settings
from tests.hub.sharing.conftest import Sharing, digest_of_copy
from tests.hub.sharing.consumers.conftest import Desk
from tests.servers.rabbitmq import RabbitMQ


class Subscribed:
    """An archive that shares, a consumer with a queue, and its reader, who keeps a copy."""

    def __init__(self, archive: Sharing, desk: Desk, rabbitmq: RabbitMQ) -> None:
        self.archive, self.desk, self.rabbitmq = archive, desk, rabbitmq
        self.vhost = rabbitmq.new_vhost()
        city = archive.city
        told = replace(city.folder.settings, **rabbitmq.settings(self.vhost))
        save_settings(told, city.folder.path)
        self.folder = HubFolder(city.folder.path)
        self.keeper = SubscriberKeeper(self.folder)
        self.queues = queues_of(self.folder)
        self.password = self.name = ""
        self.reader: Queue | None = None
        self.cursor: str | None = None
        self.held: dict[str, dict[str, Any]] = {}
        archive.share(Audience.GOVERNMENT)
        archive.share()

    def begin(self, **terms_: Any) -> Consumer:
        consumer = self.desk.consumer(**terms_)
        with self.folder.database().write() as session:
            self.password = service.set_queue(self.desk.applicant, consumer.id, session=session)
        self.keeper.step()
        self.name = queue_name(consumer.id)
        return consumer

    def leave(self) -> None:
        """The reader goes; what it has fetched and not acknowledged lies in the queue again."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    def close(self) -> None:
        self.queues.close()
        self.leave()
        self.folder.database().close()

    def work(self) -> None:
        """The hub does all that it has to do: decide, and put into the queue."""
        self.archive.settle()
        self.put()

    def put(self) -> None:
        pushing = Pushing(self.folder.database(), self.queues)
        while pushing.step():
            pass

    def read(self, count: int = 1, *, wait_seconds: float = 30.0) -> int:
        """Take so many messages of the queue, in order; how many came."""
        if self.reader is None:
            link = self.rabbitmq.address(self.vhost)
            self.reader = Queue(link, self.name, self.password)
        for taken in range(count):
            told = self.reader.next(self.cursor, wait_seconds=wait_seconds)
            if told is None:
                return taken
            if told.anew:
                self.held.clear()
            for each in told.page.changes:
                self.held.pop(each.id, None)
                if each.record is not None:
                    self.held[each.id] = each.record
            self.cursor = told.page.cursor
            told.kept()
        return count

    def is_whole(self) -> bool:
        proof = self.archive.proof(Audience.GOVERNMENT)
        return digest_of_copy(self.held) == (proof["records"], proof["digest"])

    def row(self, consumer: Consumer) -> Push:
        with self.folder.database().read() as session:
            return session.get_one(Push, consumer.id)

    def set(self, consumer: Consumer, **changes: Any) -> None:
        with self.folder.database().write() as session:
            row = session.get_one(Push, consumer.id)
            for name, value in changes.items():
                setattr(row, name, value)

    def due(self, consumer: Consumer) -> None:
        """The time to look again comes."""
        self.set(consumer, due_at=now())

    def open(self, consumer: Consumer, password: str = "") -> pika.BlockingConnection:
        """A line with the consumer's account, as an intruder would use it."""
        credentials = pika.PlainCredentials(queue_name(consumer.id), password or self.password)
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                "localhost", self.rabbitmq.ports.amqp, self.vhost, credentials
            )
        )

    def purge(self) -> None:
        """Somebody throws away what waits."""
        self.rabbitmq.call("DELETE", "queues", self.vhost, self.name, "contents")

    def queue(self, consumer: Consumer) -> dict[str, Any]:
        found: dict[str, Any] = self.rabbitmq.call(
            "GET", "queues", self.vhost, queue_name(consumer.id)
        )
        return found


@pytest.fixture
def subscribed(archive: Sharing, desk: Desk, rabbitmq: RabbitMQ) -> Iterator[Subscribed]:
    made = Subscribed(archive, desk, rabbitmq)
    yield made
    made.close()
