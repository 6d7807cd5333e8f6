"""Handing out files, so that a browser never runs what somebody stored."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from unicodedata import category
from urllib.parse import quote

from flask import Response, request, send_file

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"

_UNFIT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: A file system takes 255 bytes, and a Chinese character is three.
_LONGEST, _LONGEST_ENDING = 80, 10
_SHOWN_INLINE = frozenset({PDF, "image/png", "image/jpeg", "image/gif", "image/webp"})


def fit_name(name: str) -> str:
    """A file's name as a header and a disk may bear it: one line, no path, no tricks of direction.

    What a record or an office is called becomes a name, and it was typed by somebody.
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    # Cc controls, Cf marks that turn text around (U+202E), Cs halves of characters, Zl and Zp lines
    kept = "".join(each for each in base if category(each) not in _UNFIT).strip(". ")
    stem, dot, ending = kept.rpartition(".")
    if len(kept) > _LONGEST and dot and len(ending) <= _LONGEST_ENDING:
        return f"{stem[: _LONGEST - len(ending) - 1]}.{ending}"
    return kept[:_LONGEST] or "未命名"


def stream_out(pieces: Iterable[bytes], name: str) -> Response:
    """Answer with a file that is made while it goes out; its length is not known before."""
    response, name = Response(pieces, mimetype="application/octet-stream"), fit_name(name)
    # A header is ASCII: other letters stand in `filename*` (RFC 6266), quoted.
    named = {"filename": name} if name.isascii() else {"filename*": f"UTF-8''{quote(name)}"}
    response.headers.set("Content-Disposition", "attachment", **named)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def download(
    content: Path | BinaryIO | bytes,
    name: str,
    media_type: str = "application/octet-stream",
    *,
    inline: bool = False,
    size: int | None = None,
) -> Response:
    """Answer with a file. `inline` shows PDF and images in the browser; all else is saved.

    Of a stream to seek in, a browser may ask for a part (a page of a large PDF) if its `size` is
    given; of a path or bytes it always may.
    """
    shown = inline and media_type in _SHOWN_INLINE
    response = send_file(
        io.BytesIO(content) if isinstance(content, bytes) else content,
        mimetype=media_type,
        as_attachment=not shown,
        download_name=fit_name(name),
        max_age=0,
    )
    if size is not None:
        response.content_length = size
        response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    response.headers["Cache-Control"] = "private, no-store"
    if media_type != PDF:
        # The browser's own PDF viewer does not work in a sandbox.
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
