"""Checking the chain: edits, gaps, forks and truncation do not stay hidden."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.models import NO_DIGEST, AuditEvent, AuditHead

_BATCH = 1000
_MOST_PROBLEMS = 1000


@dataclass(frozen=True)
class Head:
    """Where the chain ends: to be witnessed outside of this database."""

    seq: int
    digest: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the chain."""

    seq: int
    code: str
    message: str


def chain_head(session: Session) -> Head:
    """The end of the chain as the counter row tells it."""
    head = session.get(AuditHead, 1)
    return Head(0, NO_DIGEST) if head is None else Head(head.seq, head.digest)


def verify_chain(session: Session, *, witness: Head | None = None) -> list[Problem]:
    """Compute every event anew; an empty list means that the chain is whole.

    Args:
        session: a reading session.
        witness: a head that was kept elsewhere; the chain must still contain it. Without one, a
            truncation that also moves the counter row back cannot be seen.
    """
    walk = Walk(witness=witness)
    rows = session.scalars(
        select(AuditEvent).order_by(AuditEvent.seq).execution_options(yield_per=_BATCH)
    )
    for event in rows:
        walk.take(event)
        session.expunge(event)
        if walk.is_hopeless:
            return walk.problems
    walk.end(chain_head(session))
    return walk.problems


class Walk:
    """Goes along a chain event by event, and notes what is wrong with it.

    Args:
        after: the event before the first, when the way begins within the chain.
        witness: a head that was kept elsewhere.
    """

    def __init__(self, *, after: Head | None = None, witness: Head | None = None) -> None:
        self.problems: list[Problem] = []
        self.last = after or Head(0, NO_DIGEST)
        self._witness = witness
        self._witnessed = witness is None or witness.seq <= self.last.seq

    @property
    def is_hopeless(self) -> bool:
        """Whether there are so many problems that one more tells nothing."""
        return len(self.problems) >= _MOST_PROBLEMS

    def take(self, event: AuditEvent) -> None:
        """The next event."""
        witness = self._witness
        self.problems += _event_problems(event, self.last)
        if witness and event.seq == witness.seq:
            self._witnessed = event.digest == witness.digest
        self.last = Head(event.seq, event.digest)

    def end(self, head: Head) -> None:
        """There is no more, and this is where the chain is said to end."""
        self.problems += end_problems(head, self.last)
        if self._witness and not self._witnessed:
            seq = self._witness.seq
            self.problems.append(Problem(seq, "witness", f"日志中没有外部见证的第 {seq} 条。"))


def _event_problems(event: AuditEvent, last: Head) -> list[Problem]:
    found = []
    if event.seq <= last.seq:
        found.append(Problem(event.seq, "surplus", f"第 {event.seq} 条多出，或次序被调换。"))
    elif event.seq != last.seq + 1:
        missing = f"第 {last.seq + 1} 条" + (
            f"至第 {event.seq - 1} 条" if event.seq > last.seq + 2 else ""
        )
        found.append(Problem(last.seq + 1, "gap", f"{missing}缺失。"))
    elif event.previous != last.digest:
        found.append(Problem(event.seq, "link", f"第 {event.seq} 条与前一条不衔接。"))
    try:
        intact = event.computed_digest() == event.digest
    except (TypeError, ValueError):  # a value that has no canonical form was never sealed
        intact = False
    if not intact:
        found.append(Problem(event.seq, "edited", f"第 {event.seq} 条被改动过。"))
    return found


def end_problems(head: Head, last: Head) -> list[Problem]:
    """What is wrong when a chain is said to end at `head`, and its last event is another."""
    if head.seq > last.seq:
        return [Problem(last.seq + 1, "truncated", f"第 {last.seq + 1} 条之后的日志被删去。")]
    if head.seq < last.seq:
        return [Problem(head.seq + 1, "counter", "计数行落后于日志，可能被改动过。")]
    if head.digest != last.digest:
        return [Problem(last.seq, "counter", "计数行的摘要与最后一条不符。")]
    return []
