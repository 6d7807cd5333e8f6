"""Tables of submission: what each business system has handed in, and what is just coming in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.kernel.identifiers import new_id
from shared.records.columns import CleanText
from shared.records.values import NAME_LENGTH

KEY_LENGTH = 100


class Submission(Model):
    """One document that a business system 业务系统 has handed in, under its own key.

    `key` is the idempotency key of the request, `digest` is over the description that came under
    it: another one under the same key is refused. What became of it the document and its record
    say.
    """

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("system_id", "key", name="submission_key_once"),
        Index("submission_list", "fonds_id", "at"),
        Index("submission_document", "document_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(String(36))
    system_id: Mapped[str] = mapped_column(String(80))
    system_name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    digest: Mapped[str] = mapped_column(String(64))
    document_id: Mapped[str] = mapped_column(ForeignKey("registry_document.id"))
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    @property
    def audit_name(self) -> str:
        """Its name in the audit log."""
        return f"submission:{self.id}"


class Arrival(Model):
    """Files that are just coming in; one whose process has died is cleared (`arriving`)."""

    __tablename__ = "submission_arrival"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    digests: Mapped[list[str]] = mapped_column(JSON)
    began_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
