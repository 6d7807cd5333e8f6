"""Answers that travel packed (gzip), when the caller takes that."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from flask import Response, request

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 1
_LEAST_BYTES = 1024


def answer_with(content: bytes | Iterable[bytes], media_type: str) -> Response:
    """Answer with these bytes, or with these pieces as they are made."""
    pieces = [content] if isinstance(content, bytes) else content
    small = isinstance(content, bytes) and len(content) < _LEAST_BYTES
    packed = not small and request.accept_encodings["gzip"] > 0
    if packed:
        pieces = _gzipped(pieces)
    response = Response(
        b"".join(pieces) if isinstance(content, bytes) else pieces, mimetype=media_type
    )
    response.headers["Vary"] = "Accept-Encoding"
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
