"""The object store in a bucket of an S3 service: SeaweedFS, Ceph, MinIO and others."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import BinaryIO

from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import NotFound, Unavailable
from shared.kernel.files import CHUNK
from shared.storage.bucket import Bucket, Taken
from shared.storage.ports import Listed, StoredObject, check_claim, check_found, check_name, taken
from shared.storage.s3_object import open_object
from shared.storage.verified import copy_verified


class S3Store:
    """Objects under their own names in a bucket.

    The service must honour `If-None-Match: *` (as S3 does since 2024): so of many writers of one
    name, one wins.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, name: str, stream: BinaryIO, *, sha256: str, size: int) -> StoredObject:
        """See `ObjectStore.put`."""
        check_name(name)
        check_claim(size, sha256)
        wanted = StoredObject(name, size, sha256)
        if self.exists(name):
            copy_verified(stream, None, size=size, sha256=sha256)
            return self._same(wanted)
        try:
            self._bucket.put(name, stream, size=size, sha256=sha256)
        except Taken:
            return self._same(wanted)
        except Unavailable:
            # The service may have kept it, and only its answer was lost; or it answered that the
            # name is taken before it had read everything.
            if not self.exists(name):
                raise
            return self._same(wanted)
        return wanted

    def replace(self, name: str, content: bytes) -> StoredObject:
        """See `ObjectStore.replace`."""
        kept = StoredObject(check_name(name), len(content), sha256_hex(content))
        self._bucket.put(
            name, io.BytesIO(content), size=kept.size, sha256=kept.sha256, replace=True
        )
        return kept

    def open(self, name: str) -> BinaryIO:
        """See `ObjectStore.open`; the stream can seek, and fetches no more than is read."""
        return open_object(self._bucket, check_found(name))

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`."""
        try:
            self._bucket.size(check_found(name))
        except NotFound:
            return False
        return True

    def stat(self, name: str) -> StoredObject:
        """See `ObjectStore.stat`."""
        digest = hashlib.sha256()
        size = 0
        with self.open(name) as stream:
            while piece := stream.read(CHUNK):
                digest.update(piece)
                size += len(piece)
        return StoredObject(name, size, digest.hexdigest())

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore.names`; asks level by level.

        Not every service lists a whole bucket in the order of code points (SeaweedFS sorts the
        folder `a` before `a-b`).
        """
        above, slash, _ = prefix.rpartition("/")
        yield from self._below(above + slash, prefix)

    def level(self, folder: str) -> Iterator[Listed]:
        """See `ObjectStore.level`."""
        # SeaweedFS lists a folder that has become empty in itself.
        return (each for each in self._bucket.list(folder) if each.name != folder)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        self._bucket.remove(check_found(name))

    def _same(self, wanted: StoredObject) -> StoredObject:
        if self.stat(wanted.name) == wanted:
            return wanted
        raise taken(wanted.name)

    def _below(self, folder: str, prefix: str) -> Iterator[str]:
        for name in sorted(each.name for each in self._bucket.list(folder)):
            if name == folder:  # SeaweedFS lists a folder that has become empty in itself
                continue
            if not name.endswith("/"):
                if name.startswith(prefix):
                    yield name
            elif name.startswith(prefix) or prefix.startswith(name):
                yield from self._below(name, prefix)
