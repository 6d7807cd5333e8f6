"""Table of corrections: each one that was asked for here or made by an archive, with its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.values import CODE_LENGTH, REASON_LENGTH, REMARK_LENGTH


class Correction(Model):
    """One correction of a received record; its states are `CORRECTION`.

    `request` is the body of the `correction` entry, told again byte for byte; None when the archive
    corrected by itself. `document` is the archive's signed answer, as it came (`changed` or
    `declined`), handed back to a restored hub. `code` repeats the record's, for the list.
    """

    __tablename__ = "corrections_correction"
    __table_args__ = (
        Index("corrections_correction_list", "fonds_id", "state", "began_at"),
        Index("corrections_correction_record", "record_id", "began_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36))
    fonds_id: Mapped[str] = mapped_column(String(36))
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    state: Mapped[str] = mapped_column(String(10), default="asked")
    request: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    began_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    #: The place of the up stream at which the request was told last: older refusals do not count.
    told_seq: Mapped[int] = mapped_column(Integer, default=0)
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    #: Position in the down stream before the answer was applied, and the epoch of that stream.
    down_seq: Mapped[int] = mapped_column(Integer, default=0)
    down_epoch: Mapped[int] = mapped_column(Integer, default=0)
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: Why the hub would not take the request, and what to do.
    problem: Mapped[str | None] = mapped_column(CleanText(REMARK_LENGTH), default=None)
    remedy: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What was asked for: `{field, was, value}` each; empty when the archive began."""
        return list(self.request["changes"]) if self.request else []

    @property
    def answer(self) -> str:
        """What the archive says to it; empty before its answer."""
        return str(self.document["reason"]) if self.document else ""
