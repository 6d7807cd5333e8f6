"""A stream that is checked on its way: its length and its digest are as they were claimed."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from shared.kernel.errors import Invalid
from shared.kernel.files import CHUNK


class Verified:
    """Reads a stream, and raises Invalid instead of handing out the last bytes of a wrong one."""

    def __init__(self, source: BinaryIO, *, size: int, sha256: str) -> None:
        self._source = source
        self._size = size
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._count = 0
        self._ended = False

    def read(self, size: int = CHUNK) -> bytes:
        """At most so many bytes (of any negative number: as many as are handy); none at the end."""
        if self._ended:
            return b""
        wanted = size if size >= 0 else CHUNK
        piece = self._source.read(min(wanted, self._size - self._count))
        self._count += len(piece)
        self._digest.update(piece)
        if not piece or self._count == self._size:
            self._check_end()
            self._ended = True
        return piece

    def _check_end(self) -> None:
        more = self._count == self._size and bool(self._source.read(1))
        if more or self._count != self._size:
            actual = f"超过 {self._size}" if more else str(self._count)
            raise Invalid(
                "size",
                f"字节数不符：应为 {self._size}，实为{actual}。",
                "传输可能不完整，请重新传送。",
            )
        if self._digest.hexdigest() != self._sha256:
            raise Invalid(
                "sha256",
                f"摘要不符：应为 {self._sha256}，实为 {self._digest.hexdigest()}。",
                "内容在传输中改变或损坏，请重新传送。",
            )


def copy_verified(source: BinaryIO, target: BinaryIO | None, *, size: int, sha256: str) -> None:
    """Copy a stream and check it on the way; None as target only checks.

    Raises Invalid, naming what differs.
    """
    stream = Verified(source, size=size, sha256=sha256)
    while piece := stream.read():
        if target is not None:
            target.write(piece)
