"""How many parts of an upload are under way at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from node.sync.in_flight import MOST, QUICK_SECONDS, send_all
from shared.kernel.errors import Unavailable


def parts(how_many: int) -> Iterator[tuple[int, bytes]]:
    yield from ((number, bytes([number])) for number in range(1, how_many + 1))


class Line:
    """A line that takes parts, and knows how many were under way at once."""

    def __init__(self, seconds_each: float, *, together: int = 1) -> None:
        self.seconds = 0.0
        self.most = 0
        self.sent: list[tuple[int, bytes]] = []
        self._seconds_each = seconds_each
        self._under_way = 0
        self._lock = threading.Lock()
        self._together = threading.Event()
        self._wanted = together

    def clock(self) -> float:
        return self.seconds

    def send(self, number: int, part: bytes) -> None:
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            if self._under_way >= self._wanted:
                self._together.set()
        if number > self._wanted:  # by then as many are under way as ever will be
            self._together.wait(30)
        with self._lock:
            self.seconds += self._seconds_each
            self._under_way -= 1
            self.sent.append((number, part))


def test_a_quick_line_takes_several_parts_at_a_time_and_each_once() -> None:
    line = Line(0.0, together=MOST)
    send_all(parts(40), line.send, clock=line.clock)
    assert line.most == MOST
    assert sorted(line.sent) == list(parts(40))


def test_a_slow_line_takes_one_part_after_the_other() -> None:
    line = Line(QUICK_SECONDS + 1)
    send_all(parts(10), line.send, clock=line.clock)
    assert line.most == 1
    assert line.sent == list(parts(10))


def test_after_an_error_no_part_is_begun_and_the_error_is_told() -> None:
    def send(number: int, part: bytes) -> None:
        if number == 3:
            raise Unavailable("连接不上市级平台。", "系统会自动重试。")

    # Parts without end: only the error ends it.
    endless = ((number, b"") for number in count(1))
    with pytest.raises(Unavailable):
        send_all(endless, send, clock=lambda: 0.0)
