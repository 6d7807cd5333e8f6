"""All that filing holds of one fonds, for when the fonds moves to another node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from node.filing.models import (
    Box,
    Category,
    ClosedClass,
    ComputerFile,
    DisposalList,
    Divergence,
    Document,
    Event,
    Note,
    Objection,
    Record,
    RecordVersion,
    Step,
)


def rows_of_fonds(fonds_id: str) -> list[Select[Any]]:
    """One statement for each table, in the order in which rows can be written again."""
    ids = select(Record.id).where(Record.fonds_id == fonds_id)
    of_records = (Document, ComputerFile, Event, RecordVersion, Objection)
    return [
        *(
            select(model).where(model.fonds_id == fonds_id)
            for model in (Box, Category, ClosedClass, Record, Note, Step, DisposalList)
        ),
        *(select(model).where(model.record_id.in_(ids)) for model in of_records),
        select(Divergence).where(Divergence.fonds_id == fonds_id),
    ]


def highest_numbers(fonds_id: str, *, session: Session) -> list[list[object]]:
    """The highest final number of each series: its key, then the number."""
    rows = session.scalars(
        select(Category).where(Category.fonds_id == fonds_id, Category.highest > 0)
    )
    return sorted(
        [
            *(each.level, each.class_code, each.subclass, str(each.year), each.retention),
            *(each.organ, each.project_number, each.catalogue_number, each.parent_id),
            each.highest,
        ]
        for each in rows
    )
