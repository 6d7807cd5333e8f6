"""Everything that this node holds of one fonds, as rows and as the inventory of them 交接清单.

The same functions describe the fonds where it leaves, in the trial database of the node that
verifies it, and where it was taken in: equal inventories prove that nothing was lost or altered.
Rows are written as they stand, but for what only means something on one node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, inspect, select, tuple_
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.orm import Session

from node.corrections import whole as of_corrections
from node.filing import service as filing
from node.filing import whole as of_filing
from node.filing.disposal import gave_up_bytes
from node.filing.places import Shelf
from node.filing.reconciling import told_sums
from node.intake import whole as of_intake
from node.registry import whole as of_registry
from node.registry.models import Registered
from node.submission import whole as of_submission
from node.transfer import whole as of_transfer
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import format_utc, parse_utc
from shared.kernel.database import Model, UtcTime
from shared.kernel.errors import Invalid
from shared.records.record_wire import content_digest

FORMAT = "danglian-inventory/1"
_ROOMS = (of_registry, of_filing, of_intake, of_transfer, of_corrections, of_submission)
_CHUNK = 300
#: Columns that only mean something on the node that wrote them, and what stands for them instead:
#: its jobs and folders, its places in the streams. Papers are handed back by the node that got
#: them, answers to corrections by the one that keeps the fonds: in every epoch.
_OF_ONE_NODE: Mapping[str, object] = {
    "job_id": None,
    "files_folder": None,
    "held_epoch": 0,
    "down_epoch": 0,
    "down_seq": -1,
    "told_seq": 0,
}
#: Places are shared by the fonds of a node: they travel by name.
_PLACE = "place_id"


def statements(fonds_id: str) -> dict[str, tuple[type[Model], Select[Any]]]:
    """For each table, in writing order: its model, and the statement of the fonds' rows."""
    found = {}
    for room in _ROOMS:
        for statement in room.rows_of_fonds(fonds_id):
            model: type[Model] = statement.column_descriptions[0]["entity"]
            keys = primary_key(model)
            found[str(model.__tablename__)] = (model, statement.order_by(*keys))
    return found


def primary_key(model: type[Model]) -> list[Any]:
    """The columns of a table's key."""
    return list(inspect(model).primary_key)


def lines(fonds_id: str, session: Session) -> Iterator[tuple[str, bytes]]:
    """Every row of the fonds as `(table, canonical JSON of its columns)`, table by table."""
    places = {each.id: each.name for each in session.scalars(select(filing.Place))}
    for table, (model, statement) in statements(fonds_id).items():
        columns = model.__table__.columns
        rows = session.execute(statement.with_only_columns(*columns)).yield_per(_CHUNK)
        for row in rows.mappings():
            values = {column.name: _written(column.name, row[column]) for column in columns}
            if values.get(_PLACE) is not None:
                values[_PLACE] = places[str(values[_PLACE])]
            yield table, canonical_json(values)


def _written(name: str, value: object) -> object:
    if name in _OF_ONE_NODE:
        return _OF_ONE_NODE[name]
    return format_utc(value) if isinstance(value, datetime) else value


def inventory_of(fonds_id: str, session: Session) -> dict[str, Any]:
    """What there is of a fonds; the same rows give the same inventory on every node.

    Each table's rows and digest, each record with its version and digest, each file, the highest
    number of each series, and the sums that the hub's catalogue must have.
    """
    tables: dict[str, tuple[int, Any]] = {
        name: (0, hashlib.sha256()) for name in statements(fonds_id)
    }
    for table, line in lines(fonds_id, session):
        count, digest = tables[table]
        digest.update(line + b"\n")
        tables[table] = (count + 1, digest)
    return {
        "format": FORMAT,
        "fonds_id": fonds_id,
        "tables": {name: [count, made.hexdigest()] for name, (count, made) in tables.items()},
        "records": _records(fonds_id, session),
        "files": [list(each) for each in files_of(fonds_id, session)],
        "highest": of_filing.highest_numbers(fonds_id, session=session),
        "sums": sums_of(fonds_id, session),
    }


def _records(fonds_id: str, session: Session) -> list[list[object]]:
    ids = list(
        session.scalars(
            select(filing.Record.id)
            .where(filing.Record.fonds_id == fonds_id)
            .order_by(filing.Record.id)
        )
    )
    found: list[list[object]] = []
    for start in range(0, len(ids), _CHUNK):
        for each in filing.wires(ids[start : start + _CHUNK], session=session):
            found.append([each["id"], each["version"], each["state"], content_digest(each)])
    return found


