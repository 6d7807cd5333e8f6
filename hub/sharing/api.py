"""The API of sharing: the feed, all of it as a file, and the proof that a copy is whole."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from hub.sharing import feed
from hub.sharing.schemas import (
    AudienceSchema,
    ExportQuerySchema,
    FeedPageSchema,
    FeedQuerySchema,
    ProofSchema,
)
from hub.sharing.service import audience_of
from shared.identity import current_actor
from shared.kernel.canonical import canonical_json
from shared.web import api_blueprint, current_database
from shared.web.compressed import answer_with

sharing_api = api_blueprint("shared", "共享目录")

_JSON = "application/json"
_LINES = "application/x-ndjson"


@sharing_api.route("/records", methods=["GET"])
@sharing_api.arguments(FeedQuerySchema, location="query")
@sharing_api.response(200, FeedPageSchema)
@sharing_api.alt_response(304, description="nothing is new since the answer with this ETag")
@sharing_api.alt_response(410, description="the cursor is of a time before a restore")
def read_feed(query: dict[str, Any]) -> Any:
    """The entries after a cursor: each record's latest, and tombstones of those that are gone."""
    audience, limit = audience_of(current_actor(), query["audience"]), query["limit"]
    with current_database().read() as session:
        at, end = feed.begin(query["cursor"], audience, session)
        # Up to one end of the feed, the same question has the same answer.
        tag = f"{audience}.{at.text}.{end.text}.{limit}"
        if tag in request.if_none_match:
            return _tagged(Response(status=304), tag)
        page = feed.read_page(audience, at, end, limit, session)
    head = canonical_json(
        {"audience": str(audience), "cursor": page.cursor.text, "more": page.more}
    )
    content = head[:-1] + b',"entries":[' + ",".join(page.entries).encode() + b"]}"
    return _tagged(answer_with(content, _JSON), tag)


@sharing_api.route("/records.ndjson", methods=["GET"])
@sharing_api.arguments(ExportQuerySchema, location="query")
@sharing_api.response(
    200,
    content_type=_LINES,
    description="an entry a line; the last line, of kind `end`, has the cursor to go on from",
)
@sharing_api.alt_response(410, description="the cursor is of a time before a restore")
def export_feed(query: dict[str, Any]) -> Response:
    """All entries after a cursor, one a line, however many; torn without the last line."""
    audience = audience_of(current_actor(), query["audience"])
    return answer_with(feed.export(current_database(), audience, query["cursor"]), _LINES)


@sharing_api.route("/proof", methods=["GET"])
@sharing_api.arguments(AudienceSchema, location="query")
@sharing_api.response(200, ProofSchema)
@sharing_api.alt_response(304, description="nothing is new since the answer with this ETag")
def prove(query: dict[str, Any]) -> Any:
    """Counts and digests of each fonds and year, as the feed makes them up to `cursor`."""
    audience = audience_of(current_actor(), query["audience"])
    with current_database().read() as session:
        tag = f"{audience}.{feed.mark_of(audience, session).text}"
        if tag in request.if_none_match:
            return _tagged(Response(status=304), tag)
        found = feed.proof(audience, session)
    return _tagged(answer_with(canonical_json(found), _JSON), tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    return response
