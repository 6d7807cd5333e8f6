"""Bytes from somewhere as a file to seek in, which proves itself to who reads it in order."""

from __future__ import annotations

import hashlib
import io
from abc import abstractmethod
from typing import Any

from shared.kernel.errors import DanglianError


class ProvenStream(io.RawIOBase):
    """So many bytes with a known digest; where they come from, a subclass says.

    Who reads it in order gets the last bytes only if the whole has the digest: the read raises
    what `wrong` makes. What is read after a leap is not proven by that.
    """

    def __init__(self, size: int, sha256: str) -> None:
        self._size = size
        self._sha256 = sha256
        self._at = 0
        self._digest = hashlib.sha256()
        self._digested = 0

    @abstractmethod
    def piece(self, at: int, most: int) -> bytes | memoryview:
        """Some of the bytes from a place inside on: at least one, and at most so many."""

    @abstractmethod
    def wrong(self, actual: str) -> DanglianError:
        """What to raise when the whole has this digest instead."""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, also behind the end; nothing is read there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next, as far as one piece reaches."""
        wanted = min(len(buffer), self._size - self._at)
        piece = self.piece(self._at, wanted) if wanted > 0 else b""
        if self._at == self._digested:
            self._digest.update(piece)
            self._digested += len(piece)
        if self._digested == self._size and self._digest.hexdigest() != self._sha256:
            raise self.wrong(self._digest.hexdigest())
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
