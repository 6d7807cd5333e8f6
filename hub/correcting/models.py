"""Table of correcting: what nodes ask for, and what the archives answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import CODE_LENGTH, NAME_LENGTH


class Correction(Model):
    """One correction of a record in an archive's custody; its states are `CORRECTION`.

    `request` is the node's entry; None when the archive corrects by itself. `document` is the
    signed answer: for `making` and `made` the corrected record, for `declined` the reason. From
    `making` on there is no way back. `version` is the one that the correction makes. `code` repeats
    the record's, for lists.
    """

    __tablename__ = "correcting_correction"
    __table_args__ = (
        Index("correcting_correction_desk", "archive_code", "state", "began_at"),
        Index("correcting_correction_record", "record_id", "state"),
        Index("correcting_correction_state", "state", "version"),
        Index("correcting_correction_fonds", "fonds_id"),
        UniqueConstraint("record_id", "version"),
        {"info": {"origin": "nodes"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    fonds_id: Mapped[str] = mapped_column(String(36))
    record_id: Mapped[str] = mapped_column(String(36))
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    state: Mapped[str] = mapped_column(String(10), default="asked")
    request: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    began_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    document: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    version: Mapped[int | None] = mapped_column(Integer, default=None)
    decided_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What the unit asked for: `{field, was, value}` each; empty without a request."""
        return list(self.request["changes"]) if self.request else []
