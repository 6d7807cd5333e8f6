"""The running tally: counts and digest sums per fonds, year, class, retention, state and level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord, CatalogueTally
from hub.federation import service as federation
from shared.kernel.bulk import put_rows, table_of
from shared.kernel.canonical import digest_of, sum_of_digests

_MODULUS = 1 << 256

Key = tuple[str, int, str, str, str, str]


def item_digest(record_id: str, digest: str, told_state: str) -> str:
    """What one record adds to a sum: the digest of its id, content digest and told state."""
    return digest_of([record_id, digest, told_state])


@dataclass(frozen=True)
class Counted:
    """A record as the tally sees it."""

    id: str
    digest: str
    told_state: str
    fonds_id: str
    year: int
    class_code: str
    retention: str
    state: str
    level: str

    @classmethod
    def of(cls, record: CatalogueRecord) -> Counted:
        """A record of the catalogue."""
        return cls(*(getattr(record, each.name) for each in fields(cls)))

    @property
    def key(self) -> Key:
        """The tally row that counts it."""
        return (
            self.fonds_id,
            self.year,
            self.class_code,
            self.retention,
            self.state,
            self.level,
        )


class Changes:
    """What a change does to the tally, gathered, then written at once."""

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._sums: dict[Key, int] = {}

    def add(self, record: Counted) -> None:
        """Count a record."""
        self._move(record, 1)

    def take(self, record: Counted) -> None:
        """No longer count a record."""
        self._move(record, -1)

    def _move(self, record: Counted, sign: int) -> None:
        key, item = record.key, int(item_digest(record.id, record.digest, record.told_state), 16)
        self._counts[key] = self._counts.get(key, 0) + sign
        self._sums[key] = self._sums.get(key, 0) + sign * item

    def write(self, session: Session) -> None:
        """Bring the tally up to date, in the transaction of the change, which holds the fonds."""
        keys = [key for key in self._counts if self._counts[key] or self._sums[key] % _MODULUS]
        held = {_key(row): row for row in _rows(keys, session)}
        full, empty = [], []
        for key in keys:
            row = held.get(key)
            count = self._counts[key] + (row.records if row else 0)
            total = (self._sums[key] + (int(row.sum, 16) if row else 0)) % _MODULUS
            if count:
                full.append({**_parts(key), "records": count, "sum": f"{total:064x}"})
            else:
                empty.append(key)
        put_rows(session, table_of(CatalogueTally), full, key=_NAMES)
        if empty:
            session.execute(
                delete(CatalogueTally)
                .where(tuple_(*_COLUMNS).in_(empty))
                .execution_options(synchronize_session=False)
            )


_COLUMNS = (
    CatalogueTally.fonds_id,
    CatalogueTally.year,
    CatalogueTally.class_code,
    CatalogueTally.retention,
    CatalogueTally.state,
    CatalogueTally.level,
)
_NAMES = ("fonds_id", "year", "class_code", "retention", "state", "level")


def _parts(key: Key) -> dict[str, Any]:
    return dict(zip(_NAMES, key, strict=True))


def _key(row: Any) -> Key:
    return (row.fonds_id, row.year, row.class_code, row.retention, row.state, row.level)


def _rows(keys: Sequence[Key], session: Session) -> Iterable[Any]:
    if not keys:
        return []
    return session.execute(
        select(*_COLUMNS, CatalogueTally.records, CatalogueTally.sum).where(
            tuple_(*_COLUMNS).in_(keys)
        )
    ).all()


def sums_of(fonds_ids: Sequence[str], session: Session) -> dict[str, str]:
    """The digest sum of each fonds and year, under `<fonds_id>/<year>`."""
    found: dict[str, list[str]] = {}
    rows = session.execute(
        select(CatalogueTally.fonds_id, CatalogueTally.year, CatalogueTally.sum).where(
            CatalogueTally.fonds_id.in_(list(fonds_ids))
        )
    )
    for row in rows:
        found.setdefault(f"{row.fonds_id}/{row.year}", []).append(row.sum)
    return {name: sum_of_digests(sums) for name, sums in sorted(found.items())}


def is_right(fonds_id: str, *, session: Session) -> bool:
    """Whether a fonds' tally is what counting its rows gives."""
    return _counted(fonds_id, session) == _held(fonds_id, session)


def recount(fonds_id: str, *, session: Session) -> bool:
    """Make a fonds' tally anew from the rows; False when it had been right."""
    federation.held_fonds([fonds_id], session)
    right = _counted(fonds_id, session)
    if right == _held(fonds_id, session):
        return False
    session.execute(delete(CatalogueTally).where(CatalogueTally.fonds_id == fonds_id))
    if right:
        session.execute(
            insert(CatalogueTally),
            [
                {**_parts(key), "records": count, "sum": total}
                for key, (count, total) in right.items()
            ],
        )
    return True


def _counted(fonds_id: str, session: Session) -> dict[Key, tuple[int, str]]:
    counts: dict[Key, int] = {}
    sums: dict[Key, int] = {}
    rows = session.execute(
        select(
            CatalogueRecord.id,
            CatalogueRecord.digest,
            CatalogueRecord.told_state,
            CatalogueRecord.fonds_id,
            CatalogueRecord.year,
            CatalogueRecord.class_code,
            CatalogueRecord.retention,
            CatalogueRecord.state,
            CatalogueRecord.level,
        ).where(CatalogueRecord.fonds_id == fonds_id)
    ).yield_per(1000)
    for row in rows:
        record = Counted(*row)
        counts[record.key] = counts.get(record.key, 0) + 1
        item = int(item_digest(record.id, record.digest, record.told_state), 16)
        sums[record.key] = (sums.get(record.key, 0) + item) % _MODULUS
    return {key: (counts[key], f"{sums[key]:064x}") for key in counts}


def _held(fonds_id: str, session: Session) -> dict[Key, tuple[int, str]]:
    return {
        _key(row): (row.records, row.sum)
        for row in session.execute(
            select(*_COLUMNS, CatalogueTally.records, CatalogueTally.sum).where(
                CatalogueTally.fonds_id == fonds_id
            )
        )
    }


def tallied(
    session: Session, *, fonds_ids: Sequence[str] | None = None, by: Sequence[str]
) -> list[dict[str, Any]]:
    """Counts of records grouped by columns of the tally; of these fonds, or of all."""
    columns = [getattr(CatalogueTally, name) for name in by]
    query = select(*columns, func.sum(CatalogueTally.records).label("records")).group_by(*columns)
    if fonds_ids is not None:
        query = query.where(CatalogueTally.fonds_id.in_(list(fonds_ids)))
    return [dict(row._mapping) for row in session.execute(query.order_by(*columns))]
