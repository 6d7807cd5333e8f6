"""What the API of the federation takes and gives."""

from marshmallow import RAISE, Schema, fields, validate


class EnrolmentSchema(Schema):
    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(max=100))
    device_public = fields.String(required=True, validate=validate.Length(equal=128))
    seal_public = fields.String(required=True, validate=validate.Length(equal=128))
    instance_id = fields.String(required=True, validate=validate.Length(equal=36))
    version = fields.String(load_default="", validate=validate.Length(max=50))


class LimitsSchema(Schema):
    inline_package = fields.Integer()
    run_entries = fields.Integer()
    run_bytes = fields.Integer()


class SealedArchiveSchema(Schema):
    code = fields.String()
    name = fields.String()
    seal_public_key = fields.String()
    former_seals = fields.List(fields.String())


class EnrolledSchema(Schema):
    node_id = fields.String()
    name = fields.String()
    hub_id = fields.String()
    hub_name = fields.String()
    hub_public_key = fields.String()
    hub_keys = fields.List(fields.Dict())
    generation = fields.Integer()
    epoch = fields.Integer()
    link = fields.String()
    limits = fields.Nested(LimitsSchema)
    fonds = fields.List(fields.Dict())
    archives = fields.List(fields.Nested(SealedArchiveSchema))


class ArchiveSchema(Schema):
    code = fields.String()
    name = fields.String()
    division_code = fields.String()
    level = fields.String()


class PageQuerySchema(Schema):
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))
    size = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))


class FondsSchema(Schema):
    id = fields.String()
    number = fields.String(allow_none=True)
    name = fields.String()
    forming_unit = fields.String()
    division_code = fields.String()
    level = fields.String()
    reviewing_archive = fields.String(allow_none=True)
    receiving_archive = fields.String(allow_none=True)
    keeping_node = fields.String(allow_none=True)
    state = fields.String()


class FondsListSchema(Schema):
    total = fields.Integer()
    fonds = fields.List(fields.Nested(FondsSchema))


class NodeSchema(Schema):
    id = fields.String()
    name = fields.String()
    division_code = fields.String()
    state = fields.String()
    epoch = fields.Integer()
    last_contact = fields.DateTime(allow_none=True)
    backlog = fields.Integer(allow_none=True)
    oldest_waiting = fields.DateTime(allow_none=True)
    clock_offset_ms = fields.Integer(allow_none=True)
    software_version = fields.String()


class NodeListSchema(Schema):
    total = fields.Integer()
    nodes = fields.List(fields.Nested(NodeSchema))
