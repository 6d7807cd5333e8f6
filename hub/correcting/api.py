"""The API of correcting: the same verbs as the pages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from hub.correcting import service as correcting
from hub.correcting.models import Correction
from hub.correcting.schemas import (
    CorrectionSchema,
    DeclineSchema,
    ListSchema,
    MakeSchema,
    ProposedSchema,
    QuerySchema,
)
from hub.federation.edge import current_folder
from shared.identity import current_actor
from shared.web import api_blueprint, current_database

corrections_api = api_blueprint("corrections", "更正")


@corrections_api.route("", methods=["GET"])
@corrections_api.arguments(QuerySchema, location="query")
@corrections_api.response(200, ListSchema)
def corrections(query: dict[str, Any]) -> Any:
    """The corrections of one's archives, oldest first."""
    found = correcting.corrections_seen_by(current_actor())
    for name in ("state", "fonds_id"):
        if name in query:
            found = found.where(getattr(Correction, name) == query[name])
    with current_database().read() as session:
        total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
        rows = session.scalars(
            found.order_by(Correction.began_at, Correction.id)
            .limit(query["size"])
            .offset((query["page"] - 1) * query["size"])
        ).all()
    return {
        "corrections": rows,
        "total": total,
        "page": query["page"],
        "pages": max(1, -(-total // query["size"])),
    }


@corrections_api.route("/<correction_id>", methods=["GET"])
@corrections_api.response(200, CorrectionSchema)
def correction(correction_id: str) -> Any:
    """One correction with what was asked for and what was answered."""
    with current_database().read() as session:
        return correcting.correction_seen_by(current_actor(), correction_id, session=session)


@corrections_api.route("/<correction_id>/make", methods=["POST"])
@corrections_api.arguments(MakeSchema)
@corrections_api.response(200, CorrectionSchema)
def make(given: dict[str, Any], correction_id: str) -> Any:
    """Make a correction that a unit asked for; as asked, unless values or a reason are given."""
    with current_database().read() as session:
        asked = correcting.correction_seen_by(current_actor(), correction_id, session=session)
    request = asked.request or {}
    values = {each["field"]: each["value"] for each in asked.changes} | given["values"]
    return correcting.make(
        current_folder(),
        current_actor(),
        asked.record_id,
        values,
        given["reason"] or request.get("reason", ""),
        correction_id=correction_id,
    )


@corrections_api.route("/<correction_id>/decline", methods=["POST"])
@corrections_api.arguments(DeclineSchema)
@corrections_api.response(200, CorrectionSchema)
def decline(given: dict[str, Any], correction_id: str) -> Any:
    """Answer a request with the reason why the record stays as it is."""
    with current_database().read() as session:
        correcting.correction_seen_by(current_actor(), correction_id, session=session)
    return correcting.decline(current_folder(), current_actor(), correction_id, given["reason"])


@corrections_api.route("/records/<record_id>", methods=["POST"])
@corrections_api.arguments(MakeSchema)
@corrections_api.response(200, CorrectionSchema)
def correct(given: dict[str, Any], record_id: str) -> Any:
    """Correct a received record without being asked."""
    return correcting.make(
        current_folder(), current_actor(), record_id, given["values"], given["reason"]
    )


@corrections_api.route("/records/<record_id>/declassify", methods=["POST"])
@corrections_api.arguments(DeclineSchema)
@corrections_api.response(201, ProposedSchema)
def declassify(given: dict[str, Any], record_id: str) -> Any:
    """Propose that a received record is declassified; the leader of the archive confirms it."""
    with current_database().write() as session:
        return correcting.propose_declassification(
            current_actor(), record_id, given["reason"], session=session
        )
