"""What the hub sent and was not followed, until somebody has read it."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from node.transfer.models import Batch, Notice
from node.transfer.questions import SEEING, listing
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import NotFound

#: Who may put a notice aside.
READING = (Role.CLERK, Role.LEADER)


def notices(actor: Actor, *, session: Session) -> list[Notice]:
    """What the hub sent and was not followed, and nobody has put aside yet.

    Those of a batch are for who sees its fonds. The others name nothing: they are for everybody.
    """
    own = listing(actor).with_only_columns(Batch.id)
    return list(
        session.scalars(
            select(Notice)
            .where(Notice.seen_at.is_(None))
            .where(or_(Notice.batch_id.is_(None), Notice.batch_id.in_(own)))
            .order_by(Notice.at.desc())
        )
    )


def put_notice_aside(actor: Actor, notice_id: str, *, session: Session) -> None:
    """A clerk or leader has read a notice."""
    notice = session.get(Notice, notice_id)
    batch = session.get(Batch, notice.batch_id) if notice and notice.batch_id else None
    if notice is None or (batch is not None and not actor.may(*SEEING, fonds=batch.fonds_id)):
        raise NotFound("没有这条提示。", "它可能已被处理。")
    if batch is not None or not actor.has(*READING):
        require(actor, *READING, fonds=batch.fonds_id if batch else None)
    notice.seen_at = now()
