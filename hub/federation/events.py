"""What the federation tells the rooms above it, in the same transaction.

It knows no listener; `hub/events.py` says who listens to what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class FondsChanged:
    """A fonds has other archives, another division, supervisor or disclosure than before."""

    fonds_id: str


@dataclass(frozen=True)
class FondsMoved:
    """A fonds is kept by another node than before."""

    fonds_id: str
    from_node: str | None
    to_node: str | None


@dataclass(frozen=True)
class RecordAnswered:
    """An archive is about to answer for a received record of a fonds; a listener may refuse."""

    fonds_id: str


@dataclass(frozen=True)
class RecordDestroyed:
    """An archive is about to destroy a record; a listener may refuse: it is lent, or read."""

    record_id: str
    fonds_id: str


Event = TypeVar("Event")

_listeners: dict[type, list[Callable[[Session, Any], None]]] = {}


def listen(kind: type[Event], listener: Callable[[Session, Event], None]) -> None:
    """Call `listener` for every event of this kind; a second time for the same is nothing."""
    listeners = _listeners.setdefault(kind, [])
    if listener not in listeners:
        listeners.append(listener)


def tell(session: Session, event: object) -> None:
    """Tell an event to its listeners, in the order in which they were wired."""
    for listener in _listeners.get(type(event), ()):
        listener(session, event)
