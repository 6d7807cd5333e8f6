"""A piece of a file on its way out: read when it is needed, never held."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from shared.kernel.errors import Invalid

#: Bytes that are handed to the line at once. Each such handful may take as long as a connection
#: (5 s), so they are few: a line of 13 KB/s still takes them.
_HANDFUL = 64 * 1024


class Slice:
    """So many bytes of a file from a place on; may be read again and again, by one thread.

    An iterable with a length is what `requests` sends piece by piece, with a Content-Length.
    """

    def __init__(self, stream: BinaryIO, start: int, length: int) -> None:
        self._stream = stream
        self._start = start
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """The bytes. Raises Invalid when the file ends before."""
        self._stream.seek(self._start)
        left = self._length
        while left:
            piece = self._stream.read(min(_HANDFUL, left))
            if not piece:
                raise Invalid("size", "本机的文件不完整，无法上传。", "请联系市档案馆。")
            left -= len(piece)
            yield piece

    def sha256(self) -> str:
        """The digest of the bytes, in hex."""
        digest = hashlib.sha256()
        for piece in self:
            digest.update(piece)
        return digest.hexdigest()
