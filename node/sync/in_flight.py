"""Parts that go up several at a time while the line is quick, one after the other while it is not.

On a quick line most of a part's time is waiting: for its bytes to be durable at the hub, and for
the answer. So more and more of them go in one request, and several requests at once. On a slow one
both would only be lost together when the line drops.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from shared.storage import MOST_PARTS, Stretch

#: So many requests are under way at most.
MOST = 4
#: A request that took longer than this is a reason for fewer and smaller ones.
QUICK_SECONDS = 2.0
#: A request ought to take so long, going by the last one; but it is no more than so many times it.
_GOOD_SECONDS, _MOST_GROWTH = 1.0, 4
_NO_TIME = 1e-6


class Pace:
    """What the requests so far have shown of the line: how many parts the next one may bring."""

    def __init__(self) -> None:
        self.parts = 1

    def learn(self, count: int, seconds: float) -> None:
        """A request with so many parts took so long."""
        fits = int(count * _GOOD_SECONDS / max(seconds, _NO_TIME))
        self.parts = max(1, min(fits, _MOST_GROWTH * count, MOST_PARTS))

    def forget(self) -> None:
        """The line dropped: the next one may be another."""
        self.parts = 1


def send_all(
    missing: Iterable[int],
    send: Callable[[Stretch], None],
    *,
    at_once: int,
    pace: Pace,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Send the parts of these numbers; returns when the last one has arrived.

    Begins with one request, of one part as long as the pace is not known. Each that was quick
    brings one more under way with it, up to `MOST`, each that was slow takes one away. Up to
    `at_once` parts that follow each other go in one request, as many as ought to take a second.
    After an error nothing more is begun; what is under way ends, and the first error is raised.
    """
    _Sending(missing, send, at_once, pace, clock).run()


class _Sending:
    def __init__(
        self,
        missing: Iterable[int],
        send: Callable[[Stretch], None],
        at_once: int,
        pace: Pace,
        clock: Callable[[], float],
    ) -> None:
        self._missing = deque(missing)
        self._send = send
        self._at_once = at_once
        self._pace = pace
        self._clock = clock
        self._lock = threading.Lock()
        self._helping = 0
        self._helpers: list[threading.Thread] = []
        self._errors: list[Exception] = []

    def run(self) -> None:
        self._work(lambda quick: True)
        # A helper that begins another does so before it ends itself.
        while self._helpers:
            self._helpers.pop().join()
        if self._errors:
            self._pace.forget()
            raise self._errors[0]

    def _help(self) -> None:
        try:
            self._work(lambda quick: quick)
        finally:
            with self._lock:
                self._helping -= 1

    def _work(self, goes_on: Callable[[bool], bool]) -> None:
        try:
            while stretch := self._next():
                began = self._clock()
                self._send(stretch)
                seconds = self._clock() - began
                self._pace.learn(stretch.count, seconds)
                if quick := seconds <= QUICK_SECONDS:
                    self._get_help()
                if not goes_on(quick):
                    return
        except Exception as error:  # noqa: BLE001 - `run` raises it, in the caller's thread
            self._errors.append(error)

    def _next(self) -> Stretch | None:
        with self._lock:
            if self._errors or not self._missing:
                return None
            first, count = self._missing.popleft(), 1
            most = min(self._pace.parts, self._at_once)
            while count < most and self._missing and self._missing[0] == first + count:
                self._missing.popleft()
                count += 1
            return Stretch(first, count)

    def _get_help(self) -> None:
        with self._lock:
            if self._errors or self._helping >= MOST - 1:
                return
            self._helping += 1
            # As the loops of the process: a line that hangs does not keep it from ending.
            helper = threading.Thread(target=self._help, name="upload-part", daemon=True)
            helper.start()
            self._helpers.append(helper)
