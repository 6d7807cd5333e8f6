"""The API at /api/v1: described by OpenAPI 3.1, errors as problem details, bearer tokens."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, jsonify, request
from flask.typing import ResponseReturnValue
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields
from webargs.flaskparser import FlaskParser

from shared.web.description import completed
from shared.web.reference.described import with_examples

PREFIX = "/api/v1"


class ProblemErrorSchema(Schema):
    """One of several things that are wrong."""

    code = fields.String()
    field = fields.String(allow_none=True)
    problem = fields.String()
    remedy = fields.String()


class ProblemSchema(Schema):
    """RFC 9457 problem details, with what Danglian adds."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String(metadata={"description": "stable name for programs"})
    detail = fields.String()
    remedy = fields.String(metadata={"description": "what to do next"})
    field = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemErrorSchema))


#: A file, as the description calls it.
BINARY = {"type": "string", "format": "binary"}


def header_parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A header that an operation needs, for its description."""
    return {
        "in": "header",
        "name": name,
        "required": True,
        "description": description,
        "schema": schema,
    }


class _Parser(FlaskParser):
    """Reads arguments; what is nested too deep to be read is no JSON to us."""

    def load_json(self, req: Any, schema: Any) -> Any:
        # webargs reads a body of another type as none, and would name what is missing from it.
        if not req.is_json and (req.content_length or req.headers.get("Transfer-Encoding")):
            abort(415)
        try:
            return super().load_json(req, schema)
        except RecursionError:
            abort(400)


class _Blueprint(Blueprint):
    ARGUMENTS_PARSER = _Parser()


class DanglianApi(Api):
    """The API of one app; its errors are answered by `problems`."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Leave the errors to `problems`."""

    def _openapi_json(self) -> ResponseReturnValue:
        """The description, with the prefix under which the app is mounted."""
        described = with_examples(completed(self.spec.to_dict()))
        return jsonify({**described, "servers": [{"url": request.script_root or "/"}]})


def make_api(app: Flask, title: str) -> DanglianApi:
    """Give an app its API and the description at /api/v1/openapi.json."""
    app.config.update(
        API_TITLE=title,
        API_VERSION=PREFIX.rpartition("v")[2],  # which release answers is nobody's business
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "security": [{"bearer": []}],
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        },
    )
    return DanglianApi(app)


def api_blueprint(name: str, description: str = "", *, prefix: str | None = None) -> Any:
    """A blueprint for `/api/v1/<name>/…` (flask-smorest: `arguments`, `response`).

    Every view asks for a bearer token, unless it is marked `@public`.
    """
    return _Blueprint(
        f"{name}_api",
        __name__,
        url_prefix=PREFIX + (f"/{name}" if prefix is None else prefix),
        description=description,
    )
