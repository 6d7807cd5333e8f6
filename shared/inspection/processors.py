"""Which processors are free: the files of a record are looked into at once where others idle."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Processors:
    """How many of them nobody in this process uses; who is at work already is never held up."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()

    @contextmanager
    def own(self) -> Iterator[None]:
        """The one of who inspects a record, also where there is none left."""
        with self._lock:
            self._free -= 1
        try:
            yield
        finally:
            self._give_back(1)

    @contextmanager
    def more(self, wanted: int) -> Iterator[int]:
        """As many besides as are free, and not more than wanted."""
        with self._lock:
            found = max(0, min(wanted, self._free))
            self._free -= found
        try:
            yield found
        finally:
            self._give_back(found)

    def _give_back(self, count: int) -> None:
        with self._lock:
            self._free += count


PROCESSORS = Processors(os.cpu_count() or 1)
