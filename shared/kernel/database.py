"""The database: engine, unit of work, and the column type for times.

One transaction per use case, opened at the edge. A unit of work says at its start whether it will
write: on SQLite a writer begins with `BEGIN IMMEDIATE`, so that it waits for its turn at once
instead of failing in the middle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, String, Table, TypeDecorator, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.errors import Unavailable

_BUSY_SECONDS = 60


class Model(DeclarativeBase):
    """Base of every table. A table belongs to the capability whose module declares it."""


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


class Database:
    """One database with its transactions.

    `packages` names the import packages whose tables it holds (for the hub `shared` and `hub`);
    the modules that declare them must have been imported before `create_schema`.
    """

    def __init__(self, url: str, packages: tuple[str, ...]) -> None:
        self.url = url
        self._packages = packages
        self.engine = _engine(url)

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
            if package in self._packages and isinstance(table, Table) and table not in found:
                found.append(table)
        return sorted(found, key=lambda table: table.name)

    def create_schema(self) -> None:
        """Make the tables that are missing; leaves the others as they are."""
        Model.metadata.create_all(self.engine, tables=self.tables())

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One writing transaction: committed at the end, rolled back on any error.

        Raises Unavailable when the database cannot be reached or stays locked.
        """
        with self._session("IMMEDIATE") as session:
            yield session
            _unavailable(session.commit)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One reading transaction over one consistent state; never commits."""
        with self._session("DEFERRED") as session:
            yield session

    @contextmanager
    def _session(self, mode: str) -> Iterator[Session]:
        engine = self.engine.execution_options(begin_mode=mode)
        with Session(engine, expire_on_commit=False) as session:
            _unavailable(session.connection)
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _unavailable(action: Any) -> None:
    try:
        action()
    except OperationalError as error:
        raise Unavailable(
            "数据库暂时不可用。", "请稍候再试；如持续出现，请检查磁盘空间。"
        ) from error


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, pool_size=20)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: `_begin` below says how.
        connection.isolation_level = None
        # FULL: what was acknowledged to another machine must survive a power cut here.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        mode = connection.get_execution_options().get("begin_mode", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def copy_database(source: Path, target: Path) -> None:
    """Copy a live SQLite database into a new file, consistently."""
    with closing(sqlite3.connect(source, timeout=_BUSY_SECONDS)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
