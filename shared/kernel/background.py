"""Background work of one process: loops that repeat a short step until the process stops.

A step is one look at durable state: it does a bounded piece of work in short transactions, and
says whether there may be more. Killing the process between or within steps loses nothing, because
the state is in the database and each step can be repeated.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from shared.kernel.errors import Unavailable

log = logging.getLogger(__name__)

#: Does a bounded piece of work; True when there may be more to do at once.
Step = Callable[[], bool]
#: Says something that is equal to what it said before while nothing has happened; costs little.
Trace = Callable[[], object]

_LONGEST_PAUSE = 30.0
_QUIET_SECONDS = 2.0


class Background:
    """The loops of a process, started and stopped together."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._wakes: dict[str, threading.Event] = {}
        self._at_end: list[Callable[[], object]] = []

    def at_end(self, action: Callable[[], object]) -> None:
        """Do this after the last step of the last loop, such as closing what they share."""
        self._at_end.append(action)

    def repeat(
        self, name: str, step: Step, *, idle_seconds: float = 1.0, trace: Trace = object
    ) -> None:
        """Run `step` in a thread of its own: at once while it has work, else every `idle_seconds`.

        While its `trace` stays equal it rests for two seconds: an old PC has better things to do
        than to look for what cannot be there. Unavailable slows the loop down (doubling, with
        jitter, up to 30 s); any other error is logged with its traceback and treated the same, so
        that one bad thing never ends a loop.
        """
        wake = self._wakes[name] = threading.Event()

        def loop() -> None:
            pause = idle_seconds
            while not self._stop.is_set():
                before = trace()
                try:
                    busy = step()
                    pause = 0.0 if busy else idle_seconds
                except Unavailable as error:
                    # What failed is tried again, whether anything was written or not.
                    before, pause = None, _longer(pause, idle_seconds)
                    log.warning("%s: %s", name, error.message)
                except Exception:
                    before, pause = None, _longer(pause, idle_seconds)
                    log.exception("%s: step failed, next try in %.1f s", name, pause)
                if pause:
                    until = time.monotonic() + _QUIET_SECONDS
                    while not wake.wait(pause) and before == trace() and time.monotonic() < until:
                        pass
                    wake.clear()

        self._threads.append(threading.Thread(target=loop, name=name, daemon=True))

    def wake(self, name: str) -> None:
        """Let a loop look for work now."""
        if name in self._wakes:
            self._wakes[name].set()

    def start(self) -> None:
        """Start every loop."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, wait_seconds: float = 10.0) -> None:
        """Ask every loop to end after its step, and wait for them."""
        self._stop.set()
        for wake in self._wakes.values():
            wake.set()
        for thread in self._threads:
            thread.join(wait_seconds)
        for action in self._at_end:
            action()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()


def _longer(pause: float, least: float) -> float:
    return min(_LONGEST_PAUSE, max(least, pause * 2)) * random.uniform(0.8, 1.2)
