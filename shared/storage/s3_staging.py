"""The staging area in a bucket: what comes together is one object, whole or not there at all."""

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
    Opener,
    Stretch,
    another_upload,
    numbers_in,
    part_in,
    unknown_upload,
    whole_of,
)
from shared.storage.ports import check_claim, check_upload_id
from shared.storage.s3_object import open_object

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
        """See `Staging.put_part`; verified while they go out, and by the service."""
        upload = self._upload(upload_id)
        check_claim(size, sha256)
        name = f"{upload_id}/{Stretch.of(upload.size, number, size).name}"
        self._bucket.put(name, stream, size=size, sha256=sha256, replace=True)

    def parts(self, upload_id: str) -> list[int]:
        """See `Staging.parts`."""
        self._upload(upload_id)
        return numbers_in(self._stretches(upload_id))

    def open_part(self, upload_id: str, number: int) -> BinaryIO:
        """See `Staging.open_part`."""
        upload = self._upload(upload_id)
        return part_in(
            self._stretches(upload_id), number, self._opener(upload_id), whole=upload.size
        )

    def open_whole(self, upload_id: str) -> BinaryIO:
        """See `Staging.open_whole`."""
        upload = self._upload(upload_id)
        return whole_of(
            self._stretches(upload_id),
            self._opener(upload_id),
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

    def _stretches(self, upload_id: str) -> list[Stretch]:
        names = (each.name.rpartition("/")[2] for each in self._bucket.list(f"{upload_id}/"))
        return [each for name in names if (each := Stretch.named(name)) is not None]

    def _opener(self, upload_id: str) -> Opener:
        return lambda stretch: open_object(self._bucket, f"{upload_id}/{stretch.name}")
