"""Addresses within this application."""

from __future__ import annotations

import re

from flask import request

#: One slash, then no second slash or backslash, and nothing that a browser would strip or turn.
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local_path(text: str | None, default: str) -> str:
    """The path if it leads to this application (below its prefix), else the default."""
    if not text or not _LOCAL.fullmatch(text):
        return default
    prefix = request.script_root
    if prefix and text != prefix and not text.startswith((f"{prefix}/", f"{prefix}?")):
        return default
    # `/prefix/../other` would leave the prefix again.
    return default if "/.." in text.partition("?")[0] else text


def this_path() -> str:
    """The path of the current request with prefix and query, to come back to."""
    query = request.query_string.decode("ascii", "replace")
    return request.script_root + request.path + (f"?{query}" if query else "")


def is_api() -> bool:
    """Whether the current request is for the API."""
    return request.path.startswith("/api/")
