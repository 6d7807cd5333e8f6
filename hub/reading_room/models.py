"""The table of certified copies."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH, TITLE_LENGTH


class CertifiedCopy(Model):
    """A certified copy 档案复制件证明, as its paper says it; the PDF is in that paper.

    `state` is `valid` or `withdrawn`; a withdrawal is a paper of its own.
    """

    __tablename__ = "reading_certified_copy"
    __table_args__ = (
        Index("reading_certified_copy_list", "archive_code", "issued_at"),
        Index("reading_certified_copy_record", "record_id"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    fonds_id: Mapped[str] = mapped_column(String(36))
    record_id: Mapped[str] = mapped_column(String(36))
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    reader: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    purpose: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    basis: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    pdf_sha256: Mapped[str] = mapped_column(String(64))
    pdf_size: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10), default="valid")
    issued_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    issued_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    withdrawn_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    withdraw_reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)

    @property
    def audit_name(self) -> str:
        """Its name in the audit log."""
        return f"certified_copy:{self.id}"
