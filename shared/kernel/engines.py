"""The two kinds of database behind the same models: a file of SQLite, and a server of PostgreSQL.

What a reading and a writing transaction are on each, how long anyone waits, and which errors mean
that the database is away for the moment. Why so: `docs/decisions/0012-isolation.md`.
"""

from __future__ import annotations

from sqlite3 import SQLITE_FULL
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.util import LRUCache

from shared.kernel.errors import Conflict, DanglianError, Invalid, Unavailable, disk_full

#: How a PostgreSQL database is addressed; the driver is psycopg 3.
POSTGRESQL = "postgresql+psycopg"
BUSY_SECONDS = 60

_LOCK_SECONDS = 20
_STATEMENT_SECONDS = 300
_IDLE_SECONDS = 120
_POOL = 10
_POOL_MORE = 20
_POOL_SECONDS = 15
_SQLITE_AWAY = ("locked", "busy", "disk", "unable to open")
#: What a server says of one statement, not of itself: it would say the same again.
_NOT_AWAY = "54"
_DISK_FULL = "53100"


class Alike:
    """All databases of a kind are alike: what was made of a statement for one serves every other.

    A process may serve many nodes, each with a database of its own; compiled for each anew, the
    same statements would cost its start time and memory as often as there are nodes.
    """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


class SQLiteFile(Alike, SQLiteDialect_pysqlite):
    """A file of SQLite."""

    supports_statement_cache = True


registry.register("sqlite.alike", __name__, SQLiteFile.__name__)
registry.register("postgresql.alike", "shared.kernel.postgresql", "PostgreSQLServer")
_compiled: LRUCache[Any, Any] = LRUCache(1500)


def open_engine(url: str) -> Engine:
    """The engine for an address: `sqlite:///…` or `postgresql+psycopg://…`. Raises Invalid."""
    try:
        address = make_url(url)
    except ArgumentError:
        address = None
    if address is not None and address.drivername == "sqlite":
        return _sqlite(address.set(drivername="sqlite+alike"))
    if address is not None and address.drivername == POSTGRESQL:
        return _postgresql(address.set(drivername="postgresql+alike"))
    raise Invalid(
        "database",
        "数据库的地址不能识别。",
        f"请留空（用数据目录中的 SQLite），或写成 {POSTGRESQL}://用户@主机/库名。",
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=20,
        hide_parameters=True,
        execution_options={"compiled_cache": _compiled},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: `_begin` below says how.
        connection.isolation_level = None
        # FULL: what was acknowledged to another machine must survive a power cut here. The log is
        # folded in every 16 MB, four times as rarely as by default: a large run writes as much as
        # the default itself, and would wait for it at each commit.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
            "wal_autocheckpoint=4000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reading = connection.get_execution_options().get("danglian_reading", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    settings = {
        "lock_timeout": f"{_LOCK_SECONDS}s",
        "statement_timeout": f"{_STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
        "synchronous_commit": "on",
        "timezone": "UTC",
    }
    try:
        return create_engine(
            url,
            pool_size=_POOL,
            max_overflow=_POOL_MORE,
            pool_timeout=_POOL_SECONDS,
            pool_recycle=1800,
            # A restarted server leaves dead connections in the pool: they are found before use.
            pool_pre_ping=True,
            # What was wrong with a statement goes to the log; what it carried may be a secret.
            hide_parameters=True,
            execution_options={"compiled_cache": _compiled},
            connect_args={
                "application_name": "danglian",
                "connect_timeout": 5,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
                "client_encoding": "utf8",
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            },
        )
    except (NoSuchModuleError, ImportError) as error:
        raise Invalid(
            "database", "没有安装 PostgreSQL 的驱动程序。", "请安装 danglian[hub] 后再启动。"
        ) from error


def reading(engine: Engine) -> Engine:
    """The engine for transactions that only read, all over one consistent state."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True, danglian_reading=True
        )
    return engine.execution_options(danglian_reading=True)


def translated(error: Exception) -> DanglianError | None:
    """What an error of the database means for a person; None when it is a fault of ours.

    Unavailable when the database is away, overloaded, has no room on its disk, or chose us to end a
    deadlock: nothing was written, and the same again may well succeed. Conflict when somebody else
    committed the same key a moment earlier, which only happens where there is more than one writer.
    """
    if isinstance(error, DBAPIError) and _is_full(error):
        return disk_full()
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and _is_away(error)):
        return Unavailable("数据库暂时不可用。", "请稍候再试；如持续出现，请检查数据库和磁盘空间。")
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "23505":
        return Conflict(
            "刚才有人同时保存了同样的内容。", "请刷新后再办理。", code="saved_meanwhile"
        )
    return None


def _is_full(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state == _DISK_FULL or getattr(error.orig, "sqlite_errorcode", None) == SQLITE_FULL


def _is_away(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is None and type(error.orig).__module__.startswith("sqlite3"):
        words = str(error.orig).lower()
        return isinstance(error, OperationalError) and any(each in words for each in _SQLITE_AWAY)
    if state is not None and state.startswith(_NOT_AWAY):
        return False
    # 25P03: the server ended a transaction that had stood idle.
    return isinstance(error, (OperationalError, InterfaceError)) or state == "25P03"
