"""Parts that go up several at a time while the line is quick, one after the other while it is not.

On a quick line most of a part's time is waiting: for its bytes to be durable at the hub, and for
the answer. On a slow one more than one at a time would only be lost together when the line drops.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

#: So many parts are under way at most; each is in memory.
MOST = 4
#: A part that took longer than this is a reason for fewer at a time.
QUICK_SECONDS = 2.0

#: The number of a part, and its bytes.
Part = tuple[int, bytes]


def send_all(
    parts: Iterator[Part],
    send: Callable[[int, bytes], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Send parts, up to `MOST` at a time; returns when the last one has arrived.

    Begins with one. Each that was quick brings one more under way with it, each that was slow
    takes one away. After an error nothing more is begun; what is under way ends, and the first
    error is raised.
    """
    _Sending(parts, send, clock).run()


class _Sending:
    def __init__(
        self, parts: Iterator[Part], send: Callable[[int, bytes], None], clock: Callable[[], float]
    ) -> None:
        self._parts = parts
        self._send = send
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
            raise self._errors[0]

    def _help(self) -> None:
        try:
            self._work(lambda quick: quick)
        finally:
            with self._lock:
                self._helping -= 1

    def _work(self, goes_on: Callable[[bool], bool]) -> None:
        try:
            while part := self._next():
                began = self._clock()
                self._send(*part)
                quick = self._clock() - began <= QUICK_SECONDS
                if quick:
                    self._get_help()
                if not goes_on(quick):
                    return
        except Exception as error:  # noqa: BLE001 - `run` raises it, in the caller's thread
            self._errors.append(error)

    def _next(self) -> Part | None:
        with self._lock:
            return None if self._errors else next(self._parts, None)

    def _get_help(self) -> None:
        with self._lock:
            if self._errors or self._helping >= MOST - 1:
                return
            self._helping += 1
            # As the loops of the process: a line that hangs does not keep it from ending.
            helper = threading.Thread(target=self._help, name="upload-part", daemon=True)
            helper.start()
            self._helpers.append(helper)  # only now: `run` joins whom it finds here
