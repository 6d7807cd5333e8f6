"""The sequencer: gives positions to changes that are committed, one at a time for each audience.

Numbers of a database sequence are given before the commit, and rows commit out of order: who reads
"from the last number on" would lose rows. Here a change gets its position afterwards, by whoever
holds the audience's mark; the mark, the entries up to it and their tally change in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from hub.sharing.models import FeedEntry, FeedMark, FeedTally, SharingPending
from hub.sharing.policies import Audience
from shared.kernel.bulk import among, put_rows, table_of
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now
from shared.kernel.database import Database, locked

CHUNK = 1000
_MODULUS = 1 << 256
_PLACE = ("archive", "fonds_id", "year")
_ENTRY = ("audience", "record_id", *_PLACE, "kind", "reason", "digest", "body")

#: The archive that keeps records, their fonds and year.
Group = tuple[str, str, int]


def item_digest(record_id: str, digest: str) -> str:
    """What one record adds to the sum of its group, SHA-256 in hex."""
    return digest_of([record_id, digest])


class Sequencing:
    """Gives the next positions of each audience's feed (a `Background` step)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Sequence one chunk of each audience; True when there may be more."""
        return sum(self._sequence(audience) for audience in Audience) > 0

    def _sequence(self, audience: Audience) -> bool:
        with self._database.read() as session:
            if not _waiting(audience, session, 1):
                return False
        with self._database.write() as session:
            return sequence(audience, session)


def sequence(audience: Audience, session: Session) -> bool:
    """Give the next positions of an audience; False when nothing waited.

    What somebody is writing just now is left for the next time.
    """
    mark = locked(session, FeedMark, str(audience)) or _first_mark(audience, session)
    waiting = _waiting(audience, session, CHUNK, hold=True)
    if not waiting:
        return False
    ids = [row["record_id"] for row in waiting]
    before = _entries(audience, ids, session)
    tally: dict[Group, list[int]] = {}
    entries = []
    stamped = mark.stamped = moment_of(mark)
    for row in waiting:
        was = before.get(row["record_id"])
        if _says_nothing(row, was):
            continue
        mark.position += 1
        entries.append({**row, "position": mark.position, "stamped": stamped})
        for each, sign in ((was, -1), (row, 1)):
            if each is not None and each["kind"] == "upsert":
                group = (each["archive"], each["fonds_id"], each["year"])
                count = tally.setdefault(group, [0, 0])
                count[0] += sign
                count[1] += sign * int(item_digest(each["record_id"], each["digest"]), 16)
    put_rows(session, table_of(FeedEntry), entries, key=("audience", "record_id"))
    _count(audience, tally, session)
    session.execute(
        delete(SharingPending)
        .where(SharingPending.audience == audience, SharingPending.record_id.in_(ids))
        .execution_options(synchronize_session=False)
    )
    session.flush()
    return True


def moment_of(mark: FeedMark) -> int:
    """The second that it is for a feed, since 1970: its clock never goes back."""
    return max(int(now().timestamp()), mark.stamped or 0)


def _says_nothing(row: dict[str, Any], was: dict[str, Any] | None) -> bool:
    """Whether a reader knows it already: it was not in the feed, or is just so."""
    if was is None:
        return bool(row["kind"] == "tombstone")
    return bool((row["kind"], row["digest"]) == (was["kind"], was["digest"]))


def _first_mark(audience: Audience, session: Session) -> FeedMark:
    """The mark of a feed that begins. Two that begin it at once: one of them begins anew."""
    mark = FeedMark(audience=str(audience), position=0)
    session.add(mark)
    session.flush()
    return mark


def _waiting(
    audience: Audience, session: Session, limit: int, *, hold: bool = False
) -> list[dict[str, Any]]:
    table = table_of(SharingPending)
    statement = (
        select(*(table.c[name] for name in _ENTRY))
        .where(table.c.audience == str(audience))
        .order_by(table.c.record_id)
        .limit(limit)
    )
    if hold:
        statement = statement.with_for_update(skip_locked=True)
    return [dict(row._mapping) for row in session.execute(statement)]


def _entries(audience: Audience, ids: Sequence[str], session: Session) -> dict[str, dict[str, Any]]:
    table = table_of(FeedEntry)
    names = ("record_id", "kind", "digest", *_PLACE)
    rows = session.execute(
        select(*(table.c[name] for name in names)).where(
            table.c.audience == str(audience), among(session, table.c.record_id, ids)
        )
    )
    return {row.record_id: dict(row._mapping) for row in rows}


def _count(audience: Audience, changes: dict[Group, list[int]], session: Session) -> None:
    """Bring the tally up to what the entries now are."""
    if not changes:
        return
    table = table_of(FeedTally)
    group_of = tuple_(table.c.archive, table.c.fonds_id, table.c.year)
    these = (table.c.audience == str(audience)) & group_of.in_(list(changes))
    held = {
        (row.archive, row.fonds_id, row.year): (row.records, int(row.sum, 16))
        for row in session.execute(select(table).where(these))
    }
    session.execute(delete(table).where(these))
    rows = []
    for group, (count, total) in changes.items():
        records, was = held.get(group, (0, 0))
        if records + count:
            rows.append(
                {
                    "audience": str(audience),
                    "archive": group[0],
                    "fonds_id": group[1],
                    "year": group[2],
                    "records": records + count,
                    "sum": f"{(was + total) % _MODULUS:064x}",
                }
            )
    if rows:
        session.execute(insert(table), rows)
