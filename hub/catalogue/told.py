"""What a node tells of a record, read with every rule: all that needs no database.

So a second process can do it while the database has the run before (`shared.messaging.ahead`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from shared.kernel.canonical import canonical_json, sha256_hex
from shared.records import archival_code
from shared.records.record import Record, record_from_wire
from shared.search import index_text, index_vector


class Told(NamedTuple):
    """A record as the catalogue takes it: texts, numbers and None, so that it can travel.

    `wire` is its canonical JSON and `digest` the SHA-256 of that; `tokens` is what the text index
    of the hub's database takes.
    """

    id: str
    version: int
    fonds_id: str
    level: str
    parent_id: str | None
    class_code: str
    subclass: str | None
    year: int
    retention: str
    organ: str | None
    code: str | None
    code_key: str | None
    title: str
    doc_no: str | None
    date: str | None
    security: str
    holding: str
    opening: str | None
    state: str
    wire: str
    digest: str
    tokens: str

    @property
    def body(self) -> dict[str, Any]:
        """The record as it travels."""
        return dict(orjson.loads(self.wire))


def read_told(body: Mapping[str, Any], dialect: str) -> Told:
    """Read a record that a node tells, for a database of this dialect.

    Raises Invalid for what is no record or has no archival code 档号 that can be read, Classified
    when a text bears a mark.
    """
    record = record_from_wire(body)
    code_key = None
    if record.code is not None:
        code_key = archival_code.normalise(record.code)
        archival_code.parse(code_key)
    wire = canonical_json(dict(body))
    return Told(
        record.id,
        record.version,
        record.fonds_id,
        str(record.level),
        record.parent_id,
        record.class_code,
        record.subclass,
        record.year,
        record.retention,
        record.organ,
        record.code,
        code_key,
        record.title,
        record.doc_no,
        record.date.isoformat() if record.date else None,
        str(record.security),
        str(record.holding),
        record.opening.opinion if record.opening else None,
        record.state,
        wire.decode(),
        sha256_hex(wire),
        tokens_of(searched(record), dialect),
    )


def searched(record: Record) -> tuple[str | None, ...]:
    """The texts under which a record is found."""
    return (record.title, record.doc_no, record.code, *record.former_codes)


def tokens_of(texts: Iterable[str | None], dialect: str) -> str:
    """The tokens of a record's texts as the index of a database takes them."""
    return (index_vector if dialect == "postgresql" else index_text)(texts)
