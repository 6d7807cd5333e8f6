"""Writing events, and asking for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from shared.audit.collecting import tell
from shared.audit.guard import require_sealing
from shared.audit.models import FORM, AuditEvent, Outcome
from shared.audit.plain import Named, clean, digest, plain
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.merkle import merkle_root
from shared.kernel.place import PLACE_LENGTH, place_of_act

#: How an act ended whose verb says so, like `sign_in.refused`.
_ENDED = {"refused": Outcome.REFUSED, "locked": Outcome.REFUSED, "failed": Outcome.FAILED}


@dataclass(frozen=True)
class Many:
    """Many things as an event names them: how many, and the Merkle root (SM3) over their names."""

    count: int
    root: str

    @classmethod
    def of(cls, names: Collection[str]) -> Many:
        """Of these names, in whatever order they come."""
        return cls(len(names), root_of(names))

    @classmethod
    def in_order(cls, names: Iterable[str]) -> Many:
        """Of names that come in their sorted order, one at a time: none is kept."""
        count = 0

        def told() -> Iterator[bytes]:
            nonlocal count
            for before, name in pairwise(chain([""], names)):
                if name < before:
                    raise ValueError(f"not in order: {name!r} after {before!r}")
                count += 1
                yield name.encode()

        root = merkle_root(told(), algorithm="sm3")
        return cls(count, root)


@dataclass(frozen=True)
class Act:
    """What is told of an act beside its details.

    Attributes:
        ended: how it ended; without it what the verb says, which is `done` for most.
        was: what a thing that was changed had been, as plain values; only its SM3 is kept.
        became: what it is now.
        each: of an act on many things their names, of which the number and the Merkle root (SM3)
            are kept: one act is one event. Who has the names can show of each that it was among
            them (`root_of`).
    """

    ended: Outcome | None = None
    was: object = None
    became: object = None
    each: Collection[str] | Many | None = None

    @property
    def many(self) -> Many | None:
        """What `each` comes to."""
        return self.each if isinstance(self.each, Many | None) else Many.of(self.each)


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
    """Tell one event: it is written right before the caller's transaction commits (`collecting`).

    The sealer puts it into the chain afterwards. What it says of before and after is `act`'s; or
    else the digests of the rows of the subject that the transaction changed.

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
    many = act.many
    roles = "system" if actor.system else ",".join(sorted({str(g.role) for g in actor.grants}))
    tell(
        session,
        {
            "form": FORM,
            "time": now(),
            "actor_id": clean(actor.id)[:80],
            "actor_name": clean(actor.name)[:200],
            "role": roles[:200],
            "place": clean(place_of_act())[:PLACE_LENGTH],
            "action": action[:80],
            "subject": clean(subject if isinstance(subject, str) else subject.audit_name)[:200],
            "outcome": str(act.ended or _ENDED.get(action.rpartition(".")[2], Outcome.DONE)),
            "before": digest(act.was),
            "after": digest(act.became),
            "count": None if many is None else many.count,
            "root": None if many is None else many.root,
            "details": plain(details),
        },
    )


def root_of(names: Collection[str]) -> str:
    """The Merkle root (SM3) over the names of many things, in their sorted order."""
    return merkle_root((name.encode() for name in sorted(names)), algorithm="sm3")


def events(
    *,
    action: str | None = None,
    actor_id: str | None = None,
    subject: str | Collection[str] | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[AuditEvent]:
    """The events that fit, sealed and unsealed, as a select for `Listing.apply`.

    Newest first by `AuditEvent.id`. `action` also takes a beginning that ends in a dot: `review.`
    is all that reviews did; `subject` also takes several.
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
        subjects = [subject] if isinstance(subject, str) else subject
        found = found.where(AuditEvent.subject.in_(subjects))
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
