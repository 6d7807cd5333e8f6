"""The port to whatever carries the bytes between hub and nodes.

A link promises nothing: it may lose, repeat, reorder, delay and tear messages. What it should do
is be fast, and hand a message out again when it was not acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Unavailable

_HUB_QUEUE = "hub.up."
_DEAD_QUEUE = "dead."
#: Of what has no valid envelope a hub keeps the newest: as many as somebody may still look
#: through, and the bytes of thirty of the largest messages or of all usual ones. So whoever floods
#: a hub fills neither its disk nor its broker.
DEAD_LETTERS_KEPT = 1000
DEAD_BYTES_KEPT = 64 * 1024 * 1024


class Refused(Unavailable):
    """The broker does not take our account: it was replaced, or the node is suspended."""

    code = "link_refused"


class Delivery(Protocol):
    """One message taken from a queue, until it is acknowledged or released."""

    @property
    def body(self) -> bytes:
        """The message as it arrived."""

    def acknowledge(self) -> None:
        """The message was dealt with, for good; the link may forget it."""

    def release(self) -> None:
        """The message could not be dealt with now; the link hands it out again later."""


class Link(Protocol):
    """Carries messages to queues and out of them.

    Raises Unavailable when the broker cannot be reached.
    """

    def send(self, queue: str, messages: Sequence[bytes]) -> None:
        """Hand over messages for a queue, in order; may wait while too many are under way."""

    def flush(self) -> None:
        """Wait until the link has what this thread sent, as durably as it can.

        Unavailable means that some of it may not be there: it has to be sent again one day.
        """

    def receive(self, queue: str, *, wait_seconds: float, most: int = 1) -> list[Delivery]:
        """Up to `most` messages of a queue, in its order; waits a while for the first."""

    def size(self, queue: str) -> int:
        """How many messages wait in a queue (for the status page; may be a guess)."""

    def purge(self, queue: str) -> int:
        """Throw away what waits in a queue; returns how many."""

    def close(self) -> None:
        """Give back connections; what was not acknowledged is handed out again."""


def hub_queue(hub_id: str, shard: int = 0) -> str:
    """The queue in which the hub receives; each node is bound to one shard of it."""
    return f"{_HUB_QUEUE}{hub_id}.{shard}"


def is_hub_queue(queue: str) -> bool:
    """Whether a hub receives in this queue."""
    return queue.startswith(_HUB_QUEUE)


def node_queue(node_id: str) -> str:
    """The queue in which a node receives."""
    return f"node.{node_id}"


def dead_queue(hub_id: str) -> str:
    """The queue of what came to the hub without a valid envelope."""
    return f"{_DEAD_QUEUE}{hub_id}"


def is_dead_queue(queue: str) -> bool:
    """Whether a queue holds dead letters."""
    return queue.startswith(_DEAD_QUEUE)


def shard_of(node_id: str, count: int) -> int:
    """The shard that a node belongs to, of `count`; the same wherever it is asked."""
    return int(sha256_hex(node_id.encode())[:8], 16) % count
