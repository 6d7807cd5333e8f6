"""The verbs of the repository.

What touches the store takes the store and no session; what touches the tables takes a session and
no store: no store call happens inside a database transaction (protocol §5).
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.repository import objects
from hub.repository.fixity import verify
from hub.repository.keeping import note_kept, place_of
from hub.repository.mending import mend_object
from hub.repository.models import KeptDescription, KeptPackage
from hub.repository.papers import (
    PaperWriter,
    keep_paper,
    keep_stamp,
    paper_ids,
    paper_named,
    paper_of,
    papers,
    read_document,
    stamp_of,
    write_paper,
)
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Conflict, NotFound
from shared.storage import ObjectStore, StoredObject

log = logging.getLogger(__name__)

_RECEIPT = "receipt.json"
_DESCRIPTION = re.compile(r"/description-(\d+)\.json$")


@dataclass(frozen=True)
class Placed:
    """Where a package and its receipt lie in the store."""

    archive_code: str
    record_id: str
    package: StoredObject
    receipt: StoredObject


def old_folder_of(archive_code: str, record_id: str) -> str:
    """Where version 0.1 kept a record: read still, and moved by `moving`."""
    return f"{_old_root(archive_code)}/{record_id[-2:]}/{record_id[-4:-2]}/{record_id}/v1"


def _old_root(archive_code: str) -> str:
    return f"archives/{archive_code}/records"


def folders(store: ObjectStore, archive_code: str) -> Iterator[tuple[str, list[str]]]:
    """Every folder with contents of a record, with the names of all that lies in it."""
    yield from old_folders(store, archive_code)
    for folder, inside in _by_folder(objects.object_names(store, archive_code)):
        if folder.endswith("/content"):
            yield folder, inside


def old_folders(store: ObjectStore, archive_code: str) -> Iterator[tuple[str, list[str]]]:
    """The folders that version 0.1 has left, with the names of all that lies in each."""
    return _by_folder(store.names(f"{_old_root(archive_code)}/"))


def _by_folder(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    for folder, inside in groupby(names, key=lambda name: name.rpartition("/")[0]):
        yield folder, list(inside)


def record_of_folder(store: ObjectStore, folder: str) -> str | None:
    """The record whose contents lie in this folder; None while its object does not count."""
    if "/records/" in folder:
        return folder.split("/")[-2]
    return objects.record_in(store, folder.rsplit("/", 2)[0])


def known_packages(names: Sequence[str], *, session: Session) -> set[str]:
    """Those of these packages that the database knows to be kept."""
    return set(session.scalars(select(KeptPackage.name).where(KeptPackage.name.in_(names))))


def package_name(archive_code: str, record_id: str, package_sha256: str) -> str:
    """The name of a record's package in the store."""
    return objects.content_name(archive_code, record_id, 1, f"{package_sha256}.zip")


def receipt_name(package: str) -> str:
    """The name of the receipt beside a package."""
    return f"{package.rpartition('/')[0]}/{_RECEIPT}"


def store_package(
    store: ObjectStore,
    archive_code: str,
    record_id: str,
    package_sha256: str,
    *,
    stream: BinaryIO,
    size: int,
    receipt: bytes,
    besides: Mapping[str, bytes] | None = None,
) -> Placed:
    """Write a package unchanged under its digest, with its receipt, as an object's first version.

    `besides` lie beside it: metadata, inspection report, by kind. Repeatable. The receipt is the
    last of the contents: an object without one does not count as received. Raises Invalid when
    the stream differs from digest or size, Conflict when another receipt is there already.
    """
    inventory = objects.inventory_of(store, archive_code, record_id)
    name = package_name(archive_code, record_id, package_sha256)
    if inventory is None:
        objects.begin_object(store, archive_code, record_id)
    elif f"{package_sha256}.zip" not in objects.files_of(inventory):
        raise Conflict("馆藏里这件档案已是另一个数据包。", "请联系系统管理员核对。")
    package = store.put(name, stream, sha256=package_sha256, size=size)
    if inventory is None:
        for kind, content in (besides or {}).items():
            file = f"{kind}-{sha256_hex(content)[:16]}.json"
            objects.put_bytes(
                store, objects.content_name(archive_code, record_id, 1, file), content
            )
    beside = store.put(
        receipt_name(name), io.BytesIO(receipt), sha256=sha256_hex(receipt), size=len(receipt)
    )
    placed = Placed(archive_code, record_id, package, beside)
    settle_package(store, placed, receipt)
    return placed


