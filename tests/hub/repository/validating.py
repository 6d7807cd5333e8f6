"""A second opinion on the repository: the validator of ocfl-py (`ocfl-validate`), not ours."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from ocfl import StorageRoot
from ocfl.layout import Layout
from ocfl.layout_registry import add_layout

from hub.repository import objects
from shared.storage import ObjectStore

# The registered extension 0004 is none that ocfl-py brings: it would refuse the whole root (E071).
# Its objects are its own business; that they lie where 0004 wants them is checked here.
add_layout("0004-hashed-n-tuple-storage-layout", Layout)


def assert_valid(store: ObjectStore, archive_code: str) -> None:
    """Have an archive's storage root and all its objects validated, digests too.

    The validator reads folders, so what a store has is copied into one first.
    """
    start = f"{objects.root_of(archive_code)}/"
    with tempfile.TemporaryDirectory() as folder:
        for name in store.names(start):
            path = Path(folder) / name.removeprefix(start)
            path.parent.mkdir(parents=True, exist_ok=True)
            with store.open(name) as stream:
                path.write_bytes(stream.read())
        root = StorageRoot(root=folder)
        assert root.validate(check_digests=True)
        assert root.errors == []
        there = sum(1 for _ in Path(folder).rglob("0=ocfl_object_1.1"))
        assert root.good_objects == root.num_objects == there > 0
        for path, identifier in root.list_objects():
            digest = hashlib.sha256(identifier.encode()).hexdigest()
            assert path.strip("/") == f"{digest[:3]}/{digest[3:6]}/{digest[6:9]}/{digest}"
