"""Ids that sort by time of making, so that indexes stay compact (UUID version 7, RFC 9562)."""

from __future__ import annotations

import os
import re
import time
import uuid

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> str:
    """A new UUIDv7 as text of 36 characters."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def is_id(text: object) -> bool:
    """Whether this is an id in the form `new_id` writes."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None
