"""One computer file of a package, read where it lies: nothing is copied, any part of it can be had.

Danglian's packages store their entries unpacked, so a file is a stretch of the package's bytes.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from shared.kernel.errors import Invalid
from shared.kernel.files import CHUNK

_LOCAL_HEADER = 30
_LENGTHS = struct.Struct("<2H")
_LENGTHS_AT = 26


def place_in(source: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Where the data of a stored entry begins; its layout was checked when the ZIP was opened."""
    source.seek(entry.header_offset + _LENGTHS_AT)
    name, extra = _LENGTHS.unpack(source.read(_LENGTHS.size))
    return entry.header_offset + _LOCAL_HEADER + int(name) + int(extra)


def member_stream(
    source: BinaryIO, start: int, size: int, sha256: str, *, close: Callable[[], None]
) -> BinaryIO:
    """The stretch of `source` as a stream to seek in; closing it calls `close`.

    Who reads it in order gets the last bytes only if the whole has the digest: the read raises
    Invalid. What is read after a leap is not proven by that.
    """
    member = _Member(source, start, size, sha256, close)
    return cast(BinaryIO, io.BufferedReader(member, CHUNK))


class _Member(io.RawIOBase):
    def __init__(
        self, source: BinaryIO, start: int, size: int, sha256: str, close: Callable[[], None]
    ) -> None:
        self._source = source
        self._start = start
        self._size = size
        self._sha256 = sha256
        self._close = close
        self._at = 0
        self._digest = hashlib.sha256()
        self._digested = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._size - self._at))
        self._source.seek(self._start + self._at)
        piece = self._source.read(wanted)
        if self._at == self._digested:
            self._digest.update(piece)
            self._digested += len(piece)
        if len(piece) < wanted or (
            self._digested == self._size and self._digest.hexdigest() != self._sha256
        ):
            raise Invalid(
                "package",
                "文件内容与清单不符。",
                "请由移交单位重新生成信息包并提交。",
                code="entry_digest_differs",
            )
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()
