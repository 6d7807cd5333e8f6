"""Tables of the registry: registered documents, their files, and the serial numbers of the book."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.kernel.identifiers import new_id
from shared.records.columns import CleanText
from shared.records.values import (
    AUTHOR_LENGTH,
    DOC_NO_LENGTH,
    FILE_NAME_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
)


class Registered(Model):
    """A document in the book: 收文, 发文 or 内部; `serial` is its number there."""

    __tablename__ = "registry_document"
    __table_args__ = (
        UniqueConstraint(
            "fonds_id", "year", "direction", "serial", name="registry_document_serial_once"
        ),
        Index("registry_document_list", "fonds_id", "state", "direction"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(String(36))
    direction: Mapped[str] = mapped_column(String(10))
    year: Mapped[int] = mapped_column(Integer)
    serial: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(20), default="registered")
    reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)

    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    doc_no: Mapped[str | None] = mapped_column(CleanText(DOC_NO_LENGTH), default=None)
    author: Mapped[str | None] = mapped_column(CleanText(AUTHOR_LENGTH), default=None)
    counterpart: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    date: Mapped[str | None] = mapped_column(String(10), default=None)
    registered_on: Mapped[str] = mapped_column(String(10))
    security: Mapped[str] = mapped_column(String(20), default="none")
    urgency: Mapped[str] = mapped_column(String(20), default="normal")
    pages: Mapped[int | None] = mapped_column(Integer, default=None)
    remark: Mapped[str | None] = mapped_column(CleanText(REMARK_LENGTH), default=None)
    handler: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    #: What was done with it in the system that it comes from (`happened`); filing takes it over.
    events: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")

    record_id: Mapped[str | None] = mapped_column(String(36), default=None)
    registered_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def audit_name(self) -> str:
        """Its name in the audit log."""
        return f"document:{self.id}"

    @property
    def number(self) -> str:
        """Its number in the book as people write it: `2024-收-0012`."""
        mark = {"incoming": "收", "outgoing": "发", "internal": "内"}[self.direction]
        return f"{self.year}-{mark}-{self.serial:04d}"


class RegisteredFile(Model):
    """A computer file of a registered document, in one of the roles of `DOCUMENT_ROLES`."""

    __tablename__ = "registry_file"
    __table_args__ = (Index("registry_file_document", "document_id", "order"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    document_id: Mapped[str] = mapped_column(ForeignKey("registry_document.id"))
    role: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    name: Mapped[str] = mapped_column(CleanText(FILE_NAME_LENGTH))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    kind: Mapped[str] = mapped_column(String(20), default="born_digital")
    order: Mapped[int] = mapped_column(Integer, default=1)
    added_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Serial(Model):
    """The last serial number given in one book of one year; never given again."""

    __tablename__ = "registry_serial"

    fonds_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    direction: Mapped[str] = mapped_column(String(10), primary_key=True)
    last: Mapped[int] = mapped_column(Integer, default=0)
