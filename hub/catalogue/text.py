"""The text index of the catalogue: what is searched, and the condition that finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    false,
    literal,
    select,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from hub.catalogue.models import TEXT_TABLE, CatalogueRecord
from hub.catalogue.told import searched, tokens_of
from shared.kernel.bulk import add_rows
from shared.records.archival_code import normalise
from shared.records.record import Record
from shared.search import match_query, match_vector

_CHUNK = 500
#: FTS5's own table on SQLite; on PostgreSQL one like any other, whose `tokens` are a `tsvector`.
_INDEX = Table(TEXT_TABLE, MetaData(), Column("rowid", BigInteger), Column("tokens", Text))


def index(session: Session, tokens: Mapping[int, str], *, replacing: Sequence[int] = ()) -> None:
    """Put tokens into the index, each under its row; rows in `replacing` stand in it already."""
    # Taken out first, since FTS5 knows no ON CONFLICT.
    for start in range(0, len(replacing), _CHUNK):
        chunk = list(replacing[start : start + _CHUNK])
        session.execute(delete(_INDEX).where(_INDEX.c.rowid.in_(chunk)))
    add_rows(session, _INDEX, [{"rowid": row, "tokens": each} for row, each in tokens.items()])


def index_again(session: Session, row: int, record: Record) -> None:
    """Bring a row of the index up to what its record says now."""
    tokens = tokens_of(searched(record), session.get_bind().dialect.name)
    index(session, {row: tokens}, replacing=[row])


class _Holding(ColumnElement[bool]):
    """That the tokens of an indexed row hold a query's; each database has its own words for it."""

    inherit_cache = False

    def __init__(self, query: str) -> None:
        self.fts = bindparam(None, match_query(query), String)
        self.vector = bindparam(None, match_vector(query), String)


@compiles(_Holding, "sqlite")
def _holding_fts(element: _Holding, compiler: Any, **options: Any) -> str:
    return f"{TEXT_TABLE} MATCH {compiler.process(element.fts, **options)}"


@compiles(_Holding, "postgresql")
def _holding_vector(element: _Holding, compiler: Any, **options: Any) -> str:
    return f"{TEXT_TABLE}.tokens @@ CAST({compiler.process(element.vector, **options)} AS tsquery)"


def found_by(query: str) -> ColumnElement[bool]:
    """The condition that every term of a query occurs in a record's texts, or its code begins so.

    One set of rows, which the engine goes through in order: a list that shows the newest first
    stops as soon as its page is full.
    """
    by_code = code_begins(query)
    sets: list[Any] = []
    if match_query(query) is not None:
        sets.append(select(_INDEX.c.rowid).where(_Holding(query)))
    if by_code is not None:
        sets.append(select(CatalogueRecord.row).where(by_code))
    if not sets:
        return false()
    return CatalogueRecord.row.in_(sets[0] if len(sets) == 1 else union(*sets))


def code_begins(query: str) -> ColumnElement[bool] | None:
    """The condition that a record's code begins with the query, however it is spelled."""
    key = normalise(query)
    if not key:
        return None
    end = f"{key}\U0010ffff"
    return CatalogueRecord.code_key.between(literal(key, String), literal(end, String))
