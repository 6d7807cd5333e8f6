"""How many parts of an upload are under way at a time, and how many in one request."""

from __future__ import annotations

import threading

import pytest

from node.sync import in_flight
from node.sync.in_flight import MOST, QUICK_SECONDS, Pace, send_all
from shared.kernel.errors import Unavailable
from shared.storage import Stretch


class Line:
    """A line that takes parts, and knows how many requests were under way at once."""

    def __init__(self, *, seconds: float = 0.0, seconds_a_part: float = 0.0, together: int = 1):
        self.seconds = 0.0
        self.most = 0
        self.sent: list[Stretch] = []
        self._seconds, self._seconds_a_part = seconds, seconds_a_part
        self._under_way = self._begun = 0
        self._lock = threading.Lock()
        self._together = threading.Event()
        self._wanted = together

    def clock(self) -> float:
        return self.seconds

    def send(self, stretch: Stretch) -> None:
        with self._lock:
            self._under_way += 1
            self._begun += 1
            turn = self._begun
            self.most = max(self.most, self._under_way)
            if self._under_way >= self._wanted:
                self._together.set()
        if turn > self._wanted:  # by then as many are under way as ever will be
            self._together.wait(30)
        with self._lock:
            self.seconds += self._seconds + stretch.count * self._seconds_a_part
            self._under_way -= 1
            self.sent.append(stretch)

    @property
    def counts(self) -> list[int]:
        return [stretch.count for stretch in self.sent]

    @property
    def parts(self) -> list[int]:
        return [number for stretch in self.sent for number in stretch.numbers]


def test_a_quick_line_takes_several_requests_at_a_time_and_each_part_once() -> None:
    line = Line(together=MOST)
    send_all(range(1, 401), line.send, at_once=16, pace=Pace(), clock=line.clock)
    assert line.most == MOST
    assert sorted(line.parts) == list(range(1, 401))
    assert max(line.counts) == 16


def test_a_slow_line_takes_one_part_after_the_other() -> None:
    line = Line(seconds=QUICK_SECONDS + 1)
    send_all(range(1, 11), line.send, at_once=16, pace=Pace(), clock=line.clock)
    assert line.most == 1
    assert line.sent == [Stretch(number) for number in range(1, 11)]


def test_a_request_grows_step_by_step_to_what_takes_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_flight, "MOST", 1)
    line = Line(seconds_a_part=0.1)
    send_all(range(1, 31), line.send, at_once=16, pace=Pace(), clock=line.clock)
    assert line.counts == [1, 4, 10, 10, 5]
    assert line.parts == list(range(1, 31))


def test_a_hub_that_takes_single_parts_gets_single_parts() -> None:
    line = Line()
    send_all(range(1, 41), line.send, at_once=1, pace=Pace(), clock=line.clock)
    assert set(line.counts) == {1}


def test_only_parts_that_follow_each_other_go_together() -> None:
    missing = [1, 2, 3, 5, 6, 9, 10, 11, 12, 13, 20]
    line = Line()
    send_all(missing, line.send, at_once=16, pace=Pace(), clock=line.clock)
    assert sorted(line.parts) == missing


def test_after_an_error_no_part_is_begun_and_the_error_is_told() -> None:
    begun: list[int] = []

    def send(stretch: Stretch) -> None:
        begun.append(stretch.first)
        if stretch.first == 3:
            raise Unavailable("连接不上市级平台。", "系统会自动重试。")

    pace = Pace()
    pace.learn(16, 0.1)
    with pytest.raises(Unavailable):
        send_all(range(1, 10_000_001), send, at_once=1, pace=pace, clock=lambda: 0.0)
    assert max(begun) < 1_000_000
    assert pace.parts == 1, "the line that comes back may be another one"


def test_the_next_package_goes_on_as_quickly_as_the_last_one_ended() -> None:
    pace = Pace()
    first, second = Line(), Line()
    send_all(range(1, 31), first.send, at_once=16, pace=pace, clock=first.clock)
    send_all(range(1, 6), second.send, at_once=16, pace=pace, clock=second.clock)
    assert first.counts[0] == 1
    assert second.counts == [5]
