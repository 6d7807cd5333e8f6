"""One computer file of a package, read where it lies: nothing is copied, any part of it can be had.

Danglian's packages store their entries unpacked, so a file is a stretch of the package's bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from typing import BinaryIO, cast

from shared.kernel.errors import DanglianError, Invalid
from shared.kernel.files import CHUNK
from shared.kernel.seeking import ProvenStream

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


class _Member(ProvenStream):
    def __init__(
        self, source: BinaryIO, start: int, size: int, sha256: str, close: Callable[[], None]
    ) -> None:
        super().__init__(size, sha256)
        self._source = source
        self._start = start
        self._close = close

    def piece(self, at: int, most: int) -> bytes:
        self._source.seek(self._start + at)
        piece = self._source.read(most)
        if len(piece) < most:
            raise _altered()
        return piece

    def wrong(self, actual: str) -> DanglianError:
        return _altered()

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def _altered() -> Invalid:
    return Invalid(
        "package",
        "文件内容与清单不符。",
        "请由移交单位重新生成信息包并提交。",
        code="entry_digest_differs",
    )
