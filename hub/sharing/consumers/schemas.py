"""What the API of consumers takes and gives."""

from __future__ import annotations

from marshmallow import Schema, fields


class TokenAnswerSchema(Schema):
    """An access token (RFC 6749, 5.1)."""

    access_token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer(metadata={"description": "seconds"})
    scope = fields.String()


class TokenErrorSchema(Schema):
    """Why there is none (RFC 6749, 5.2)."""

    error = fields.String()
    error_description = fields.String()


class KeySetSchema(Schema):
    """A JWK set (RFC 7517)."""

    keys = fields.List(fields.Dict())


class QuotaSchema(Schema):
    """One quota: how much in which time, how much is left, and when it begins anew."""

    limit = fields.Integer()
    left = fields.Integer()
    seconds = fields.Integer(metadata={"description": "until it begins anew"})


class MeSchema(Schema):
    """The consumer of the token, and what it may."""

    id = fields.String(metadata={"description": "its client id"})
    name = fields.String()
    body = fields.String(metadata={"description": "the body that it belongs to"})
    purpose = fields.String()
    audience = fields.String()
    services = fields.List(fields.String(), metadata={"description": "that this token is for"})
    archives = fields.List(
        fields.String(), allow_none=True, metadata={"description": "null for all"}
    )
    fonds = fields.List(fields.String(), allow_none=True, metadata={"description": "null for all"})
    since = fields.String()
    until = fields.String()
    requests_per_minute = fields.Nested(QuotaSchema)
    rows_per_day = fields.Nested(QuotaSchema)
