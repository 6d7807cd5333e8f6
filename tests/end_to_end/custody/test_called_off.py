"""A hand-over that somebody calls off before the assignment, or at the same moment."""

from __future__ import annotations

import pytest

from hub.custody import service as hub_custody
from tests.end_to_end.custody.two_units import TwoUnits
from tests.federation import ADMIN


@pytest.mark.parametrize(
    ("side", "when"),
    [
        pytest.param("giving", "proposed", marks=pytest.mark.at_length),
        ("hub", "frozen"),
        ("taking", "arrived"),
    ],
)
def test_it_can_be_called_off_by_either_side_until_the_assignment(
    two: TwoUnits, side: str, when: str
) -> None:
    two.giving.file(2)
    two.city.settle()
    hand_over_id = two.propose()
    if when != "proposed":
        two.freeze(hand_over_id)
        two.city.settle()
    if when == "arrived":
        two.sign(two.giving, hand_over_id)
        two.city.settle()
    if side == "hub":
        with two.city.hub.database().write() as session:
            hub_custody.call_off(
                ADMIN,
                hand_over_id,
                "改革方案有变",
                key=two.city.hub.keys.hub(),
                session=session,
            )
    else:
        unit = two.giving if side == "giving" else two.taking
        two.call_off(unit, hand_over_id, "接管的库房还没有腾出")
    assert two.writers() == (["giving"] if when == "proposed" else [])
    two.city.settle()
    assert two.states(hand_over_id) == ("called_off",) * 3
    assert two.writers() == ["giving"]
    assert two.keeper() == two.giving.node_id
    two.everything(two.propose())
    assert two.writers() == ["taking"]


def test_a_call_off_that_crosses_the_second_signature_loses_no_writer_and_makes_no_second(
    two: TwoUnits,
) -> None:
    two.giving.file(2)
    two.city.settle()
    hand_over_id = two.propose()
    two.give(hand_over_id)
    two.sign(two.taking, hand_over_id)
    two.call_off(two.giving, hand_over_id, "后悔了")
    two.city.settle()
    assert two.writers() in (["giving"], ["taking"])
    assert len(set(two.states(hand_over_id))) == 1
