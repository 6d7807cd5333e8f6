"""Tables of the catalogue: a row per record, its text index, and the running tally of the rows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    event,
    text,
)
from sqlalchemy.orm import Mapped, deferred, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText
from shared.records.values import CODE_LENGTH, DOC_NO_LENGTH, SHORT_LENGTH, TITLE_LENGTH

_ID = String(36)


def node_custody(node_id: str) -> str:
    """The custody of a record that its node still writes."""
    return f"node:{node_id}"


def archive_custody(archive_code: str) -> str:
    """The custody of a record that an archive has received."""
    return f"archive:{archive_code}"


class Wire(TypeDecorator[dict[str, Any]]):
    """A record as it travels, as canonical JSON text.

    Takes the canonical bytes of a record that was read by `record_from_wire`: every text in it
    was held to the value domain there.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Canonical bytes to text."""
        return None if value is None else bytes(value).decode()

    def process_result_value(self, value: str | None, dialect: Any) -> dict[str, Any] | None:
        """Text to the record."""
        return None if value is None else dict(json.loads(value))


class CatalogueRecord(Model):
    """A record as the catalogue holds it.

    `wire` is the record as it travels, `digest` its content digest, `told_state` the state that is
    in it. `state` is where the record stands for people: the told one, until the hub moves it.
    The columns from `division_code` to `disclosure` repeat the fonds', and follow it.
    `row` numbers the text index.
    """

    __tablename__ = "catalogue_record"
    __table_args__ = (
        Index("catalogue_record_code", "fonds_id", "code_key", unique=True),
        Index("catalogue_record_any_code", "code_key"),
        Index("catalogue_record_receiving", "receiving_archive", "code_key"),
        # Most fonds have no supervisor: with them in it SQLite takes this index to find everything,
        # and goes through the whole table instead.
        Index(
            "catalogue_record_supervisor",
            *("supervisor", "code_key"),
            sqlite_where=text("supervisor IS NOT NULL"),
            postgresql_where=text("supervisor IS NOT NULL"),
        ),
        Index("catalogue_record_reviewing", "reviewing_archive", "code_key"),
        Index("catalogue_record_open", "receiving_archive", "opening", "class_code", "code_key"),
        Index("catalogue_record_class", "fonds_id", "year", "class_code", "retention"),
        Index("catalogue_record_parent", "parent_id"),
        Index("catalogue_record_date", "date"),
        Index("catalogue_record_updated", "updated_at"),
        # What is 内部 or 工作秘密, which numbers leave out for most readers.
        Index(
            "catalogue_record_internal",
            *("fonds_id", "year", "class_code", "retention", "state", "level"),
            sqlite_where=text("security <> 'none'"),
            postgresql_where=text("security <> 'none'"),
        ),
        {"info": {"origin": "nodes"}},
    )

    row: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    id: Mapped[str] = mapped_column(_ID, unique=True)
    node_id: Mapped[str] = mapped_column(_ID)
    fonds_id: Mapped[str] = mapped_column(_ID)
    version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    told_state: Mapped[str] = mapped_column(String(20))
    wire: Mapped[dict[str, Any]] = deferred(mapped_column(Wire))

    division_code: Mapped[str] = mapped_column(String(12))
    reviewing_archive: Mapped[str | None] = mapped_column(String(20), default=None)
    receiving_archive: Mapped[str | None] = mapped_column(String(20), default=None)
    supervisor: Mapped[str | None] = mapped_column(_ID, default=None)
    disclosure: Mapped[str] = mapped_column(String(10))

    level: Mapped[str] = mapped_column(String(10))
    parent_id: Mapped[str | None] = mapped_column(_ID, default=None)
    class_code: Mapped[str] = mapped_column(String(2))
    subclass: Mapped[str | None] = mapped_column(String(3), default=None)
    year: Mapped[int] = mapped_column(Integer)
    retention: Mapped[str] = mapped_column(CleanText(SHORT_LENGTH))
    organ: Mapped[str | None] = mapped_column(String(4), default=None)
    code: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    code_key: Mapped[str | None] = mapped_column(CleanText(CODE_LENGTH), default=None)
    title: Mapped[str] = mapped_column(CleanText(TITLE_LENGTH))
    doc_no: Mapped[str | None] = mapped_column(CleanText(DOC_NO_LENGTH), default=None)
    date: Mapped[str | None] = mapped_column(String(10), default=None)
    security: Mapped[str] = mapped_column(String(20))
    holding: Mapped[str] = mapped_column(String(20))
    #: The opinion on opening 开放意见, as grants ask for it: `open`, `controlled`, None for none.
    opening: Mapped[str | None] = mapped_column(String(20), default=None)

    state: Mapped[str] = mapped_column(String(20))
    custody: Mapped[str] = mapped_column(String(50))
    received: Mapped[bool] = mapped_column(Boolean, default=False)
    receipt_id: Mapped[str | None] = mapped_column(_ID, default=None)
    arrived_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

    @property
    def in_archive_custody(self) -> bool:
        """Whether an archive has received the record, so that its node no longer writes it."""
        return self.received

    @property
    def archive(self) -> str | None:
        """The archive in whose custody the record is."""
        return self.custody.removeprefix("archive:") if self.received else None

    @property
    def scope(self) -> dict[str, str | None]:
        """Its fonds, class and opening, as the policy asks for them (`Actor.may`, `require`)."""
        return {"fonds": self.fonds_id, "class_code": self.class_code, "opening": self.opening}


class CatalogueTally(Model):
    """How many records there are of a kind, and the sum of their digests (protocol §7).

    Kept up to date in each change's transaction; `tally.recount` makes it anew from the rows.
    """

    __tablename__ = "catalogue_tally"
    __table_args__ = ({"info": {"origin": "derived"}},)

    fonds_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    class_code: Mapped[str] = mapped_column(String(2), primary_key=True)
    retention: Mapped[str] = mapped_column(String(SHORT_LENGTH), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    level: Mapped[str] = mapped_column(String(10), primary_key=True)
    records: Mapped[int] = mapped_column(Integer)
    sum: Mapped[str] = mapped_column(String(64))


#: The text index: tokens of title, number and codes under the record's `row` (derived).
TEXT_TABLE = "catalogue_text"

# Nothing that compares trigrams, on either: it finds no Chinese word of two characters, or finds
# it slowly, and the planner prefers it where it exists.
for _dialect, _statement in (
    ("sqlite", f"CREATE VIRTUAL TABLE {TEXT_TABLE} USING fts5(tokens, tokenize='ascii')"),
    (
        "postgresql",
        f"CREATE TABLE {TEXT_TABLE} (rowid bigint PRIMARY KEY, tokens tsvector NOT NULL)",
    ),
    ("postgresql", f"CREATE INDEX {TEXT_TABLE}_tokens ON {TEXT_TABLE} USING gin (tokens)"),
):
    event.listen(
        CatalogueRecord.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect)
    )
