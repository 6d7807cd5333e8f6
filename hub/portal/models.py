"""Tables of the portal. They have a base of their own: no hub's database ever holds them.

All of it comes from bundles; a later form of the tables is made by taking them in anew.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, String, Table, Text, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Database, UtcTime
from shared.records.columns import Json
from shared.search import match_query


class PortalModel(DeclarativeBase):
    """Base of the portal's tables."""


class OpenedRecord(PortalModel):
    """An opened record: what its archive publishes of it is `body`, the columns repeat of that."""

    __tablename__ = "portal_record"

    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    series: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    archive: Mapped[str] = mapped_column(String(20), index=True)
    fonds_name: Mapped[str] = mapped_column(String(200))
    year: Mapped[int] = mapped_column(Integer, index=True)
    code: Mapped[str | None] = mapped_column(String(200), index=True, default=None)
    date: Mapped[str | None] = mapped_column(String(10), index=True, default=None)

    @property
    def title(self) -> str:
        """The title, where it is published."""
        return str(self.body.get("title") or "（题名未公布）")


class TakenBundle(PortalModel):
    """A bundle that was taken in."""

    __tablename__ = "portal_bundle"

    series: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    entries: Mapped[int] = mapped_column(Integer)
    #: The hub's key that has signed it: a later one is signed by this, or by one that followed it.
    key: Mapped[str] = mapped_column(String(128))
    archives: Mapped[dict[str, str]] = mapped_column(Json)
    made_at: Mapped[str] = mapped_column(Text)
    taken_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


#: FTS5's own table: tokens of title, number and code under the record's row.
TEXT = Table("portal_text", PortalModel.metadata, Column("rowid", Integer), Column("tokens", Text))


class Holding(ColumnElement[bool]):
    """That the tokens of a row hold a query's."""

    inherit_cache = False

    def __init__(self, query: str) -> None:
        self.query = match_query(query)


@compiles(Holding)
def _holding(element: Holding, compiler: Any, **options: Any) -> str:
    quoted = (element.query or "").replace("'", "''")
    return f"portal_text MATCH '{quoted}'"


def make_tables(database: Database) -> None:
    """Make the portal's tables in its new database."""
    with database.reached():
        tables = [each for each in PortalModel.metadata.sorted_tables if each is not TEXT]
        PortalModel.metadata.create_all(database.engine, tables=tables)
    with database.write() as session:
        session.execute(
            text("CREATE VIRTUAL TABLE portal_text USING fts5(tokens, tokenize='ascii')")
        )


def forget_removed(database: Database) -> None:
    """Leave no trace of what was removed: not in the text index, the journal, or free pages."""
    with database.write() as session:
        session.execute(text("INSERT INTO portal_text(portal_text) VALUES ('optimize')"))
    with database.reached(), database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - it was just opened
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # outside of any transaction
