"""Tables of filing: records with their documents, files and history, and the numbers they take.

`Record` has a column for each thing that is filtered, sorted or counted. What travels to the hub
is derived from these rows alone (`node.filing.wire`), so the same rows give the same digest.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.kernel.identifiers import new_id
from shared.records.columns import CleanText
from shared.records.values import (
    AUTHOR_LENGTH,
    CODE_LENGTH,
    DOC_NO_LENGTH,
    FILE_NAME_LENGTH,
    NAME_LENGTH,
    PLACE_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
)

_ID = String(36)


class Category(Model):
    """The lowest category 最低一级类目: one series of numbers.

    Its parts are those of `node.filing.categories.key_of`; an absent one is the empty text or the
    year 0, so that the unique constraint counts it. `parent_id` is the volume whose items
    are numbered here. `highest` is the highest number that is final; drafts continue after it.
    """

    __tablename__ = "filing_category"
    __table_args__ = (
        UniqueConstraint(
            "fonds_id",
            "class_code",
            "subclass",
            "year",
            "retention",
            "organ",
            "project_number",
            "catalogue_number",
            "parent_id",
            "level",
            name="filing_category_once",
        ),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(_ID)
    level: Mapped[str] = mapped_column(String(10))
    class_code: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="")
    subclass: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="")
    year: Mapped[int] = mapped_column(Integer, default=0)
    retention: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="")
    organ: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="")
    project_number: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="")
    catalogue_number: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="")
    parent_id: Mapped[str] = mapped_column(String(36), default="")
    highest: Mapped[int] = mapped_column(Integer, default=0)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    closed_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)


class ClosedClass(Model):
    """The class of a year that a named person closed 定号; later finds take numbers at once."""

    __tablename__ = "filing_closed_class"

    fonds_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    class_code: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    closed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    closed_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    closed_by_id: Mapped[str] = mapped_column(String(80))
    records: Mapped[int] = mapped_column(Integer, default=0)


class Place(Model):
    """Where boxes stand: a room, a cabinet, a shelf."""

    __tablename__ = "filing_place"
    __table_args__ = (UniqueConstraint("name", name="filing_place_once"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(CleanText(PLACE_LENGTH))


class Box(Model):
    """A box 盒 with a number in its fonds, at a place; its records stand at the same place."""

    __tablename__ = "filing_box"
    __table_args__ = (UniqueConstraint("fonds_id", "number", name="filing_box_once"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(_ID)
    number: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    place_id: Mapped[str | None] = mapped_column(ForeignKey("filing_place.id"), default=None)


class Note(Model):
    """The note sheet 备考表 of a box or volume; `subject_id` is the id of either."""

    __tablename__ = "filing_note"

    subject_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    fonds_id: Mapped[str] = mapped_column(_ID)
    situation: Mapped[str | None] = mapped_column(
        CleanText(REMARK_LENGTH, multiline=True), default=None
    )
    arranged_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    arranged_on: Mapped[str | None] = mapped_column(String(10), default=None)
    checked_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    checked_on: Mapped[str | None] = mapped_column(String(10), default=None)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Record(Model):
    """A record 件, or a project, volume or item of a volume.

    `number` is the number in `category_id`: 件号, or 案卷号 of a volume. It and `code` are drafts
    until the class is closed. `number_given` says that the number came with the record (a stamped
    original), so that drafting anew leaves it alone.
    """

    __tablename__ = "filing_record"
    __table_args__ = (
        UniqueConstraint("fonds_id", "code", name="filing_record_code_once"),
        UniqueConstraint("category_id", "number", name="filing_record_number_once"),
        UniqueConstraint("fonds_id", "source_key", name="filing_record_source_once"),
        CheckConstraint("number IS NULL OR number > 0", name="filing_record_number_positive"),
        Index("filing_record_class", "fonds_id", "class_code", "year", "state"),
        Index("filing_record_list", "fonds_id", "state", "year", "position"),
        Index("filing_record_parent", "parent_id"),
        Index("filing_record_order", "category_id", "position"),
        # Asked again and again, and mostly for nothing.
        Index(
            "filing_record_to_erase",
            "id",
            sqlite_where=text(
                "erased_at IS NULL AND (state = 'disposed' OR released_at IS NOT NULL)"
            ),
        ),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(Integer, default=0)
    fonds_id: Mapped[str] = mapped_column(_ID)
    level: Mapped[str] = mapped_column(String(10), default="record")
    #: No foreign key: when a node adopts what the hub holds, items may come before their volume.
    parent_id: Mapped[str | None] = mapped_column(_ID, default=None)
    state: Mapped[str] = mapped_column(String(20), default="collected")
    category_id: Mapped[str | None] = mapped_column(ForeignKey("filing_category.id"), default=None)
    position: Mapped[int] = mapped_column(Integer, default=0)

    class_code: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH), default="WS")
    subclass: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    year: Mapped[int | None] = mapped_column(Integer, default=None)
    retention: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    organ: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    organ_name: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    catalogue_number: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    project_number: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    volume_number: Mapped[int | None] = mapped_column(Integer, default=None)
    number: Mapped[int | None] = mapped_column(Integer, default=None)
    number_given: Mapped[bool] = mapped_column(Boolean, default=False)
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    former_codes: Mapped[list[str]] = mapped_column(JSON, default=list)

    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    doc_no: Mapped[str | None] = mapped_column(CleanText(DOC_NO_LENGTH), default=None)
    author: Mapped[str | None] = mapped_column(CleanText(AUTHOR_LENGTH), default=None)
    date: Mapped[str | None] = mapped_column(String(10), default=None)
    security: Mapped[str] = mapped_column(String(20), default="none")
    pages: Mapped[int | None] = mapped_column(Integer, default=None)
    remark: Mapped[str | None] = mapped_column(CleanText(REMARK_LENGTH), default=None)
    holding: Mapped[str] = mapped_column(String(20), default="electronic")
    box_id: Mapped[str | None] = mapped_column(ForeignKey("filing_box.id"), default=None)
    place_id: Mapped[str | None] = mapped_column(ForeignKey("filing_place.id"), default=None)

    opening_opinion: Mapped[str | None] = mapped_column(String(20), default=None)
    opening_reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    publicity_attribute: Mapped[str | None] = mapped_column(String(20), default=None)
    publicity_basis: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    security_change: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    void_reason: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)

    source_key: Mapped[str | None] = mapped_column(String(80), default=None)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    created_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH), default="")
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    #: When a leader let the bytes of this mirror go, years after its receipt 释放副本.
    released_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    #: When the bytes of a destroyed or released record were removed; None before, and for others.
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def audit_name(self) -> str:
        """Its name in the audit log."""
        return f"record:{self.id}"


class Document(Model):
    """One document of a record: 正本, 定稿, 文件处理单, 附件 …"""

    __tablename__ = "filing_document"
    __table_args__ = (Index("filing_document_record", "record_id", "order"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    record_id: Mapped[str] = mapped_column(ForeignKey("filing_record.id"))
    role: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    title: Mapped[str | None] = mapped_column(CleanText(TITLE_LENGTH), default=None)
    order: Mapped[int] = mapped_column(Integer, default=1)


class ComputerFile(Model):
    """One computer file of a document; its bytes lie in the node's file store by digest."""

    __tablename__ = "filing_file"
    __table_args__ = (
        Index("filing_file_document", "document_id", "order"),
        Index("filing_file_digest", "sha256"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    document_id: Mapped[str] = mapped_column(ForeignKey("filing_document.id"))
    record_id: Mapped[str] = mapped_column(ForeignKey("filing_record.id"), index=True)
    name: Mapped[str] = mapped_column(CleanText(FILE_NAME_LENGTH))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    kind: Mapped[str] = mapped_column(String(20), default="born_digital")
    order: Mapped[int] = mapped_column(Integer, default=1)


class Event(Model):
    """One thing that happened to a record (业务实体 of DA/T 46); rows are only ever added."""

    __tablename__ = "filing_event"
    __table_args__ = (Index("filing_event_record", "record_id", "time", "id"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    record_id: Mapped[str] = mapped_column(ForeignKey("filing_record.id"))
    action: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    time: Mapped[datetime] = mapped_column(UtcTime, default=now)
    agent: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    agent_unit: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    basis: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    description: Mapped[str | None] = mapped_column(CleanText(REMARK_LENGTH), default=None)


class Step(Model):
    """One step of arranging 整理, with how its records stood before it, so that it can be undone.

    `records` maps the id of each record that changed to the values that it had.
    """

    __tablename__ = "filing_step"
    __table_args__ = (Index("filing_step_fonds", "fonds_id", "made_at"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(_ID)
    what: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    records: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSON)
    made_by: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    made_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    undone_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class RecordVersion(Model):
    """Digest of each version that hub and node have in common, and the state that is in it.

    How a held version is recognised, and what a comparison with the hub is made of.
    """

    __tablename__ = "filing_record_version"

    record_id: Mapped[str] = mapped_column(ForeignKey("filing_record.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


class Objection(Model):
    """Something the archive or the hub says about a record, beside the field it is about.

    `source` is `returned` (a reviewer's reason) or `refused` (the hub would not take an entry).
    """

    __tablename__ = "filing_objection"
    __table_args__ = (Index("filing_objection_record", "record_id", "settled_at"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    record_id: Mapped[str | None] = mapped_column(String(36), default=None)
    source: Mapped[str] = mapped_column(String(10))
    code: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    field: Mapped[str | None] = mapped_column(CleanText(SHORT_LENGTH), default=None)
    problem: Mapped[str] = mapped_column(CleanText(REMARK_LENGTH))
    remedy: Mapped[str | None] = mapped_column(CleanText(REMARK_LENGTH), default=None)
    seq: Mapped[int | None] = mapped_column(Integer, default=None)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class Divergence(Model):
    """A record of which hub and node had different versions after a restore; a clerk chooses."""

    __tablename__ = "filing_divergence"

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    record_id: Mapped[str] = mapped_column(ForeignKey("filing_record.id"), index=True)
    fonds_id: Mapped[str] = mapped_column(_ID)
    local: Mapped[dict[str, Any]] = mapped_column(JSON)
    held: Mapped[dict[str, Any]] = mapped_column(JSON)
    noticed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)
    settled_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    choice: Mapped[str | None] = mapped_column(String(10), default=None)


class DisposalList(Model):
    """A list of records to be destroyed 销毁清册 of one fonds; its states are `UNIT_DISPOSAL`.

    `drawn` is `{id, name, at}` of who drew it up, `document` the sealed list once it is approved.
    """

    __tablename__ = "filing_disposal_list"
    __table_args__ = (Index("filing_disposal_list_fonds", "fonds_id", "state"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=new_id)
    fonds_id: Mapped[str] = mapped_column(_ID)
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    reason: Mapped[str] = mapped_column(CleanText(REASON_LENGTH))
    state: Mapped[str] = mapped_column(String(10), default="proposed")
    record_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    drawn: Mapped[dict[str, Any]] = mapped_column(JSON)
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    begun_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)


class Held(Model):
    """What the hub said that it holds, while this node adopts after a new grant."""

    __tablename__ = "filing_held"

    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
