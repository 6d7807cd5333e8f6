"""kill -9 at every word between us and RabbitMQ: each publish, each confirm, each acknowledgement.

The side that dies does so once at the first of these words, then at the second, and so on until it
lives; the other side goes on between its deaths, and answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from hub.catalogue.models import CatalogueRecord
from node.filing.models import Objection
from shared.kernel.identifiers import new_id
from shared.messaging.link import hub_queue, node_queue
from shared.messaging.log import append
from shared.messaging.models import OutgoingStream
from tests.end_to_end.killed import hub_talks, node_talks
from tests.federation import NOTHING_WRONG, Federation, everywhere_the_same
from tests.killed import dies
from tests.servers.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

#: Of each kind; `make test-faults` asks for more than there are words.
_MOST_DEATHS = int(os.environ.get("DEATHS", "3"))


class Pair:
    """A hub and a node that are not running, with a broker between them."""

    def __init__(self, folder: Path, broker: RabbitMQ) -> None:
        self.city = Federation(folder)
        self.unit = self.city.enrol("宜昌市文化和旅游局", number="A101")
        self.city.settle()
        vhost = broker.new_vhost()
        for queue in (hub_queue(self.city.hub.settings.hub_id), node_queue(self.unit.node_id)):
            broker.declare(vhost, queue)
        self._words = (broker.address(vhost), (broker.user, broker.password))
        self._years = count(1990)
        self.bad = 0

    def node(self, what: str = "publish-before", at: int = 0) -> bool:
        """Let the node talk in a process of its own; whether it died."""
        self.unit.folder.database().close()
        return dies(node_talks, self.unit.folder.path, *self._words, what, at)

    def hub(self, what: str = "publish-before", at: int = 0) -> bool:
        """The same for the hub."""
        self.city.hub.database().close()
        return dies(hub_talks, self.city.hub.path, *self._words, what, at)

    def work(self) -> None:
        """The clerk files something; one thing more the hub will have to answer."""
        self.unit.file(2, year=next(self._years))
        with self.unit.folder.database().write() as session:
            body = {"id": new_id(), "title": "平台不收的一条"}
            append(session, self.city.hub.settings.hub_id, "record", body["id"], body)
        self.bad += 1

    def settle(self) -> None:
        """Both live and talk until both have all."""
        for _ in range(20):
            assert not self.node()
            assert not self.hub()
            if self._settled():
                return
        raise AssertionError("the streams did not settle")

    def _settled(self) -> bool:
        for database in (self.city.hub.database(), self.unit.folder.database()):
            with database.read() as session:
                if any(row.acked != row.seq for row in session.query(OutgoingStream)):
                    return False
        return True


@pytest.fixture
def pair(tmp_path: Path, rabbitmq: RabbitMQ) -> Iterator[Pair]:
    pair = Pair(tmp_path, rabbitmq)
    yield pair
    pair.city.hub.database().close()
    pair.unit.folder.database().close()


@pytest.mark.parametrize(
    ("side", "word"),
    [
        ("node", "publish"),
        ("hub", "confirm"),
        pytest.param("node", "acknowledge", marks=pytest.mark.at_length),
        pytest.param("hub", "publish", marks=pytest.mark.at_length),
        pytest.param("node", "confirm", marks=pytest.mark.at_length),
        pytest.param("hub", "acknowledge", marks=pytest.mark.at_length),
    ],
)
def test_killed_at_every_word_to_the_broker_it_loses_nothing_and_repeats_nothing(
    pair: Pair, side: str, word: str
) -> None:
    mortal: Callable[[str, int], bool] = pair.node if side == "node" else pair.hub
    other = pair.hub if side == "node" else pair.node
    for moment in ("before", "after"):
        pair.settle()
        pair.work()
        at = 1
        while not other() and mortal(f"{word}-{moment}", at) and at < _MOST_DEATHS:
            pair.work()
            at += 1
        assert at > 1, "it died at these words"
    pair.settle()
    assert everywhere_the_same(pair.city, pair.unit) == NOTHING_WRONG
    with pair.city.hub.database().read() as session:
        filed = session.query(CatalogueRecord).count()
    assert filed == len(pair.unit.states())
    with pair.unit.folder.database().read() as session:
        told = [row.seq for row in session.query(Objection)]
    assert len(told) == len(set(told)) == pair.bad, "each refusal came down once"
