"""What the API of queues takes and gives."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class QueueSchema(Schema):
    """Where a consumer's queue is, and how far it was told."""

    link = fields.String(metadata={"description": "the broker, `amqps://host:5671/virtual-host`"})
    queue = fields.String(metadata={"description": "also the name of the account"})
    cursor = fields.String(
        allow_none=True,
        metadata={"description": "up to here all was put into the queue; null: it begins anew"},
    )
    end = fields.String(metadata={"description": "the end of the feed"})


class TellAgainSchema(Schema):
    """From where to tell again."""

    cursor = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={"description": "up to where the reader has all; null: from the beginning"},
    )
