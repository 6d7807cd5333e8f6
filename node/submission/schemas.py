"""What a business system hands in, and what it is told."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from node.registry.service import DIRECTIONS, URGENCIES
from node.submission.progress import STATE_NAMES
from shared.kernel.clock import format_utc
from shared.records import wire
from shared.records.holdings import FileKind
from shared.records.model import MOST_FILES
from shared.records.numbers import MOST_PAGES
from shared.records.roles import DOCUMENT_ROLES
from shared.records.text import (
    AUTHOR_LENGTH,
    DOC_NO_LENGTH,
    FILE_NAME_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
)

MOST_EVENTS = 200
_LARGEST = 2 * 1024**3


def _text(most: int, about: str = "", **options: Any) -> wire.Text:
    """A text; one that may be left out is null."""
    if not options.get("required"):
        options |= {"load_default": None, "allow_none": True}
    return wire.Text(most, metadata=_told({"type": "string", "maxLength": most}, about), **options)


def _choice(values: Any, about: str = "", **options: Any) -> wire.Choice:
    return wire.Choice(
        values, metadata=_told({"type": "string", "enum": list(values)}, about), **options
    )


def _told(kind: dict[str, Any], about: str) -> dict[str, Any]:
    return {**kind, "description": about} if about else kind


class HandedFileSchema(wire.WireSchema):
    """One file; its bytes come in a part `file` of the request."""

    name = wire.Text(
        FILE_NAME_LENGTH,
        required=True,
        metadata={"type": "string", "maxLength": FILE_NAME_LENGTH, "example": "通知.pdf"},
    )
    role = _choice(
        DOCUMENT_ROLES,
        "文件在一件中的作用，如 正本、定稿、发文稿纸、文件处理单、留痕稿",
        required=True,
    )
    size = wire.Int(
        1, _LARGEST, required=True,
        metadata={"type": "integer", "minimum": 1, "maximum": _LARGEST},
    )  # fmt: skip
    sha256 = wire.Digest(required=True, metadata={"type": "string", "pattern": "^[0-9a-f]{64}$"})
    kind = _choice(
        [str(each) for each in FileKind], "原生的或扫描的", load_default=str(FileKind.BORN_DIGITAL)
    )


class HandedEventSchema(wire.WireSchema):
    """What was done with the document in the system 业务行为 (DA/T 46, M76 to M84)."""

    action = _text(SHORT_LENGTH, "M81 业务行为，如 起草、审核、签发、用印", required=True)
    time = wire.Moment(required=True, metadata={"type": "string", "format": "date-time"})
    agent = _text(NAME_LENGTH, "办理人", required=True)
    agent_unit = _text(NAME_LENGTH, "办理人所在单位或部门", required=True)
    basis = _text(REASON_LENGTH)
    description = _text(REMARK_LENGTH)


class HandedFilingSchema(wire.WireSchema):
    """Where the document belongs, as far as the system knows: it is then filed at once 待整理."""

    class_code = _text(SHORT_LENGTH, required=True)
    retention = _text(SHORT_LENGTH, "保管期限，如 Y、D30、D10")
    subclass = _text(SHORT_LENGTH)
    year = wire.Int(
        1900, 2100, load_default=None, allow_none=True,
        metadata={"type": "integer", "minimum": 1900, "maximum": 2100},
    )  # fmt: skip
    organ = _text(SHORT_LENGTH)
    organ_name = _text(NAME_LENGTH)


class HandedSchema(wire.WireSchema):
    """A document that was finished in a business system, as it comes in the part `document`."""

    fonds_id = wire.Id(
        load_default=None, allow_none=True,
        metadata={
            "type": "string", "format": "uuid",
            "description": "全宗；账号只管一个全宗时可以不写",
        },
    )  # fmt: skip
    direction = _choice(DIRECTIONS, "收文、发文、内部", required=True)
    title = _text(TITLE_LENGTH, required=True)
    doc_no = _text(DOC_NO_LENGTH)
    author = _text(AUTHOR_LENGTH)
    counterpart = _text(NAME_LENGTH, "来文单位或主送单位")
    date = wire.Day(
        load_default=None, allow_none=True, metadata={"type": "string", "format": "date"}
    )
    registered_on = wire.Day(
        load_default=None, allow_none=True,
        metadata={"type": "string", "format": "date", "description": "登记日期；不写是今天"},
    )  # fmt: skip
    security = _text(SHORT_LENGTH, "无、内部、工作秘密；涉密的不得进入")
    urgency = _choice(URGENCIES, load_default="normal")
    pages = wire.Int(
        1, MOST_PAGES, load_default=None, allow_none=True,
        metadata={"type": "integer", "minimum": 1, "maximum": MOST_PAGES},
    )  # fmt: skip
    handler = _text(NAME_LENGTH)
    remark = _text(REMARK_LENGTH, "解密的写明解密日期和依据")
    events = wire.List(wire.Nested(HandedEventSchema), most=MOST_EVENTS, load_default=list)
    filing = wire.Nested(HandedFilingSchema, load_default=None, allow_none=True)
    files = wire.List(wire.Nested(HandedFileSchema), most=MOST_FILES, load_default=list)


class QuerySchema(Schema):
    key = fields.String(
        validate=validate.Length(min=1, max=100), metadata={"description": "幂等键"}
    )
    fonds_id = fields.String(validate=validate.Length(max=36))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    size = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class KeptFileSchema(Schema):
    name = fields.String()
    role = fields.String()
    kind = fields.String()
    size = fields.Integer()
    sha256 = fields.String()


class FindingSchema(Schema):
    """What was found wrong: by the unit's own inspection, by the archive, or by the platform."""

    source = fields.String(
        metadata={"enum": ["inspection", "returned", "refused"]},
    )
    number = fields.String(allow_none=True, metadata={"description": "四性检测项的编号"})
    severity = fields.String(allow_none=True)
    code = fields.String(allow_none=True)
    field = fields.String(allow_none=True)
    problem = fields.String()
    remedy = fields.String(allow_none=True)


class SummarySchema(Schema):
    submission_id = fields.String()
    key = fields.String(metadata={"description": "幂等键"})
    fonds_id = fields.String()
    title = fields.String()
    number = fields.String(metadata={"description": "登记号"})
    submitted_at = fields.Function(lambda told: format_utc(told.submitted_at))
    state = fields.String(metadata={"enum": list(STATE_NAMES)})
    state_name = fields.String()
    code = fields.String(allow_none=True, metadata={"description": "档号，定号以后才有"})
    reason = fields.String(allow_none=True, metadata={"description": "不归档、另存、清退的原因"})


class StandingSchema(SummarySchema):
    files = fields.List(fields.Nested(KeptFileSchema))
    findings = fields.List(fields.Nested(FindingSchema))


class ListSchema(Schema):
    submissions = fields.List(fields.Nested(SummarySchema))
    total = fields.Integer()
    page = fields.Integer()
    pages = fields.Integer()
