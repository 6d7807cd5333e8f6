"""Fixity: what is kept is read again, least recently read first, and held against its digests.

Each copy is read by itself: every file that must be there by its digest, and what lies there
besides by its name. A file that is damaged, missing or surplus is a row until the copy is intact
again (`faults`); what another copy still has is brought back from there (`mending`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub.repository.examining import Fault, Looked, Pace, Stores, examine
from hub.repository.faults import note_looked, wished_aside
from hub.repository.keeping import Copy, Kept, is_something, kept_in
from hub.repository.models import FileFault, KeptObject
from hub.repository.outside import examine_outside, note_outside
from shared.kernel.actor import Actor, system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.storage import ObjectStore

log = logging.getLogger(__name__)

_ACTOR = system_actor("fixity")
#: So many, or so much, is read before it is written down; what a kill makes read again.
_AT_ONCE, _UNNOTED_BYTES = 20, 256 * 1024**2
#: What is damaged is looked at again after this time, whether somebody has put it right.
_AGAIN = timedelta(hours=1)

#: What may write does about the faults of a reading, some of which are to be put aside; None when
#: somebody else holds the data folder, who does it.
Mend = Callable[[Stores, Looked, Collection[str]], Looked | None]


class Fixity:
    """Reads one copy of everything in turn (`step` is for `Background`).

    Args:
        database: where the rows are.
        stores: the store, and the second one.
        copy: which copy is read.
        every: after this time something is due again; with zero only what is faulty is.
        pace: bounds how fast it reads.
        mend: brings faulty files back and puts aside those that it is told to, given by who may
            write to the store; returns the reading with what it did.
        with_outside: also look for what lies outside of all that is kept (`outside`).
        pause: seconds before what seems faulty is read a second time. Only what both readings say
            counts: a correction may be under way, a cable may be loose.
    """

    def __init__(
        self,
        database: Database,
        stores: Stores,
        copy: Copy = Copy.FIRST,
        *,
        every: timedelta = timedelta(0),
        pace: Pace | None = None,
        mend: Mend | None = None,
        with_outside: bool = False,
        pause: float = 0.5,
        actor: Actor = _ACTOR,
    ) -> None:
        self._database = database
        self._stores = stores
        self._copy = copy
        self._every = every
        self._pace = pace or Pace()
        self._mend = mend
        self._with_outside = with_outside
        self._pause = pause
        self._actor = actor

    def step(self) -> bool:
        """Read some that are due; True when there may be more."""
        if self._every:
            self._note_outside(now() - self._every)
        with self._database.read() as session:
            places = _faulty(session, self._copy, now() - _AGAIN)
            if self._every:
                left = _AT_ONCE - len(places)
                places += _due(session, self._copy, now() - self._every, None, left)
        self.look_at(list(dict.fromkeys(places)))
        return len(places) >= _AT_ONCE

    def run(
        self, before: datetime, *, archive_code: str | None = None, limit: int | None = None
    ) -> Iterator[Looked]:
        """Read everything that was not read since `before`, least recently read first.

        May be stopped anywhere, and begun again with the same `before`. A `limit` is one of things
        that are kept: what lies outside of them is left for another time then.
        """
        self._note_outside(before)
        with self._database.read() as session:
            left = count_due(session, self._copy, before, archive_code, with_outside=limit is None)
        left = left if limit is None else min(left, limit)
        while left > 0:
            with self._database.read() as session:
                places = _due(
                    session,
                    self._copy,
                    before,
                    archive_code,
                    min(left, _AT_ONCE),
                    with_outside=limit is None,
                )
            if not places:
                return
            left -= len(places)
            yield from self.look_at(places)

    def _note_outside(self, due: datetime) -> None:
        if self._with_outside:
            note_outside(self._database, self._copy, due=due - timedelta(seconds=1))

    def look_at(self, places: Sequence[str]) -> list[Looked]:
        """Read what is kept in these places, write down what was found, and mend what can be."""
        if not places:
            return []
        with self._database.read() as session:
            kept = kept_in(places, session=session)
        noted: list[Looked] = []
        unnoted: list[Looked] = []
        for place in places:
            if place in kept:
                unnoted.append(self._look(kept[place]))
            if sum(each.bytes for each in unnoted) > _UNNOTED_BYTES:
                noted += self._note(unnoted)
                unnoted = []
        return noted + self._note(unnoted)

    def _note(self, looked: Sequence[Looked]) -> list[Looked]:
        if not looked:
            return []
        with self._database.write() as session:
            note_looked(self._actor, looked, session=session)
        return [self._mended(each) if each.faults else each for each in looked]

    def _look(self, kept: Kept) -> Looked:
        first = self._examine(kept)
        if not first.faults:
            return first
        time.sleep(self._pause)
        with self._database.read() as session:
            kept = kept_in([kept.place], session=session).get(kept.place, kept)
        second = self._examine(kept)
        said = {(each.name, each.kind) for each in first.faults}
        faults = tuple(each for each in second.faults if (each.name, each.kind) in said)
        return replace(second, faults=faults)

    def _examine(self, kept: Kept) -> Looked:
        if kept.is_outside:
            return examine_outside(self._stores.of(self._copy), kept, self._copy, self._database)
        beside = self._stores.beside(self._copy)
        return examine(
            self._stores.of(self._copy), kept, self._copy, pace=self._pace, beside=beside
        )

    def _mended(self, looked: Looked) -> Looked:
        if self._mend is None:
            return looked
        with self._database.read() as session:
            aside = wished_aside(looked, session)
        try:
            mended = self._mend(self._stores, looked, aside)
        except Unavailable as error:
            log.warning("%s cannot be mended now: %s", looked.kept.place, error.message)
            return looked
        if mended is None or (mended == looked and not aside):
            return looked
        again = replace(
            self._examine(looked.kept), mended=mended.mended, aside=mended.aside, settled=True
        )
        with self._database.write() as session:
            note_looked(self._actor, [again], session=session)
        return again


def _looked_at(copy: Copy) -> InstrumentedAttribute[datetime]:
    found: InstrumentedAttribute[datetime] = (
        KeptObject.looked_at if copy is Copy.FIRST else KeptObject.second_looked_at  # type: ignore[assignment]
    )
    return found


def _narrowed(
    columns: Select[str], copy: Copy, before: datetime, archive_code: str | None
) -> Select[str]:
    query = columns.where(_looked_at(copy) < before)
    return query if archive_code is None else query.where(KeptObject.archive_code == archive_code)


def _due(
    session: Session,
    copy: Copy,
    before: datetime,
    archive_code: str | None,
    limit: int,
    *,
    with_outside: bool = True,
) -> list[str]:
    """The places whose copy was read before that, least recently read first."""
    query = _narrowed(select(KeptObject.place), copy, before, archive_code)
    if not with_outside:
        query = query.where(is_something())
    return list(session.scalars(query.order_by(_looked_at(copy)).limit(max(0, limit))))


def count_due(
    session: Session,
    copy: Copy,
    before: datetime,
    archive_code: str | None,
    *,
    with_outside: bool = True,
) -> int:
    """How many copies were read before that, counting or not what lies outside of all of them."""
    query = _narrowed(select(KeptObject.place), copy, before, archive_code)
    if not with_outside:
        query = query.where(is_something())
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _faulty(session: Session, copy: Copy, before: datetime) -> list[str]:
    """Some of the places whose copy was found faulty, and has not been read since `before`."""
    looked = _looked_at(copy)
    query = (
        select(KeptObject.place, looked)
        .join(FileFault, FileFault.place == KeptObject.place)
        .where(FileFault.copy == copy, or_(FileFault.wish.is_not(None), looked < before))
    )
    # No more than half of a step: what is not damaged is read as well.
    rows = session.execute(query.distinct().order_by(looked).limit(_AT_ONCE // 2))
    return [place for place, _looked in rows]


def verify(database: Database, store: ObjectStore, archive_code: str) -> list[Fault]:
    """Read everything that an archive keeps now; returns what is wrong with it."""
    fixity = Fixity(database, Stores(store), pause=0.0)
    return [
        fault for looked in fixity.run(now(), archive_code=archive_code) for fault in looked.faults
    ]
