"""Events of release 0.1.0, sealed as it did: one after the other, with SHA-256."""

from __future__ import annotations

from shared.audit.models import FIRST_FORM, NO_DIGEST, AuditEvent, AuditHead
from shared.kernel.clock import now
from shared.kernel.database import Database


def write_first_form(database: Database, count: int) -> None:
    """The first events of a log that a hub of that release has begun."""
    digest = NO_DIGEST
    with database.write() as session:
        for seq in range(1, count + 1):
            event = AuditEvent(
                id=seq, seq=seq, form=FIRST_FORM, time=now(), actor_id="a1", actor_name="张三",
                role="", place="", action="record.filed", subject=f"record:{seq}", outcome="done",
                details={"number": seq, "title": "通知"}, previous=digest,
            )  # fmt: skip
            event.digest = digest = event.computed_digest()
            session.add(event)
        session.add(AuditHead(id=1, seq=count, digest=digest))
