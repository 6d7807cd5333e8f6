"""Tables of the repository: the packages that archives keep, and the papers about them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime


class KeptPackage(Model):
    """A package in an archive's root, with the receipt beside it.

    `intact` is what the last reading of its bytes said; None before the first.
    """

    __tablename__ = "repository_package"
    __table_args__ = (
        Index("repository_package_archive", "archive_code", "verified_at"),
        Index("repository_package_record", "record_id"),
        {"info": {"origin": "repository"}},
    )

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[str] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(Integer, default=1)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    receipt_sha256: Mapped[str] = mapped_column(String(64))
    receipt_size: Mapped[int] = mapped_column(Integer)
    stored_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    verified_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    intact: Mapped[bool | None] = mapped_column(Boolean, default=None)

    @property
    def receipt_name(self) -> str:
        """The name of the receipt beside the package."""
        return f"{self.name.rpartition('/')[0]}/receipt.json"


class KeptDescription(Model):
    """A description that an archive corrected after receipt, beside the package that it is about.

    The package itself stays as it was received. `version` is the record's; `intact` as in
    `KeptPackage`.
    """

    __tablename__ = "repository_description"
    __table_args__ = (
        Index("repository_description_archive", "archive_code", "verified_at"),
        Index("repository_description_record", "record_id", "version"),
        {"info": {"origin": "repository"}},
    )

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[str] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    stored_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    verified_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    intact: Mapped[bool | None] = mapped_column(Boolean, default=None)


class Paper(Model):
    """A paper that must survive the database: written to the store soon after its commit.

    `content` is there until `stored_at` says that the store has it; `refused` when the store has
    another paper of this name.
    """

    __tablename__ = "repository_paper"
    __table_args__ = (
        Index("repository_paper_waiting", "stored_at"),
        {"info": {"origin": "repository"}},
    )

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    stored_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    refused: Mapped[bool] = mapped_column(Boolean, default=False)
