"""A node whose computer is a year ahead, or a year behind (a dead battery on its board).

Its process and its people live in that year; hub and test do not. Clocks decide nothing (protocol
§8): order, cursors, verdict and receipt come as ever, and the hub says whose clock is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.catalogue.models import CatalogueRecord
from hub.federation.models import Node
from hub.health.doctor import alerts
from node.office.places import NodeFolder
from node.sync import doctor
from node.transfer.work import TransferWork
from shared.demo.services import Service
from shared.kernel.ailment import Ailment
from shared.kernel.clock import now, parse_utc
from shared.messaging.models import IncomingStream, OutgoingStream
from tests.city import wait_for
from tests.federation import NOTHING_WRONG, Unit, everywhere_the_same
from tests.hub.receiving.handover import pdf
from tests.killed import dies
from tests.pair import Pair
from tests.servers.wrong_clock import turn_clock

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_MINUTES = timedelta(minutes=15)


class WrongClock(Service):
    """A process on such a computer."""

    module = "tests.servers.wrong_clock"
    forked = False


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    pair.start_node()
    yield pair
    pair.stop()


def _unit_there(path: Path, fonds_id: str, days: int) -> Unit:
    turn_clock(days)
    unit = Unit(None, NodeFolder(path))
    unit.fonds_id = fonds_id
    unit.work = TransferWork(unit.folder)
    return unit


def clerk_offers(path: Path, fonds_id: str, days: int, year: int) -> None:
    """In a process of that year: file some records, and offer them."""
    unit = _unit_there(path, fonds_id, days)
    unit.offer(unit.file(3, year=year, files=[pdf("正文", 100_000)]))


def leader_signs(path: Path, fonds_id: str, days: int, batch_id: str) -> None:
    """In a process of that year."""
    _unit_there(path, fonds_id, days).sign(batch_id)


@pytest.mark.parametrize("days", [-365, pytest.param(365, marks=pytest.mark.at_length)])
def test_a_clock_that_is_a_year_off_decides_nothing_and_is_noticed(pair: Pair, days: int) -> None:
    unit = pair.unit
    unit.file(3, year=2019)
    pair.settle()
    assert "clock_off" not in _codes(pair)

    pair.start_node({"CLOCK_DAYS": str(days)}, kind=WrongClock)
    there = (unit.folder.path, unit.fonds_id, days)
    unit.folder.database().close()
    assert not dies(clerk_offers, *there, 2020)
    (batch_id,) = wait_for(pair.batch_states, "the batch")
    wait_for(lambda: pair.batch_states()[batch_id] == "under_review", "the batch to be checked")
    pair.conclude(batch_id, "accepted")
    wait_for(lambda: unit.batch_state(batch_id) == "accepted", "the verdict")
    unit.folder.database().close()
    assert not dies(leader_signs, *there, batch_id)
    wait_for(lambda: pair.batch_states()[batch_id] == "signed_by_unit", "the signature")
    pair.sign(batch_id)
    wait_for(lambda: unit.batch_state(batch_id) == "received", "the receipt")
    pair.settle()

    wait_for(lambda: _is_off(pair, -days), "the node to know how wrong it is")
    wait_for(lambda: "clock_off" in _codes(pair), "the alert at the hub")
    (alert,) = (each for each in _alerts(pair) if each.code == "clock_off")
    assert f"{'快' if days > 0 else '慢'} 36" in alert.problem
    assert "clock_off" in [each.code for each in doctor.examine_folder(unit.folder)]
    _check_times(pair, days)
    assert everywhere_the_same(pair, unit) == NOTHING_WRONG

    # The battery is replaced.
    pair.start_node()
    unit.file(2, year=2021)
    pair.settle()
    wait_for(lambda: _is_off(pair, 0), "the node to know that it is right")
    wait_for(lambda: "clock_off" not in _codes(pair), "the alert to go")
    assert everywhere_the_same(pair, unit) == NOTHING_WRONG


def _check_times(pair: Pair, days: int) -> None:
    """The node's events have its own time, the hub's arrivals the hub's; the cursors are even."""
    with pair.hub.database().read() as session:
        moment = now()
        for record in session.query(CatalogueRecord):
            assert abs(record.arrived_at - moment) < _MINUTES
            if record.year == 2020:
                told = parse_utc(record.wire["events"][0]["time"])
                assert abs(told - timedelta(days=days) - moment) < _MINUTES
        node = session.query(Node).one()
        assert abs(node.last_contact - moment) < _MINUTES
        heard, told_down = session.query(IncomingStream).one(), session.query(OutgoingStream).one()
        with pair.unit.folder.database().read() as ours:
            assert heard.seq == ours.query(OutgoingStream).one().seq
            assert heard.digest == ours.query(OutgoingStream).one().digest
            assert told_down.seq == ours.query(IncomingStream).one().seq


def _is_off(pair: Pair, days: int) -> bool:
    offset = pair.clock_offset()
    return offset is not None and abs(timedelta(days=days, milliseconds=-offset)) < _MINUTES


def _alerts(pair: Pair) -> list[Ailment]:
    with pair.hub.database().read() as session:
        return alerts(pair.hub, session)


def _codes(pair: Pair) -> list[str]:
    return [each.code for each in _alerts(pair)]
