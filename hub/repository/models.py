"""Tables of the repository: the packages that archives keep, and the papers about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import NAME_LENGTH, TITLE_LENGTH

#: When what was kept before there was any inspection in keeping is taken to have been inspected.
_LONG_AGO = "1970-01-01T00:00:00.000000Z"


class KeptPackage(Model):
    """A package in an archive's root, with the receipt beside it."""

    __tablename__ = "repository_package"
    __table_args__ = (
        Index("repository_package_archive", "archive_code"),
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

    @property
    def receipt_name(self) -> str:
        """The name of the receipt beside the package."""
        return f"{self.name.rpartition('/')[0]}/receipt.json"


class KeptDescription(Model):
    """A description that an archive corrected after receipt, beside the package that it is about.

    The package itself stays as it was received. `version` is the record's.
    """

    __tablename__ = "repository_description"
    __table_args__ = (
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


class KeptEvent(Model):
    """Something that an archive has done with a received record, as a version of its object.

    `kind` is one of `versions.EventKind`, `document` the sealed paper, which names the files.
    `version` is the object's; None while it is being written: then this row is the journal.
    """

    __tablename__ = "repository_event"
    __table_args__ = (
        Index("repository_event_record", "record_id"),
        Index("repository_event_version", "version", "at"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(12))
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcTime)
    version: Mapped[int | None] = mapped_column(Integer, default=None)

    @property
    def files(self) -> dict[str, str]:
        """The digests of its files by name within the object, but for the paper."""
        return {each["file"]: each["sha256"] for each in self.document["files"]}


class KeptObject(Model):
    """What is kept as one, a record's object or a paper, and when each copy of it was read.

    `place` is the object's folder in the store, or the paper's name (then there is no record).
    `archive_code` is `keeping.OF_HUB` for the hub's own papers.
    `looked_at` begins with the writing, which is checked byte by byte; `intact` is what the last
    reading said, None before the first. `waiting_since` is set while something of it is not in the
    second store yet; the other two columns are those of the second copy. `inspected_at` begins
    with the receipt, before which it was inspected; `inspection` is what the last inspection in
    keeping came to (`reinspecting.Standing`). What a restored backup does not know is merely read
    and inspected earlier.
    """

    __tablename__ = "repository_object"
    __table_args__ = (
        Index("repository_object_looked", "looked_at"),
        Index("repository_object_second_looked", "second_looked_at"),
        Index("repository_object_waiting", "waiting_since"),
        Index("repository_object_archive", "archive_code", "looked_at"),
        Index("repository_object_record", "record_id"),
        Index("repository_object_inspected", "inspected_at"),
        {"info": {"origin": "backup"}},
    )

    place: Mapped[str] = mapped_column(String(300), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[str | None] = mapped_column(String(36), default=None)
    looked_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    intact: Mapped[bool | None] = mapped_column(Boolean, default=None)
    waiting_since: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    second_looked_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    second_intact: Mapped[bool | None] = mapped_column(Boolean, default=None)
    inspected_at: Mapped[datetime] = mapped_column(UtcTime, default=now, server_default=_LONG_AGO)
    inspection: Mapped[str | None] = mapped_column(String(12), default=None)


class KeptInspection(Model):
    """One inspection 四性检测 of a record in keeping: by what, and what came of it; only added.

    `outcomes` is by item, `problems` what failed, in words.
    """

    __tablename__ = "repository_inspection"
    __table_args__ = (
        Index("repository_inspection_place", "place", "at"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    place: Mapped[str] = mapped_column(String(300))
    archive_code: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[str] = mapped_column(String(36))
    outcome: Mapped[str] = mapped_column(String(12))
    scheme: Mapped[str] = mapped_column(String(200))
    tool: Mapped[str] = mapped_column(String(80))
    scanner: Mapped[str] = mapped_column(CleanText(NAME_LENGTH), default="")
    outcomes: Mapped[dict[str, str]] = mapped_column(Json)
    problems: Mapped[list[str]] = mapped_column(Json)
    made_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class InspectionPause(Model):
    """That an archive has stopped the inspection of what it keeps, until somebody goes on."""

    __tablename__ = "repository_inspection_pause"
    __table_args__ = ({"info": {"origin": "backup"}},)

    archive_code: Mapped[str] = mapped_column(String(20), primary_key=True)
    stopped_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    stopped_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class FileFault(Model):
    """A file of a copy that is damaged, missing or surplus; gone when the copy is intact again.

    `expected` and `actual` are digests, as far as there are any. `name` is the file's in the store,
    fit to be shown. `wish` is what somebody asked for: `again` (look again now), or `aside` (put a
    surplus file aside).
    """

    __tablename__ = "repository_fault"
    __table_args__ = (
        Index("repository_fault_place", "place", "copy"),
        Index("repository_fault_archive", "archive_code"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    place: Mapped[str] = mapped_column(String(300))
    archive_code: Mapped[str] = mapped_column(String(20))
    copy: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(12))
    expected: Mapped[str | None] = mapped_column(String(64), default=None)
    actual: Mapped[str | None] = mapped_column(String(64), default=None)
    found_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    wish: Mapped[str | None] = mapped_column(String(10), default=None)


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


class DisposalList(Model):
    """A sealed decision list of an appraisal 鉴定: what was destroyed, what is kept longer.

    `document` is the paper, as it lies in the store (`tombstones`). `unburied` of those that it
    says are destroyed have no tombstone yet: then this row is the journal.
    """

    __tablename__ = "repository_disposal_list"
    __table_args__ = (
        Index("repository_disposal_list_archive", "archive_code", "at"),
        Index("repository_disposal_list_unburied", "unburied"),
        {"info": {"origin": "repository"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    destroyed: Mapped[int] = mapped_column(Integer)
    unburied: Mapped[int] = mapped_column(Integer, server_default="0")
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcTime)


class Tombstone(Model):
    """What stays of a record that its archive destroyed: the sealed paper, as the store has it.

    `erased_at` is None while bytes of it may still lie in a store: then this row is the journal.
    """

    __tablename__ = "repository_tombstone"
    __table_args__ = (
        Index("repository_tombstone_list", "list_id"),
        Index("repository_tombstone_erased", "erased_at"),
        {"info": {"origin": "repository"}},
    )

    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(String(20))
    list_id: Mapped[str] = mapped_column(String(36))
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
