"""What the API of the catalogue takes and gives."""

from marshmallow import Schema, fields, validate

from hub.catalogue.query import LARGEST_PAGE, SORTS
from shared.records.values import FIRST_YEAR, LAST_YEAR


class FiltersSchema(Schema):
    q = fields.String(load_default="", validate=validate.Length(max=200))
    division = fields.String()
    archive = fields.String()
    fonds = fields.String()
    year = fields.Integer(validate=validate.Range(min=FIRST_YEAR, max=LAST_YEAR))
    class_code = fields.String()
    retention = fields.String()
    state = fields.String()
    level = fields.String()
    parent = fields.String()


class SearchSchema(FiltersSchema):
    sort = fields.String(load_default=None, validate=validate.OneOf(list(SORTS)))
    descending = fields.Boolean(load_default=False)
    offset = fields.Integer(load_default=0, validate=validate.Range(min=0, max=1_000_000))
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=LARGEST_PAGE))


class RowSchema(Schema):
    id = fields.String()
    code = fields.String(allow_none=True)
    title = fields.String()
    doc_no = fields.String(allow_none=True)
    date = fields.String(allow_none=True)
    fonds_id = fields.String()
    class_code = fields.String()
    subclass = fields.String(allow_none=True)
    year = fields.Integer()
    retention = fields.String()
    level = fields.String()
    state = fields.String()
    security = fields.String()
    holding = fields.String()
    archive = fields.String(allow_none=True)
    sight = fields.String(metadata={"description": "full, or masked: no title"})


class FoundSchema(Schema):
    total = fields.Integer()
    more = fields.Boolean(metadata={"description": "there are more than were counted"})
    rows = fields.List(fields.Nested(RowSchema))


class LookSchema(Schema):
    record = fields.Dict(attribute="wire")
    version = fields.Integer(attribute="record.version")
    digest = fields.String(attribute="record.digest")
    state = fields.String(attribute="record.state")
    custody = fields.String(attribute="record.custody")
    receipt_id = fields.String(attribute="record.receipt_id", allow_none=True)
    sight = fields.String()


class CountsQuerySchema(FiltersSchema):
    class Meta:
        exclude = ("q", "parent")

    by = fields.List(
        fields.String(
            validate=validate.OneOf(
                ["fonds_id", "year", "class_code", "retention", "state", "level"]
            )
        ),
        load_default=["year"],
    )


class CountsSchema(Schema):
    total = fields.Integer()
    counts = fields.List(fields.Dict())
