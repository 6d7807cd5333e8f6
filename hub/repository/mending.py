"""Mending: a damaged or missing file is brought back from another copy, or made anew.

Only whoever holds the data folder mends: the hub's own process, or a command while none runs.
Nothing intact is ever overwritten, and nothing is thrown away: what was damaged is put aside first.
Killed between two steps, the file is damaged or missing still, and the next look goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from hub.repository import objects
from hub.repository.examining import (
    UNREADABLE,
    FaultKind,
    Looked,
    Pace,
    Stores,
    digest_in,
    examine,
)
from hub.repository.expected import Expected, expected_in
from hub.repository.keeping import Copy, Kept, home_of
from shared.storage import ObjectStore
from shared.storage.ports import fitting_name, is_name

log = logging.getLogger(__name__)

_MENDABLE = (FaultKind.DAMAGED, FaultKind.MISSING)


def mend(stores: Stores, looked: Looked, aside: Collection[str] = ()) -> Looked:
    """Bring back what can be of the faults of a copy; returns the reading with what was done.

    An inventory, a sidecar or a declaration is made anew from an inventory that can be believed, in
    this copy or the other. Of surplus files those named in `aside` are put aside; the others stay.
    Raises Unavailable when a store is away.
    """
    store, beside = stores.of(looked.copy), stores.beside(looked.copy)
    faulty = {each.name for each in looked.faults if each.kind in _MENDABLE}
    surplus = {each.name for each in looked.faults if each.kind is FaultKind.SURPLUS}
    # A correction may have written a version since that look: what counts is what must be there
    # now, and nobody writes meanwhile.
    with objects.WRITING:
        expected = _expected(store, beside, looked.kept)
        if expected is None:
            return looked
        mended = [
            name
            for name in expected.digests
            if name in faulty and _bring_back(store, beside, looked.kept, name, expected)
        ]
        moved = [
            name
            for name in sorted(surplus & set(aside))
            if name not in expected.digests and put_aside(store, looked.kept, name)
        ]
        for name in moved:
            store.delete(name)
    return replace(looked, mended=tuple(mended), aside=tuple(moved))


def mend_object(stores: Stores, archive_code: str, record_id: str) -> bool:
    """Bring a record's object back from the second store, by the inventories alone.

    For a rebuild, which has no rows; returns whether the object is whole then. The inventory with
    more versions counts. Raises Unavailable when a store is away.
    """
    place = objects.folder_of(archive_code, record_id)
    kept = Kept(place, archive_code, record_id, {})
    if stores.second is not None and (there := expected_in(stores.second, kept)) is not None:
        here = expected_in(stores.first, kept)
        if here is None or there.head >= here.head:
            named = {name: d for name, d in there.digests.items() if name not in there.made}
            kept = replace(kept, files=named)
    looked = examine(stores.first, kept, Copy.FIRST, pace=Pace(), beside=stores.second)
    if looked.faults:
        mend(stores, looked)
        looked = examine(stores.first, kept, Copy.FIRST, pace=Pace(), beside=stores.second)
    return not any(each.kind is not FaultKind.SURPLUS for each in looked.faults)


def _expected(store: ObjectStore, beside: ObjectStore | None, kept: Kept) -> Expected | None:
    for each in (store, beside):
        found = None if each is None else expected_in(each, kept)
        if found is not None and not found.contradicted:
            return found
    return None


def _bring_back(
    store: ObjectStore, beside: ObjectStore | None, kept: Kept, name: str, expected: Expected
) -> bool:
    digest = expected.digests[name]
    made = expected.made.get(name)
    there = digest_in(store, name)
    if there == digest:
        return False  # somebody was faster
    if made is None and (beside is None or digest_in(beside, name) != digest):
        return False
    if there is not None:
        put_aside(store, kept, name)
    if made is not None:
        store.replace(name, made)
    elif beside is not None:
        store.delete(name)
        copy_file(beside, store, name, digest)
    log.warning("%s was %s and has been brought back", name, "damaged" if there else "missing")
    return digest_in(store, name) == digest


def copy_file(
    source: ObjectStore, target: ObjectStore, name: str, digest: str, to: str | None = None
) -> int:
    """Copy one file from store to store, checked on its way; returns how many bytes it has.

    Raises as `ObjectStore.put`.
    """
    with source.open(name) as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        target.put(to or name, stream, sha256=digest, size=size)
    return size


def put_aside(store: ObjectStore, kept: Kept, name: str) -> str | None:
    """Keep what lies under a name under one below its archive's `aside/`; returns that name.

    None when there is nothing, or nothing that can be read.
    """
    digest = digest_in(store, name)
    if digest is None or digest == UNREADABLE:
        return None
    file = name.removeprefix(f"{kept.place}/") if kept.is_folder else name.rpartition("/")[2]
    start = f"{home_of(kept.archive_code)}/aside/{kept.record_id or 'papers'}/{digest}"
    aside = f"{start}/{file}"
    if not is_name(aside):  # no writer of ours has called it so
        aside = "/".join((start, *map(fitting_name, file.split("/"))))
    if not is_name(aside):
        aside = f"{start}/{fitting_name(file)}"
    copy_file(store, store, name, digest, to=aside)
    return aside
