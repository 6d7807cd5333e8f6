"""The hub or a node is restored from a backup while a fonds passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.federation.epochs import raise_generation
from hub.federation.places import HubFolder
from tests.end_to_end.custody.two_units import Idle, TwoUnits, as_taken_over
from tests.federation import ADMIN, NOTHING_WRONG, Unit, everywhere_the_same


def backup(two: TwoUnits, path: Path) -> None:
    two.city.hub.database().close()
    shutil.copytree(two.city.hub.path, path)


def without_staging(two: TwoUnits, path: Path) -> None:
    """A backup without uploads, as the administrators' guide allows it."""
    backup(two, path)
    shutil.rmtree(path / "staging")


def restore(two: TwoUnits, path: Path) -> None:
    city = two.city
    city.stop_serving()
    city.hub.database().close()
    shutil.rmtree(city.hub.path)
    shutil.copytree(path, city.hub.path)
    city.hub = HubFolder(city.hub.path)
    with city.hub.database().write() as session:
        raise_generation(session)
    city.start_hub()
    city.serve()


@pytest.mark.parametrize("when", ["before", pytest.param("arrived", marks=pytest.mark.at_length)])
def test_a_hub_restored_to_before_the_assignment_hears_of_it_from_the_nodes(
    two: TwoUnits, tmp_path: Path, when: str
) -> None:
    two.giving.file(3)
    two.city.settle()
    path = tmp_path / "backup"
    if when == "before":
        backup(two, path)
    hand_over_id = two.propose()
    two.give(hand_over_id)
    if when == "arrived":
        backup(two, path)
    two.sign(two.taking, hand_over_id)
    two.city.settle()
    unit = as_taken_over(two)
    unit.file(2, year=2022, word="接管后")
    two.city.settle()

    restore(two, path)
    for _ in range(12):
        two.city.turn()
        two.city.clock.seconds += 30
        assert two.writers() == ["taking"]
    two.city.settle()
    assert two.keeper() == two.taking.node_id
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert everywhere_the_same(two.city, unit) == NOTHING_WRONG


def test_bundles_that_a_restored_hub_lacks_are_sent_again_before_the_taking_unit_signs(
    two: TwoUnits, tmp_path: Path
) -> None:
    two.fill()
    hand_over_id = two.propose()
    two.taking.fetcher = Idle()  # type: ignore[assignment]
    two.freeze(hand_over_id)
    two.pass_time()
    two.sign(two.giving, hand_over_id)
    two.pass_time()
    assert two.states(hand_over_id)[0] == "arrived"
    without_staging(two, tmp_path / "backup")
    restore(two, tmp_path / "backup")
    two.taking.start()
    two.city.settle()
    two.sign(two.taking, hand_over_id)
    two.city.settle()
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.at_length), "assigned"])
def test_bundles_that_a_restored_hub_lacks_are_sent_again_after_the_assignment(
    two: TwoUnits, tmp_path: Path, when: str
) -> None:
    two.fill()
    path = tmp_path / "backup"
    if when == "before":
        without_staging(two, path)
    hand_over_id = two.propose()
    yesterday = two.taking.copy(tmp_path / "yesterday")
    two.taking.start()
    two.give(hand_over_id)
    two.taking.custody = Idle()  # type: ignore[assignment]
    two.sign(two.taking, hand_over_id)
    two.pass_time()
    assert two.states(hand_over_id) == ("assigned",) * 3
    if when == "assigned":
        without_staging(two, path)
    # The taking computer too is one of yesterday: only the giving one has the bundles.
    two.city.nodes[1] = two.taking = yesterday
    restore(two, path)
    grant_again(two, yesterday)
    assert two.problems(yesterday) == []
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert two.writers() == ["taking"]
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


def test_a_hub_restored_after_a_call_off_assigns_nothing(two: TwoUnits, tmp_path: Path) -> None:
    two.giving.file(3)
    two.city.settle()
    hand_over_id = two.propose()
    two.give(hand_over_id)
    path = tmp_path / "backup"
    backup(two, path)
    two.call_off(two.giving, hand_over_id, "不办了")
    two.city.settle()
    assert two.writers() == ["giving"]
    restore(two, path)
    for _ in range(12):
        two.city.turn()
        two.city.clock.seconds += 30
        assert two.writers() == ["giving"]
    two.city.settle()
    assert two.keeper() == two.giving.node_id
    assert two.states(hand_over_id) == ("called_off",) * 3


def test_a_giving_node_restored_to_before_it_froze_calls_the_hand_over_off(
    two: TwoUnits, tmp_path: Path
) -> None:
    two.giving.file(3)
    two.city.settle()
    hand_over_id = two.propose()
    yesterday = two.giving.copy(tmp_path / "yesterday")
    two.giving.start()
    two.give(hand_over_id)
    two.city.nodes[0] = two.giving = yesterday
    grant_again(two, yesterday)
    assert two.states(hand_over_id) == ("called_off",) * 3
    assert two.writers() == ["giving"]


def test_a_giving_node_restored_to_before_the_assignment_ends_as_a_mirror(
    two: TwoUnits, tmp_path: Path
) -> None:
    two.giving.file(3)
    two.city.settle()
    hand_over_id = two.propose()
    yesterday = two.giving.copy(tmp_path / "yesterday")
    two.giving.start()
    two.everything(hand_over_id)
    two.city.nodes[0] = two.giving = yesterday
    grant_again(two, yesterday)
    assert two.states(hand_over_id) == ("done",) * 3
    assert two.writers() == ["taking"]
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


def grant_again(two: TwoUnits, unit: Unit) -> None:
    for _ in range(12):
        two.city.turn()
        two.city.clock.seconds += 30
        with two.city.hub.database().read() as session:
            asking = [node.id for node in two.city.post.asking(session)]
        for node_id in asking:
            with two.city.hub.database().write() as session:
                two.city.post.reception.grant(ADMIN, node_id, session=session)
    two.city.settle()
    assert unit.state() == "active"
