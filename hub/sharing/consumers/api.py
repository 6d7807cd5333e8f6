"""The API of consumers: getting a token, the keys that sign it, and who one is."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from hub.sharing.consumers.edge import TOKENS, current_consumer, for_consumers
from hub.sharing.consumers.schemas import (
    KeySetSchema,
    MeSchema,
    TokenAnswerSchema,
    TokenErrorSchema,
)
from hub.sharing.consumers.tokens import Tokens
from shared.identity import public
from shared.web import accepts_upload, api_blueprint

oauth_api = api_blueprint("oauth", "共享应用的访问令牌")
consumers_api = api_blueprint("consumers", "共享应用", prefix="/shared")
#: Where clients look for what the authorisation server says of itself (RFC 8414).
blueprint = Blueprint("oauth_metadata", __name__)

_MOST_BYTES = 64 * 1024
_FORM = {
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"type": "string", "enum": ["client_credentials"]},
                    "scope": {"type": "string"},
                    "client_assertion_type": {"type": "string"},
                    "client_assertion": {"type": "string"},
                },
            }
        }
    }
}


def _tokens() -> Tokens:
    tokens: Tokens = current_app.extensions[TOKENS]
    return tokens


@oauth_api.route("/token", methods=["POST"])
@oauth_api.response(200, TokenAnswerSchema)
@oauth_api.alt_response(400, schema=TokenErrorSchema, description="the request is wrong")
@oauth_api.alt_response(401, schema=TokenErrorSchema, description="the client is refused")
@oauth_api.doc(security=[], requestBody=_FORM)
@accepts_upload(_MOST_BYTES)
@public
def give_token() -> Response:
    """Get an access token by client credentials: HTTP Basic, or a signed assertion."""
    throttle, place = current_app.extensions["danglian.throttle"], f"oauth {request.remote_addr}"
    throttle.check(place)
    response = _tokens().answer()
    if response.status_code == 401:
        throttle.failed(place)
    return response


@oauth_api.route("/jwks", methods=["GET"])
@oauth_api.response(200, KeySetSchema)
@oauth_api.doc(security=[])
@public
def keys() -> Any:
    """The public keys by which access tokens are checked."""
    return _tokens().keys.public_wire()


@blueprint.get("/.well-known/oauth-authorization-server")
@public
def metadata() -> ResponseReturnValue:
    """What the authorisation server says of itself."""
    return jsonify(_tokens().metadata())


@consumers_api.route("/me", methods=["GET"])
@consumers_api.response(200, MeSchema)
@consumers_api.doc(security=[{"oauth2": []}])
@for_consumers()
def me() -> dict[str, Any]:
    """Who I am, what I may, and what is left of my quotas."""
    asking = current_consumer()
    terms, counted = asking.terms, asking.counted
    return {
        "id": asking.id,
        "name": asking.name,
        "body": asking.body,
        "purpose": terms.purpose,
        "audience": terms.audience,
        "services": sorted(asking.services),
        "archives": list(terms.archives) or None,
        "fonds": list(terms.fonds) or None,
        "since": terms.since,
        "until": terms.until,
        "requests_per_minute": {
            "limit": terms.requests,
            "left": asking.requests_left,
            "seconds": counted.minute_left,
        },
        "rows_per_day": {
            "limit": terms.rows,
            "left": asking.rows_left,
            "seconds": counted.day_left,
        },
    }
