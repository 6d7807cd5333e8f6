"""The approved 归档范围与保管期限表 of a fonds: which one holds, in which version, since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from hub.federation.assignments import announce, write_shape
from hub.federation.finding import locked_fonds
from hub.federation.fonds import require_over
from hub.federation.models import Fonds
from shared.audit import record as audit
from shared.kernel.actor import Actor
from shared.kernel.keys import SigningKey
from shared.records.fonds import RetentionScheduleRef
from shared.records.values import CODE_LENGTH, SHORT_LENGTH, required_text


def set_schedule(
    actor: Actor,
    fonds_id: str,
    name: str,
    version: str,
    approved_on: date | None,
    *,
    key: SigningKey,
    session: Session,
) -> Fonds:
    """Note the retention schedule 保管期限表 that was approved for a fonds, and tell its node.

    `name` is what people know it by, such as its title or the number of its approval. What was
    filed before keeps its retention. Raises NotAllowed unless the actor administers its archive.
    """
    (fonds,) = locked_fonds([fonds_id], session)
    require_over(actor, fonds.reviewing_archive, fonds.receiving_archive)
    schedule = RetentionScheduleRef(
        required_text(name, "name", max_length=CODE_LENGTH),
        required_text(version, "version", max_length=SHORT_LENGTH),
        approved_on,
    )
    write_shape(fonds, replace(fonds.shape, retention_schedule=schedule))
    session.flush()
    audit(
        session, actor, "fonds.schedule_set", f"fonds:{fonds.id}", name=schedule.id,
        version=schedule.version, approved_on=approved_on and approved_on.isoformat(),
    )  # fmt: skip
    announce(fonds, key=key, session=session)
    return fonds