def files_of(fonds_id: str, session: Session) -> list[tuple[str, int]]:
    """Digest and size of every computer file of the fonds, once each, by digest.

    Those that only destroyed records and released mirrors name are not here any more.
    """
    gone = select(filing.Record.id).where(gave_up_bytes())
    made_of = select(Registered.id).where(Registered.record_id.in_(gone))
    found: set[tuple[str, int]] = set()
    for model, statement in statements(fonds_id).values():
        columns = model.__table__.columns
        if {"sha256", "size"} <= {column.name for column in columns}:
            named = statement.with_only_columns(columns.sha256, columns.size)
            if "record_id" in columns:
                named = named.where(columns.record_id.not_in(gone))
            elif "document_id" in columns:
                named = named.where(columns.document_id.not_in(made_of))
            rows = session.execute(named)
            found |= {(row.sha256, row.size) for row in rows}
    return sorted(found)


def sums_of(fonds_id: str, session: Session) -> dict[str, str]:
    """The sums of what was told to the hub of this fonds, by `<fonds_id>/<year>`."""
    return told_sums(session, fonds_ids=[fonds_id])


def counts_of(inventory: Mapping[str, Any]) -> dict[str, int]:
    """What people want to know of an inventory, in numbers."""
    states = [str(each[2]) for each in inventory["records"]]
    tables = {name: int(each[0]) for name, each in inventory["tables"].items()}
    return {
        "records": len(states),
        "filed": states.count("filed"),
        "drafts": states.count("collected") + states.count("arranging"),
        "void": states.count("void"),
        "received": states.count("received") + states.count("stored"),
        "documents": tables["registry_document"],
        "batches": tables["transfer_batch"],
        "imports": tables["intake"],
        "files": len(inventory["files"]),
        "bytes": sum(int(each[1]) for each in inventory["files"]),
    }


def write_lines(fonds_id: str, told: list[tuple[str, dict[str, Any]]], session: Session) -> None:
    """Write rows that came in `lines`; those that are there already stay as they are.

    Raises Invalid for a table or column that there is none of: a bundle is hostile input.
    """
    known = statements(fonds_id)
    shelf = Shelf(session)
    for table, values in told:
        if table not in known:
            raise _strange(table)
        model = known[table][0]
        columns = {column.name: column for column in model.__table__.columns}
        if set(values) != set(columns):
            raise _strange(table)
        try:
            read = {
                name: parse_utc(value)
                if isinstance(columns[name].type, UtcTime) and value
                else value
                for name, value in values.items()
            }
            if read.get(_PLACE) is not None:
                read[_PLACE] = shelf.place(str(read[_PLACE])).id
            session.execute(insert(model).values(**read).on_conflict_do_nothing())
        except OperationalError:
            raise
        except (ValueError, TypeError, StatementError) as error:
            raise _strange(table) from error
    session.flush()


def clear(fonds_id: str, session: Session) -> None:
    """Take away every row of a fonds: the mirror that lies here before the fonds comes back."""
    for model, statement in reversed(statements(fonds_id).values()):
        keys = primary_key(model)
        wanted = statement.order_by(None).with_only_columns(*keys)
        session.execute(
            delete(model)
            .where(tuple_(*keys).in_(wanted))
            .execution_options(synchronize_session=False)
        )
    session.flush()


def foreign_ids(fonds_id: str, came: Session, here: Session) -> list[str]:
    """Ids that came with the fonds and belong to another fonds here already; `table:id`."""
    found = []
    for table, (model, statement) in statements(fonds_id).items():
        keys = primary_key(model)
        plain = statement.order_by(None).with_only_columns(*keys)
        ours = {tuple(row) for row in here.execute(plain)}
        told = [tuple(row) for row in came.execute(plain)]
        for start in range(0, len(told), _CHUNK):
            some = told[start : start + _CHUNK]
            there = here.execute(select(*keys).where(tuple_(*keys).in_(some)))
            found += [f"{table}:{row[0]}" for row in there if tuple(row) not in ours]
    return found


def _strange(table: str) -> Invalid:
    return Invalid(
        "rows",
        f"交接内容中有本机不认识的资料（{table[:60]}）。",
        "请把两边的软件升级到同一版本，再重新办理交接。",
        code="unknown_rows",
    )
