"""What the API of sharing takes and gives."""

from marshmallow import Schema, fields, validate

from hub.sharing.feed import LARGEST_PAGE
from hub.sharing.policies import Audience

_AUDIENCE = fields.String(
    load_default=None,
    validate=validate.OneOf([str(each) for each in Audience]),
    metadata={"description": "a feed narrower than the widest that the caller may read"},
)


class AudienceSchema(Schema):
    audience = _AUDIENCE


class FeedQuerySchema(AudienceSchema):
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(max=40),
        metadata={"description": "what the last answer gave; without it, from the beginning"},
    )
    limit = fields.Integer(load_default=500, validate=validate.Range(min=1, max=LARGEST_PAGE))


class ExportQuerySchema(AudienceSchema):
    cursor = fields.String(load_default=None, validate=validate.Length(max=40))


class SharedRecordSchema(Schema):
    """What the audience sees; a field that is withheld is missing, with its reason."""

    id = fields.String(required=True)
    archive = fields.String(required=True)
    fonds_id = fields.String(required=True)
    fonds_name = fields.String(required=True)
    opened = fields.Boolean(required=True)
    level = fields.String(required=True)
    class_code = fields.String(required=True)
    year = fields.Integer(required=True)
    retention = fields.String(required=True)
    code = fields.String(allow_none=True)
    title = fields.String()
    doc_no = fields.String(allow_none=True)
    author = fields.String(allow_none=True)
    date = fields.String(allow_none=True)
    organ_name = fields.String(allow_none=True)
    pages = fields.Integer(allow_none=True)
    holding = fields.String()
    withheld = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={
            "description": "field to reason: policy, closed_period, controlled, personal_data"
        },
    )


class FeedEntrySchema(Schema):
    position = fields.Integer(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["upsert", "tombstone"]))
    id = fields.String(required=True)
    digest = fields.String(
        metadata={"description": "SHA-256 of the canonical JSON of `record`; of an upsert"}
    )
    record = fields.Nested(SharedRecordSchema)
    reason = fields.String(
        metadata={"description": "of a tombstone: withdrawn, disposed or closed"}
    )


class FeedPageSchema(Schema):
    audience = fields.String(required=True)
    cursor = fields.String(required=True)
    more = fields.Boolean(required=True)
    entries = fields.List(fields.Nested(FeedEntrySchema), required=True)


class ProofGroupSchema(Schema):
    fonds_id = fields.String(required=True)
    year = fields.Integer(required=True)
    records = fields.Integer(required=True)
    digest = fields.String(required=True)


class ProofSchema(Schema):
    audience = fields.String(required=True)
    cursor = fields.String(required=True)
    records = fields.Integer(required=True)
    digest = fields.String(required=True)
    groups = fields.List(fields.Nested(ProofGroupSchema), required=True)
