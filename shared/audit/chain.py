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
    problems: list[Problem] = []
    last = Head(0, NO_DIGEST)
    witnessed = witness is None or witness.seq == 0
    rows = session.scalars(
        select(AuditEvent).order_by(AuditEvent.seq).execution_options(yield_per=_BATCH)
    )
    for event in rows:
        problems += _event_problems(event, last)
        if witness and event.seq == witness.seq and event.digest == witness.digest:
            witnessed = True
        last = Head(event.seq, event.digest)
        session.expunge(event)
        if len(problems) >= _MOST_PROBLEMS:
            break
    else:
        problems += _end_problems(chain_head(session), last)
        if witness and not witnessed:
            problems.append(
                Problem(witness.seq, "witness", f"日志中没有外部见证的第 {witness.seq} 条。")
            )
    return problems


def _event_problems(event: AuditEvent, last: Head) -> list[Problem]:
    found = []
    if event.seq != last.seq + 1:
        missing = f"第 {last.seq + 1} 条" + (
            f"至第 {event.seq - 1} 条" if event.seq > last.seq + 2 else ""
        )
        found.append(Problem(last.seq + 1, "gap", f"{missing}缺失。"))
    elif event.previous != last.digest:
        found.append(Problem(event.seq, "link", f"第 {event.seq} 条与前一条不衔接。"))
    try:
        intact = event.computed_digest() == event.digest
    except (TypeError, ValueError):
        intact = False
    if not intact:
        found.append(Problem(event.seq, "edited", f"第 {event.seq} 条被改动过。"))
    return found


def _end_problems(head: Head, last: Head) -> list[Problem]:
    if head.seq > last.seq:
        return [Problem(last.seq + 1, "truncated", f"第 {last.seq + 1} 条之后的日志被删去。")]
    if head.seq < last.seq:
        return [Problem(head.seq + 1, "counter", "计数行落后于日志，可能被改动过。")]
    if head.digest != last.digest:
        return [Problem(last.seq, "counter", "计数行的摘要与最后一条不符。")]
    return []
