"""The record 件, for everyone outside: the values of `model`, the wire form of `record_wire`."""

from shared.records.holdings import FileKind, Holding
from shared.records.model import (
    ACTIONS,
    COLUMN_NAMES,
    FIELD_NAMES,
    LEVEL_NAMES,
    MOST_DOCUMENTS,
    MOST_EVENTS,
    MOST_FILES,
    OPENING_NAMES,
    PUBLICITY_NAMES,
    RECORD_STATES,
    VOID_TITLE,
    ComputerFile,
    Document,
    Event,
    Opening,
    Publicity,
    Record,
    RecordLevel,
    check_record,
)
from shared.records.record_wire import (
    RecordSchema,
    content_digest,
    record_from_wire,
    record_to_wire,
)
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import SecurityClass

__all__ = [
    "ACTIONS",
    "COLUMN_NAMES",
    "DOCUMENT_ROLES",
    "FIELD_NAMES",
    "LEVEL_NAMES",
    "MOST_DOCUMENTS",
    "MOST_EVENTS",
    "MOST_FILES",
    "OPENING_NAMES",
    "PUBLICITY_NAMES",
    "RECORD_STATES",
    "VOID_TITLE",
    "ComputerFile",
    "Document",
    "Event",
    "FileKind",
    "Holding",
    "Opening",
    "Publicity",
    "Record",
    "RecordLevel",
    "RecordSchema",
    "SecurityClass",
    "check_record",
    "content_digest",
    "record_from_wire",
    "record_to_wire",
]