def settle_package(store: ObjectStore, placed: Placed, receipt: bytes) -> None:
    """Make the first version of an object count whose contents are all there; repeatable."""
    if "/records/" in placed.package.name:
        return  # of version 0.1: no object yet
    code, record_id = placed.archive_code, placed.record_id
    with objects.WRITING:
        if objects.inventory_of(store, code, record_id) is None:
            objects.open_root(store, code)
            objects.begin_object(store, code, record_id)
            written = (placed.package, placed.receipt)
            objects.settle_version(
                store,
                code,
                record_id,
                None,
                known={each.name.rpartition("/")[2]: each.sha256 for each in written},
                message="接收",
                at=_moment_of(receipt),
            )


def _moment_of(content: bytes) -> str:
    """When the event of a signed document was."""
    return str((read_document(content) or {})["at"])


def find_package(
    store: ObjectStore, archive_code: str, record_id: str, package_sha256: str
) -> str | None:
    """The name under which the store has a package, also where version 0.1 put it."""
    names = places(archive_code, record_id, package_sha256)
    return next((name for name in names if store.exists(name)), None)


def places(archive_code: str, record_id: str, package_sha256: str) -> tuple[str, str]:
    """The names that a package may have: as ever since, and as version 0.1 named it."""
    return (
        package_name(archive_code, record_id, package_sha256),
        f"{old_folder_of(archive_code, record_id)}/{package_sha256}.zip",
    )


def receipt_beside(store: ObjectStore, archive_code: str, record_id: str) -> bytes | None:
    """The receipt that lies beside a record's package, if there is one."""
    return _bytes_of(
        store, objects.content_name(archive_code, record_id, 1, _RECEIPT)
    ) or _bytes_of(store, f"{old_folder_of(archive_code, record_id)}/{_RECEIPT}")


def _bytes_of(store: ObjectStore, name: str) -> bytes | None:
    if not store.exists(name):
        return None
    with store.open(name) as stream:
        return stream.read()


def description_name(
    store: ObjectStore, archive_code: str, record_id: str, version: int
) -> str | None:
    """The name under which the store has a corrected description; None when it has none.

    Also of a version that does not count yet, because its writer was killed: it is sealed.
    """
    file = f"description-{version}.json"
    inventory = objects.inventory_of(store, archive_code, record_id)
    old = f"{old_folder_of(archive_code, record_id)}/{file}"
    if inventory is None:
        return old if store.exists(old) else None
    found = objects.files_of(inventory).get(file)
    if found is not None:
        return f"{objects.folder_of(archive_code, record_id)}/{found}"
    number = objects.head_number(inventory) + 1
    for name in (objects.content_name(archive_code, record_id, number, file), old):
        if store.exists(name):
            return name
    return None


def store_description(
    store: ObjectStore, archive_code: str, record_id: str, version: int, content: bytes
) -> StoredObject:
    """Write a description that was corrected after receipt as the object's next version.

    Repeatable; package and receipt are not touched. Raises Conflict when another description of
    this version is there already, NotFound when the record has no object.
    """
    file = f"description-{version}.json"
    with objects.WRITING:
        inventory = objects.inventory_of(store, archive_code, record_id)
        if inventory is None:
            raise NotFound("馆藏中没有这件档案。", "请确认接收已经完成；旧版存放的请等待搬移完成。")
        found = objects.files_of(inventory).get(file)
        number = objects.head_number(inventory) + 1
        digest = sha256_hex(content)
        stored = store.put(
            f"{objects.folder_of(archive_code, record_id)}/{found}"
            if found
            else objects.content_name(archive_code, record_id, number, file),
            io.BytesIO(content),
            sha256=digest,
            size=len(content),
        )
        if found is None:
            objects.settle_version(
                store,
                archive_code,
                record_id,
                inventory,
                known={file: digest},
                message="更正",
                at=_moment_of(content),
            )
        return stored


