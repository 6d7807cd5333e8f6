"""The record as it travels, derived from the rows alone: same rows, same bytes, same digest.

Built straight from columns, thousands a second; a test holds it to
`shared.records.record_wire.record_to_wire`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.models import Box, ComputerFile, Document, Event, Place, Record
from shared.kernel.clock import format_utc

Wire = dict[str, Any]

#: Rows to one statement, well below SQLite's limit of variables.
CHUNK = 500


def chunked(ids: Sequence[str], size: int = CHUNK) -> Iterable[Sequence[str]]:
    """The ids in pieces that one statement can name."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def wire(record: Record, *, session: Session) -> Wire:
    """One record as it travels (`docs/architecture.md`)."""
    return wires([record.id], session=session)[0]


def wires(ids: Sequence[str], *, session: Session) -> list[Wire]:
    """Records as they travel, in the order of the ids."""
    session.flush()
    made: dict[str, Wire] = {}
    for some in chunked(ids):
        documents = _documents(some, session)
        events = _events(some, session)
        columns = Record.__table__.columns
        rows = session.execute(
            select(*columns, Box.number.label("box"), Place.name.label("location"))
            .select_from(Record)
            .outerjoin(Box, Box.id == Record.box_id)
            .outerjoin(Place, Place.id == Record.place_id)
            .where(Record.id.in_(some))
        )
        for row in rows.mappings():
            made[row["id"]] = _wire_of(row, documents[row["id"]], events[row["id"]])
    return [made[each] for each in ids]


_PLAIN = (
    *("id", "version", "fonds_id", "level", "parent_id", "class_code", "subclass", "year"),
    *("retention", "organ", "organ_name", "catalogue_number", "project_number"),
    *("code", "title", "doc_no", "author", "date", "security", "pages", "remark", "holding"),
    *("box", "location", "security_change", "state", "void_reason"),
)


def _wire_of(row: Any, documents: list[Wire], events: list[Wire]) -> Wire:
    made = {name: row[name] for name in _PLAIN}
    volume = row["level"] == "volume"
    made["number"] = None if volume else row["number"]
    made["volume_number"] = row["number"] if volume else row["volume_number"]
    made["former_codes"] = list(row["former_codes"])
    opinion, attribute = row["opening_opinion"], row["publicity_attribute"]
    made["opening"] = opinion and {"opinion": opinion, "reason": row["opening_reason"]}
    made["publicity"] = attribute and {"attribute": attribute, "basis": row["publicity_basis"]}
    made["documents"] = documents
    made["events"] = events
    return made


def _documents(ids: Sequence[str], session: Session) -> dict[str, list[Wire]]:
    found: dict[str, list[Wire]] = defaultdict(list)
    by_id: dict[str, Wire] = {}
    rows = session.execute(
        select(Document.id, Document.record_id, Document.role, Document.title, Document.order)
        .where(Document.record_id.in_(ids))
        .order_by(Document.record_id, Document.order, Document.id)
    )
    for row in rows:
        made = {"id": row.id, "role": row.role, "title": row.title, "order": row.order, "files": []}
        by_id[row.id] = made
        found[row.record_id].append(made)
    if by_id:
        files = session.execute(
            select(ComputerFile)
            .where(ComputerFile.record_id.in_(ids))
            .order_by(ComputerFile.document_id, ComputerFile.order, ComputerFile.id)
        )
        for (file,) in files:
            by_id[file.document_id]["files"].append(
                {
                    "id": file.id,
                    "name": file.name,
                    "size": file.size,
                    "sha256": file.sha256,
                    "format": file.format,
                    "kind": file.kind,
                }
            )
    return found


def _events(ids: Sequence[str], session: Session) -> dict[str, list[Wire]]:
    found: dict[str, list[Wire]] = defaultdict(list)
    rows = session.execute(
        select(*Event.__table__.columns)
        .where(Event.record_id.in_(ids))
        .order_by(Event.record_id, Event.time, Event.id)
    )
    for row in rows:
        found[row.record_id].append(
            {
                "id": row.id,
                "action": row.action,
                "time": format_utc(row.time),
                "agent": row.agent,
                "agent_unit": row.agent_unit,
                "basis": row.basis,
                "description": row.description,
            }
        )
    return found
