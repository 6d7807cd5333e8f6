"""The port to whatever carries the bytes between hub and nodes.

A link promises nothing: it may lose, repeat, reorder, delay and tear messages. What it should do
is be fast, and hand a message out again when it was not acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


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
        """Put messages into a queue, in order, as durably as the link can."""

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
    return f"hub.up.{hub_id}.{shard}"


def node_queue(node_id: str) -> str:
    """The queue in which a node receives."""
    return f"node.{node_id}"
