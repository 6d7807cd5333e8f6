"""Segments: where a chain goes on after a restore, and what it says of what it lacks.

A restored log goes on from the end that the backup has. The first event of the new segment names
that end, the last one that was witnessed elsewhere, and which events between the two are missing;
so nobody has to guess later whether a log was restored or cut.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.audit.chain import Head, chain_head
from shared.audit.models import AuditEvent, AuditWitness
from shared.audit.service import record
from shared.kernel.actor import Actor

OPENED = "audit.segment_opened"


def last_named(session: Session) -> int:
    """The event of ours that a witness has shown to be missing last; 0 without one."""
    opened = select(AuditEvent.details).where(AuditEvent.action == OPENED)
    every = session.scalars(opened.order_by(AuditEvent.id.desc()))
    return next((int(each["witnessed"]) for each in every if each["reason"] == "witness"), 0)


def restored_to(since: datetime | None, session: Session) -> Head | None:
    """Where a log ended that was restored after this time; None when it was not."""
    newest = select(AuditEvent).where(AuditEvent.action == OPENED)
    event = session.scalars(newest.order_by(AuditEvent.id.desc()).limit(1)).first()
    if event is None or (since is not None and event.time <= since):
        return None
    return Head(event.details["here"], event.details["here_digest"])


def open_segment(
    session: Session,
    actor: Actor,
    reason: str,
    *,
    witnessed: Head | None = None,
    by: str = "",
    here: Head | None = None,
) -> None:
    """Begin a new segment of the log after a restore, or when a witness shows that there was one.

    Args:
        session: a writing session.
        actor: who does it.
        reason: `restore`, `rebuild` or `witness`.
        witnessed: the last end of ours that is known from elsewhere; without it the furthest that
            the witnesses of this database have told.
        by: who holds it: a party, or `repository`.
        here: where the log of the backup ended; without it, where ours ends now.
    """
    here = here or chain_head(session)
    if witnessed is None:
        row = session.scalars(
            select(AuditWitness).order_by(AuditWitness.held_seq.desc()).limit(1)
        ).first()
        if row is not None and row.held_seq:
            witnessed, by = Head(row.held_seq, row.held_digest), row.party
    opened = select(func.count()).where(AuditEvent.action == OPENED)
    lost = witnessed is not None and witnessed.seq > here.seq
    record(
        session, actor, OPENED, "audit",
        segment=(session.scalar(opened) or 0) + 2, reason=reason,
        here=here.seq, here_digest=here.digest,
        witnessed=witnessed.seq if witnessed else 0,
        digest=witnessed.digest if witnessed else "", by=by,
        missing=[here.seq + 1, witnessed.seq] if witnessed and lost else [],
    )  # fmt: skip
