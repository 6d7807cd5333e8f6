"""Many rows of one table in one statement, whatever the database: no query per row.

Values go through the types of their columns, as everywhere; only the unit of work's objects are
left out, which for thousands of rows a second cost more than the database itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    String,
    Table,
    TypeDecorator,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.kernel.canonical import canonical_json
from shared.kernel.database import Model

#: From so many rows on COPY is the quicker way.
_MANY = 3


def table_of(model: type[Model]) -> Table:
    """The table of a model."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - none of ours is a join
    return table


def fresh_rows(session: Session, table: Table, count: int) -> Iterator[int]:
    """So many new numbers for `row`, the counted key of a table; in one query."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        # The only writer has the table to itself.
        last = connection.scalar(select(func.max(table.c.row))) or 0
        return iter(range(last + 1, last + 1 + count))
    sequence = func.pg_get_serial_sequence(table.name, "row")
    numbers = select(func.nextval(sequence)).select_from(func.generate_series(1, count))
    return iter(connection.scalars(numbers).all())


def among(session: Session, column: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    """The condition that a column is one of these texts: one parameter, however many they are."""
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(canonical_json(list(values)).decode()).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == any_(literal(list(values), ARRAY(String)))


def put_rows(
    session: Session,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    keep: Collection[str] = (),
) -> None:
    """Insert rows, or where `key` is taken bring that row to the new values.

    All rows give the same columns; those in `keep` stay as they are in a row that was there.
    """
    if not rows:
        return
    connection = session.connection()
    names = list(rows[0])
    changed = [name for name in names if name not in key and name not in keep]
    listed = ", ".join(names)
    tail = f"ON CONFLICT ({', '.join(key)}) DO " + (
        "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in changed)
        if changed
        else "NOTHING"
    )
    lines = _lines(table, names, rows, connection.dialect)
    if connection.dialect.name == "sqlite":
        _insert(connection, table, names, lines, tail)
        return
    arriving = f"arriving_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {arriving} ON COMMIT DELETE ROWS "  # noqa: S608
        f"AS SELECT * FROM {table.name} WITH NO DATA"
    )
    _copy(connection, f"COPY {arriving} ({listed}) FROM STDIN", lines)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {arriving} {tail}"  # noqa: S608
    )
    connection.exec_driver_sql(f"DELETE FROM {arriving}")  # noqa: S608


def add_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of which none is there yet, straight into the table.

    All rows give the same columns. One that is there after all is an error of the database.
    """
    if not rows:
        return
    connection = session.connection()
    if len(rows) < _MANY:
        _insert_few(connection, table, rows)
        return
    names = list(rows[0])
    lines = _lines(table, names, rows, connection.dialect)
    if connection.dialect.name == "sqlite":
        _insert(connection, table, names, lines)
    else:
        _copy(connection, f"COPY {table.name} ({', '.join(names)}) FROM STDIN", lines)


def _insert_few(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """INSERT through the driver itself: one row costs half of what the way through Core does."""
    dialect = connection.dialect
    statement, columns = _few(table, tuple(rows[0]), dialect)
    lines = [
        tuple([row[name] if made is None else made(row[name]) for name, made in columns])
        for row in rows
    ]
    cursor = connection.connection.cursor()
    try:
        for line in lines:
            cursor.execute(statement, line)
    except dialect.loaded_dbapi.Error as error:
        kind = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, error, kind, dialect=dialect) from error
    finally:
        cursor.close()


@lru_cache(maxsize=64)
def _few(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[tuple[str, Callable[[Any], Any] | None], ...]]:
    """The statement for one row, and how each of its values gets ready for the driver."""
    mark = "?" if dialect.name == "sqlite" else "%s"
    listed, marks = ", ".join(names), ", ".join([mark] * len(names))
    statement = f"INSERT INTO {table.name} ({listed}) VALUES ({marks})"  # noqa: S608
    return statement, tuple((name, _processor(table, name, dialect)) for name in names)


def _insert(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    lines: Iterable[tuple[Any, ...]],
    tail: str = "",
) -> None:
    listed, marks = ", ".join(names), ", ".join("?" * len(names))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({listed}) VALUES ({marks}) {tail}",  # noqa: S608
        list(lines),
    )


def _copy(connection: Connection, statement: str, lines: Iterable[tuple[Any, ...]]) -> None:
    """COPY through the driver itself; its errors look like all others."""
    dialect = connection.dialect
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for line in lines:
                copy.write_row(line)
    except dialect.loaded_dbapi.Error as error:
        kind = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, error, kind, dialect=dialect) from error
    finally:
        cursor.close()


def _lines(
    table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]], dialect: Dialect
) -> Iterator[tuple[Any, ...]]:
    """The rows as the driver takes them."""
    return zip(*(_bound(table, name, rows, dialect) for name in names), strict=True)


def _bound(
    table: Table, name: str, rows: Sequence[Mapping[str, Any]], dialect: Dialect
) -> list[Any]:
    """A column's values, as the driver takes them; one that stands in many rows is made once."""
    values = [row[name] for row in rows]
    process = _processor(table, name, dialect)
    if process is None:
        return values
    first = values[0]
    if all(value is first for value in values):
        return [process(first)] * len(values)
    return [process(value) for value in values]


def _processor(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return json.dumps  # as SQLAlchemy does it, without the driver's wrapper around it
    if not isinstance(kind, TypeDecorator):
        kind = kind.dialect_impl(dialect)
    return kind.bind_processor(dialect)
