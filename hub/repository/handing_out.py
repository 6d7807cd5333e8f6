"""What is kept, for whoever copies it out of the store: what there is, and its bytes, proven.

Either copy does: what the first store has damaged is read from the second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import null, select
from sqlalchemy.orm import Session

from hub.repository.examining import Pace, Stores
from hub.repository.expected import Expected, expected_in, require_store
from hub.repository.keeping import Kept, event_file, event_files, is_something, kept_in, place_of
from hub.repository.models import KeptDescription, KeptEvent, KeptObject, KeptPackage
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import DanglianError, Invalid, NotFound, Unavailable
from shared.kernel.files import chunks
from shared.kernel.reach import within_reach
from shared.storage import ObjectStore, StoredObject
from shared.storage.temporary import telling_of_trouble


@dataclass(frozen=True)
class Held:
    """What an archive keeps of a record: its package, the receipt, what was done with it since.

    `descriptions` are by the record's version, rising; `later` has files of later versions (a
    rendition, each with the sealed paper about it) by their names in the object.
    """

    archive_code: str
    record_id: str
    place: str
    stored_at: datetime
    package: StoredObject
    receipt: StoredObject
    descriptions: dict[int, StoredObject]
    later: dict[str, StoredObject] = field(default_factory=dict)

    @property
    def kept(self) -> Kept:
        """The same, as what must lie in its place."""
        named = (self.package, self.receipt, *self.descriptions.values(), *self.later.values())
        files = {each.name: each.sha256 for each in named}
        return Kept(self.place, self.archive_code, self.record_id, files)


class Damaged(Invalid):
    """Something kept that cannot be handed out: no copy of it is as it was received."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            "store",
            f"馆藏中的 {name} {why}，没有完好的一份。",
            "请在“馆藏核验”中查看，修复后重新导出这一件。",
            code="kept_damaged",
        )


def held_of(record_ids: Iterable[str], *, session: Session) -> dict[str, list[Held]]:
    """What is kept of these records, by record; none for one that is not kept."""
    wanted = list(record_ids)
    described: dict[tuple[str, str], dict[int, StoredObject]] = {}
    for row in session.scalars(
        select(KeptDescription)
        .where(KeptDescription.record_id.in_(wanted))
        .order_by(KeptDescription.version)
    ):
        stored = StoredObject(row.name, row.size, row.sha256)
        described.setdefault((row.archive_code, row.record_id), {})[row.version] = stored
    done: dict[tuple[str, str], list[KeptEvent]] = {}
    for event in session.scalars(
        select(KeptEvent)
        .where(KeptEvent.record_id.in_(wanted), KeptEvent.version.is_not(None))
        .order_by(KeptEvent.version)
    ):
        done.setdefault((event.archive_code, event.record_id), []).append(event)
    found: dict[str, list[Held]] = {}
    for each in session.scalars(select(KeptPackage).where(KeptPackage.record_id.in_(wanted))):
        place = place_of(each.name, each.archive_code, each.record_id)
        held = Held(
            each.archive_code,
            each.record_id,
            place,
            each.stored_at,
            StoredObject(each.name, each.size, each.sha256),
            StoredObject(each.receipt_name, each.receipt_size, each.receipt_sha256),
            described.get((each.archive_code, each.record_id), {}),
            {
                file: StoredObject(f"{place}/{event_file(event, file)}", size, sha256)
                for event in done.get((each.archive_code, each.record_id), ())
                for file, (sha256, size) in event_files(event).items()
            },
        )
        found.setdefault(each.record_id, []).append(held)
    return found


def papers_after(
    actor: Actor,
    place: str,
    *,
    session: Session,
    archive_code: str | None = None,
    limit: int = 100,
) -> list[Kept]:
    """The papers of the actor's archives whose names come after this one, in order."""
    query = (
        select(KeptObject.place)
        .where(KeptObject.record_id.is_(None), KeptObject.place > place, is_something())
        .where(within_reach(actor, (Role.ARCHIVIST,), null(), KeptObject.archive_code))
        .order_by(KeptObject.place)
        .limit(limit)
    )
    if archive_code is not None:
        query = query.where(KeptObject.archive_code == archive_code)
    places = list(session.scalars(query))
    kept = kept_in(places, session=session)
    return [kept[each] for each in places if each in kept]


def fetch(stores: Stores, name: str, sha256: str, target: Path, *, pace: Pace) -> None:
    """Copy something kept into a file, every byte of it proven.

    Raises Damaged when no copy is as it was received, Unavailable when the store is away or the
    disk of the target full.
    """
    why = "读不到"
    for copy in stores.copies:
        store = stores.of(copy)
        try:
            stream = store.open(name)
        except NotFound:
            _require_archive(store, name)
            why = "不见了"
            continue
        except Unavailable:
            require_store(store, name)  # it may be this one file
            continue
        try:
            with stream:
                actual = _copy(stream, target, pace)
        except _Unreadable:
            require_store(store, name)
            continue
        if actual == sha256:
            return
        why = "损坏"
    raise Damaged(name, why)


def fetch_all(stores: Stores, kept: Kept, folder: Path, *, pace: Pace) -> None:
    """Copy all that must lie in a place into a folder, under the names that it has there.

    What an inventory says is made anew, so that a copy is whole where its contents are. Raises as
    `fetch` does.
    """
    expected = _expected(stores, kept)
    for name, digest in expected.digests.items():
        path = folder / (name.removeprefix(f"{kept.place}/") if kept.is_folder else Path(name).name)
        with telling_of_trouble():
            path.parent.mkdir(parents=True, exist_ok=True)
            if name in expected.made:
                path.write_bytes(expected.made[name])
                continue
        fetch(stores, name, digest, path, pace=pace)


def _expected(stores: Stores, kept: Kept) -> Expected:
    for copy in stores.copies:
        found = expected_in(stores.of(copy), kept)
        if found is not None and not found.contradicted:
            return found
    _require_archive(stores.first, kept.place)
    raise Damaged(kept.place, "清单不可信")


def _require_archive(store: ObjectStore, name: str) -> None:
    """Raise Unavailable when the store has nothing at all of the archive: it is not mounted."""
    archive = "/".join(name.split("/")[:2])
    if next(store.names(f"{archive}/"), None) is None:
        raise Unavailable(
            "存储里没有这个档案馆的任何内容。", "请检查磁盘或存储桶是否挂好，再接着导出。"
        )


class _Unreadable(Exception):
    """The store gave no more of a file."""


def _copy(stream: BinaryIO, target: Path, pace: Pace) -> str:
    digest = hashlib.sha256()
    with telling_of_trouble(), target.open("wb") as out:
        for piece in _pieces(stream):
            digest.update(piece)
            out.write(piece)
            pace.took(len(piece))
    return digest.hexdigest()


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    try:
        yield from chunks(stream)
    except (OSError, DanglianError) as error:
        raise _Unreadable from error
