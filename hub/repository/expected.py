"""What must lie where something is kept: each file by name, with its digest.

Of a record's object (OCFL 1.1) the inventory says it, and everything beside the contents can be
made anew from the inventory. Which inventory counts is decided by the files that the database
names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hub.repository import objects
from hub.repository.keeping import OF_HUB, Kept
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.errors import DanglianError, Invalid, NotFound
from shared.storage import ObjectStore

_LARGEST_INVENTORY = 64 * 1024**2
_CONTENT = re.compile(r"v([1-9]\d{0,5})/content/[^/]+")
_VERSION = re.compile(r"v([1-9]\d{0,5})/")


@dataclass(frozen=True)
class Expected:
    """What must lie in one place of a store.

    Attributes:
        digests: SHA-256 of each file by name, in the order in which they are written.
        made: the bytes of those files that the inventory makes anew; the last two of them, sidecar
            and inventory of the root, change with each version, all others never.
        head: how many versions there are; 0 where there is no inventory (papers, version 0.1).
        contradicted: files that the database knows with another digest than the inventory, which
            then has this one (None: does not know them).
    """

    digests: Mapping[str, str]
    made: Mapping[str, bytes] = field(default_factory=dict)
    head: int = 0
    contradicted: Mapping[str, str | None] = field(default_factory=dict)


def expected_in(store: ObjectStore, kept: Kept) -> Expected | None:
    """What must lie in the store of what is kept; None when no inventory there can be believed.

    The first inventory that has all that the database names, else the likeliest one.
    """
    if kept.is_outside:
        declared = {} if kept.archive_code == OF_HUB else objects.declarations_of(kept.archive_code)
        return Expected({name: sha256_hex(each) for name, each in declared.items()}, declared)
    if not kept.is_object:
        return Expected(kept.files)
    likeliest = None
    for inventory in _believable(store, kept):
        found = _of_object(kept, inventory)
        if not found.contradicted:
            return found
        likeliest = likeliest or found
    return likeliest


def _of_object(kept: Kept, inventory: Mapping[str, Any]) -> Expected:
    folder, head = kept.place, objects.head_number(inventory)
    digests = {
        f"{folder}/{path}": digest
        for digest, paths in inventory["manifest"].items()
        for path in paths
    }
    contradicted = {
        name: digests.get(name)
        for name, digest in kept.files.items()
        if digests.get(name) != digest
    }
    made = {f"{folder}/{objects.DECLARATION}": objects.DECLARED}
    content = b""
    for number in range(1, head + 1):
        content = canonical_json(_as_it_was(inventory, number))
        made[f"{folder}/v{number}/{objects.INVENTORY}"] = content
        made[f"{folder}/v{number}/{objects.SIDECAR}"] = objects.sidecar_of(content)
    made[f"{folder}/{objects.SIDECAR}"] = objects.sidecar_of(content)
    made[f"{folder}/{objects.INVENTORY}"] = content
    wanted = {**digests, **kept.files, **{name: sha256_hex(each) for name, each in made.items()}}
    return Expected(wanted, made, head, contradicted)


def _as_it_was(inventory: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The inventory when version `number` was the last: later ones only add to it."""
    manifest = {
        digest: there
        for digest, paths in inventory["manifest"].items()
        if (there := [path for path in paths if _version_of(path) <= number])
    }
    versions = {f"v{each}": inventory["versions"][f"v{each}"] for each in range(1, number + 1)}
    return {**inventory, "head": f"v{number}", "manifest": manifest, "versions": versions}


def _version_of(path: str) -> int:
    match = _CONTENT.fullmatch(path)
    return int(match[1]) if match else 0


# ---- which inventory can be believed


def _believable(store: ObjectStore, kept: Kept) -> Iterator[dict[str, Any]]:
    """The inventories of an object that a second file proves, likeliest first.

    The root's with its sidecar; then those of the versions, newest first, each with its sidecar or
    with one of the root's two files.
    """
    folder = kept.place
    root = read_small(store, f"{folder}/{objects.INVENTORY}")
    claimed = _claimed(store, f"{folder}/{objects.SIDECAR}")
    if root is not None and sha256_hex(root) == claimed:
        yield from _parsed(root, kept)
    names = (name.removeprefix(f"{folder}/") for name in store.names(f"{folder}/v"))
    numbers = {int(match[1]) for name in names if (match := _VERSION.match(name))}
    for number in sorted(numbers, reverse=True):
        content = read_small(store, f"{folder}/v{number}/{objects.INVENTORY}")
        if content is not None:
            proofs = (claimed, _claimed(store, f"{folder}/v{number}/{objects.SIDECAR}"))
            if content == root or sha256_hex(content) in proofs:
                yield from _parsed(content, kept)


def _claimed(store: ObjectStore, sidecar: str) -> str:
    return (read_small(store, sidecar) or b"")[:64].decode("ascii", errors="replace")


def _parsed(content: bytes, kept: Kept) -> Iterator[dict[str, Any]]:
    """The inventory in these bytes, if it is one as `objects` writes them, of this record."""
    try:
        inventory = json.loads(content)
        last = objects.head_number(inventory)
        paths = [path for each in inventory["manifest"].values() for path in each]
        ours = (
            inventory["id"] == objects.identifier_of(str(kept.record_id))
            and last > 0
            and set(inventory["versions"]) == {f"v{each}" for each in range(1, last + 1)}
            and all(1 <= _version_of(path) <= last for path in paths)
            and canonical_json(inventory) == content
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    if ours:
        yield inventory


def read_small(store: ObjectStore, name: str) -> bytes | None:
    """The bytes of a small file; None when it is not there, not to be read, or far too large.

    Raises Unavailable when it is the store that is away.
    """
    try:
        with store.open(name) as stream:
            content = stream.read(_LARGEST_INVENTORY + 1)
    except NotFound:
        return None
    except (OSError, DanglianError):
        require_store(store, name)
        return None
    return content if len(content) <= _LARGEST_INVENTORY else None


def require_store(store: ObjectStore, name: str) -> None:
    """Raise Unavailable when it was the store that could not be read, not this one file."""
    with suppress(Invalid):  # a name that no store takes was put there by hand
        store.exists(name)
