"""The API of sharing: the feed, all of it as a file, and the proof that a copy is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from hub.sharing import feed
from hub.sharing.consumers.edge import consumer_or_none, for_consumers_and_people
from hub.sharing.consumers.service import scope_read
from hub.sharing.consumers.terms import Service
from hub.sharing.policies import Audience
from hub.sharing.schemas import (
    AudienceSchema,
    ExportQuerySchema,
    FeedPageSchema,
    FeedQuerySchema,
    ProofSchema,
)
from hub.sharing.service import audience_of, narrowed
from shared.identity import current_actor
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.web import api_blueprint, current_database
from shared.web.compressed import answer_with

sharing_api = api_blueprint("shared", "共享目录")

_JSON = "application/json"
_LINES = "application/x-ndjson"


@dataclass(frozen=True)
class Reading:
    """Who reads what: an audience's feed, whole or in part, and on which ration."""

    audience: Audience
    scope: feed.Scope
    ration: feed.Ration

    def tag(self, *parts: object) -> str:
        """What an answer is told by: up to one end of a feed, one question has one answer."""
        asked = canonical_json([list(self.scope.archives), list(self.scope.fonds)])
        scope = () if self.scope == feed.ALL else (sha256_hex(asked)[:16],)
        return ".".join(map(str, (self.audience, *scope, *parts)))


def _reading(wanted: str | None, session: Session) -> Reading:
    """What the caller reads: a consumer on its terms, a person as `audience_of` says."""
    asking = consumer_or_none()
    if asking is None:
        return Reading(audience_of(current_actor(), wanted), feed.ALL, feed.Unrationed())
    terms = asking.terms
    return Reading(narrowed(Audience(terms.audience), wanted), scope_read(terms), asking)


@sharing_api.route("/records", methods=["GET"])
@sharing_api.arguments(FeedQuerySchema, location="query")
@sharing_api.response(200, FeedPageSchema)
@sharing_api.alt_response(304, description="nothing is new since the answer with this ETag")
@sharing_api.alt_response(410, description="the cursor is of a time before a restore")
@sharing_api.doc(security=[{"oauth2": ["records"]}, {"bearer": []}])
@for_consumers_and_people(Service.RECORDS)
def read_feed(query: dict[str, Any]) -> Any:
    """The entries after a cursor: each record's latest, and tombstones of those that are gone."""
    with current_database().read() as session:
        reading = _reading(query["audience"], session)
        limit = max(1, min(query["limit"], reading.ration.rows_left))
        at, end = feed.begin(query["cursor"], reading.audience, session)
        tag = reading.tag(at.text, end.text, limit)
        if request.if_none_match.contains_weak(tag):
            return _tagged(Response(status=304), tag)
        page = feed.read_page(reading.audience, at, end, limit, session, scope=reading.scope)
    reading.ration.took(len(page.entries))
    head = canonical_json(
        {"audience": str(reading.audience), "cursor": page.cursor.text, "more": page.more}
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
@sharing_api.doc(security=[{"oauth2": ["records"]}, {"bearer": []}])
@for_consumers_and_people(Service.RECORDS)
def export_feed(query: dict[str, Any]) -> Response:
    """All entries after a cursor, one a line, however many; torn without the last line."""
    database = current_database()
    with database.read() as session:
        reading = _reading(query["audience"], session)
    lines = feed.export(
        database, reading.audience, query["cursor"], scope=reading.scope, ration=reading.ration
    )
    return answer_with(lines, _LINES)


@sharing_api.route("/proof", methods=["GET"])
@sharing_api.arguments(AudienceSchema, location="query")
@sharing_api.response(200, ProofSchema)
@sharing_api.alt_response(304, description="nothing is new since the answer with this ETag")
@sharing_api.doc(security=[{"oauth2": ["records"]}, {"bearer": []}])
@for_consumers_and_people(Service.RECORDS)
def prove(query: dict[str, Any]) -> Any:
    """Counts and digests of each fonds and year, as the feed makes them up to `cursor`."""
    with current_database().read() as session:
        reading = _reading(query["audience"], session)
        tag = reading.tag(feed.mark_of(reading.audience, session).text)
        if request.if_none_match.contains_weak(tag):
            return _tagged(Response(status=304), tag)
        found = feed.proof(reading.audience, session, scope=reading.scope)
    return _tagged(answer_with(canonical_json(found), _JSON), tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)  # packed this way or that, it says the same
    return response
