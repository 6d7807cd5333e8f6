"""A hand-over in bad weather, and processes that die in the middle of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.end_to_end.custody.killed import node_hands_over
from tests.end_to_end.custody.two_units import Idle, TwoUnits, as_taken_over
from tests.federation import NOTHING_WRONG, Unit, everywhere_the_same
from tests.killed import dies


def test_over_a_link_that_loses_repeats_reorders_and_tears_and_processes_that_die(
    start: Callable[..., TwoUnits],
) -> None:
    two = start(1)
    two.giving.file(5)
    two.city.settle()
    hand_over_id = two.propose()
    for step in ("freeze", "give", "take"):
        two.city.link.storm = True
        if step == "freeze":
            two.freeze(hand_over_id)
        else:
            two.sign(two.giving if step == "give" else two.taking, hand_over_id)
        for turn in range(20):
            two.city.turn()
            two.city.clock.seconds += 7
            assert len(two.writers()) <= 1
            if turn % 6 == 1:
                two.giving.start()
                two.taking.start()
                two.city.start_hub()
        two.city.settle()
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert two.writers() == ["taking"]
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


def until_it_lives(unit: Unit, what: str) -> int:
    """Let the hand-over work of a node die at every point of a kind, one after the other."""
    for at in (1, 2, 5, 13, 34):
        if not dies(node_hands_over, unit.folder.path, what, at):
            return at - 1
    raise AssertionError("it never lived")


@pytest.mark.faults
@pytest.mark.at_length
@pytest.mark.parametrize("what", ["commit", "bundle-after", "file-before"])
def test_killed_at_every_step_it_loses_nothing_and_repeats_nothing(
    two: TwoUnits, what: str
) -> None:
    two.fill()
    ids = [id_ for id_, state in two.giving.states().items() if state == "collected"]
    for number in range(3):
        two.giving.add_file(ids[0], bytes([65 + number]) * 30_000, f"附件{number}.pdf")
    before = two.inventory(two.giving)
    hand_over_id = two.propose()
    two.giving.custody = two.taking.custody = Idle()  # type: ignore[assignment]
    two.freeze(hand_over_id)
    two.pass_time()
    died = until_it_lives(two.giving, what)
    two.sign(two.giving, hand_over_id)
    two.pass_time()
    died += until_it_lives(two.taking, what)
    two.sign(two.taking, hand_over_id)
    two.pass_time()
    died += until_it_lives(two.taking, what)
    assert died >= 3
    two.pass_time()
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert two.inventory(two.taking) == before
    assert two.writers() == ["taking"]
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG
