"""The table of the desk: what reviewers have decided so far."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import NAME_LENGTH


class Decision(Model):
    """What a reviewer has decided of one offer: a draft until the batch is concluded."""

    __tablename__ = "review_decision"
    __table_args__ = (
        Index("review_decision_batch", "batch_id"),
        {"info": {"origin": "backup"}},
    )

    offer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    batch_id: Mapped[str] = mapped_column(String(36))
    outcome: Mapped[str] = mapped_column(String(10))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    decided_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    decided_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
