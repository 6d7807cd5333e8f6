"""The bodies of the entries about corrections, and the shapes of the API."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields, validate

from hub.receiving.schemas import MOST_VERSION
from shared.kernel.clock import format_utc
from shared.records import wire
from shared.records.corrections import CORRECTABLE
from shared.records.states import CORRECTION
from shared.records.text import NAME_LENGTH, REASON_LENGTH


class ChangeSchema(wire.WireSchema):
    field = wire.Choice(CORRECTABLE, required=True)
    was = fields.Raw(required=True, allow_none=True)
    value = fields.Raw(required=True, allow_none=True)


class RequestSchema(wire.WireSchema):
    """What a unit asks for (entry `correction`)."""

    correction_id = wire.Id(required=True)
    record_id = wire.Id(required=True)
    record_version = wire.Int(1, MOST_VERSION, required=True)
    changes = wire.List(wire.Nested(ChangeSchema), least=1, most=len(CORRECTABLE), required=True)
    reason = wire.Text(REASON_LENGTH, required=True)
    by = wire.Text(NAME_LENGTH, required=True)
    at = wire.Moment(required=True)


class EvidenceSchema(wire.WireSchema):
    """An archive's answer that a node hands back (entry `evidence`)."""

    class Meta:
        unknown = INCLUDE

    kind = wire.Choice(["changed", "declined"], required=True)
    document = fields.Dict(required=True)


class CorrectionSchema(Schema):
    """A correction, as the API gives it."""

    id = fields.String()
    archive = fields.String(attribute="archive_code")
    fonds_id = fields.String()
    record_id = fields.String()
    code = fields.String(allow_none=True)
    state = fields.String()
    request = fields.Dict(allow_none=True)
    began_at = fields.Function(lambda each: format_utc(each.began_at))
    version = fields.Integer(allow_none=True)
    reason = fields.Function(lambda each: each.document["reason"] if each.document else None)
    decided_by = fields.String(allow_none=True)
    decided_at = fields.Function(
        lambda each: format_utc(each.decided_at) if each.decided_at else None
    )


class QuerySchema(Schema):
    state = fields.String(validate=validate.OneOf(list(CORRECTION.states)))
    fonds_id = fields.String()
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    size = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class ListSchema(Schema):
    corrections = fields.List(fields.Nested(CorrectionSchema))
    total = fields.Integer()
    page = fields.Integer()
    pages = fields.Integer()


class MakeSchema(Schema):
    """What the archive makes of a record: the fields as they should be, and why."""

    values = fields.Dict(keys=fields.String(), load_default=dict)
    reason = fields.String(load_default="")


class DeclineSchema(Schema):
    reason = fields.String(required=True)


class ProposedSchema(Schema):
    """An act that waits for a second person."""

    id = fields.String()
    title = fields.String()
    reason = fields.String()
    state = fields.String()
    until = fields.Function(lambda each: format_utc(each.until))
