"""A brake on guessing: so many failures in so much time, then a pause."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from shared.identity import TooManyAttempts

_MOST_PLACES = 10_000


class Throttle:
    """Counts failures by place (an address, an account) within one process."""

    def __init__(
        self, most: int = 30, seconds: int = 300, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def check(self, place: str) -> None:
        """Raise TooManyAttempts while this place has failed too often."""
        with self._lock:
            failures = self._recent(place)
            if len(failures) >= self._most:
                minutes = max(1, -int(-(failures[0] + self._seconds - self._clock()) // 60))
                raise TooManyAttempts(
                    "登录失败次数过多，已暂停登录。", f"请在 {minutes} 分钟后再试。"
                )

    def failed(self, place: str) -> None:
        """Count one failure."""
        with self._lock:
            self._recent(place).append(self._clock())
            while len(self._failures) > _MOST_PLACES:
                self._failures.pop(next(iter(self._failures)))

    def _recent(self, place: str) -> deque[float]:
        failures = self._failures.setdefault(place, deque(maxlen=self._most))
        while failures and failures[0] <= self._clock() - self._seconds:
            failures.popleft()
        return failures
