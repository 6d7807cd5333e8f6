"""The whole way of catalogue records, through real processes, beside the plain limits."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import ExitStack, closing
from itertools import count

import pytest
import requests
from sqlalchemy import select

from hub.catalogue.models import CatalogueRecord
from node.sync.agent import Agent
from node.wiring import HANDLERS
from shared.messaging.link import hub_queue
from tests.federation import Unit
from tests.performance.limits import (
    RawPika,
    queue_in_sqlite,
    rows_by_copy,
    rows_into_sqlite,
)
from tests.performance.table import Table, ratio, seconds
from tests.performance.town import Town, Use, is_acknowledged, peak_mb, time_until

FEW = 20_000
MANY = int(os.environ.get("BENCH_RECORDS", "200000"))
NODES = 50
#: A class of a year has numbers of four digits.
_A_YEAR = 5_000
#: The plain limits take rows in at a steady rate: more need not be held in memory.
_ROWS = 20_000

pytestmark = [pytest.mark.performance, pytest.mark.timeout(1800)]


def fill(unit: Unit, count: int) -> None:
    """File so many records, and close their classes."""
    for first in range(0, count, _A_YEAR):
        unit.file(min(_A_YEAR, count - first), year=1950 + first // _A_YEAR)


def synced(town: Town, units: list[Unit]) -> float:
    """Seconds from when running nodes know the link until all that they told is acknowledged."""
    start = time.perf_counter()
    town.connect(units)
    waiting = list(units)

    def done() -> bool:
        waiting[:] = [unit for unit in waiting if not is_acknowledged(unit)]
        return not waiting

    time_until(done, pause=0.05)  # the question takes a processor, too
    return time.perf_counter() - start


def limits(town: Town, unit: Unit, messages: list[bytes]) -> tuple[float, float]:
    """Seconds for the same messages through the bare link, and for the same rows."""
    with town.hub.database().read() as session:
        query = select(*CatalogueRecord.__table__.columns).limit(_ROWS)
        rows = list(session.execute(query))
    scale = town.held(unit) / len(rows)
    if town.servers is None:
        link = queue_in_sqlite(town.path / "raw.sqlite", messages)
        return link, scale * rows_into_sqlite(town.path / "rows.sqlite", rows)
    broker, server = town.servers.rabbitmq, town.servers.postgresql
    vhost = broker.new_vhost()
    broker.declare(vhost, "q")
    link = RawPika(broker.parameters(vhost), messages).seconds()
    return link, scale * rows_by_copy(server.dsn(server.create()), rows)


@pytest.mark.parametrize(("records", "aim"), [(FEW, "3 s"), (MANY, "25 s, flat memory")])
def test_first_sync(town: Town, table: Table, records: int, aim: str) -> None:
    unit = town.unit("A001")
    fill(unit, records)
    messages = list(town.agent(unit).everything())
    with town.running([unit]) as node:
        use = Use(town.servers, node=node, hub=town.hub_process)
        took = synced(town, [unit])
        memory, cpu = use.memory, use.cpu
    assert town.held(unit) == records
    what = f"first sync of {records:,} records"
    table.add(what, town.stack, f"{seconds(took)} · {records / took:,.0f}/s", aim=aim)
    table.add(f"{what}: peak memory", town.stack, memory)
    table.add(f"{what}: CPU", town.stack, cpu)
    link, rows = limits(town, unit, messages)
    size = sum(map(len, messages)) / 1e6
    table.add(
        f"{what}: the same bytes, bare publish + consume",
        town.stack,
        f"{size:.1f} MB, {seconds(link)}, {ratio(took, link)}",
    )
    table.add(
        f"{what}: the same rows, bare executemany or COPY",
        town.stack,
        f"{seconds(rows)}, {ratio(took, rows)}",
    )


def test_small_syncs_of_a_node_that_has_much(town: Town, table: Table) -> None:
    unit = town.unit("A001")
    fill(unit, FEW)
    with town.running([unit]) as node:
        synced(town, [unit])
        delays = []
        for year in range(2001, 2006):
            unit.file(100, year=year)
            delays.append(time_until(lambda: town.held(unit) == FEW + 100 * len(delays) + 100))
        table.add(
            "100 changes, until the hub can be asked for them (median of 5)",
            town.stack,
            seconds(statistics.median(delays)),
            aim="0.5 s",
        )
        for _ in range(20):
            requests.get(node.url, timeout=30).raise_for_status()
        table.add(
            "a node's web and agent, peak memory with 20,000 records",
            town.stack,
            f"{peak_mb(node)} MB",
            aim="150 MB",
        )
    with closing(town.line(unit)) as link:
        # By this clock it is always time for the next greeting.
        agent = Agent(unit.folder, link, HANDLERS, version="0", clock=count(0.0, 1000.0).__next__)
        rounds = [_greeted(agent) for _ in range(10)]
    table.add(
        "a sync with nothing to do (median of 10)",
        town.stack,
        seconds(statistics.median(rounds)),
        aim="0.1 s",
    )


def _greeted(agent: Agent) -> float:
    """Seconds to greet the hub and take in its answer: where both streams stand."""
    start = time.perf_counter()
    agent.step_out()
    time_until(agent.step_in, pause=0.0)
    return time.perf_counter() - start


def test_the_backlog_of_many_nodes_at_once(town: Town, table: Table) -> None:
    alone = town.unit("A000")
    units = [town.unit(f"B{number:03}") for number in range(NODES)]
    fill(alone, FEW)
    for unit in units:
        fill(unit, FEW // NODES)
    one = _arrived(town, [alone])
    use = Use(town.servers, hub=town.hub_process)
    many = _arrived(town, units)
    table.add(
        f"backlog of {NODES} nodes at once, {FEW:,} records together",
        town.stack,
        f"{seconds(many)}, one node {seconds(one)}, {many / one:.2f} ×",
        aim="1.5 ×",
    )
    table.add(
        f"backlog of {NODES} nodes at once: peak memory and CPU",
        town.stack,
        f"{use.memory}; {use.cpu}",
    )


def _arrived(town: Town, units: list[Unit]) -> float:
    """Seconds from when all that nodes have told is sent until the hub has applied it.

    It is sent from here: the computers of fifty offices do not compete with the hub for its two
    processors.
    """
    told = [list(town.agent(unit).everything()) for unit in units]
    with ExitStack() as stack:
        links = [stack.enter_context(closing(town.line(unit))) for unit in units]
        start = time.perf_counter()
        for link, messages in zip(links, told, strict=True):
            link.send(hub_queue(town.hub.settings.hub_id), messages)
        for link in links:
            link.flush()
        time_until(lambda: town.held(*units) == FEW, pause=0.05)
        return time.perf_counter() - start
