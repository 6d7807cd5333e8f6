"""The form in which the repository keeps a record: one OCFL 1.1 object, and a version per event.

OCFL (Oxford Common File Layout 1.1, ocfl.io) is read without Danglian. Each archive has a storage
root of its own, laid out by the extension 0004 (hashed n-tuple), and each record an object
`urn:uuid:<record id>` in it. A version counts when the root inventory names it: that is written
last. Content is only ever added; of a version that counts nothing is written again.
"""

from __future__ import annotations

import io
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.errors import Conflict
from shared.storage import ObjectStore
from shared.storage.ports import is_name

_LAYOUT = "0004-hashed-n-tuple-storage-layout"
_TUPLE, _TUPLES = 3, 3
_ID = "urn:uuid:"
INVENTORY, SIDECAR = "inventory.json", "inventory.json.sha256"
#: What declares a folder an object, and its content.
DECLARATION, DECLARED = "0=ocfl_object_1.1", b"ocfl_object_1.1\n"

#: Held while the version of an object is written. The loops of a hub that write are threads of the
#: one process that has its data folder (`folder_lock`).
WRITING = threading.RLock()

#: The folders into which a loop copies right now, without `WRITING`: nothing is erased there.
_copied_into: set[str] = set()


@contextmanager
def copying_into(folder: str) -> Iterator[None]:
    """Say, while contents are copied into an object's folder, that somebody does."""
    with WRITING:
        _copied_into.add(folder)
    try:
        yield
    finally:
        _copied_into.discard(folder)


def is_copied_into(folder: str) -> bool:
    """Whether contents are being copied into this folder; to be asked under `WRITING`."""
    return folder in _copied_into


#: What a storage root holds beside its objects (OCFL 1.1, 4.1 and 4.2; extension 0004).
_ROOT: dict[str, bytes] = {
    "0=ocfl_1.1": b"ocfl_1.1\n",
    "ocfl_layout.json": canonical_json(
        {
            "extension": _LAYOUT,
            "description": "SHA-256 of the object's id: three folders of three characters, "
            "then the whole digest.",
        }
    ),
    f"extensions/{_LAYOUT}/config.json": canonical_json(
        {
            "extensionName": _LAYOUT,
            "digestAlgorithm": "sha256",
            "tupleSize": _TUPLE,
            "numberOfTuples": _TUPLES,
            "shortObjectRoot": False,
        }
    ),
}


def root_of(archive_code: str) -> str:
    """The OCFL storage root of an archive."""
    return f"archives/{archive_code}/ocfl"


def identifier_of(record_id: str) -> str:
    """The identifier of a record's object."""
    return _ID + record_id


def folder_of(archive_code: str, record_id: str) -> str:
    """The folder of a record's object in its archive's storage root."""
    digest = sha256_hex(identifier_of(record_id).encode())
    tuples = (digest[at : at + _TUPLE] for at in range(0, _TUPLE * _TUPLES, _TUPLE))
    return "/".join((root_of(archive_code), *tuples, digest))


def content_name(archive_code: str, record_id: str, number: int, file: str) -> str:
    """The name in the store of a content file in version `number` of a record's object."""
    return f"{folder_of(archive_code, record_id)}/v{number}/content/{file}"


def put_bytes(store: ObjectStore, name: str, content: bytes) -> None:
    """Put what is small. Raises Conflict when the name holds other bytes."""
    store.put(name, io.BytesIO(content), sha256=sha256_hex(content), size=len(content))


def inventory_of(store: ObjectStore, archive_code: str, record_id: str) -> dict[str, Any] | None:
    """The inventory of a record's object; None while it has no version that counts.

    Raises Conflict for one that is damaged: differs from its copy in the version's folder, or
    cannot be read. Nothing must be written to such an object.
    """
    folder = folder_of(archive_code, record_id)
    inventory = _inventory_in(store, folder)
    if inventory is not None and inventory.get("id") != _ID + record_id:
        raise _damaged(folder)
    return inventory


def record_in(store: ObjectStore, folder: str) -> str | None:
    """The record whose object lies in this folder; None while no version of it counts."""
    inventory = _inventory_in(store, folder)
    return None if inventory is None else str(inventory["id"]).removeprefix(_ID)


def _inventory_in(store: ObjectStore, folder: str) -> dict[str, Any] | None:
    name = f"{folder}/{INVENTORY}"
    if not store.exists(name):
        return None
    content = _read(store, name)
    try:
        inventory: dict[str, Any] = json.loads(content)
        copy = f"{folder}/{inventory['head']}/{INVENTORY}"
        same = store.exists(copy) and _read(store, copy) == content
    except (ValueError, TypeError, KeyError):
        same = False
    if not same:
        raise _damaged(folder)
    return inventory


def _read(store: ObjectStore, name: str) -> bytes:
    with store.open(name) as stream:
        return stream.read()


