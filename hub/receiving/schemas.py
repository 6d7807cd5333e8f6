"""The bodies of the entries that nodes send, and the shapes of the API of receiving."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields

from shared.kernel.clock import format_utc
from shared.records import wire
from shared.records.text import NAME_LENGTH, REASON_LENGTH, TITLE_LENGTH

#: A package inside an entry, as base64 (the plain limit is `LIMITS["inline_package"]`).
MOST_VERSION = (1 << 31) - 1
MOST_INLINE_TEXT = 128 * 1024
MOST_PACKAGE = 1 << 44
MOST_LISTED = 100_000
SCHEME_LENGTH = 200


class PackageSchema(wire.WireSchema):
    sha256 = wire.Digest(required=True)
    size = wire.Int(1, MOST_PACKAGE, required=True)
    inline = wire.Text(MOST_INLINE_TEXT, required=True, allow_none=True)


class OfferSchema(wire.WireSchema):
    offer_id = wire.Id(required=True)
    batch_id = wire.Id(required=True)
    record_id = wire.Id(required=True)
    record_version = wire.Int(1, MOST_VERSION, required=True)
    record_digest = wire.Digest(required=True)
    package = wire.Nested(PackageSchema, required=True)
    #: By which version of the scheme the unit has inspected; release 0.1 does not say.
    scheme = wire.Text(SCHEME_LENGTH, allow_none=True)


class BatchSchema(wire.WireSchema):
    class Meta:
        unknown = INCLUDE  # what a node says beyond this is kept as it stands

    batch_id = wire.Id(required=True)
    fonds_id = wire.Id(required=True)
    title = wire.Text(TITLE_LENGTH, required=True)
    offers = wire.List(wire.Id(), most=MOST_LISTED, required=True)


class WithdrawSchema(wire.WireSchema):
    class Meta:
        unknown = INCLUDE

    batch_id = wire.Id(required=True)
    by = wire.Text(NAME_LENGTH, required=True, allow_none=True)
    reason = wire.Text(REASON_LENGTH, required=True, allow_none=True)


class ConfirmationSchema(wire.WireSchema):
    class Meta:
        unknown = INCLUDE

    batch_id = wire.Id(required=True)
    form = fields.Dict(required=True)
    form_digest = wire.Digest(required=True)
    signed_by = wire.Text(NAME_LENGTH, required=True)
    signed_at = wire.Moment(required=True)
    signature = fields.Raw(required=True)
    key = fields.Raw(required=True)


class EvidenceSchema(wire.WireSchema):
    kind = wire.Choice(["verdict", "receipt"], required=True)
    document = fields.Dict(required=True)


class UploadSchema(wire.WireSchema):
    class Meta:
        unknown = INCLUDE

    offer_id = wire.Id(required=True)
    sha256 = wire.Digest(required=True)
    size = wire.Int(1, MOST_PACKAGE, required=True)


class BatchStateSchema(Schema):
    id = fields.String()
    batch_id = fields.String()
    round = fields.Integer()
    title = fields.String()
    fonds_id = fields.String()
    fonds_name = fields.String()
    state = fields.String()
    count = fields.Integer()
    size = fields.Integer()
    received_at = fields.Function(
        lambda batch: format_utc(batch.received_at) if batch.received_at else None
    )


class PutSchema(Schema):
    complete = fields.Boolean(metadata={"description": "all parts are here"})


class PresentSchema(Schema):
    present_parts = fields.List(fields.Integer())
