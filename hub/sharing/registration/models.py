"""The table of services to be registered: what was proposed, approved, sent, and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import NAME_LENGTH, REASON_LENGTH


class Registration(Model):
    """One service of an archive; its states are `REGISTRATION` in `shared.records.states`.

    `terms` is what people said, `record` what a platform is told (`record.compose`), `version`
    counts its approved changes. `proposed_by` and `approved_by` are `{id, name, at}`.

    The outbox: while `waiting` the record is sent when `due_at` has come. `begun` says that a
    sending of this version was begun: then the platform is asked under our `key` before it is told
    again. `tries` counts what failed, `problem` says how. `reference` is the platform's own number,
    `words` what it said last, at `heard_at`; a service that it has is asked about at `due_at`.
    """

    __tablename__ = "sharing_registration"
    __table_args__ = (
        Index("sharing_registration_archive", "archive_code", "state"),
        Index("sharing_registration_due", "state", "due_at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(ForeignKey("federation_archive.code"))
    resource_id: Mapped[str] = mapped_column(ForeignKey("sharing_resource.id"))
    code: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    version: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[str] = mapped_column(String(20), default="proposed")
    terms: Mapped[dict[str, Any]] = mapped_column(Json)
    record: Mapped[dict[str, Any]] = mapped_column(Json)
    proposed_by: Mapped[dict[str, Any]] = mapped_column(Json)
    approved_by: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    returned: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    due_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    begun: Mapped[bool] = mapped_column(Boolean, default=False)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    reference: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    words: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    heard_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def key(self) -> str:
        """Under what a platform is told this version: the same at every try."""
        return f"{self.id}.{self.version}"
