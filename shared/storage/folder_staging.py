"""The staging area in a folder: one folder per upload, one file for parts that came together."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from shared.kernel.canonical import canonical_json
from shared.kernel.files import write_atomically
from shared.kernel.identifiers import new_id
from shared.storage.parts import (
    Stretch,
    another_upload,
    numbers_in,
    part_in,
    unknown_upload,
    whole_of,
)
from shared.storage.ports import check_claim, check_upload_id
from shared.storage.temporary import (
    make_folders,
    sweep_leftovers,
    telling_of_trouble,
    temporary_file,
)
from shared.storage.verified import copy_verified

_INCOMING = ".incoming"
_ABORTED = ".aborted"
_UPLOAD = "upload.json"


@dataclass(frozen=True)
class _Upload:
    folder: Path
    size: int
    sha256: str

    def stretches(self) -> list[Stretch]:
        found = (Stretch.named(path.name) for path in self.folder.iterdir())
        return [each for each in found if each is not None]

    def open(self, stretch: Stretch) -> BinaryIO:
        with telling_of_trouble():
            return (self.folder / stretch.name).open("rb")


class FolderStaging:
    """Uploads in parts, in a folder. Several processes may work on it at the same time."""

    def __init__(self, path: Path) -> None:
        self._root = path
        self._incoming = path / _INCOMING
        path.mkdir(parents=True, exist_ok=True)
        sweep_leftovers(self._incoming)
        shutil.rmtree(path / _ABORTED, ignore_errors=True)

    def begin(self, upload_id: str, *, size: int, sha256: str) -> None:
        """See `Staging.begin`."""
        check_claim(size, sha256)
        folder = self._root / check_upload_id(upload_id)
        claim = {"size": size, "sha256": sha256}
        with telling_of_trouble():
            make_folders(folder)
            if (folder / _UPLOAD).exists():
                if json.loads((folder / _UPLOAD).read_bytes()) != claim:
                    raise another_upload()
                return
            write_atomically(folder / _UPLOAD, canonical_json(claim))

    def put_part(
        self, upload_id: str, number: int, stream: BinaryIO, *, size: int, sha256: str
    ) -> None:
        """See `Staging.put_part`."""
        upload = self._upload(upload_id)
        check_claim(size, sha256)
        stretch = Stretch.of(upload.size, number, size)
        with telling_of_trouble(), temporary_file(self._incoming) as temporary:
            copy_verified(stream, temporary.stream, size=size, sha256=sha256)
            try:
                temporary.replace(upload.folder / stretch.name)
            except FileNotFoundError as error:  # aborted meanwhile
                raise unknown_upload() from error

    def parts(self, upload_id: str) -> list[int]:
        """See `Staging.parts`."""
        return numbers_in(self._upload(upload_id).stretches())

    def open_part(self, upload_id: str, number: int) -> BinaryIO:
        """See `Staging.open_part`."""
        upload = self._upload(upload_id)
        return part_in(upload.stretches(), number, upload.open, whole=upload.size)

    def open_whole(self, upload_id: str) -> BinaryIO:
        """See `Staging.open_whole`."""
        upload = self._upload(upload_id)
        return whole_of(upload.stretches(), upload.open, size=upload.size, sha256=upload.sha256)

    def abort(self, upload_id: str) -> None:
        """See `Staging.abort`."""
        folder = self._root / check_upload_id(upload_id)
        aside = self._root / _ABORTED / new_id()
        with telling_of_trouble(), suppress(FileNotFoundError):
            # Aside first: a kill in the middle leaves no upload with some of its parts.
            make_folders(aside.parent)
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def sweep(self, before: datetime) -> list[str]:
        """See `Staging.sweep`; an upload is touched when it begins and with each part."""
        swept = []
        for folder in sorted(self._root.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            with suppress(FileNotFoundError):
                if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < before:
                    self.abort(folder.name)
                    swept.append(folder.name)
        return swept

    def _upload(self, upload_id: str) -> _Upload:
        folder = self._root / check_upload_id(upload_id)
        try:
            claim = json.loads((folder / _UPLOAD).read_bytes())
        except FileNotFoundError:
            raise unknown_upload() from None
        return _Upload(folder, int(claim["size"]), str(claim["sha256"]))