def _damaged(folder: str) -> Conflict:
    return Conflict(
        f"馆藏对象 {folder} 的清单损坏，不能再写入。",
        "保留现场，从另一份备份拷回这个目录里的 inventory.json 和各版本的清单。",
    )


def head_number(inventory: Mapping[str, Any] | None) -> int:
    """The number of the last version that counts; 0 for none."""
    return 0 if inventory is None else int(str(inventory["head"])[1:])


def files_of(inventory: Mapping[str, Any]) -> dict[str, str]:
    """The content path in the object of each file of the last version, by logical path.

    Where several files have the same bytes, each is its own.
    """
    manifest: Mapping[str, list[str]] = inventory["manifest"]
    state: Mapping[str, list[str]] = inventory["versions"][inventory["head"]]["state"]
    return {
        path: next((at for at in places if at.endswith(f"/content/{path}")), places[0])
        for digest, paths in state.items()
        for path in paths
        for places in (manifest[digest],)
    }


def declarations_of(archive_code: str) -> dict[str, bytes]:
    """What an archive's storage root declares itself by: the bytes of each file by name."""
    return {f"{root_of(archive_code)}/{file}": content for file, content in _ROOT.items()}


def open_root(store: ObjectStore, archive_code: str) -> None:
    """Have an archive's storage root declare itself; repeatable."""
    for name, content in declarations_of(archive_code).items():
        put_bytes(store, name, content)


def begin_object(store: ObjectStore, archive_code: str, record_id: str) -> None:
    """Have a record's folder declare itself an object; repeatable."""
    folder = folder_of(archive_code, record_id)
    put_bytes(store, f"{folder}/{DECLARATION}", DECLARED)


def settle_version(
    store: ObjectStore,
    archive_code: str,
    record_id: str,
    before: Mapping[str, Any] | None,
    *,
    known: Mapping[str, str],
    message: str,
    at: str,
) -> None:
    """Make the version after the inventory `before` count, with all content in its folder.

    Everything that lies there belongs to it, also what a writer left who was killed and forgotten
    with the database. `known` has the digests of files that were just written, by name; others
    are read. `at` is the moment of the event (RFC 3339), never of the writing: so two writers of
    one version write the same. The order is that of a crash-safe update: version inventory and
    sidecar, then root sidecar, then root inventory.
    """
    number = head_number(before) + 1
    folder = folder_of(archive_code, record_id)
    start = f"{folder}/v{number}/content/"
    manifest: dict[str, list[str]] = dict(before["manifest"]) if before else {}
    versions: dict[str, Any] = dict(before["versions"]) if before else {}
    state: dict[str, list[str]] = defaultdict(list)
    if before:
        for digest, paths in versions[before["head"]]["state"].items():
            state[digest] = list(paths)
    for name in filter(is_name, store.names(start)):  # else it is no writer's of ours
        file = name.removeprefix(start)
        digest = known.get(file) or store.stat(name).sha256
        manifest[digest] = [*manifest.get(digest, []), f"v{number}/content/{file}"]
        state[digest].append(file)
    versions[f"v{number}"] = {
        "created": at,
        "message": message,
        "user": {"name": archive_code, "address": f"urn:danglian:archive:{archive_code}"},
        "state": dict(state),
    }
    content = canonical_json(
        {
            "id": _ID + record_id,
            "type": "https://ocfl.io/1.1/spec/#inventory",
            "digestAlgorithm": "sha256",
            "head": f"v{number}",
            "manifest": manifest,
            "versions": versions,
        }
    )
    sidecar = sidecar_of(content)
    store.replace(f"{folder}/v{number}/{INVENTORY}", content)
    store.replace(f"{folder}/v{number}/{SIDECAR}", sidecar)
    store.replace(f"{folder}/{SIDECAR}", sidecar)
    store.replace(f"{folder}/{INVENTORY}", content)


def erase_object(store: ObjectStore, archive_code: str, record_id: str) -> int:
    """Remove a record's object with every byte of it 销毁; returns how many files there were.

    Only on the ground of a tombstone that the store has already. Repeatable. What was put aside of
    it goes too. The inventory goes first: what a kill leaves is no object that anybody could take
    for whole.
    """
    folder = f"{folder_of(archive_code, record_id)}/"
    root = (f"{folder}{INVENTORY}", f"{folder}{SIDECAR}")
    names = sorted(store.names(folder), key=lambda name: (name not in root, name))
    names += store.names(f"archives/{archive_code}/aside/{record_id}/")
    for name in names:
        store.delete(name)
    return len(names)


def sidecar_of(inventory: bytes) -> bytes:
    """The sidecar of an inventory: its digest and its name (OCFL 1.1, 3.7)."""
    return f"{sha256_hex(inventory)} {INVENTORY}\n".encode()


def object_names(store: ObjectStore, archive_code: str) -> Iterator[str]:
    """The names of everything in an archive's objects, object by object."""
    start = f"{root_of(archive_code)}/"
    aside = tuple(start + file for file in _ROOT)
    return (name for name in store.names(start) if name not in aside)
