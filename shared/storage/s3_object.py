"""An object of a bucket as a file that can seek, and fetches no more than is read."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from shared.kernel.errors import Unavailable
from shared.kernel.files import CHUNK
from shared.storage.bucket import Bucket, telling_of_trouble
from shared.storage.ports import absent

_TRIES = 3


def open_object(bucket: Bucket, name: str) -> BinaryIO:
    """The bytes of an object, to be closed by the caller. Raises NotFound, Unavailable."""
    return cast(BinaryIO, io.BufferedReader(_Object(bucket, name, bucket.size(name)), CHUNK))


class _Object(io.RawIOBase):
    """An object as a file: reads on where it is, asks anew after a seek or a broken line."""

    def __init__(self, bucket: Bucket, name: str, size: int) -> None:
        self._bucket = bucket
        self._name = name
        self._size = size
        self._place = 0
        self._answer: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset != self._place:
            self._drop()
            self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        for tries_left in reversed(range(_TRIES)):
            try:
                piece = self._read(wanted)
                break
            except Unavailable:
                self._drop()
                if not tries_left:
                    raise
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        if self._answer is None:
            self._answer = self._bucket.start_reading(self._name, self._place)
        with telling_of_trouble(self._name):
            piece = bytes(self._answer.read(wanted))
        if not piece:
            raise absent(self._name)
        return piece

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer.release_conn()
            self._answer = None
