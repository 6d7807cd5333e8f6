"""The API of the resource catalogue: what is in force, one by one or as a file."""

from __future__ import annotations

from typing import Any

from flask import Response

from hub.federation.edge import current_folder
from hub.sharing.resources import service
from hub.sharing.resources.exports import KINDS
from hub.sharing.resources.models import Resource
from hub.sharing.resources.schemas import ExportQuerySchema, ListQuerySchema, ResourcesSchema
from shared.identity import current_actor
from shared.kernel.errors import NotFound
from shared.web import api_blueprint, current_database, download

resources_api = api_blueprint("resources", "政务信息资源目录")


@resources_api.route("", methods=["GET"])
@resources_api.arguments(ListQuerySchema, location="query")
@resources_api.response(200, ResourcesSchema)
def list_resources(query: dict[str, Any]) -> Any:
    """The resources in force, by code."""
    first = (query["page"] - 1) * query["size"]
    with current_database().read() as session:
        found = service.in_force(archive=query.get("archive"))
        found = found.order_by(Resource.front, Resource.serial)
        rows = session.scalars(found.offset(first).limit(query["size"])).all()
        total = service.count_in_force(archive=query.get("archive"), session=session)
    return {"total": total, "resources": [each.document for each in rows]}


@resources_api.route("/export", methods=["GET"])
@resources_api.arguments(ExportQuerySchema, location="query")
@resources_api.response(200, description="the file, of the media type of its format")
@resources_api.alt_response(404)
def export_resources(query: dict[str, Any]) -> Response:
    """The catalogue as a file: the official spreadsheet form, XML, JSON, DCAT."""
    kind = KINDS[query["format"]]
    with current_database().read() as session:
        address = current_folder().address
        catalogue = service.catalogue_of(query.get("archive"), address, session)
    return download(kind.make(catalogue), f"resources.{kind.suffix}", kind.media_type)


@resources_api.route("/<resource_id>", methods=["GET"])
@resources_api.response(200, description="the published document")
def one_resource(resource_id: str) -> Any:
    """The document in force of one resource."""
    with current_database().read() as session:
        resource = service.resource_seen_by(current_actor(), resource_id, session=session)
        document = service.published(resource, session)
    if document is None:
        raise NotFound("这条信息资源还没有发布，或已撤销。", "请从列表中选择。")
    return document
