"""Messages of many nodes in hand: nobody waits for a slow one, and a bad one is left alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from hub.federation.lanes import Lanes
from shared.kernel.errors import Unavailable


@dataclass
class Letter:
    body: bytes
    fate: list[str] = field(default_factory=list)

    def acknowledge(self) -> None:
        self.fate.append("acknowledged")

    def release(self) -> None:
        self.fate.append("released")


class Unsettled(Letter):
    """A message of a link that is away."""

    def __init__(self) -> None:
        super().__init__(b"")

    def acknowledge(self) -> None:
        raise Unavailable("消息通道暂时不可用。")

    release = acknowledge


def _lanes(*pairs: str, clock=lambda: 0.0) -> tuple[Lanes, dict[str, Letter]]:
    lanes = Lanes(clock=clock)
    letters = {each: Letter(each.encode()) for each in pairs}
    for name, letter in letters.items():
        lanes.put(name[0], letter)
    return lanes, letters


def _bodies(letters) -> list[bytes]:
    return [letter.body for letter in letters]


def test_a_node_that_takes_long_delays_nobody_and_keeps_its_order() -> None:
    lanes, _ = _lanes("a1", "b1", "a2")
    slow, first = lanes.take(wait_seconds=0)
    assert _bodies(first) == [b"a1", b"a2"]
    lanes.put("a", Letter(b"a3"))
    other, second = lanes.take(wait_seconds=0)
    assert (other.sender, _bodies(second)) == ("b", [b"b1"])
    assert lanes.take(wait_seconds=0) is None, "a3 waits for those before it"
    lanes.done(other)
    lanes.done(slow)
    again, third = lanes.take(wait_seconds=0)
    assert (again.sender, _bodies(third)) == ("a", [b"a3"])


def test_while_the_database_is_away_everything_of_the_lane_is_handed_back_in_order() -> None:
    lanes, letters = _lanes("a1", "b1")
    lane, taken = lanes.take(wait_seconds=0)
    letters["a2"] = Letter(b"a2")
    lanes.put("a", letters["a2"])
    lanes.give_back(lane, taken)
    assert [letters[each].fate for each in ("a1", "a2", "b1")] == [["released"], ["released"], []]
    assert lanes.take(wait_seconds=0)[0].sender == "b"


def test_a_link_that_is_away_while_messages_are_handed_back_leaves_no_lane_occupied() -> None:
    lanes, _ = _lanes("a1")
    lane, taken = lanes.take(wait_seconds=0)
    lanes.put("a", Letter(b"a2"))
    with pytest.raises(Unavailable):
        lanes.give_back(lane, [Unsettled()])
    lanes.put("a", Letter(b"a1"))
    again, taken = lanes.take(wait_seconds=0)
    assert (again.sender, _bodies(taken)) == ("a", [b"a1"])


def test_a_node_that_brings_a_fault_to_light_is_parked_longer_each_time() -> None:
    moment = 0.0
    lanes, letters = _lanes("a1", clock=lambda: moment)
    lane, taken = lanes.take(wait_seconds=0)
    first = lanes.park(lane, taken)
    late, other = Letter(b"a2"), Letter(b"b1")
    lanes.put("a", late)
    lanes.put("b", other)
    assert letters["a1"].fate == late.fate == ["acknowledged"], "it is sent again, later"
    assert lanes.take(wait_seconds=0)[0].sender == "b"
    moment = first
    lanes.put("a", Letter(b"a3"))
    lane, taken = lanes.take(wait_seconds=0)
    assert lanes.park(lane, taken) > first
    moment += 3600
    lanes.put("a", Letter(b"a4"))
    lane, taken = lanes.take(wait_seconds=0)
    lanes.done(lane)
    lanes.put("a", Letter(b"a5"))
    lane, taken = lanes.take(wait_seconds=0)
    assert lanes.park(lane, taken) == first, "what went well is forgiven"


def test_made_ready_is_what_comes_next_in_the_lane_and_in_the_next_ones() -> None:
    of_a = [f"a{number}" for number in range(9)]
    lanes, _ = _lanes(*of_a, "b1", "b2", "c1", "d1")
    lane, taken = lanes.take(wait_seconds=0)
    assert _bodies(taken) == [b"a0", b"a1", b"a2", b"a3"]
    assert _bodies(lanes.next_after(lane)) == [b"a4", b"a5", b"b1", b"b2", b"c1"]
    other, _ = lanes.take(wait_seconds=0)
    assert _bodies(lanes.next_after(other)) == [b"c1", b"d1"]


def test_there_is_room_for_so_many_and_no_more() -> None:
    lanes = Lanes()
    for number in range(lanes.room):
        lanes.put(str(number % 7), Letter(b""))
    assert lanes.room == 0
    _, taken = lanes.take(wait_seconds=0)
    assert lanes.room == len(taken)


def test_many_threads_work_each_lane_in_order() -> None:
    lanes = Lanes()
    seen: dict[str, list[int]] = {name: [] for name in "abcdef"}
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            taken = lanes.take(wait_seconds=0.05)
            if taken is not None:
                lane, letters = taken
                seen[lane.sender] += [int(each.body) for each in letters]
                lanes.done(lane)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for number in range(300):
        while not lanes.room:
            stop.wait(0.001)
        for name in seen:
            lanes.put(name, Letter(str(number).encode()))
    while any(len(numbers) < 300 for numbers in seen.values()):
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert all(numbers == list(range(300)) for numbers in seen.values())
