"""A folder as a ZIP that is made while it goes out: stored, with UTF-8 names, no temporary file."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from shared.kernel.files import chunks
from shared.packaging.build import zip_info


class _Pipe(io.RawIOBase):
    """Takes what `zipfile` writes, and hands it on; nobody can seek in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        content = bytes(piece)  # type: ignore[call-overload]
        self._pieces.append(content)
        return len(content)

    def taken(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content


def zipped(folder: Path) -> Iterator[bytes]:
    """The files of a folder as a ZIP, piece by piece; hidden ones stay out."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(folder):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            size = path.stat().st_size
            with path.open("rb") as stream, archive.open(zip_info(name, size), "w") as entry:
                for piece in chunks(stream):
                    entry.write(piece)
                    yield pipe.taken()
    yield pipe.taken()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            yield Path(place) / name
