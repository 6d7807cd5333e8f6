"""Table of changes of clerk."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.values import NAME_LENGTH, REASON_LENGTH


class ChangeState(StrEnum):
    """How a change of clerk stands."""

    PREPARED = "prepared"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class ClerkChange(Model):
    """One change of clerk; done with the last of its three signatures.

    `inventory` is what the leaving clerk has in hand (`inventory.in_hand`), `digest` is over its
    canonical bytes; what each has signed is this digest. `signatures` holds for `giver`, `taker`
    and `witness` the account, the name and the time of whoever has signed as that.
    """

    __tablename__ = "clerks_change"
    __table_args__ = (Index("clerks_change_list", "state", "prepared_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    leaving_id: Mapped[str] = mapped_column(String(36))
    leaving_name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    successor_id: Mapped[str] = mapped_column(String(36))
    successor_name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    #: Whether the leaving clerk is no longer there: then the leader signs in that place.
    has_left: Mapped[bool] = mapped_column(Boolean, default=False)
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    inventory: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    signatures: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(10), default=ChangeState.PREPARED)
    prepared_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    prepared_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def audit_name(self) -> str:
        """Its name in the audit."""
        return f"clerk_change:{self.id}"
