"""A node that is cut off: its line takes whatever is sent, and nothing ever comes back.

So it is where a router or a mast has died: no connection is refused or ended, and only silence
tells. All of the node's ways, to the broker and to the hub's web side, lead through such a line; at
its end every connection that still seems to stand is gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests

from hub.federation.fonds import rename_fonds
from node.filing.models import Objection
from node.office.service import fonds_of
from shared.kernel.identifiers import new_id
from shared.messaging.log import append
from tests.city import wait_for
from tests.federation import ADMIN, NOTHING_WRONG, everywhere_the_same
from tests.pair import Pair
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Beyond 100 s heartbeats and confirms have run out too; `make test-faults` asks for that.
_SILENCE_SECONDS = float(os.environ.get("SILENCE", "5"))


@pytest.fixture
def line(rabbitmq: RabbitMQ) -> Iterator[Proxy]:
    """The node's way to the broker."""
    line = Proxy(rabbitmq.ports.amqp)
    yield line
    line.close()


@pytest.fixture
def pair(tmp_path: Path, rabbitmq: RabbitMQ, line: Proxy) -> Iterator[Pair]:
    vhost = rabbitmq.new_vhost()
    node_link = f"amqp://localhost:{line.port}/{vhost}"
    pair = Pair(tmp_path, settings={**rabbitmq.settings(vhost), "node_link": node_link})
    yield pair
    pair.stop()


def test_a_node_that_was_cut_off_goes_on_where_it_stood(pair: Pair, line: Proxy) -> None:
    unit = pair.unit
    web = Proxy(pair.hub_process.port)
    try:
        pair.start_node({"DANGLIAN_HUB_URL": f"http://127.0.0.1:{web.port}"})
        unit.file(5, year=2019)
        pair.settle()

        for each in (line, web):
            each.turn("silent")
        before = pair.acknowledged
        unit.file(30, year=2020)
        with pair.hub.database().write() as session:
            rename_fonds(
                ADMIN, unit.fonds_id, "宜昌市文旅局", date(2024, 1, 1),
                key=pair.hub.keys.hub(), session=session,
            )  # fmt: skip
        end = time.monotonic() + _SILENCE_SECONDS
        year = 2000
        while time.monotonic() < end:
            # The clerk goes on, and so do the node's own pages.
            unit.file(10, year=(year := year - 1))
            assert requests.get(f"{pair.node_process.url}/sign-in", timeout=30).ok
            time.sleep(1)
        with unit.folder.database().write() as session:
            bad = {"id": new_id(), "title": "平台不收的一条"}
            append(session, pair.hub.settings.hub_id, "record", bad["id"], bad)
        assert pair.both_live()
        assert pair.acknowledged == before

        for each in (line, web):
            each.turn("fair")
        pair.settle()
    finally:
        web.close()
    wait_for(lambda: _refusals(pair) == 1, "what the hub said of the last entry")
    with unit.folder.database().read() as session:
        assert fonds_of(unit.fonds_id, session).names[-1].name == "宜昌市文旅局"
    assert pair.both_live()
    assert everywhere_the_same(pair, unit) == NOTHING_WRONG


def _refusals(pair: Pair) -> int:
    with pair.unit.folder.database().read() as session:
        return session.query(Objection).count()
