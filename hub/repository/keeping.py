"""What the repository keeps as one: a record's object, or a paper; a row for each, and its files.

Fixity and the second copy go through these rows. They are written with those of packages,
descriptions and papers, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from hub.repository import objects
from hub.repository.models import (
    FileFault,
    KeptDescription,
    KeptEvent,
    KeptObject,
    KeptPackage,
    Paper,
)
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now


class Copy(StrEnum):
    """Which of the two stores has a copy."""

    FIRST = "first"
    SECOND = "second"


#: What people call them.
COPY_NAMES = {Copy.FIRST: "馆藏", Copy.SECOND: "第二份"}

#: Stands for an archive's code where the hub keeps papers of itself: registers, audit, keys.
OF_HUB = "hub"
#: Says in a second store whose it is, so that an empty disk is not taken for it.
MARK = "second-copy.json"
#: No file and no folder of ours is called so.
_OUTSIDE = "-"


def home_of(archive_code: str) -> str:
    """The folder of a store in which everything of an archive lies, or of the hub itself."""
    return OF_HUB if archive_code == OF_HUB else f"archives/{archive_code}"


def outside_of(archive_code: str) -> str:
    """The place that stands for whatever lies there outside of all that is kept (`outside`)."""
    return f"{home_of(archive_code)}/{_OUTSIDE}"


def keeper_of(paper: str) -> str:
    """The code of the archive that a paper's name belongs to; `OF_HUB` for the hub's own."""
    first, second, *_rest = paper.split("/")
    return OF_HUB if first == OF_HUB else second


def subject_of(archive_code: str, record_id: str | None) -> str:
    """What the audit calls something kept."""
    if record_id is not None:
        return f"record:{record_id}"
    return OF_HUB if archive_code == OF_HUB else f"archive:{archive_code}"


@dataclass(frozen=True)
class Kept:
    """What the database says of something kept: its place, and the digests of files in it by name.

    `place` is the folder of a record's object, or the name of a paper, which has no record.
    """

    place: str
    archive_code: str
    record_id: str | None
    files: Mapping[str, str]

    @property
    def is_object(self) -> bool:
        """Whether this is an object with an inventory: no paper, nothing of version 0.1."""
        return is_object(self.place)

    @property
    def is_outside(self) -> bool:
        """Whether it stands for what lies outside of everything else."""
        return self.place == outside_of(self.archive_code)

    @property
    def is_folder(self) -> bool:
        """Whether whatever lies below the place must belong to it."""
        return self.record_id is not None


def is_object(place: str) -> bool:
    """Whether an object of OCFL lies here, not a paper or a folder of version 0.1."""
    return place.split("/")[2:3] == ["ocfl"]


def is_something() -> ColumnElement[bool]:
    """The condition that a row is one of something kept, and not of what lies outside."""
    return KeptObject.place.not_like(f"%/{_OUTSIDE}")


def place_of(package: str, archive_code: str, record_id: str) -> str:
    """The place of the record whose package has this name."""
    if is_object(package):
        return objects.folder_of(archive_code, record_id)
    return package.rpartition("/")[0]


def note_kept(session: Session, kept: Iterable[tuple[str, str, str | None]]) -> None:
    """Write down what the store has now, or has changed: place, archive, and record (if any).

    It waits for its second copy from here on. Folders of version 0.1 do so when they are objects.
    """
    wanted = {place: (archive_code, record_id) for place, archive_code, record_id in kept}
    known = session.scalars(select(KeptObject).where(KeptObject.place.in_(wanted)))
    for row in known:
        row.waiting_since = now()
        del wanted[row.place]
    session.add_all(
        KeptObject(
            place=place,
            archive_code=archive_code,
            record_id=record_id,
            waiting_since=now() if record_id is None or is_object(place) else None,
        )
        for place, (archive_code, record_id) in wanted.items()
    )
    session.flush()


def note_moved(session: Session, old: str, archive_code: str, record_id: str) -> None:
    """Write down that what version 0.1 kept in the folder `old` is an object now."""
    for table in (KeptObject, FileFault):
        session.execute(delete(table).where(table.place == old))
    note_kept(session, [(objects.folder_of(archive_code, record_id), archive_code, record_id)])


def event_files(event: KeptEvent) -> dict[str, tuple[str, int]]:
    """Digest and size of each file of an event by its name in the object, the paper last."""
    paper = canonical_json(event.document)
    return {
        **{each["file"]: (each["sha256"], each["size"]) for each in event.document["files"]},
        f"event-{event.id}.json": (sha256_hex(paper), len(paper)),
    }


def event_file(event: KeptEvent, file: str) -> str:
    """Where a file of an event lies within its object."""
    return f"v{event.version}/content/{file}"


def kept_in(places: Iterable[str], *, session: Session) -> dict[str, Kept]:
    """What is kept in these places, with its files; places of nothing are left out."""
    rows = list(session.scalars(select(KeptObject).where(KeptObject.place.in_(list(places)))))
    files: dict[str, dict[str, str]] = {row.place: {} for row in rows}
    of_record = {(row.archive_code, row.record_id): row.place for row in rows if row.record_id}
    records = [record_id for _archive, record_id in of_record]
    for package in session.scalars(select(KeptPackage).where(KeptPackage.record_id.in_(records))):
        place = of_record.get((package.archive_code, package.record_id))
        if place is not None:
            files[place][package.name] = package.sha256
            files[place][package.receipt_name] = package.receipt_sha256
    for each in session.scalars(
        select(KeptDescription).where(KeptDescription.record_id.in_(records))
    ):
        place = of_record.get((each.archive_code, each.record_id))
        if place is not None:
            files[place][each.name] = each.sha256
    for event in session.scalars(
        select(KeptEvent).where(KeptEvent.record_id.in_(records), KeptEvent.version.is_not(None))
    ):
        place = of_record.get((event.archive_code, event.record_id))
        if place is not None:
            for file, (digest, _size) in event_files(event).items():
                files[place][f"{place}/{event_file(event, file)}"] = digest
    names = [row.place for row in rows if row.record_id is None]
    for paper in session.scalars(select(Paper).where(Paper.name.in_(names))):
        files[paper.name][paper.name] = paper.sha256
    return {
        row.place: Kept(row.place, row.archive_code, row.record_id, files[row.place])
        for row in rows
    }
