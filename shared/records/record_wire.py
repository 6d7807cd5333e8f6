"""The record as it travels: read with every limit, written canonically, digested.

Its shape stands in `docs/architecture.md`. Everyone outside takes this from `record`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.kernel.canonical import digest_of
from shared.kernel.clock import format_utc
from shared.kernel.errors import Invalid
from shared.records import wire
from shared.records.archival_code import ORGAN_PATTERN, SUBCLASS_PATTERN
from shared.records.holdings import FileKind, Holding
from shared.records.model import (
    MOST_DOCUMENTS,
    MOST_EVENTS,
    MOST_FILES,
    MOST_FORMER_CODES,
    OPENING_NAMES,
    PUBLICITY_NAMES,
    RECORD_STATES,
    ComputerFile,
    Document,
    Event,
    Opening,
    Publicity,
    Record,
    RecordLevel,
    check_record,
)
from shared.records.numbers import MOST_PAGES
from shared.records.retention import retention_periods
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import SECURITY_NAMES, SecurityClass
from shared.records.text import (
    AUTHOR_LENGTH,
    CODE_LENGTH,
    DOC_NO_LENGTH,
    FILE_NAME_LENGTH,
    FIRST_YEAR,
    LAST_YEAR,
    NAME_LENGTH,
    PLACE_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
    safe_file_name,
)

MOST_BYTES = 1 << 50
MOST_NUMBER = 999_999
MOST_VERSION = (1 << 31) - 1


class _FileName(wire.Text):
    def read(self, value: Any) -> str:
        """A name that every system can unpack."""
        name = super().read(value)
        try:
            return safe_file_name(name)
        except Invalid as error:
            raise wire.wrong(error.message, error.remedy) from None


class ComputerFileSchema(wire.WireSchema):
    """One computer file."""

    id = wire.Id(required=True)
    name = _FileName(FILE_NAME_LENGTH, required=True)
    size = wire.Int(0, MOST_BYTES, required=True)
    sha256 = wire.Digest(required=True)
    format = wire.Text(CODE_LENGTH, required=True, allow_none=True)
    kind = wire.Choice([str(kind) for kind in FileKind], FileKind, required=True)


class DocumentSchema(wire.WireSchema):
    """One document of a record."""

    id = wire.Id(required=True)
    role = wire.Choice(DOCUMENT_ROLES, required=True)
    title = wire.Text(TITLE_LENGTH, required=True, allow_none=True)
    order = wire.Int(1, MOST_DOCUMENTS * 10, required=True)
    files = wire.List(wire.Nested(ComputerFileSchema), most=MOST_FILES, required=True)


class EventSchema(wire.WireSchema):
    """One event of the history."""

    id = wire.Id(required=True)
    action = wire.Text(SHORT_LENGTH, required=True)
    time = wire.Moment(required=True)
    agent = wire.Text(NAME_LENGTH, required=True)
    agent_unit = wire.Text(NAME_LENGTH, required=True)
    basis = wire.Text(REASON_LENGTH, required=True, allow_none=True)
    description = wire.Text(REMARK_LENGTH, required=True, allow_none=True)


class OpeningSchema(wire.WireSchema):
    """The opinion on opening."""

    opinion = wire.Choice(OPENING_NAMES, required=True)
    reason = wire.Text(REASON_LENGTH, required=True, allow_none=True)


class PublicitySchema(wire.WireSchema):
    """The attribute of publicity."""

    attribute = wire.Choice(PUBLICITY_NAMES, required=True)
    basis = wire.Text(REASON_LENGTH, required=True, allow_none=True)


class RecordSchema(wire.WireSchema):
    """The record; an unknown key is refused."""

    id = wire.Id(required=True)
    version = wire.Int(1, MOST_VERSION, required=True)
    fonds_id = wire.Id(required=True)
    level = wire.Choice([str(level) for level in RecordLevel], RecordLevel, required=True)
    parent_id = wire.Id(required=True, allow_none=True)
    class_code = wire.Text(
        2, pattern="[A-Z]{2}", problem="门类代码应为2位大写字母。", required=True
    )
    subclass = wire.Text(
        3,
        pattern=SUBCLASS_PATTERN,
        problem="二级门类代码应为1至3位字母或数字。",
        required=True,
        allow_none=True,
    )
    year = wire.Int(FIRST_YEAR, LAST_YEAR, required=True)
    retention = wire.Choice([period.code for period in retention_periods()], required=True)
    organ = wire.Text(
        4,
        pattern=ORGAN_PATTERN,
        problem="机构（问题）代码应为2至4位大写字母或数字。",
        required=True,
        allow_none=True,
    )
    organ_name = wire.Text(NAME_LENGTH, required=True, allow_none=True)
    catalogue_number = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    project_number = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    volume_number = wire.Int(1, MOST_NUMBER, required=True, allow_none=True)
    number = wire.Int(1, MOST_NUMBER, required=True, allow_none=True)
    code = wire.Text(CODE_LENGTH, required=True, allow_none=True)
    former_codes = wire.List(wire.Text(CODE_LENGTH), most=MOST_FORMER_CODES, required=True)
    title = wire.Text(TITLE_LENGTH, required=True)
    doc_no = wire.Text(DOC_NO_LENGTH, required=True, allow_none=True)
    author = wire.Text(AUTHOR_LENGTH, required=True, allow_none=True)
    date = wire.Day(required=True, allow_none=True)
    security = wire.Choice([str(each) for each in SECURITY_NAMES], SecurityClass, required=True)
    pages = wire.Int(1, MOST_PAGES, required=True, allow_none=True)
    remark = wire.Text(REMARK_LENGTH, required=True, allow_none=True)
    holding = wire.Choice([str(holding) for holding in Holding], Holding, required=True)
    box = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    location = wire.Text(PLACE_LENGTH, required=True, allow_none=True)
    opening = wire.Nested(OpeningSchema, required=True, allow_none=True)
    publicity = wire.Nested(PublicitySchema, required=True, allow_none=True)
    security_change = wire.Text(REASON_LENGTH, required=True, allow_none=True)
    state = wire.Choice(RECORD_STATES, required=True)
    void_reason = wire.Text(REASON_LENGTH, required=True, allow_none=True)
    documents = wire.List(wire.Nested(DocumentSchema), most=MOST_DOCUMENTS, required=True)
    events = wire.List(wire.Nested(EventSchema), most=MOST_EVENTS, required=True)


_SCHEMA = RecordSchema()


def record_from_wire(data: object) -> Record:
    """The record that a wire object holds, checked as a whole.

    Raises Invalid with the path of the field, or Classified when a text bears a mark.
    """
    loaded = wire.load(_SCHEMA, data)
    loaded["former_codes"] = tuple(loaded["former_codes"])
    loaded["documents"] = tuple(
        Document(**{**each, "files": tuple(ComputerFile(**file) for file in each["files"])})
        for each in loaded["documents"]
    )
    loaded["events"] = tuple(Event(**each) for each in loaded["events"])
    loaded["opening"] = Opening(**loaded["opening"]) if loaded["opening"] else None
    loaded["publicity"] = Publicity(**loaded["publicity"]) if loaded["publicity"] else None
    record = object.__new__(Record)
    # All of its fields are there, as the schema requires; a frozen class sets them one by one,
    # which takes a fifth of the whole reading.
    record.__dict__.update(loaded)
    return check_record(record)


def record_to_wire(record: Record) -> dict[str, Any]:
    """The record as plain values, ready for JSON; every key is there."""
    return {
        "id": record.id,
        "version": record.version,
        "fonds_id": record.fonds_id,
        "level": str(record.level),
        "parent_id": record.parent_id,
        "class_code": record.class_code,
        "subclass": record.subclass,
        "year": record.year,
        "retention": record.retention,
        "organ": record.organ,
        "organ_name": record.organ_name,
        "catalogue_number": record.catalogue_number,
        "project_number": record.project_number,
        "volume_number": record.volume_number,
        "number": record.number,
        "code": record.code,
        "former_codes": list(record.former_codes),
        "title": record.title,
        "doc_no": record.doc_no,
        "author": record.author,
        "date": record.date.isoformat() if record.date else None,
        "security": str(record.security),
        "pages": record.pages,
        "remark": record.remark,
        "holding": str(record.holding),
        "box": record.box,
        "location": record.location,
        "opening": None
        if record.opening is None
        else {"opinion": record.opening.opinion, "reason": record.opening.reason},
        "publicity": None
        if record.publicity is None
        else {"attribute": record.publicity.attribute, "basis": record.publicity.basis},
        "security_change": record.security_change,
        "state": record.state,
        "void_reason": record.void_reason,
        "documents": [_document_to_wire(document) for document in record.documents],
        "events": [_event_to_wire(event) for event in record.events],
    }


def _document_to_wire(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "role": document.role,
        "title": document.title,
        "order": document.order,
        "files": [
            {
                "id": file.id,
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "format": file.format,
                "kind": str(file.kind),
            }
            for file in document.files
        ],
    }


def _event_to_wire(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "action": event.action,
        "time": format_utc(event.time),
        "agent": event.agent,
        "agent_unit": event.agent_unit,
        "basis": event.basis,
        "description": event.description,
    }


def content_digest(record: Record | Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of the record, or of its wire object as it stands."""
    return digest_of(record_to_wire(record) if isinstance(record, Record) else dict(record))
