"""The shapes of the desk's API."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from shared.kernel.clock import format_utc
from shared.records.states import HUB_BATCH


class BatchQuerySchema(Schema):
    state = fields.String(validate=validate.OneOf(HUB_BATCH.states))
    fonds_id = fields.String()
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    size = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class BatchSummarySchema(Schema):
    id = fields.String()
    batch_id = fields.String()
    round = fields.Integer()
    title = fields.String()
    node_id = fields.String()
    fonds_id = fields.String()
    fonds_name = fields.String()
    reviewing_archive = fields.String()
    receiving_archive = fields.String()
    state = fields.String()
    count = fields.Integer()
    checked = fields.Integer()
    size = fields.Integer()
    findings = fields.Integer()
    errors = fields.Integer()
    arrived_at = fields.Method("_arrived_at")

    def _arrived_at(self, batch: Any) -> str:
        moment = batch["arrived_at"] if isinstance(batch, dict) else batch.arrived_at
        return format_utc(moment)


class BatchListSchema(Schema):
    batches = fields.List(fields.Nested(BatchSummarySchema))
    total = fields.Integer()
    page = fields.Integer()
    pages = fields.Integer()


class ReasonSchema(Schema):
    field = fields.String(allow_none=True, load_default=None)
    problem = fields.String(required=True)
    remedy = fields.String(allow_none=True, load_default="")
    code = fields.String(allow_none=True, load_default="reviewer")


class ReviewedOfferSchema(Schema):
    offer_id = fields.String()
    record_id = fields.String()
    record_version = fields.Integer()
    code = fields.String(allow_none=True)
    title = fields.String()
    state = fields.String()
    checked = fields.Boolean()
    sound = fields.Boolean()
    findings = fields.List(fields.Dict())
    decision = fields.String(allow_none=True)
    reasons = fields.List(fields.Dict())


class InspectedItemSchema(Schema):
    number = fields.String()
    name = fields.String()
    outcome = fields.String()
    reason = fields.String()
    mandatory = fields.Boolean()
    waits = fields.Boolean()
    decided_by = fields.String(allow_none=True)
    decided_at = fields.String(allow_none=True)


class InspectionRunSchema(Schema):
    at = fields.Function(lambda run: format_utc(run.at))
    made_by = fields.String()
    occasion = fields.String()
    scheme = fields.String()
    tool = fields.String()
    scanner = fields.String()
    verdict = fields.String()


class DifferenceSchema(Schema):
    number = fields.String()
    name = fields.String()
    theirs = fields.String()
    ours = fields.String()
    their_failures = fields.Integer()
    our_failures = fields.Integer()
    reasons = fields.List(fields.String())


class InspectionSchema(Schema):
    scheme = fields.String()
    verdict = fields.String()
    score = fields.Integer()
    conclusion = fields.String()
    items = fields.List(fields.Nested(InspectedItemSchema))
    runs = fields.List(fields.Nested(InspectionRunSchema))
    unit_scheme = fields.String(allow_none=True)
    differences = fields.List(fields.Nested(DifferenceSchema))


class ItemDecidedSchema(Schema):
    number = fields.String(required=True)
    outcome = fields.String(required=True, validate=validate.OneOf(["passed", "failed"]))
    reason = fields.String(allow_none=True, load_default=None)


class ReviewedBatchSchema(BatchSummarySchema):
    form = fields.Dict(allow_none=True)
    set_report = fields.Dict(allow_none=True)
    records = fields.List(fields.Nested(ReviewedOfferSchema))


class DecisionSchema(Schema):
    offer_id = fields.String(required=True)
    outcome = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(["accepted", "returned"])
    )
    reasons = fields.List(fields.Nested(ReasonSchema), load_default=list)


class ConcludeSchema(Schema):
    outcome = fields.String(
        required=True, validate=validate.OneOf(["accepted", "returned", "corrected"])
    )
