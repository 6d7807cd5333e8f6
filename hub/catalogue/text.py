"""The text index of the catalogue: what is searched, and the condition that finds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    column,
    false,
    literal,
    select,
    table,
    text,
    union,
)
from sqlalchemy.orm import Session

from hub.catalogue.models import TEXT_TABLE, CatalogueRecord
from shared.records.archival_code import normalise
from shared.records.record import Record
from shared.search import index_text, match_query

_CHUNK = 500
_INDEX = table(TEXT_TABLE, column("rowid", Integer))


def searched(record: Record) -> tuple[str | None, ...]:
    """The texts under which a record is found."""
    return (record.title, record.doc_no, record.code, *record.former_codes)


def index(
    session: Session, texts: Mapping[int, Iterable[str | None]], *, replacing: Sequence[int] = ()
) -> None:
    """Put rows into the index; `replacing` are those that stand in it already."""
    for start in range(0, len(replacing), _CHUNK):
        rows = ",".join(str(int(row)) for row in replacing[start : start + _CHUNK])
        session.execute(text(f"DELETE FROM {TEXT_TABLE} WHERE rowid IN ({rows})"))  # noqa: S608
    if texts:
        session.execute(
            text(f"INSERT INTO {TEXT_TABLE} (rowid, tokens) VALUES (:row, :tokens)"),  # noqa: S608
            [{"row": row, "tokens": index_text(fields)} for row, fields in texts.items()],
        )


def found_by(query: str) -> ColumnElement[bool]:
    """The condition that every term of a query occurs in a record's texts, or its code begins so.

    One set of rows, which the engine goes through in order: a list that shows the newest first
    stops as soon as its page is full.
    """
    match = match_query(query)
    by_code = code_begins(query)
    sets: list[Any] = []
    if match is not None:
        matches = text(f"{TEXT_TABLE} MATCH :match").bindparams(match=match)
        sets.append(select(_INDEX.c.rowid).where(matches))
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
