"""A record's files inside a package of DA/T 48 (EEP) that lies in a package of ours.

The manifest says where the Base64 of each file begins, so it is read out of the EEP where it lies,
from any place on, without reading what stands before it. What it is worth says `wrapped_checks`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

from shared.kernel.errors import DanglianError, Invalid
from shared.kernel.files import CHUNK
from shared.kernel.seeking import ProvenStream
from shared.packaging.base64_text import LINE_BYTES, LINE_TEXT, BadBase64, decoded_bytes
from shared.packaging.manifest import PackageEntry

_AGAIN = "请由移交单位重新生成信息包并提交。"


class Text(Protocol):
    """The text of an EEP, as far as somebody reads it."""

    def read_at(self, at: int, size: int) -> bytes:
        """So many bytes from a place on, or as many as there are."""


class FileStream:
    """A stretch of a file that can be sought in."""

    def __init__(self, source: BinaryIO, start: int, size: int) -> None:
        self._source, self._start, self._size = source, start, size

    def read_at(self, at: int, size: int) -> bytes:
        self._source.seek(self._start + min(at, self._size))
        return self._source.read(max(min(size, self._size - at), 0))


class ForwardText:
    """A stream that can only be read in order, such as an entry of a packed ZIP."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._at, self._held = stream, 0, b""

    def read_at(self, at: int, size: int) -> bytes:
        """See `Text`; `at` never goes back behind the last line that was read."""
        while self._at + len(self._held) < at:
            self._at += len(self._held)
            self._held = self._stream.read(CHUNK)
            if not self._held:
                return b""
        self._held, self._at = self._held[at - self._at :], at
        while len(self._held) < size and (piece := self._stream.read(size - len(self._held))):
            self._held += piece
        return self._held[:size]


def wrapped_stream(
    text: Text, at: int, entry: PackageEntry, *, close: Callable[[], None] = lambda: None
) -> BinaryIO:
    """A file whose Base64 begins at this place of the text, as a stream to seek in.

    Who reads it in order gets the last bytes only if the whole has the digest of the manifest.
    """
    return cast(BinaryIO, io.BufferedReader(_Wrapped(text, at, entry, close), CHUNK))


class _Wrapped(ProvenStream):
    def __init__(
        self, text: Text, start: int, entry: PackageEntry, close: Callable[[], None]
    ) -> None:
        super().__init__(entry.size, entry.sha256)
        self._text, self._start, self._entry, self._close = text, start, entry, close

    def piece(self, at: int, most: int) -> bytes:
        line, within = divmod(at, LINE_BYTES)
        lines = (within + min(most, CHUNK) + LINE_BYTES - 1) // LINE_BYTES
        size = min(lines * LINE_BYTES, self._entry.size - line * LINE_BYTES)
        groups = (size + 2) // 3 * 4
        written = groups + (groups - 1) // (LINE_TEXT - 1)  # a line feed after each line but one
        text = self._text.read_at(self._start + line * LINE_TEXT, written)
        try:
            piece = decoded_bytes(text)
        except BadBase64:
            raise self.wrong("") from None
        if len(piece) != size:
            raise self.wrong("")
        return piece[within : within + most]

    def wrong(self, actual: str) -> DanglianError:
        return Invalid(
            "package",
            f"“{self._entry.path}”在封装包中的内容与清单不符。",
            _AGAIN,
            code="entry_digest_differs",
        )

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()
