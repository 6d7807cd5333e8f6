"""The staging area in a bucket: each part is an object, so a part is there whole or not at all."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.errors import NotFound
from shared.storage.bucket import Bucket, Taken
from shared.storage.parts import (
    another_upload,
    check_all_there,
    check_part,
    unknown_upload,
    whole_of,
)
from shared.storage.ports import check_claim, check_upload_id
from shared.storage.verified import copy_verified

_UPLOAD = "upload.json"


@dataclass(frozen=True)
class _Upload:
    size: int
    sha256: str


class S3Staging:
    """Uploads in parts, in a bucket or a folder of it."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def begin(self, upload_id: str, *, size: int, sha256: str) -> None:
        """See `Staging.begin`."""
        check_claim(size, sha256)
        claim = canonical_json({"size": size, "sha256": sha256})
        name = f"{check_upload_id(upload_id)}/{_UPLOAD}"
        try:
            self._bucket.put(name, io.BytesIO(claim), size=len(claim), sha256=sha256_hex(claim))
        except Taken:
            if self._bucket.get(name) != claim:
                raise another_upload() from None

    def put_part(
        self, upload_id: str, number: int, stream: BinaryIO, *, size: int, sha256: str
    ) -> None:
        """See `Staging.put_part`; keeps the part in memory, since it replaces an earlier one."""
        upload = self._upload(upload_id)
        check_part(upload.size, number, size=size, sha256=sha256)
        piece = io.BytesIO()
        copy_verified(stream, piece, size=size, sha256=sha256)
        piece.seek(0)
        name = _part(upload_id, number)
        self._bucket.put(name, piece, size=size, sha256=sha256, replace=True)

    def parts(self, upload_id: str) -> list[int]:
        """See `Staging.parts`."""
        self._upload(upload_id)
        found = (each.name.rpartition("/")[2] for each in self._bucket.list(f"{upload_id}/"))
        return sorted(int(name) for name in found if name.isdecimal())

    def open_part(self, upload_id: str, number: int) -> BinaryIO:
        """See `Staging.open_part`; keeps the part in memory."""
        self._upload(upload_id)
        try:
            return io.BytesIO(self._bucket.get(_part(upload_id, number)))
        except NotFound:
            raise unknown_upload() from None

    def open_whole(self, upload_id: str) -> BinaryIO:
        """See `Staging.open_whole`."""
        upload = self._upload(upload_id)
        check_all_there(upload.size, self.parts(upload_id))
        return whole_of(
            lambda number: self._bucket.get(_part(upload_id, number)),
            size=upload.size,
            sha256=upload.sha256,
        )

    def abort(self, upload_id: str) -> None:
        """See `Staging.abort`; what a kill leaves is no upload any more, and swept later."""
        self._bucket.remove(f"{check_upload_id(upload_id)}/{_UPLOAD}")
        for each in list(self._bucket.list(f"{upload_id}/")):
            self._bucket.remove(each.name)

    def sweep(self, before: datetime) -> list[str]:
        """See `Staging.sweep`; takes parts along that belong to no upload."""
        touched: dict[str, list[datetime]] = defaultdict(list)
        for each in self._bucket.list("", whole=True):
            if each.modified is not None:
                touched[each.name.partition("/")[0]].append(each.modified)
        old = sorted(each for each, times in touched.items() if max(times) < before)
        for upload_id in old:
            self.abort(upload_id)
        return old

    def _upload(self, upload_id: str) -> _Upload:
        try:
            claim = json.loads(self._bucket.get(f"{check_upload_id(upload_id)}/{_UPLOAD}"))
        except NotFound:
            raise unknown_upload() from None
        return _Upload(int(claim["size"]), str(claim["sha256"]))


def _part(upload_id: str, number: int) -> str:
    return f"{upload_id}/{number:07d}"
