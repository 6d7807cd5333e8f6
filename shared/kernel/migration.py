"""The form of the tables, and the way from an older form to the newer one (Alembic).

Hub and node each have a folder of revisions, `hub/migrations` and `node/migrations`, one file per
step, named by number. A new database is made from the models and marked with the newest number (a
test holds that the steps lead to the same tables); an older one is moved on step by step, all of
it in one transaction. Why so: `docs/decisions/0010-migrations.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text
from sqlalchemy.types import TypeDecorator

from shared.kernel.database import Database, Model, copy_database
from shared.kernel.errors import Invalid, Unavailable, WrongState
from shared.kernel.identifiers import new_id

if TYPE_CHECKING:
    from alembic.config import Config

#: The tables of release 0.1.0, which did not number them.
FIRST = "0001"
_SCRIPTS = Path(__file__).with_name("migrations")
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
#: One migration at a time on a server (the number is only ours).
_LOCK = 0xDA_0001


class Standing(StrEnum):
    """How a database stands to this program."""

    EMPTY = "empty"
    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"


class Schema:
    """The tables of one database, and the revisions that lead to them."""

    def __init__(self, database: Database, revisions: Path) -> None:
        self.database = database
        self._folder = revisions
        self.revisions = sorted(path.name[:4] for path in revisions.glob("[0-9]*_*.py"))

    @property
    def newest(self) -> str:
        """The revision that this program works with."""
        return self.revisions[-1]

    def version(self) -> str | None:
        """The revision of the database; None when nothing is in it."""
        with self.database.read() as session:
            return self._version(session.connection())

    def standing(self) -> Standing:
        """Whether the database can be worked with, and if not, what must be done."""
        return self._standing(self.version())

    def make(self) -> None:
        """Make the tables in an empty database; one that has tables stays as it is.

        Raises Invalid for a PostgreSQL database that does not compare text by code point.
        """
        self._in_transaction(self._make)

    def keep_copy(self, path: Path) -> Path | None:
        """Keep an SQLite database, beside it, as it is before its tables change.

        None when another process has changed them meanwhile; it has kept its own copy.
        """
        version = self.version()
        copy = path.with_name(f"{path.stem}-before-{version}.sqlite")
        unfinished = copy.with_suffix(f".{new_id()}")
        copy_database(path, unfinished)
        if self.version() != version:
            unfinished.unlink()
            return None
        return unfinished.replace(copy)

    def upgrade(self, target: str | None = None) -> None:
        """Bring the database to the newest revision (or to `target`); whole or not at all."""
        self._in_transaction(lambda connection: self._move("upgrade", connection, target))

    def downgrade(self, target: str) -> None:
        """Take the database back to an older revision; `base` removes all tables."""
        self._in_transaction(lambda connection: self._move("downgrade", connection, target))

    def write_revision(self, message: str) -> Path | None:
        """Write the next revision file: from what the database has to what the models say."""
        from alembic import command

        number = f"{int(self.revisions[-1]) + 1 if self.revisions else 1:04d}"
        with self.database.engine.connect() as connection:
            config = self._config(connection)
            command.revision(config, message, autogenerate=True, rev_id=number)
        return next(iter(self._folder.glob(f"{number}_*.py")), None)

    def _standing(self, version: str | None) -> Standing:
        if version is None:
            return Standing.EMPTY
        if version == self.newest:
            return Standing.CURRENT
        return Standing.BEHIND if version in self.revisions else Standing.AHEAD

    def _version(self, connection: Connection) -> str | None:
        names = set(inspect(connection).get_table_names())
        if _VERSION.name in names:
            return connection.scalar(select(_VERSION.c.version_num))
        ours = {table.name for table in self.database.tables()}
        # Release 0.1.0 made its tables without a number.
        return FIRST if names & ours else None

    def _make(self, connection: Connection) -> None:
        if self._version(connection) is not None:
            return
        _check_collation(connection)
        Model.metadata.create_all(connection, tables=self.database.tables())
        _VERSION.create(connection)
        connection.execute(_VERSION.insert(), {"version_num": self.newest})

    def _move(self, direction: str, connection: Connection, target: str | None) -> None:
        from alembic import command

        version = self._version(connection)
        if self._standing(version) is Standing.AHEAD:
            raise ahead()
        if version is None:
            _check_collation(connection)
        config = self._config(connection)
        if version == FIRST and _VERSION.name not in inspect(connection).get_table_names():
            command.stamp(config, FIRST)
        if direction == "upgrade":
            command.upgrade(config, target or self.newest)
        else:
            command.downgrade(config, target or "base")

    def _config(self, connection: Connection) -> Config:
        from alembic.config import Config

        config = Config()
        for name, value in (
            ("script_location", str(_SCRIPTS)),
            ("version_locations", str(self._folder)),
            ("path_separator", "newline"),
            ("file_template", "%(rev)s_%(slug)s"),
        ):
            config.set_main_option(name, value.replace("%", "%%"))
        ours = {table.name for table in self.database.tables()}

        def belongs(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
            return name in ours if kind == "table" else thing.table.name in ours

        config.attributes.update(
            connection=connection,
            options={
                "target_metadata": Model.metadata,
                "include_object": belongs,
                "render_item": _frozen_type,
                "render_as_batch": True,
                "process_revision_directives": _nothing_for_nothing,
                "compare_type": True,
                "transactional_ddl": True,
            },
        )
        return config

    def _in_transaction(self, work: Callable[[Connection], None]) -> None:
        """One transaction, alone. On SQLite tables are copied, so keys are checked at its end."""
        engine = self.database.engine
        sqlite = engine.dialect.name == "sqlite"
        with self.database.reached(), engine.connect() as connection:
            if sqlite:
                connection.connection.execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    if not sqlite:
                        connection.execute(text("SET LOCAL statement_timeout = 0"))
                        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                    work(connection)
                    if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise Unavailable("数据库内部的关联不完整，没有升级。", "请联系技术支持。")
            finally:
                if sqlite:
                    with suppress(Exception):
                        connection.connection.execute("PRAGMA foreign_keys=ON")


def behind(command: str) -> WrongState:
    """The database is older than the program."""
    return WrongState(
        "数据库的结构比程序旧，不能运行。",
        f"请先停止程序并备份，再运行 {command}。",
        code="database_behind",
    )


def ahead() -> WrongState:
    """The database is newer than the program."""
    return WrongState(
        "数据库的结构比程序新，不能用旧版程序运行。",
        "请安装新版程序；如需退回旧版，请用升级前的备份。",
        code="database_ahead",
    )


def _check_collation(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return
    encoding, collation = connection.execute(
        text(
            "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database "
            "WHERE datname = current_database()"
        )
    ).one()
    if encoding != "UTF8" or collation not in {"C", "POSIX", "C.UTF-8", "C.utf8"}:
        raise Invalid(
            "database",
            f"数据库的编码是 {encoding}、排序规则是 {collation}，档号不能正确排序。",
            "请重新建库：createdb --template=template0 --encoding=UTF8 --locale=C archives",
        )


def _frozen_type(kind: str, thing: Any, _context: Any) -> str | bool:
    """A revision names plain types: what our own types are today may change later."""
    if kind == "type" and isinstance(thing, TypeDecorator):
        return f"sa.{thing.impl!r}"
    return False


def _nothing_for_nothing(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """No file when nothing has changed."""
    if directives[0].upgrade_ops.is_empty():
        directives.clear()
