"""The API of the federation: enrolment for nodes; archives, fonds and nodes for programs."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.edge import current_folder, current_holdings
from hub.federation.enrolment import Application, WrongCode, check_throttle, enrol, note_attempt
from hub.federation.models import Fonds, Node
from hub.federation.schemas import (
    ArchiveSchema,
    EnrolledSchema,
    EnrolmentSchema,
    FondsListSchema,
    FondsSchema,
    NodeListSchema,
    PageQuerySchema,
)
from shared.identity import current_actor, public, with_roles
from shared.kernel.actor import Role
from shared.web import api_blueprint, current_database

federation_api = api_blueprint("federation", "档案馆、全宗、联网单位", prefix="")


@federation_api.route("/enrolments", methods=["POST"])
@federation_api.arguments(EnrolmentSchema)
@federation_api.response(200, EnrolledSchema)
@federation_api.alt_response(403)
@federation_api.doc(security=[])
@public
def enrol_node(given: dict[str, str]) -> dict[str, Any]:
    """Enrol a node with its one-time code; the hub keeps the public halves of its keys."""
    address = request.remote_addr or ""
    folder = current_folder()
    database = current_database()
    with database.read() as session:
        check_throttle(address, session=session)
    try:
        with database.write() as session:
            return enrol(
                Application(**given),
                key=folder.keys.hub(),
                link=folder.link_for_nodes,
                holdings=current_holdings(),
                session=session,
            )
    except WrongCode:
        with database.write() as session:
            note_attempt(address, session=session)
        raise


@federation_api.route("/archives", methods=["GET"])
@federation_api.response(200, ArchiveSchema(many=True))
def list_archives() -> Any:
    """The archives, the city's first."""
    with current_database().read() as session:
        return federation.archives(session)


@federation_api.route("/fonds", methods=["GET"])
@federation_api.arguments(PageQuerySchema, location="query")
@federation_api.response(200, FondsListSchema)
def list_fonds(query: dict[str, int]) -> Any:
    """The fonds that one has to do with."""
    seen = federation.fonds_seen_by(current_actor()).order_by(Fonds.position, Fonds.id)
    with current_database().read() as session:
        total, rows = _page(seen, query, session)
        return {"total": total, "fonds": rows}


@federation_api.route("/fonds/<fonds_id>", methods=["GET"])
@federation_api.response(200, FondsSchema)
def one_fonds(fonds_id: str) -> Any:
    """One fonds."""
    with current_database().read() as session:
        return federation.fonds_shown_to(current_actor(), fonds_id, session)


@federation_api.route("/nodes", methods=["GET"])
@federation_api.arguments(PageQuerySchema, location="query")
@federation_api.response(200, NodeListSchema)
@with_roles(Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR)
def list_nodes(query: dict[str, int]) -> Any:
    """The nodes of one's archives."""
    with current_database().read() as session:
        seen = federation.nodes_seen_by(current_actor(), session).order_by(Node.name, Node.id)
        total, rows = _page(seen, query, session)
        return {"total": total, "nodes": rows}


def _page(statement: Select[Any], query: dict[str, int], session: Session) -> tuple[int, list[Any]]:
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    start = (query["page"] - 1) * query["size"]
    return total, list(session.scalars(statement.offset(start).limit(query["size"])))
