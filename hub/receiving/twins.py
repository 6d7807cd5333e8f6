"""Records of a batch that look like others of their fonds: one query for each way of looking."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, column, func, select, true, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord as Record
from hub.catalogue.withholding import WITHHELD_TITLE
from shared.inspection.twins import Twin, twins_among
from shared.records.states import NUMBERED_STATES


def twins_of(fonds_id: str, record_ids: Collection[str], *, session: Session) -> list[Twin]:
    """The records among these that share number 文号 and title, or the bytes of a file, with any.

    Over all of the fonds that is numbered; void numbers are left out.
    """
    named = session.execute(_same_number_and_title(fonds_id))
    alike = [(row.id, row.code, (row.doc_no, row.title)) for row in named]
    filed = session.execute(_same_content(fonds_id, session))
    same = [(row.id, row.code, row.digest) for row in filed]
    wanted = set(record_ids)
    return [
        *twins_among(alike, wanted, by_content=False),
        *twins_among(same, wanted, by_content=True),
    ]


def _numbered(fonds_id: str) -> Select[Any]:
    return select(Record).where(
        Record.fonds_id == fonds_id,
        Record.state.in_(sorted(NUMBERED_STATES)),
        Record.code.is_not(None),
    )


def _same_number_and_title(fonds_id: str) -> Select[Any]:
    known = (
        _numbered(fonds_id)
        .where(Record.doc_no.is_not(None), Record.title != WITHHELD_TITLE)
        .with_only_columns(
            Record.id,
            Record.code,
            Record.doc_no,
            Record.title,
            func.count().over(partition_by=(Record.doc_no, Record.title)).label("many"),
        )
        .subquery()
    )
    return select(known.c.id, known.c.code, known.c.doc_no, known.c.title).where(known.c.many > 1)


def _same_content(fonds_id: str, session: Session) -> Select[Any]:
    """Digests of files stand in the records alone, so each record of the fonds is read once."""
    wire = type_coerce(Record.wire, Text)
    digest: ColumnElement[str]
    if session.get_bind().dialect.name == "sqlite":
        document = func.json_each(wire, "$.documents").table_valued("value", name="document")
        file = func.json_each(document.c.value, "$.files").table_valued("value", name="file")
        digest = func.json_extract(file.c.value, "$.sha256")
        known = _numbered(fonds_id).join(document, true()).join(file, true())
    else:
        document = _elements(cast(wire, JSONB)["documents"], "document")
        file = _elements(document.c.value["files"], "file")
        digest = file.c.value["sha256"].astext
        known = _numbered(fonds_id).join(document, true()).join(file, true())
    listed = (
        known.with_only_columns(Record.id, Record.code, digest.label("digest"))
        .distinct()
        .subquery()
    )
    many = select(listed, func.count().over(partition_by=listed.c.digest).label("many")).subquery()
    return select(many.c.id, many.c.code, many.c.digest).where(many.c.many > 1)


def _elements(array: ColumnElement[Any], name: str) -> Any:
    """The elements of an array in a row, as rows beside it (PostgreSQL)."""
    value = column("value", JSONB)
    return func.jsonb_array_elements(array).table_valued(value, name=name).lateral()
