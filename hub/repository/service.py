"""The verbs of the repository.

What touches the store takes the store and no session; what touches the tables takes a session and
no store: no store call happens inside a database transaction (protocol §5).
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, BinaryIO, TypeVar

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hub.repository.models import KeptDescription, KeptPackage, Paper
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, NotFound
from shared.storage import ObjectStore, StoredObject

log = logging.getLogger(__name__)

_CHUNK = 200
_DESCRIPTION = re.compile(r"/description-(\d+)\.json$")
_Kept = TypeVar("_Kept", KeptPackage, KeptDescription)


@dataclass(frozen=True)
class Placed:
    """Where a package and its receipt lie in the store."""

    archive_code: str
    record_id: str
    package: StoredObject
    receipt: StoredObject


@dataclass(frozen=True)
class Fixity:
    """What re-reading one kept object said."""

    name: str
    expected: str
    actual: str | None

    @property
    def intact(self) -> bool:
        """Whether the bytes are those that were received."""
        return self.actual == self.expected


def folder_of(archive_code: str, record_id: str) -> str:
    """The folder of a record in its archive's root.

    Spread by the random end of the id: its beginning is a time, the same for a whole day's work.
    """
    return f"archives/{archive_code}/records/{record_id[-2:]}/{record_id[-4:-2]}/{record_id}/v1"


def record_of_folder(folder: str) -> str:
    """The record whose folder this is (the inverse of `folder_of`)."""
    return folder.split("/")[-2]


def record_names(store: ObjectStore, archive_code: str) -> Iterator[str]:
    """The names of everything in an archive's folders of records, folder by folder."""
    return store.names(f"archives/{archive_code}/records/")


def known_packages(names: Sequence[str], *, session: Session) -> set[str]:
    """Those of these packages that the database knows to be kept."""
    return set(session.scalars(select(KeptPackage.name).where(KeptPackage.name.in_(names))))


def package_name(archive_code: str, record_id: str, package_sha256: str) -> str:
    """The name of a record's package in the store."""
    return f"{folder_of(archive_code, record_id)}/{package_sha256}.zip"


def store_package(
    store: ObjectStore,
    archive_code: str,
    record_id: str,
    package_sha256: str,
    *,
    stream: BinaryIO,
    size: int,
    receipt: bytes,
) -> Placed:
    """Write a package unchanged under its digest, and the receipt beside it. Repeatable.

    The receipt is written last: an object without one does not count as received. Raises Invalid
    when the stream differs from digest or size, Conflict when another receipt is there already.
    """
    name = package_name(archive_code, record_id, package_sha256)
    package = store.put(name, stream, sha256=package_sha256, size=size)
    return Placed(
        archive_code,
        record_id,
        package,
        store.put(
            f"{folder_of(archive_code, record_id)}/receipt.json",
            io.BytesIO(receipt),
            sha256=sha256_hex(receipt),
            size=len(receipt),
        ),
    )


def is_stored(store: ObjectStore, archive_code: str, record_id: str, package_sha256: str) -> bool:
    """Whether the package is in the store with these very bytes (reads them all)."""
    name = package_name(archive_code, record_id, package_sha256)
    return store.exists(name) and store.stat(name).sha256 == package_sha256


def receipt_beside(store: ObjectStore, archive_code: str, record_id: str) -> bytes | None:
    """The receipt that lies in a record's folder, if there is one."""
    return _bytes_of(store, f"{folder_of(archive_code, record_id)}/receipt.json")


def _bytes_of(store: ObjectStore, name: str) -> bytes | None:
    if not store.exists(name):
        return None
    with store.open(name) as stream:
        return stream.read()


def description_name(archive_code: str, record_id: str, version: int) -> str:
    """The name of a corrected description in the store."""
    return f"{folder_of(archive_code, record_id)}/description-{version}.json"


def store_description(
    store: ObjectStore, archive_code: str, record_id: str, version: int, content: bytes
) -> StoredObject:
    """Write a description that was corrected after receipt beside its package. Repeatable.

    The package and its receipt are not touched. Raises Conflict when another description of this
    version is there already.
    """
    return store.put(
        description_name(archive_code, record_id, version),
        io.BytesIO(content),
        sha256=sha256_hex(content),
        size=len(content),
    )


def description_beside(
    store: ObjectStore, archive_code: str, record_id: str, version: int
) -> bytes | None:
    """The corrected description of a version that lies in a record's folder, if there is one."""
    return _bytes_of(store, description_name(archive_code, record_id, version))


def descriptions(store: ObjectStore, archive_code: str) -> Iterator[tuple[str, int]]:
    """Every corrected description that the store has: record and version, rising in a record."""
    for folder, names in groupby(
        record_names(store, archive_code), key=lambda name: name.rpartition("/")[0]
    ):
        found = (_DESCRIPTION.search(name) for name in names)
        for version in sorted(int(each[1]) for each in found if each):
            yield record_of_folder(folder), version


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


def read_document(content: bytes) -> dict[str, Any] | None:
    """The JSON object in these bytes; None when they are none."""
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def note_placed(session: Session, placed: Sequence[Placed]) -> None:
    """Write down packages that the store has now. A package noted before stays as it is."""
    names = [each.package.name for each in placed]
    known = known_packages(names, session=session)
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
        for each in placed
        if each.package.name not in known
    )
    session.flush()


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


