"""The link over RabbitMQ, against a real broker that is stopped and killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.messaging.link import Link
from shared.messaging.links import open_link
from tests.servers.rabbitmq import RabbitMQ
from tests.shared.messaging.contract import QUEUES, LinkContract


@pytest.fixture
def vhost(rabbitmq: RabbitMQ) -> str:
    vhost = rabbitmq.new_vhost()
    for queue in QUEUES:
        rabbitmq.declare(vhost, queue)
    return vhost


class TestRabbitMQ(LinkContract):
    @pytest.fixture
    def link(self, rabbitmq: RabbitMQ, vhost: str) -> Iterator[Link]:
        link = open_link(rabbitmq.address(vhost))
        yield link
        link.close()

    @pytest.fixture
    def again(self, rabbitmq: RabbitMQ, vhost: str) -> Iterator[Link]:
        link = open_link(rabbitmq.address(vhost))
        yield link
        link.close()
