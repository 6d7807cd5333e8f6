"""The messages in hand, one lane for each node.

The messages of one node are worked on in their order, those of different nodes side by side. So a
node whose messages take long delays nobody else; and one whose messages bring an error of ours to
light is parked for a while: what it sends meanwhile is let go, and it will send it again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from shared.messaging.ahead import Coming
from shared.messaging.link import Delivery

_MOST = 200
#: Half of what a node has on its way (protocol §1): while these are applied, it sends the others.
_AT_A_TIME = 4
#: So many of the others are made ready meanwhile, and what so many other nodes wait with, so that
#: there is no pause in between.
_MADE_READY = 2
_FIRST_PARKING, _LONGEST_PARKING = 5.0, 3600.0


class InHand:
    """A message in hand, and what is made ready for its turn."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self.body = delivery.body
        self.acknowledge, self.release = delivery.acknowledge, delivery.release
        self.looked_at = False
        #: The run in it, when it is read ahead.
        self.coming: Coming | None = None


@dataclass
class Lane:
    """What waits of one node."""

    sender: str
    waiting: deque[InHand] = field(default_factory=deque)
    busy: bool = False
    failures: int = 0
    parked_until: float = 0.0


class Lanes:
    """Sorts messages into lanes, and hands out lanes that nobody is working on."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._in_hand = 0

    @property
    def room(self) -> int:
        """How many more messages may be taken in hand."""
        return max(0, _MOST - self._in_hand)

    def put(self, sender: str, delivery: Delivery) -> None:
        """Add a message to the lane of its sender, or let it go while that one is parked."""
        with self._changed:
            lane = self._lanes.setdefault(sender, Lane(sender))
            if self._clock() < lane.parked_until:
                delivery.acknowledge()
                return
            lane.waiting.append(InHand(delivery))
            self._in_hand += 1
            if not lane.busy and len(lane.waiting) == 1:
                self._ready.append(lane)
                self._changed.notify()

    def take(self, *, wait_seconds: float) -> tuple[Lane, list[InHand]] | None:
        """A lane, for the caller alone until it says `done` or `park`, and its next messages."""
        with self._changed:
            if not self._ready and not self._changed.wait_for(lambda: self._ready, wait_seconds):
                return None
            lane = self._ready.popleft()
            lane.busy = True
            count = min(_AT_A_TIME, len(lane.waiting))
            self._in_hand -= count
            return lane, [lane.waiting.popleft() for _ in range(count)]

    def next_after(self, lane: Lane) -> list[InHand]:
        """What comes next, to be made ready: in a lane that the caller has, then in others."""
        with self._changed:
            following = islice(self._ready, _MADE_READY)
            others = [each for lane in following for each in islice(lane.waiting, _AT_A_TIME)]
            return [*islice(lane.waiting, _MADE_READY), *others]

    def done(self, lane: Lane) -> None:
        """These messages were dealt with."""
        with self._changed:
            lane.failures = 0
            self._free(lane)

    def give_back(self, lane: Lane, rest: Iterable[InHand]) -> None:
        """Nothing can be done now: hand everything of this lane back to the link, in order."""
        with self._changed:
            try:
                for delivery in (*rest, *self._emptied(lane)):
                    delivery.release()
            finally:  # also when the link is away: then it hands them out again by itself
                self._free(lane)

    def park(self, lane: Lane, rest: Iterable[InHand]) -> float:
        """Let this lane's messages go, and those of the next while; returns its seconds."""
        with self._changed:
            seconds = min(_LONGEST_PARKING, _FIRST_PARKING * 2.0 ** min(lane.failures, 20))
            lane.failures += 1
            lane.parked_until = self._clock() + seconds
            try:
                for delivery in (*rest, *self._emptied(lane)):
                    delivery.acknowledge()
            finally:
                self._free(lane)
            return seconds

    def _emptied(self, lane: Lane) -> list[InHand]:
        emptied = list(lane.waiting)
        lane.waiting.clear()
        self._in_hand -= len(emptied)
        return emptied

    def _free(self, lane: Lane) -> None:
        lane.busy = False
        if lane.waiting:
            self._ready.append(lane)
            self._changed.notify()
        elif not lane.failures:
            del self._lanes[lane.sender]
