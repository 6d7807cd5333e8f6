"""The database: units of work, locks, and the column type for times.

One transaction per use case, opened at the edge. A unit of work says at its start whether it will
write. On SQLite a writer begins with `BEGIN IMMEDIATE`, so that it waits for its turn at once and
is alone. On PostgreSQL there are many writers at a time: a verb that decides on a row locks it
first (`locked`), and reads whatever else it decides on after that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import String, Table, TypeDecorator, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.engines import BUSY_SECONDS, open_engine, reading, translated
from shared.kernel.files import sqlite_trace


class Model(DeclarativeBase):
    """Base of every table. A table belongs to the capability whose module declares it."""


Row = TypeVar("Row", bound=Model)


class UtcTime(TypeDecorator[datetime]):
    """A point in time as sortable text in UTC; refuses times without a zone."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Aware time to text."""
        return None if value is None else format_utc(value)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Text to aware time."""
        return None if value is None else parse_utc(value)


_DATABASE = "database"
_IN_TRANSACTION: ContextVar[bool] = ContextVar("in_transaction", default=False)


def in_transaction() -> bool:
    """Whether the caller is inside a transaction, where nothing slow or far is asked."""
    return _IN_TRANSACTION.get()


class Database:
    """One database with its transactions.

    `packages` names the import packages whose tables it holds (for the hub `shared` and `hub`);
    the modules that declare them must have been imported before `create_schema`.
    """

    def __init__(self, url: str, packages: tuple[str, ...]) -> None:
        self.packages = packages
        self.engine = open_engine(url)
        self._reading = reading(self.engine)

    @classmethod
    def in_file(cls, path: Path, packages: tuple[str, ...]) -> Database:
        """An SQLite database in a file of its own."""
        return cls(f"sqlite:///{path}", packages)

    def tables(self) -> list[Table]:
        """The tables that belong here, by the package that declares them."""
        found = []
        for mapper in Model.registry.mappers:
            table = mapper.local_table
            package = mapper.class_.__module__.partition(".")[0]
            if package in self.packages and isinstance(table, Table) and table not in found:
                found.append(table)
        return sorted(found, key=lambda table: table.name)

    def create_schema(self) -> None:
        """Make the tables that are missing; leaves the others as they are."""
        with self.reached():
            Model.metadata.create_all(self.engine, tables=self.tables())

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One writing transaction: committed at the end, rolled back on any error.

        Raises Unavailable when the database cannot be reached, a lock is not to be had in time,
        or two writers stand in each other's way; then nothing was written, and the whole may be
        done again.
        """
        with self.reached(), self._session(self.engine) as session:
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One reading transaction over one consistent state; never commits."""
        with self.reached(), self._session(self._reading) as session:
            yield session

    @staticmethod
    @contextmanager
    def reached() -> Iterator[None]:
        """Say in our own errors what the database says; see `engines.translated`."""
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            meaning = translated(error)
            if meaning is None:
                raise
            raise meaning from error

    @contextmanager
    def _session(self, engine: Any) -> Iterator[Session]:
        with Session(engine, expire_on_commit=False) as session:
            session.connection()
            session.info[_DATABASE] = self
            token = _IN_TRANSACTION.set(True)
            try:
                yield session
            finally:
                _IN_TRANSACTION.reset(token)

    def trace(self) -> object:
        """What stays equal while nobody writes, at next to no cost; a server's is never equal."""
        file = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or file is None:
            return object()
        return sqlite_trace(Path(file))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def database_of(session: Session) -> Database:
    """The database that a unit of work belongs to."""
    database: Database = session.info[_DATABASE]
    return database


def locked(session: Session, model: type[Row], key: Any) -> Row | None:
    """The row of a key as it stands now, held until the end of the transaction; None without one.

    Where several rows are locked, all who lock them must do it in the same order
    (`docs/decisions/0012-isolation.md`).
    """
    return session.get(model, key, with_for_update={"key_share": True}, populate_existing=True)


def locked_all(session: Session, model: type[Row], keys: Sequence[str]) -> list[Row]:
    """The rows of several keys, locked in the order of their keys; those that exist."""
    (column,) = inspect(model).primary_key
    return list(
        session.scalars(
            select(model)
            .where(column.in_(sorted(set(keys))))
            .order_by(column)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def copy_database(source: Path, target: Path) -> None:
    """Copy a live SQLite database into a new file, consistently."""
    with closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
