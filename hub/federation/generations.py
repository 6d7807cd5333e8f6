"""The hub's generation, kept in the object store as well as in the database (protocol §4).

A store outlives a database that is restored from a backup: so no generation is ever used twice.
Each is an object of its own, because an object is never written over.
"""

from __future__ import annotations

import io

from hub.federation.assignments import hub_of
from hub.federation.epochs import raise_generation
from hub.federation.places import HubFolder
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.storage import ObjectStore

_PREFIX = "hub/generations/"


def begin_generation(folder: HubFolder) -> int:
    """Begin a new generation after a restore: first in the store, then in the database."""
    with folder.database().read() as session:
        known = hub_of(session).generation
    generation = max(known, _kept(folder.store)) + 1
    _keep(folder.store, generation)
    with folder.database().write() as session:
        return raise_generation(session, to=generation)


def _kept(store: ObjectStore) -> int:
    names = (name.removeprefix(_PREFIX).partition(".")[0] for name in store.names(_PREFIX))
    return max((int(name) for name in names if name.isdigit()), default=0)


def _keep(store: ObjectStore, generation: int) -> None:
    content = canonical_json({"generation": generation})
    name = f"{_PREFIX}{generation:06d}.json"
    store.put(name, io.BytesIO(content), sha256=sha256_hex(content), size=len(content))
