"""Who sees which events of the log (三员分立)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, or_, select

from shared import audit
from shared.audit import AuditEvent
from shared.identity import Account
from shared.kernel.actor import Actor, Duty, Role

#: What the beginnings of security events are called 安全事件.
_OF_SECURITY = ("account.", "act.", "administrators.", "audit.", "sign_in.", "keys.")


def events_seen_by(
    actor: Actor,
    *,
    subject: str | Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[AuditEvent]:
    """The events that somebody may see, as a select; of some subjects, or from and until a moment.

    An auditor sees all; 安全保密管理员 sees the security events of everybody else: what they have
    done themselves, only the auditor sees. Whoever holds the role for one archive sees of these
    what that archive's accounts have done.
    """
    seen = audit.events(subject=subject, since=since, until=until)
    if not actor.has(Role.AUDITOR):
        own_kind = select(Account.id).where(Account.duty == Duty.SECURITY)
        seen = seen.where(
            or_(*(AuditEvent.action.startswith(each, autoescape=True) for each in _OF_SECURITY)),
            AuditEvent.actor_id.not_in(own_kind),
        )
    archives = actor.archives(Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
    if archives is not None:
        of_archive = select(Account.id).where(Account.archive_code.in_(archives))
        seen = seen.where(AuditEvent.actor_id.in_(of_archive))
    return seen
