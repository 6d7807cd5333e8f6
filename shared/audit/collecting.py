"""The events of one transaction, written together right before it commits.

An event told in a transaction waits in its session; all that wait are written by one statement
before the commit, in the order in which they were told: they cost one way to the database, not one
each. What was told inside a savepoint that was rolled back is not written. When the writing fails,
the whole transaction does.

Meanwhile the rows that the unit of work changes are noted as they were. An event that does not say
itself what was changed gets the SM3 of the rows that belong to its subject, before and after
(`changed.Changes`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from shared.audit.changed import Changes
from shared.audit.models import AuditEvent
from shared.kernel.bulk import add_rows, table_of

_TABLE = table_of(AuditEvent)
_WAITING = "audit"


@dataclass
class _Mark:
    """How far things were when a savepoint began."""

    told: int
    written: int
    changes: int


@dataclass
class _Waiting:
    """What one transaction has told; the first `written` are in the database already."""

    told: list[dict[str, Any]] = field(default_factory=list)
    written: int = 0
    changes: Changes = field(default_factory=Changes)
    marks: dict[SessionTransaction, _Mark] = field(default_factory=dict)


def tell(session: Session, row: dict[str, Any]) -> None:
    """Let an event be written with the commit of this session.

    Raises RuntimeError in a session that only reads: it never commits, the event would be lost.
    """
    if session.get_bind().get_execution_options().get("danglian_reading", False):
        raise RuntimeError("an event needs a writing transaction")
    _of(session).told.append(row)


def told_in(session: Session) -> tuple[list[dict[str, Any]], Changes]:
    """The events that a transaction has told so far, and what it has changed."""
    waiting = _of(session)
    return waiting.told, waiting.changes


def _of(session: Session) -> _Waiting:
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is None:
        waiting = session.info[_WAITING] = _Waiting()
    return waiting


def _write(session: Session) -> None:
    waiting = _of(session)
    if waiting.written == len(waiting.told):
        return
    session.flush()
    rows = waiting.told[waiting.written :]
    silent = [row for row in rows if row["before"] is None and row["after"] is None]
    digests = waiting.changes.digests_of(row["subject"] for row in silent)
    for row in silent:
        row["before"], row["after"] = digests[row["subject"]]
    add_rows(session, _TABLE, rows)
    waiting.written = len(waiting.told)


@event.listens_for(Session, "before_flush")
def _note_changes(session: Session, _context: Any, _instances: Any) -> None:
    changes = _of(session).changes
    for row in session.new:
        changes.note(row, is_new=True)
    for row in session.dirty:
        changes.note(row)
    for row in session.deleted:
        changes.note(row)


@event.listens_for(Session, "before_commit")
def _before_commit(session: Session) -> None:
    # Also called at the end of a savepoint, where what was told goes on waiting.
    if not session.in_nested_transaction():
        _write(session)


@event.listens_for(Session, "do_orm_execute")
def _before_asking(state: ORMExecuteState) -> None:
    """Who asks for events in the transaction that told them, finds them."""
    waiting: _Waiting | None = state.session.info.get(_WAITING)
    if waiting is None or waiting.written == len(waiting.told):
        return
    if any(mapper.class_ is AuditEvent for mapper in state.all_mappers):
        _write(state.session)


@event.listens_for(Session, "after_transaction_create")
def _begun(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        waiting = _of(session)
        waiting.marks[transaction] = _Mark(len(waiting.told), waiting.written, len(waiting.changes))
    elif transaction.parent is None:
        session.info.pop(_WAITING, None)


@event.listens_for(Session, "after_soft_rollback")
def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is None:
        return
    if transaction.parent is None:
        del session.info[_WAITING]
        return
    mark = waiting.marks.get(transaction)
    if mark is not None:
        del waiting.told[mark.told :]
        # What was told before the savepoint and written inside of it went with it.
        waiting.written = mark.written
        waiting.changes.forget_after(mark.changes)
