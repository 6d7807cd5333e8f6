"""A node's side: its records with their files, what it told, what it offered, as its rows say."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from shared.kernel.canonical import sha256_hex

Row = dict[str, Any]

#: What node, hub and package must say alike of a record, as it is named in the node's rows.
PLAIN = (
    *("fonds_id", "level", "parent_id", "class_code", "subclass", "year", "retention", "organ"),
    *("organ_name", "catalogue_number", "project_number", "code", "title", "doc_no", "author"),
    *("date", "security", "pages", "remark", "holding", "security_change", "void_reason"),
)


@dataclass
class NodeSide:
    """What one node's database holds."""

    node_id: str | None
    records: dict[str, Row]
    files: dict[str, list[Row]]
    told: dict[str, dict[int, set[str]]]
    registered: list[Row]
    registered_files: dict[str, list[Row]]
    offers: list[Row]
    batches: dict[str, Row]
    fonds: dict[str, str]
    highest: dict[str, int]
    absent_files: set[str]
    changed_files: set[str]


class Connection(Protocol):
    """A database of either kind, by its own driver."""

    def execute(self, query: str, /) -> Any:
        """Run a query; the cursor."""

    def close(self) -> None:
        """Give it back."""


def rows_of(database: Connection, query: str) -> list[Row]:
    """The rows of a query as dictionaries."""
    cursor = database.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def open_read_only(path: Path) -> sqlite3.Connection:
    """A database for reading, beside whoever else has it open."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)


def read_node(folder: Path) -> NodeSide:
    """Read a node's folder: its database, and every computer file it keeps by digest."""
    with closing(open_read_only(folder / "node.sqlite")) as database:
        database.execute("BEGIN")  # one moment for all that follows
        office = rows_of(database, "SELECT * FROM office")
        records = {row["id"]: row for row in rows_of(database, "SELECT * FROM filing_record")}
        files = _grouped(
            rows_of(
                database,
                "SELECT filing_file.*, filing_document.role FROM filing_file "
                "JOIN filing_document ON filing_document.id = filing_file.document_id",
            ),
            "record_id",
        )
        told: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for row in rows_of(database, "SELECT * FROM filing_record_version"):
            told[row["record_id"]][row["version"]].add(row["digest"])
        registered = rows_of(database, "SELECT * FROM registry_document")
        registered_files = _grouped(rows_of(database, "SELECT * FROM registry_file"), "document_id")
        offers = rows_of(database, "SELECT * FROM transfer_batch_record")
        batches = {row["id"]: row for row in rows_of(database, "SELECT * FROM transfer_batch")}
        fonds = {}
        for row in rows_of(database, "SELECT fonds_id, wire FROM office_fonds"):
            wire = json.loads(row["wire"])
            fonds[row["fonds_id"]] = wire["names"][-1]["name"]
        highest = {
            row["id"]: row["highest"]
            for row in rows_of(database, "SELECT id, highest FROM filing_category")
        }
    kept = {row["sha256"] for rows in files.values() for row in rows}
    kept |= {row["sha256"] for rows in registered_files.values() for row in rows}
    absent, changed = _check_files(folder / "files", kept)
    return NodeSide(
        node_id=office[0]["node_id"] if office else None,
        records=records,
        files=files,
        told=told,
        registered=registered,
        registered_files=registered_files,
        offers=offers,
        batches=batches,
        fonds=fonds,
        highest=highest,
        absent_files=absent,
        changed_files=changed,
    )


def _check_files(folder: Path, kept: set[str]) -> tuple[set[str], set[str]]:
    """Digests that no file in the folder is named for, and those whose file has other bytes."""
    named: set[str] = set()
    sound: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file() and path.name[:64] in kept:
            named.add(path.name[:64])
            if sha256_hex(path.read_bytes()) == path.name[:64]:
                sound.add(path.name[:64])
    return kept - named, named - sound


def _grouped(rows: list[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found
