"""What the API of the resource catalogue takes and gives."""

from marshmallow import Schema, fields, validate

from hub.sharing.resources.exports import KINDS


class ListQuerySchema(Schema):
    archive = fields.String()
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))
    size = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))


class ResourcesSchema(Schema):
    total = fields.Integer()
    resources = fields.List(fields.Dict(), metadata={"description": "published documents, by code"})


class ExportQuerySchema(Schema):
    archive = fields.String()
    format = fields.String(load_default="json", validate=validate.OneOf(list(KINDS)))
