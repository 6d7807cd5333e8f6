"""Writing events, and asking for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Select, insert, or_, select
from sqlalchemy.orm import Session

from shared.audit.guard import require_sealing
from shared.audit.models import FORM, AuditEvent, Outcome
from shared.kernel.actor import Actor
from shared.kernel.canonical import canonical_json, sm3_hex
from shared.kernel.clock import format_utc, now
from shared.kernel.merkle import merkle_root
from shared.kernel.place import PLACE_LENGTH, place_of_act

#: A mark of classification (GB/T 7156): the grade and its star.
_MARK = re.compile(r"(?:绝\s*密|机\s*密|秘\s*密)\s*[★☆▲]")
_MASKED = "（含密级标志，未记录）"
_LONGEST_TEXT = 2000
_INSERT = insert(AuditEvent.__table__).inline()  # type: ignore[arg-type]
#: How an act ended whose verb says so, like `sign_in.refused`.
_ENDED = {"refused": Outcome.REFUSED, "locked": Outcome.REFUSED, "failed": Outcome.FAILED}


@runtime_checkable
class Named(Protocol):
    """A domain object that knows its name in the audit, like `record:<id>`."""

    @property
    def audit_name(self) -> str:
        """The name; carries no title."""


@dataclass(frozen=True)
class Act:
    """What is told of an act beside its details.

    Attributes:
        ended: how it ended; without it what the verb says, which is `done` for most.
        was: what a thing that was changed had been, as plain values; only its SM3 is kept.
        became: what it is now.
        each: of an act on many things their names, of which the number and the Merkle root (SM3)
            are kept: one act is one event.
    """

    ended: Outcome | None = None
    was: object = None
    became: object = None
    each: Collection[str] | None = None


_PLAIN_ACT = Act()


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject: str | Named,
    act: Act = _PLAIN_ACT,
    /,
    **details: object,
) -> None:
    """Write one event, in the caller's transaction; the sealer puts it into the chain afterwards.

    Args:
        session: a writing session; the event commits or vanishes with the change it tells of.
        actor: who did it.
        action: what was done, `thing.verb_in_the_past`, like `review.returned`.
        subject: what it was done to: `kind:id`, or an object with `audit_name`.
        act: what else is told of it.
        **details: values worth keeping: texts, numbers, times, lists and mappings of these. Never
            the title of a document that was refused; texts with a mark of classification are
            masked.

    Raises Unavailable when the log has not been sealed for too long (`guard`).
    """
    require_sealing(session)
    roles = "system" if actor.system else ",".join(sorted({str(g.role) for g in actor.grants}))
    session.execute(
        _INSERT,
        {
            "form": FORM,
            "time": now(),
            "actor_id": _clean(actor.id)[:80],
            "actor_name": _clean(actor.name)[:200],
            "role": roles[:200],
            "place": _clean(place_of_act())[:PLACE_LENGTH],
            "action": action[:80],
            "subject": _clean(subject if isinstance(subject, str) else subject.audit_name)[:200],
            "outcome": str(act.ended or _ENDED.get(action.rpartition(".")[2], Outcome.DONE)),
            "before": _digest(act.was),
            "after": _digest(act.became),
            "count": None if act.each is None else len(act.each),
            "root": None if act.each is None else root_of(act.each),
            "details": _plain(details),
        },
    )


def root_of(names: Collection[str]) -> str:
    """The Merkle root (SM3) over the names of many things, in their sorted order."""
    return merkle_root((name.encode() for name in sorted(names)), algorithm="sm3")


def events(
    *,
    action: str | None = None,
    actor_id: str | None = None,
    subject: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[AuditEvent]:
    """The events that fit, sealed and unsealed, as a select for `Listing.apply`.

    Newest first by `AuditEvent.id`. `action` also takes a beginning that ends in a dot: `review.`
    is all that reviews did.
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
    if outcome:
        found = found.where(AuditEvent.outcome == outcome)
    if since:
        found = found.where(AuditEvent.time >= since)
    if until:
        found = found.where(AuditEvent.time < until)
    return found


def subjects_after(seq: int, session: Session) -> Iterator[str]:
    """What the events after a sealed one are about, those that await their seal among them."""
    later = or_(AuditEvent.seq > seq, AuditEvent.seq.is_(None))
    yield from session.scalars(select(AuditEvent.subject).where(later).distinct())


def _digest(value: object) -> str | None:
    return None if value is None else sm3_hex(canonical_json(_plain(value)))


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
