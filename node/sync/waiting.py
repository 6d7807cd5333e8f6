"""What waits to be applied by the hub: how many entries, and since when the oldest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.office.service import office_of
from shared.messaging.models import OutgoingEntry, OutgoingStream


@dataclass(frozen=True)
class Waiting:
    """The end of the up stream that the hub has not acknowledged."""

    sent: int
    acknowledged: int
    oldest: datetime | None

    @property
    def count(self) -> int:
        """How many entries wait."""
        return self.sent - self.acknowledged


def waiting_of(session: Session) -> Waiting:
    """What waits now; nothing before the enrolment."""
    office = office_of(session)
    stream = session.get(OutgoingStream, office.hub_id) if office.hub_id else None
    if stream is None:
        return Waiting(0, 0, None)
    oldest = session.scalar(
        select(OutgoingEntry.created_at)
        .where(OutgoingEntry.peer == stream.peer)
        .where(OutgoingEntry.epoch == stream.epoch)
        .where(OutgoingEntry.seq == stream.acked + 1)
    )
    return Waiting(stream.seq, stream.acked, oldest)
