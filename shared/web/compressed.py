"""Answers that travel packed (zstd or gzip), when the caller takes that."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from flask import Response, request

_GZIP = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 1
_ZSTD_LEVEL = 1
_LEAST_BYTES = 1024


def answer_with(content: bytes | Iterable[bytes], media_type: str) -> Response:
    """Answer with these bytes, or with these pieces as they are made."""
    pieces = [content] if isinstance(content, bytes) else content
    small = isinstance(content, bytes) and len(content) < _LEAST_BYTES
    encoding = None if small else _wanted()
    if encoding is not None:
        pieces = _packed(pieces, _PACKERS[encoding]())
    response = Response(
        b"".join(pieces) if isinstance(content, bytes) else pieces, mimetype=media_type
    )
    response.headers["Vary"] = "Accept-Encoding"
    if encoding is not None:
        response.headers["Content-Encoding"] = encoding
    return response


def _wanted() -> str | None:
    """What the caller likes best of what there is; of two that it likes alike the quicker one."""
    best = max(_PACKERS, key=lambda name: request.accept_encodings[name])
    return best if request.accept_encodings[best] > 0 else None


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def _zstd() -> _Packer:
    import zstandard  # not loaded where nothing is shared: nodes have it not

    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()


def _gzip() -> _Packer:
    return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)


#: The quicker one first.
_PACKERS: Mapping[str, Callable[[], _Packer]] = {"zstd": _zstd, "gzip": _gzip}


def _packed(pieces: Iterable[bytes], packer: _Packer) -> Iterator[bytes]:
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
