"""Fixity: what is kept is read again, and held against the digest with which it was received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import or_, select

from hub.repository.models import KeptDescription, KeptPackage
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import NotFound
from shared.storage import ObjectStore

_CHUNK = 200
_Kept = TypeVar("_Kept", KeptPackage, KeptDescription)


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
