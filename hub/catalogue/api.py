"""The API of the catalogue: the same list, record and counts as the pages."""

from __future__ import annotations

from typing import Any

from hub.catalogue import service as catalogue
from hub.catalogue.query import Filters
from hub.catalogue.schemas import (
    CountsQuerySchema,
    CountsSchema,
    FoundSchema,
    LookSchema,
    SearchSchema,
)
from shared.identity import current_actor
from shared.web import api_blueprint, current_database

catalogue_api = api_blueprint("catalogue", "目录")


@catalogue_api.route("/records", methods=["GET"])
@catalogue_api.arguments(SearchSchema, location="query")
@catalogue_api.response(200, FoundSchema)
@catalogue_api.alt_response(404)
def find_records(query: dict[str, Any]) -> Any:
    """The records that one may see and the filters let through."""
    paging = {name: query.pop(name) for name in ("sort", "descending", "offset", "limit")}
    filters = Filters(text=query.pop("q"), **query)
    with current_database().read() as session:
        return catalogue.search(current_actor(), filters, session=session, **paging)


@catalogue_api.route("/records/<record_id>", methods=["GET"])
@catalogue_api.response(200, LookSchema)
def one_record(record_id: str) -> Any:
    """One record, masked where it has to be."""
    with current_database().read() as session:
        return catalogue.look_at(current_actor(), record_id, session=session)


@catalogue_api.route("/counts", methods=["GET"])
@catalogue_api.arguments(CountsQuerySchema, location="query")
@catalogue_api.response(200, CountsSchema)
@catalogue_api.alt_response(404)
def count_records(query: dict[str, Any]) -> Any:
    """How many records there are, grouped; 内部 and 工作秘密 only where one may see them."""
    by = tuple(dict.fromkeys(query.pop("by")))
    with current_database().read() as session:
        rows = catalogue.counted(current_actor(), Filters(**query), session=session, by=by)
    return {"total": sum(row["records"] for row in rows), "counts": rows}
