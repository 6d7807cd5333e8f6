"""Sneaker-net: a township without any line hands its batches over by sticks alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.receiving import service as receiving
from node.transfer import service as transfer
from tests.federation import Federation, Unit, everywhere_the_same
from tests.node.transfer.conftest import pdf
from tests.sticks import Sticks

NOTHING_WRONG = {"lost": 0, "doubled": 0, "altered": 0}
#: Two parts of a package and a bit.
LARGE = 2 * 1024 * 1024 + 12_345


@pytest.fixture
def city(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


@pytest.fixture
def unit(city: Federation) -> Unit:
    return city.enrol("龙泉镇人民政府", number="B101")


@pytest.fixture
def sticks(city: Federation, tmp_path: Path) -> Sticks:
    return Sticks(city, tmp_path / "sticks")


def batch_with_large_packages(unit: Unit, *, size: int = LARGE) -> str:
    """A batch of three records, two of which have a file of this size."""
    return unit.offer(unit.file(3, files=[pdf(f"第{number}件", size) for number in (1, 2)]))


def wanted(unit: Unit) -> int:
    with unit.folder.database().read() as session:
        return len(transfer.uploads_wanted(session, limit=None))


def packages_there(city: Federation) -> list[bool]:
    with city.hub.database().read() as session:
        return [each.arrived for each in session.query(receiving.Offer)]


def test_a_batch_with_large_packages_is_received_by_four_carries(
    city: Federation, unit: Unit, sticks: Sticks
) -> None:
    batch_id = batch_with_large_packages(unit)
    (first,) = sticks.up(unit)
    assert first.findings == ()
    assert (first.packages, first.missing) == (2, (0, 0))
    assert city.batch_states()[batch_id] == "under_review"
    city.conclude(batch_id, "accepted")
    (verdict,) = sticks.down(unit)
    assert verdict.findings == ()
    assert unit.batch_state(batch_id) == "accepted"
    assert wanted(unit) == 0
    unit.sign(batch_id)
    sticks.up(unit)
    city.sign(batch_id)
    sticks.work()
    sticks.down(unit)
    assert unit.batch_state(batch_id) == "received"
    assert set(unit.states().values()) == {"received"}
    assert city.batch_states()[batch_id] == "received"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG
