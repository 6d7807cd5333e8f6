"""Checking the chain: edits, gaps, forks and truncation do not stay hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, Text, cast, func, inspect, select, type_coerce
from sqlalchemy.orm import Session

from shared.audit.models import (
    FIRST_FORM,
    NO_DIGEST,
    AuditArchive,
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    Outcome,
    digest_of_event,
)
from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, document_is_signed_by

_BATCH = 1000
_MOST_PROBLEMS = 1000
_TABLE = AuditEvent.__table__
#: What an event of the first form has in the columns that came later, and its digest is not over.
_BLANK = {
    "role": "", "place": "", "outcome": Outcome.DONE.value,
    "before": None, "after": None, "count": None, "root": None,
}  # fmt: skip


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

    def to_wire(self) -> dict[str, Any]:
        """As JSON."""
        return {"seq": self.seq, "code": self.code, "message": self.message}


def chain_head(session: Session) -> Head:
    """The end of the chain as the counter row tells it: the last event that is sealed."""
    head = session.get(AuditHead, 1)
    return Head(0, NO_DIGEST) if head is None else Head(head.seq, head.digest)


def waiting_for_seal(session: Session) -> int:
    """How many events are written and not yet in the chain."""
    return session.scalar(select(func.count()).where(AuditEvent.seq.is_(None))) or 0


def oldest_unsealed(session: Session) -> datetime | None:
    """When the oldest event was written that awaits its seal; None when none does."""
    return session.scalar(
        select(AuditEvent.time).where(AuditEvent.seq.is_(None)).order_by(AuditEvent.id).limit(1)
    )


def moment_of(session: Session) -> tuple[int, int]:
    """What stays equal while nothing is recorded: the last sealed event, and how many wait."""
    return chain_head(session).seq, waiting_for_seal(session)


def begin_of_chain(session: Session) -> Head:
    """The event before the first that is on line: the last of the archived ones."""
    row = session.scalars(select(AuditArchive).order_by(AuditArchive.last.desc()).limit(1)).first()
    return Head(0, NO_DIGEST) if row is None else Head(row.last, row.digest)


def verify_chain(session: Session, *, witness: Head | None = None) -> list[Problem]:
    """Compute every event that is on line anew; an empty list means that the chain is whole.

    Archived events are in files (`AuditArchive`), which `verify_files` computes.

    Args:
        session: a reading session.
        witness: a head that was kept elsewhere; the chain must still contain it. Without one, a
            truncation that also moves the counter row back, and takes its checkpoints with it,
            cannot be seen.
    """
    walk = Walk(after=begin_of_chain(session), witness=witness)
    checkpoints = Checkpoints(session)
    for wire in raw_events(session):
        walk.take(wire)
        checkpoints.reach(walk)
        if walk.is_hopeless:
            break
    walk.end(chain_head(session))
    checkpoints.end(walk)
    return walk.in_order()


def raw_events(session: Session) -> Iterator[dict[str, Any]]:
    """The sealed events on line as wires, in order, from the bytes that the tables really hold.

    One whose bytes are not as we write them has `unsound`, so that its digest cannot be right.
    """
    columns: list[ColumnElement[Any]] = []
    for attribute in inspect(AuditEvent).column_attrs:
        column: ColumnElement[Any] = getattr(AuditEvent, attribute.key)
        if attribute.key == "details":
            column = cast(column, Text).label("details")
        elif attribute.key == "time":
            column = type_coerce(column, String).label("time")
        columns.append(column)
    rows = session.execute(
        select(*columns)
        .where(AuditEvent.seq.is_not(None))
        .order_by(AuditEvent.seq)
        .execution_options(yield_per=_BATCH)
    )
    for row in rows.mappings():
        yield _as_wire(dict(row))


def _as_wire(row: dict[str, Any]) -> dict[str, Any]:
    text, when = row["details"], row["time"]
    try:
        row["details"] = json.loads(text)
        sound = text == json.dumps(row["details"]) and when == format_utc(parse_utc(when))
    except (TypeError, ValueError, RecursionError):
        sound = False
    form = row.pop("form")
    if form == FIRST_FORM:
        sound &= {name: row.pop(name) for name in _BLANK} == _BLANK
        sound &= row.pop("id") == row["seq"]
    else:
        row["form"] = form
    if not sound:
        row["unsound"] = True
    return row


class Walk:
    """Goes along a chain event by event, and notes what is wrong with it.

    Args:
        after: the event before the first, when the way begins within the chain.
        witness: a head that was kept elsewhere.
    """

    def __init__(self, *, after: Head | None = None, witness: Head | None = None) -> None:
        self.problems: list[Problem] = []
        self.last = after or Head(0, NO_DIGEST)
        #: Whether the last event is of a form whose ends are signed.
        self.is_signed_form = False
        self._witness = witness
        self._witnessed = witness is None or witness.seq <= self.last.seq

    @property
    def is_hopeless(self) -> bool:
        """Whether there are so many problems that one more tells nothing."""
        return len(self.problems) >= _MOST_PROBLEMS

    def take(self, wire: Mapping[str, Any]) -> None:
        """The next event, as files have it."""
        witness = self._witness
        self.problems += _event_problems(wire, self.last)
        if witness and wire["seq"] == witness.seq:
            self._witnessed = wire["digest"] == witness.digest
        if type(wire["seq"]) is int:
            self.last = Head(wire["seq"], str(wire["digest"]))
        self.is_signed_form = "form" in wire

    def end(self, head: Head) -> None:
        """There is no more, and this is where the chain is said to end."""
        self.problems += end_problems(head, self.last)
        if self._witness and not self._witnessed:
            seq = self._witness.seq
            self.problems.append(Problem(seq, "witness", f"日志中没有外部见证的第 {seq} 条。"))

    def in_order(self) -> list[Problem]:
        """The problems, that of the first event first."""
        return sorted(self.problems, key=lambda each: each.seq)


class Checkpoints:
    """Goes along the signed ends beside a walk over the events of a database."""

    def __init__(self, session: Session) -> None:
        self._rows = session.scalars(
            select(AuditCheckpoint)
            .where(AuditCheckpoint.last > begin_of_chain(session).seq)
            .order_by(AuditCheckpoint.last)
            .execution_options(yield_per=_BATCH)
        )
        self._next = self._take()
        #: The last event that a checkpoint was over.
        self._covered: int | None = None

    def reach(self, walk: Walk) -> None:
        """The walk has come to another event."""
        while self._next is not None and self._next.last <= walk.last.seq:
            self._hold(self._next, walk)
            self._next = self._take()

    def end(self, walk: Walk) -> None:
        """There are no more events."""
        if self._next is not None:
            cut = end_problems(Head(self._next.last, self._next.digest), walk.last)
            walk.problems += [each for each in cut if each not in walk.problems]
        elif walk.is_signed_form and self._covered != walk.last.seq:
            seq = (self._covered or 0) + 1
            walk.problems.append(Problem(seq, "unsigned", f"第 {seq} 条起没有签名的检查点。"))

    def _take(self) -> AuditCheckpoint | None:
        try:
            return next(self._rows, None)
        except (TypeError, ValueError):  # the time of one is none: nothing holds beyond it
            return None

    def _hold(self, row: AuditCheckpoint, walk: Walk) -> None:
        if self._covered is not None and row.first != self._covered + 1:
            seq = self._covered + 1
            walk.problems.append(Problem(seq, "unsigned", f"第 {seq} 条起缺少签名的检查点。"))
        self._covered = row.last
        head = Head(row.last, row.digest)
        if head != walk.last or not checkpoint_holds(row):
            walk.problems.append(
                Problem(row.last, "checkpoint", f"第 {row.last} 条处的检查点与日志不符。")
            )


def checkpoint_holds(row: AuditCheckpoint, key: PublicKey | None = None) -> bool:
    """Whether its signature is that of the key that it names; and that of `key`, where given."""
    try:
        signer = PublicKey.from_hex(row.public_key)
        signed = {"signature": row.signature}
        holds = document_is_signed_by(signer, row.document(), signed)
    except (Invalid, TypeError, ValueError, AttributeError):
        return False  # what is no key, or no value that is signed, is no checkpoint of ours
    # Upper-case letters would be read as the same bytes, and are none of ours.
    written = row.public_key + row.signature
    return holds and written == written.lower() and key in (None, signer)


def _event_problems(wire: Mapping[str, Any], last: Head) -> list[Problem]:
    found = []
    seq = wire["seq"]
    if type(seq) is not int:
        return [Problem(last.seq + 1, "edited", f"第 {last.seq + 1} 条被改动过。")]
    if seq <= last.seq:
        found.append(Problem(seq, "surplus", f"第 {seq} 条多出，或次序被调换。"))
    elif seq != last.seq + 1:
        missing = f"第 {last.seq + 1} 条" + (f"至第 {seq - 1} 条" if seq > last.seq + 2 else "")
        found.append(Problem(last.seq + 1, "gap", f"{missing}缺失。"))
    elif wire["previous"] != last.digest:
        found.append(Problem(seq, "link", f"第 {seq} 条与前一条不衔接。"))
    try:
        intact = digest_of_event(wire) == wire["digest"]
    except (TypeError, ValueError):  # a value that has no canonical form was never sealed
        intact = False
    if not intact:
        found.append(Problem(seq, "edited", f"第 {seq} 条被改动过。"))
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
