"""Where a sheet lies while it is read: in `intake/` of the data folder, and no longer than that.

A sheet may hold titles that must not enter, so its bytes are overwritten and removed as soon as
its rows are staged, or the import is given up. Files that came with it lie in a folder beside it
until they are taken.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

from node.registry.files import LARGEST
from shared.inspection.marks import refuse_marked
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.files import CHUNK
from shared.kernel.identifiers import is_id
from shared.records.sheets import MOST_BYTES

_YOUNG_SECONDS = 3600
_FILES = ".files"


class Spool:
    """The sheets of one node that are being read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "intake"

    def path(self, name: str) -> Path:
        """Where a sheet lies."""
        return self._folder / name

    def keep(self, name: str, stream: IO[bytes]) -> Path:
        """Write down a sheet that comes in. Raises Invalid beyond the limit, leaving nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(name)
        problem = Invalid(
            "file",
            f"文件超过 {MOST_BYTES // 1024**2} MB。",
            "请拆分为几个文件，分别导入。",
            code="too_large",
        )
        try:
            _write(path, stream, MOST_BYTES, problem)
        except BaseException:
            self.erase(name)
            raise
        return path

    def files(self, intake_id: str) -> Path:
        """The folder of the files that came with an import; absent while there are none."""
        return self._folder / f"{intake_id}{_FILES}"

    def keep_file(self, intake_id: str, name: str, stream: IO[bytes]) -> int:
        """Write down a file that comes with an import; returns its size.

        Raises Invalid, and Classified for one whose first page bears a mark; nothing is left then.
        """
        path = self.files(intake_id) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        problem = Invalid(
            "files",
            "文件超过 2 GB 的上限，没有保存。",
            "请拆分后分别上传。",
            code="file_too_large",
        )
        try:
            size = _write(path, stream, LARGEST, problem)
            with path.open("rb") as written:
                refuse_marked(written)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return size

    def drop_file(self, intake_id: str, name: str) -> None:
        """Remove one file that came with an import; an absent one is fine."""
        (self.files(intake_id) / name).unlink(missing_ok=True)

    def drop_files(self, intake_id: str) -> None:
        """Remove the files that came with an import; absent ones are fine."""
        shutil.rmtree(self.files(intake_id), ignore_errors=True)

    def erase(self, name: str) -> None:
        """Overwrite and remove a sheet; an absent one is fine."""
        path = self.path(name)
        with suppress(FileNotFoundError):
            with path.open("r+b") as stream:
                left = path.stat().st_size
                while left > 0:
                    left -= stream.write(bytes(min(left, 1 << 20)))
                stream.flush()
                os.fsync(stream.fileno())
            path.unlink()

    def sweep(self, needed: Collection[str], over: Collection[str]) -> None:
        """Erase what a kill left behind: what is over, and what nobody has asked for in an hour.

        Both name sheets by their spooled name, folders of files by the id of their import and `/`.
        What is in neither is just being uploaded, or was when the process died.
        """
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            name = path.name.removesuffix(_FILES)
            told = f"{name}/" if path.is_dir() else name
            young = time.time() - path.stat().st_mtime <= _YOUNG_SECONDS
            if not is_id(name) or told in needed or (young and told not in over):
                continue
            if path.is_dir():
                self.drop_files(name)
            else:
                self.erase(name)


def _write(path: Path, stream: IO[bytes], most: int, problem: Invalid) -> int:
    """Copy a stream into a new file, piece by piece; returns the size. Raises beyond `most`."""
    size = 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            while piece := stream.read(CHUNK):
                size += len(piece)
                if size > most:
                    raise problem
                target.write(piece)
    except OSError as error:
        raise Unavailable(
            "文件没有保存：磁盘空间不足或无法写入。", "请清理磁盘空间后重新上传。"
        ) from error
    return size
