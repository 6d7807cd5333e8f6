"""The API of the desk: the same verbs as its pages."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.federation.edge import current_folder
from hub.receiving import service as receiving
from hub.receiving.service import Batch, ItemDecided, Offer
from hub.review import service as review
from hub.review.schemas import (
    BatchListSchema,
    BatchQuerySchema,
    BatchSummarySchema,
    ConcludeSchema,
    DecisionSchema,
    InspectionSchema,
    ItemDecidedSchema,
    ReviewedBatchSchema,
)
from hub.review.service import Decided
from shared.identity import current_actor
from shared.web import api_blueprint, current_database

review_api = api_blueprint("review", "审核")


@review_api.route("/batches", methods=["GET"])
@review_api.arguments(BatchQuerySchema, location="query")
@review_api.response(200, BatchListSchema)
def batches(query: dict[str, Any]) -> Any:
    """The batches of one's archives, oldest first."""
    found = receiving.batches_seen_by(current_actor())
    for name in ("state", "fonds_id"):
        if name in query:
            found = found.where(getattr(Batch, name) == query[name])
    with current_database().read() as session:
        total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
        rows = session.scalars(
            found.order_by(Batch.arrived_at, Batch.id)
            .limit(query["size"])
            .offset((query["page"] - 1) * query["size"])
        ).all()
        numbers = receiving.numbers_of(current_actor(), rows, session=session)
    return {
        "batches": [_summary(each, numbers[each.id]) for each in rows],
        "total": total,
        "page": query["page"],
        "pages": max(1, -(-total // query["size"])),
    }


@review_api.route("/batches/<batch_id>", methods=["GET"])
@review_api.response(200, ReviewedBatchSchema)
def batch(batch_id: str) -> Any:
    """A batch with its records, what was found on each, and what was decided so far."""
    with current_database().read() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        return _reviewed(found, session)


@review_api.route("/batches/<batch_id>/decisions", methods=["POST"])
@review_api.arguments(DecisionSchema(many=True))
@review_api.response(200, ReviewedBatchSchema)
def decide(decided: list[dict[str, Any]], batch_id: str) -> Any:
    """Decide of records: accepted, returned with reasons, or (null) undecided again."""
    with current_database().write() as session:
        found = review.decide(
            current_actor(), batch_id, [Decided(**each) for each in decided], session=session
        )
        return _reviewed(found, session)


@review_api.route("/batches/<batch_id>/conclude", methods=["POST"])
@review_api.arguments(ConcludeSchema)
@review_api.response(200, BatchSummarySchema)
def conclude(arguments: dict[str, Any], batch_id: str) -> Any:
    """Conclude the review of a batch."""
    return review.conclude(current_folder(), current_actor(), batch_id, arguments["outcome"])


@review_api.route("/batches/<batch_id>/inspection", methods=["GET"])
@review_api.response(200, InspectionSchema)
def inspection(batch_id: str) -> Any:
    """What the inspection of a batch comes to, item by item, and every run of it."""
    with current_database().read() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        return _inspected(found, session)


@review_api.route("/batches/<batch_id>/inspection", methods=["POST"])
@review_api.arguments(ItemDecidedSchema(many=True))
@review_api.response(200, InspectionSchema)
def decide_items(decided: list[dict[str, Any]], batch_id: str) -> Any:
    """Decide on the items that are for persons to inspect: passed, or failed with a reason."""
    said = [
        ItemDecided(each["number"], each["outcome"] == "passed", each["reason"]) for each in decided
    ]
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        receiving.decide_items(current_actor(), found.id, said, session=session)
        return _inspected(found, session)


@review_api.route("/batches/<batch_id>/inspection/again", methods=["POST"])
@review_api.response(200, InspectionSchema)
def inspect_again(batch_id: str) -> Any:
    """Have every package of a batch under review inspected once more."""
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        batch = receiving.inspect_again(current_actor(), found.id, session=session)
        return _inspected(batch, session)


@review_api.route("/batches/<batch_id>/inspection/stop", methods=["POST"])
@review_api.response(200, InspectionSchema)
def stop_inspecting(batch_id: str) -> Any:
    """Stop inspecting a batch once more; what was not looked at yet keeps its last result."""
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        batch = receiving.stop_inspecting(current_actor(), found.id, session=session)
        return _inspected(batch, session)


@review_api.route("/batches/<batch_id>/inspection/report", methods=["GET"])
@review_api.response(200, {"type": "object"})
@review_api.alt_response(409)
def inspection_report(batch_id: str) -> Any:
    """The report of the inspection, signed by the hub: items, problems, who, when, by what."""
    found = receiving.inspection_report_seen_by(current_folder(), current_actor(), batch_id)
    return jsonify(found)


def _inspected(batch: Batch, session: Session) -> dict[str, Any]:
    found = receiving.inspection_of(batch, session=session)
    beside = receiving.compared(batch, session=session)
    return {
        "scheme": found.scheme,
        "verdict": str(found.verdict),
        "score": found.score,
        "conclusion": found.conclusion,
        "items": [
            {
                "number": each.item.number,
                "name": each.item.name,
                "outcome": str(each.outcome),
                "reason": each.reason,
                "mandatory": each.item.mandatory,
                "waits": each.waits,
                "decided_by": each.decision.by if each.decision else None,
                "decided_at": each.decision.at if each.decision else None,
            }
            for each in found.items
        ],
        "runs": receiving.runs_of(batch, session=session),
        "unit_scheme": beside.unit_scheme,
        "differences": [each.to_wire() for each in beside.differences],
    }


def _reviewed(batch: Batch, session: Session) -> dict[str, Any]:
    decisions = review.decisions_of(batch.id, session=session)
    records = []
    offers = receiving.offers_of(batch.id, session=session, with_reports=True)
    hidden = receiving.titles_hidden(current_actor(), offers, session=session)
    of_batch = select(Offer.id).where(Offer.batch_id == batch.id)
    listed = set(session.scalars(of_batch.where(receiving.is_listed(current_actor()))))
    for offer in (each for each in offers if each.id in listed):
        draft = decisions.get(offer.id)
        records.append(
            {
                "offer_id": offer.id,
                "record_id": offer.record_id,
                "record_version": offer.record_version,
                "code": offer.code,
                "title": receiving.MASKED_TITLE if offer.id in hidden else offer.title,
                "state": offer.state,
                "checked": offer.checked_at is not None,
                "sound": offer.sound,
                "findings": [] if offer.id in hidden else review.findings_of(offer),
                "decision": draft.outcome if draft else None,
                "reasons": draft.reasons if draft else offer.reasons,
            }
        )
    numbers = receiving.numbers_of(current_actor(), [batch], session=session)
    # Form and findings name records: for who sees each of them.
    whole = len(listed) == len(offers)
    return {
        **_summary(batch, numbers[batch.id]),
        "form": batch.form if whole and not hidden else None,
        "set_report": batch.set_report if whole else None,
        "records": records,
    }


_SHOWN = (
    *("id", "batch_id", "round", "title", "node_id", "fonds_id", "fonds_name"),
    *("reviewing_archive", "receiving_archive", "state", "arrived_at"),
)
_NUMBERS = ("count", "checked", "size", "findings", "errors")


def _summary(batch: Batch, numbers: receiving.BatchNumbers) -> dict[str, Any]:
    return {name: getattr(batch, name) for name in _SHOWN} | {
        name: getattr(numbers, name) for name in _NUMBERS
    }
