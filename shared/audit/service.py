"""Writing events, and asking for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Select, select
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session, SessionTransaction

from shared.audit.models import NO_DIGEST, AuditEvent, AuditHead
from shared.kernel.actor import Actor
from shared.kernel.clock import format_utc, now
from shared.kernel.database import locked

#: A mark of classification (GB/T 7156): the grade and its star.
_MARK = re.compile(r"(?:绝\s*密|机\s*密|秘\s*密)\s*[★☆▲]")
_MASKED = "（含密级标志，未记录）"
_LONGEST_TEXT = 2000
_ONLY_HEAD = 1
#: Under this name a session keeps what waits for its commit, each with its savepoint.
_WAITING = "danglian.audit"


@runtime_checkable
class Named(Protocol):
    """A domain object that knows its name in the audit, like `record:<id>`."""

    @property
    def audit_name(self) -> str:
        """The name; carries no title."""


def record(
    session: Session, actor: Actor, action: str, subject: str | Named, **details: object
) -> None:
    """Write one event into the chain, in the caller's transaction.

    It takes its place in the chain when the transaction commits: the end of the chain is one row
    that all writers share, and is held no longer than that.

    Args:
        session: a writing session; the event commits or vanishes with the change it tells of.
        actor: who did it.
        action: what was done, `thing.verb_in_the_past`, like `review.returned`.
        subject: what it was done to: `kind:id`, or an object with `audit_name`.
        **details: values worth keeping: texts, numbers, times, lists and mappings of these. Never
            the title of a document that was refused; texts with a mark of classification are
            masked.
    """
    event = AuditEvent(
        time=now(),
        actor_id=actor.id[:80],
        actor_name=_clean(actor.name)[:200],
        action=action[:80],
        subject=_clean(subject if isinstance(subject, str) else subject.audit_name)[:200],
        details=_plain(details),
    )
    waiting = session.info.setdefault(_WAITING, [])
    waiting.append((session.get_nested_transaction(), event))


@listens_for(Session, "before_commit")
def _seal(session: Session) -> None:
    """Put what was recorded at the end of the chain, as the last thing before the commit.

    The head is locked after everything else, by everyone: so the chain has one writer at a time,
    and no two transactions wait for each other because of it.
    """
    if session.in_nested_transaction() or not (waiting := session.info.pop(_WAITING, None)):
        return
    session.flush()
    head = locked(session, AuditHead, _ONLY_HEAD)
    if head is None:
        head = AuditHead(id=_ONLY_HEAD, seq=0, digest=NO_DIGEST)
        session.add(head)
    for _, event in waiting:
        event.seq, event.previous = head.seq + 1, head.digest
        event.digest = event.computed_digest()
        head.seq, head.digest = event.seq, event.digest
        session.add(event)


@listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """What was recorded inside a savepoint vanishes with it; without one, all of it."""
    session.info[_WAITING] = [
        (savepoint, event)
        for savepoint, event in session.info.get(_WAITING, ())
        if ended.nested and not _within(savepoint, ended)
    ]


def _within(savepoint: SessionTransaction | None, ended: SessionTransaction) -> bool:
    while savepoint is not None and savepoint is not ended:
        savepoint = savepoint.parent
    return savepoint is not None


def events(
    *,
    action: str | None = None,
    actor_id: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[AuditEvent]:
    """The events that fit, as a select for `Listing.apply` (newest first by sort `-seq`).

    `action` also takes a beginning that ends in a dot: `review.` is all that reviews did.
    """
    found = select(AuditEvent)
    if action:
        matches = AuditEvent.action == action
        if action.endswith("."):
            matches = AuditEvent.action.startswith(action, autoescape=True)
        found = found.where(matches)
    if actor_id:
        found = found.where(AuditEvent.actor_id == actor_id)
    if subject:
        found = found.where(AuditEvent.subject == subject)
    if since:
        found = found.where(AuditEvent.time >= since)
    if until:
        found = found.where(AuditEvent.time < until)
    return found


def _clean(text: str) -> str:
    """Without surrogates and NUL (no database keeps them), and without classified marks."""
    text = text.encode("utf-8", "replace").decode().replace("\x00", "")
    return _MASKED if _MARK.search(text) else text[:_LONGEST_TEXT]


def _plain(value: object) -> Any:
    """The value as JSON that has a canonical form."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return format_utc(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [_plain(item) for item in items]
    if isinstance(value, Named):
        return _clean(value.audit_name)
    return _clean(str(value))