def description_beside(
    store: ObjectStore, archive_code: str, record_id: str, version: int
) -> bytes | None:
    """The corrected description of a version that the store has of a record, if there is one."""
    name = description_name(store, archive_code, record_id, version)
    return None if name is None else _bytes_of(store, name)


def descriptions(store: ObjectStore, archive_code: str) -> Iterator[tuple[str, int]]:
    """Every corrected description that the store has: record and version, rising in a record."""
    for folder, names in folders(store, archive_code):
        versions = sorted(version for version, _name in description_versions(names))
        record_id = record_of_folder(store, folder) if versions else None
        if record_id is not None:
            for version in versions:
                yield record_id, version


def description_versions(names: Iterable[str]) -> list[tuple[int, str]]:
    """The corrected descriptions among these names, each with the record's version in it."""
    found = ((_DESCRIPTION.search(name), name) for name in names)
    return [(int(each[1]), name) for each, name in found if each]


def note_description(
    session: Session, archive_code: str, record_id: str, version: int, stored: StoredObject
) -> None:
    """Write down a description that the store has now; the same again is nothing."""
    if session.get(KeptDescription, stored.name) is None:
        session.add(
            KeptDescription(
                name=stored.name,
                archive_code=archive_code,
                record_id=record_id,
                version=version,
                sha256=stored.sha256,
                size=stored.size,
            )
        )
        session.flush()
        place = place_of(stored.name, archive_code, record_id)
        note_kept(session, [(place, archive_code, record_id)])


def note_placed(session: Session, placed: Sequence[Placed]) -> None:
    """Write down packages that the store has now. A package noted before stays as it is."""
    names = [each.package.name for each in placed]
    known = known_packages(names, session=session)
    new = [each for each in placed if each.package.name not in known]
    session.add_all(
        KeptPackage(
            name=each.package.name,
            archive_code=each.archive_code,
            record_id=each.record_id,
            sha256=each.package.sha256,
            size=each.package.size,
            receipt_sha256=each.receipt.sha256,
            receipt_size=each.receipt.size,
        )
        for each in new
    )
    note_kept(
        session,
        (
            (
                place_of(each.package.name, each.archive_code, each.record_id),
                each.archive_code,
                each.record_id,
            )
            for each in new
        ),
    )


def note_damaged(session: Session, archive_code: str, record_ids: Sequence[str]) -> list[str]:
    """Write down that objects are kept which a rebuild could not take; returns their places.

    Fixity reads them from then on and names what is faulty.
    """
    places = [objects.folder_of(archive_code, each) for each in record_ids]
    note_kept(
        session,
        ((place, archive_code, each) for place, each in zip(places, record_ids, strict=True)),
    )
    return places


def kept_package(archive_code: str, record_id: str, *, session: Session) -> KeptPackage:
    """The package that an archive keeps of a record. Raises NotFound."""
    row = session.scalar(
        select(KeptPackage)
        .where(KeptPackage.archive_code == archive_code, KeptPackage.record_id == record_id)
        .order_by(KeptPackage.version.desc())
        .limit(1)
    )
    if row is None:
        raise NotFound("馆藏中没有这件档案。", "请核对档号，或确认是否已完成接收。")
    return row


def open_package(store: ObjectStore, kept: KeptPackage) -> BinaryIO:
    """The bytes of a kept package, to be closed by the caller. Raises NotFound."""
    return store.open(kept.name)


def count_kept(archive_code: str, *, session: Session) -> tuple[int, int]:
    """How many packages an archive keeps, and their bytes."""
    count, size = session.execute(
        select(func.count(), func.coalesce(func.sum(KeptPackage.size), 0)).where(
            KeptPackage.archive_code == archive_code
        )
    ).one()
    return int(count), int(size)


#: The room's papers and its fixity, through the same door.
__all__ = [
    "PaperWriter",
    "keep_paper",
    "keep_stamp",
    "mend_object",
    "paper_ids",
    "paper_named",
    "paper_of",
    "papers",
    "read_document",
    "stamp_of",
    "verify",
    "write_paper",
]
