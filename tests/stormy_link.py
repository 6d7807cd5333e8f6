"""A link in memory, and its weather: it may lose, repeat, reorder and tear what is sent over it."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count


class StormyLink:
    """A link in memory that loses, repeats, reorders and tears messages as its seed says."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self.storm = seed is not None
        self._queues: dict[str, list[bytes]] = defaultdict(list)
        self._released: dict[str, list[_Taken]] = defaultdict(list)
        self._places = count()

    def weather(self, seed: int) -> None:
        """From here on there is a storm."""
        self._random = random.Random(seed)
        self.storm = True

    def send(self, queue: str, messages: Sequence[bytes]) -> None:
        for whole in messages:
            message = whole
            luck = self._random.random() if self.storm else 0.5
            if luck < 0.15:
                continue
            if luck < 0.25:
                message = message[: self._random.randrange(len(message))]
            place = len(self._queues[queue])
            if luck > 0.85 and place:
                place = self._random.randrange(place)
            self._queues[queue].insert(place, message)
            if luck > 0.93:
                self._queues[queue].append(message)

    def flush(self) -> None:
        return None

    def receive(self, queue: str, *, wait_seconds: float, most: int = 1) -> list[_Taken]:
        back = self._released[queue]
        taken = [heapq.heappop(back) for _ in range(min(most, len(back)))]
        fresh = self._queues[queue][: most - len(taken)]
        del self._queues[queue][: len(fresh)]
        return taken + [_Taken(next(self._places), body, back) for body in fresh]

    def waiting(self, queue: str) -> list[bytes]:
        """What waits in a queue, in its order."""
        return [taken.body for taken in sorted(self._released[queue])] + self._queues[queue]

    def size(self, queue: str) -> int:
        return len(self.waiting(queue))

    def purge(self, queue: str) -> int:
        size = self.size(queue)
        self._queues[queue].clear()
        self._released[queue].clear()
        return size

    def close(self) -> None:
        return None


@dataclass(order=True)
class _Taken:
    place: int
    body: bytes = field(compare=False)
    back: list[_Taken] = field(compare=False)

    def acknowledge(self) -> None:
        return None

    def release(self) -> None:
        heapq.heappush(self.back, self)