def verify(
    database: Database, store: ObjectStore, archive_code: str, *, since: datetime | None = None
) -> list[Fixity]:
    """Re-read every package, receipt and description of an archive; returns what is not intact.

    Goes in chunks, each noted in a short transaction of its own, so that it may be stopped;
    `since` leaves out what was verified after that time.
    """
    return [
        *_verify(KeptPackage, database, store, archive_code, since),
        *_verify(KeptDescription, database, store, archive_code, since),
    ]


def _verify(
    kept: type[_Kept],
    database: Database,
    store: ObjectStore,
    archive_code: str,
    since: datetime | None,
) -> list[Fixity]:
    broken: list[Fixity] = []
    last = ""
    while True:
        with database.read() as session:
            query = select(kept).where(kept.archive_code == archive_code, kept.name > last)
            if since is not None:
                query = query.where(or_(kept.verified_at.is_(None), kept.verified_at < since))
            rows = list(session.scalars(query.order_by(kept.name).limit(_CHUNK)))
        if not rows:
            return broken
        last = rows[-1].name
        results = {row.name: _read_again(store, row) for row in rows}
        with database.write() as session:
            for row in session.scalars(select(kept).where(kept.name.in_(results))):
                row.verified_at = now()
                row.intact = all(each.intact for each in results[row.name])
        broken += [each for found in results.values() for each in found if not each.intact]


def _read_again(store: ObjectStore, row: KeptPackage | KeptDescription) -> list[Fixity]:
    wanted = [(row.name, row.sha256)]
    if isinstance(row, KeptPackage):
        wanted.append((row.receipt_name, row.receipt_sha256))
    return [Fixity(name, digest, _digest_now(store, name)) for name, digest in wanted]


def _digest_now(store: ObjectStore, name: str) -> str | None:
    try:
        return store.stat(name).sha256
    except NotFound:
        return None


def keep_paper(
    session: Session, archive_code: str, kind: str, paper_id: str, document: Mapping[str, Any]
) -> None:
    """Have a paper written to `archives/<code>/<kind>/…/<id>.json` after this commit.

    The same paper again is fine; another one under its name is a Conflict.
    """
    content = canonical_json(dict(document))
    name = _paper_name(archive_code, kind, paper_id)
    digest = sha256_hex(content)
    row = session.get(Paper, name)
    if row is None:
        session.add(Paper(name=name, sha256=digest, size=len(content), content=content))
        session.flush()
    elif row.sha256 != digest:
        raise Conflict(f"文书 {paper_id} 已存有另一内容。", "请联系系统管理员核对。")


def write_paper(
    store: ObjectStore, archive_code: str, kind: str, paper_id: str, document: Mapping[str, Any]
) -> None:
    """Write a paper to the store at once, where something must not be there without it."""
    content = canonical_json(dict(document))
    store.put(
        _paper_name(archive_code, kind, paper_id),
        io.BytesIO(content),
        sha256=sha256_hex(content),
        size=len(content),
    )


def _paper_name(archive_code: str, kind: str, paper_id: str) -> str:
    return f"archives/{archive_code}/{kind}/{paper_id[-2:]}/{paper_id}.json"


def paper_ids(store: ObjectStore, archive_code: str, kind: str) -> Iterator[str]:
    """The ids of all papers of a kind that the store has of an archive."""
    for name in store.names(f"archives/{archive_code}/{kind}/"):
        yield name.rpartition("/")[2].removesuffix(".json")


def papers(store: ObjectStore, archive_code: str, kind: str) -> Iterator[dict[str, Any]]:
    """All papers of a kind that the store has of an archive."""
    for name in store.names(f"archives/{archive_code}/{kind}/"):
        with store.open(name) as stream:
            value: dict[str, Any] = json.load(stream)
        yield value


def paper_of(
    store: ObjectStore, archive_code: str, kind: str, paper_id: str
) -> dict[str, Any] | None:
    """A paper as the store has it; None when it has none that can be read."""
    name = _paper_name(archive_code, kind, paper_id)
    if not store.exists(name):
        return None
    with store.open(name) as stream:
        return read_document(stream.read())


class PaperWriter:
    """Writes waiting papers to the store (a step for `Background`)."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def step(self) -> bool:
        """Write a few papers; True when there may be more."""
        with self._database.read() as session:
            waiting = list(
                session.scalars(
                    select(Paper)
                    .where(Paper.stored_at.is_(None), Paper.refused.is_(False))
                    .order_by(Paper.made_at, Paper.name)
                    .limit(_CHUNK)
                )
            )
        if not waiting:
            return False
        written = {paper.name: self._write(paper) for paper in waiting}
        with self._database.write() as session:
            for paper in session.scalars(select(Paper).where(Paper.name.in_(written))):
                if written[paper.name]:
                    paper.content = None
                    paper.stored_at = now()
                else:
                    paper.refused = True
        return True

    def _write(self, paper: Paper) -> bool:
        content = io.BytesIO(paper.content or b"")
        try:
            self._store.put(paper.name, content, sha256=paper.sha256, size=paper.size)
        except Conflict:
            # What the store has came first and stays; a person must look at the other one.
            log.exception("another paper lies already under %s", paper.name)
            return False
        return True
