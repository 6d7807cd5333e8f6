"""Where a sheet lies while it is read: in `intake/` of the data folder, and no longer than that.

A sheet may hold titles that must not enter, so its bytes are overwritten and removed as soon as
its rows are staged, or the import is given up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

from node.intake.sheets import MOST_BYTES
from shared.kernel.errors import Invalid
from shared.kernel.files import CHUNK
from shared.kernel.identifiers import is_id

_YOUNG_SECONDS = 3600


class Spool:
    """The sheets of one node that are being read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "intake"

    def path(self, intake_id: str) -> Path:
        """Where the sheet of an import lies."""
        return self._folder / intake_id

    def keep(self, intake_id: str, stream: IO[bytes]) -> Path:
        """Write down what comes in. Raises Invalid beyond the size limit, leaving nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(intake_id)
        size = 0
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
                while piece := stream.read(CHUNK):
                    size += len(piece)
                    if size > MOST_BYTES:
                        raise Invalid(
                            "file",
                            f"文件超过 {MOST_BYTES // 1024**2} MB。",
                            "请拆分为几个文件，分别导入。",
                            code="too_large",
                        )
                    to.write(piece)
        except BaseException:
            self.erase(intake_id)
            raise
        return path

    def erase(self, intake_id: str) -> None:
        """Overwrite and remove the sheet of an import; an absent one is fine."""
        path = self.path(intake_id)
        with suppress(FileNotFoundError):
            with path.open("r+b") as stream:
                left = path.stat().st_size
                while left > 0:
                    left -= stream.write(bytes(min(left, 1 << 20)))
                stream.flush()
                os.fsync(stream.fileno())
            path.unlink()

    def sweep(self, wanted: Collection[str]) -> None:
        """Erase sheets that nobody reads any more (left by a kill)."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            old = time.time() - path.stat().st_mtime > _YOUNG_SECONDS
            if is_id(path.name) and path.name not in wanted and old:
                self.erase(path.name)
