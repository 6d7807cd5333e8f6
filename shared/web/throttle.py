"""A brake on guessing: so many failures in so much time, then a pause that grows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.identity import TooManyAttempts

_MOST_PLACES = 10_000
_MOST_DOUBLINGS = 8
#: A place that has not failed for so long begins anew.
_FORGOTTEN_SECONDS = 86_400.0


@dataclass
class _Place:
    failures: deque[float] = field(default_factory=deque)
    paused_until: float = float("-inf")
    pauses: int = 0
    last: float = float("-inf")


class Throttle:
    """Counts failures by place (an address, an account) within one process.

    The first pause lasts as long as the time in which failures are counted, each further one twice
    as long as the one before. `says` is what somebody is told who is braked.
    """

    def __init__(
        self,
        most: int = 30,
        seconds: int = 300,
        clock: Callable[[], float] = time.monotonic,
        *,
        says: str = "登录失败次数过多，已暂停登录。",
    ) -> None:
        self._says = says
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def check(self, place: str) -> None:
        """Raise TooManyAttempts while this place has failed too often."""
        with self._lock:
            known = self._places.get(place)
            left = known.paused_until - self._clock() if known else 0
        if left > 0:
            minutes = max(1, -int(-left // 60))
            raise TooManyAttempts(self._says, f"请在 {minutes} 分钟后再试。")

    def failed(self, place: str) -> None:
        """Count one failure."""
        with self._lock:
            now = self._clock()
            known = self._places.setdefault(place, _Place())
            if now - known.last > _FORGOTTEN_SECONDS:
                known.pauses = 0
            known.last = now
            known.failures.append(now)
            while known.failures[0] <= now - self._seconds:
                known.failures.popleft()
            if len(known.failures) >= self._most:
                known.paused_until = now + self._seconds * 2 ** min(known.pauses, _MOST_DOUBLINGS)
                known.pauses += 1
                known.failures.clear()
            while len(self._places) > _MOST_PLACES:
                self._places.pop(next(iter(self._places)))
