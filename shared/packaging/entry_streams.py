"""Streams over the entries of a package: troubles are told, and what is handed out is verified."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from shared.kernel.errors import Invalid
from shared.packaging.manifest import PackageEntry


class BadPackage(Invalid):
    """A package is not what its manifest and layout say; its unit has to make it anew."""

    def __init__(self, problem: str, code: str) -> None:
        super().__init__("package", f"{problem}。", "请由移交单位重新生成信息包并提交。", code=code)


class Told(io.RawIOBase):
    """A ZIP entry's stream whose troubles are told as Invalid."""

    def __init__(self, read: Callable[[int], bytes], path: str) -> None:
        self._read = read
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._read(len(buffer))
        except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
            raise BadPackage(f"“{self._path}”的内容已损坏", "entry_damaged") from error
        buffer[: len(piece)] = piece
        return len(piece)


class Verified(io.RawIOBase):
    """Hands out an entry, and its last bytes only if the whole is what the manifest lists."""

    def __init__(self, stream: BinaryIO, entry: PackageEntry) -> None:
        self._stream = stream
        self._entry = entry
        self._digest = hashlib.sha256()
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(len(buffer))
        self._digest.update(piece)
        self._count += len(piece)
        ended = not piece or self._count >= self._entry.size
        if ended and (
            self._count != self._entry.size or self._digest.hexdigest() != self._entry.sha256
        ):
            raise BadPackage(f"“{self._entry.path}”的内容与清单不符", "entry_digest_differs")
        buffer[: len(piece)] = piece
        return len(piece)
