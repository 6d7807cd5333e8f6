"""What lies in a store outside of everything that is kept: surplus files, wherever they are.

One row of `KeptObject` (`keeping.outside_of`) stands for all of an archive, or of the hub itself,
that belongs to no object and is no paper; fixity reads it in turn as it reads these. What is kept
is known by its row and not looked into here. What our own writers may have put there a moment ago
is left alone for a day: its row is not committed yet.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.repository import objects
from hub.repository.examining import Fault, FaultKind, Looked, digest_in
from hub.repository.keeping import MARK, OF_HUB, Copy, Kept, home_of, outside_of
from hub.repository.models import KeptObject, Paper, Tombstone
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.storage import ObjectStore
from shared.storage.ports import is_name

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)
#: So many are named; more say no more than that the database is not this store's.
_MOST, _AT_ONCE = 1000, 500
#: Not looked into from the top of a store: the hub has these, a second store, and any disk.
_OTHERS = (f"{OF_HUB}/", MARK, "lost+found/")
#: What our writers call their files: in an object's folder, or a paper or a time stamp.
_OURS = re.compile(
    r"archives/[^/]+/ocfl/[0-9a-f]{3}/[0-9a-f]{3}/[0-9a-f]{3}/[0-9a-f]{64}/.*|.*\.(json|tsr)",
    re.DOTALL,
)


def note_outside(database: Database, copy: Copy, *, due: datetime) -> None:
    """Have a row for what lies outside, in this copy of each archive that has anything; due then.

    Nobody has looked yet where there was none.
    """
    with database.read() as session:
        missing = [code for code in _codes(session) if _is_missing(code, copy, session)]
    if not missing:
        return
    with database.write() as session:
        for code in missing:
            place = outside_of(code)
            row = session.get(KeptObject, place) or KeptObject(
                place=place, archive_code=code, looked_at=due
            )
            if copy is Copy.SECOND:
                row.second_looked_at = due
            session.add(row)


def _codes(session: Session) -> list[str]:
    return [OF_HUB, *(each.code for each in federation.archives(session))]


def _is_missing(code: str, copy: Copy, session: Session) -> bool:
    row = session.get(KeptObject, outside_of(code))
    if row is not None and (copy is Copy.FIRST or row.second_looked_at is not None):
        return False
    kept = KeptObject.archive_code == code
    if copy is Copy.SECOND:
        kept &= KeptObject.second_looked_at.is_not(None)
    return bool(session.scalar(select(exists().where(kept))))


def examine_outside(store: ObjectStore, kept: Kept, copy: Copy, database: Database) -> Looked:
    """Find what belongs to nothing, and whether the storage root still declares itself.

    Raises Unavailable when the store is away, or has nothing at all of the archive.
    """
    code, home = kept.archive_code, home_of(kept.archive_code)
    if not any(True for _ in store.level(f"{home}/")):
        raise Unavailable(
            f"存储里没有 {home} 的任何内容。",
            "请检查磁盘或存储桶是否挂好、地址是否填对；恢复后自动继续。",
        )
    with database.read() as session:
        codes = _codes(session)
        has_objects = session.scalar(
            select(
                exists().where(KeptObject.archive_code == code, KeptObject.record_id.is_not(None))
            )
        )
        skipped = {f"{home}/aside/", *_being_erased(code, session)}
    declared = {} if code == OF_HUB else objects.declarations_of(code)
    faults = []
    # Before the first object is settled the root may have been opened, and need not have been.
    for name, content in declared.items() if has_objects else ():
        actual, wanted = digest_in(store, name), sha256_hex(content)
        if actual != wanted:
            kind = FaultKind.MISSING if actual is None else FaultKind.DAMAGED
            faults.append(Fault(name, kind, wanted, actual))
    folders = [f"{home}/"]
    if code == OF_HUB:  # it has all that is no archive's, too
        folders = ["", f"{home}/"]
        skipped |= {*_OTHERS, *(f"{home_of(each)}/" for each in codes)}
    for name in (name for each in folders for name in _surplus(store, each, database, skipped)):
        if name not in declared:
            faults.append(Fault(name, FaultKind.SURPLUS))
        if len(faults) >= _MOST:
            log.warning("more than %d files in %s belong to nothing", _MOST, home)
            break
    return Looked(kept, copy, tuple(faults), len(declared))


def _surplus(
    store: ObjectStore, folder: str, database: Database, skipped: Collection[str]
) -> Iterator[str]:
    level = list(store.level(folder))
    known = _kept_of([each.name.rstrip("/") for each in level], database)
    for each in level:
        if each.name.rstrip("/") in known or each.name in skipped:
            continue
        if each.name.endswith("/"):
            if not objects.is_copied_into(each.name.rstrip("/")):
                yield from _surplus(store, each.name, database, skipped)
        elif not _may_be_ours(each.name, each.modified):
            yield each.name


def _kept_of(names: list[str], database: Database) -> set[str]:
    """Those that are places of something kept, or papers that are being written."""
    found: set[str] = set()
    with database.read() as session:
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            for column in (KeptObject.place, Paper.name):
                found.update(session.scalars(select(column).where(column.in_(some))))
    return found


def _may_be_ours(name: str, modified: datetime | None) -> bool:
    """Whether a writer of ours may have put it there, whose row is not committed yet."""
    young = modified is None or abs(now() - modified) < _DAY
    return young and is_name(name) and _OURS.fullmatch(name) is not None


def _being_erased(archive_code: str, session: Session) -> set[str]:
    """The folders of destroyed records of which bytes may still be there."""
    records = session.scalars(
        select(Tombstone.record_id).where(
            Tombstone.archive_code == archive_code, Tombstone.erased_at.is_(None)
        )
    )
    return {f"{objects.folder_of(archive_code, each)}/" for each in records}
