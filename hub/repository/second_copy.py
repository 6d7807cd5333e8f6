"""The second copy 第二份: what is received is copied into another store, and read there again.

What waits for it says its row (`KeptObject.waiting_since`), which is set in the transaction that
receives or corrects, and cleared with what the reading of the copy said. Contents are never
overwritten there, and no newer version by an older one. Killed anywhere, it is done again from the
start, which is nothing where it was done.
"""

from __future__ import annotations

import io
import logging
import time
from datetime import datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from hub.repository import objects
from hub.repository.examining import FaultKind, Looked, Pace, Stores, examine
from hub.repository.expected import Expected, expected_in, read_small
from hub.repository.faults import note_looked
from hub.repository.fixity import Fixity
from hub.repository.keeping import MARK, OF_HUB, Copy, Kept, is_something, kept_in
from hub.repository.mending import copy_file
from hub.repository.models import FileFault, KeptObject
from shared import audit
from shared.kernel.actor import Actor, system_actor
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database, locked_all
from shared.kernel.errors import Invalid, NotFound, Unavailable
from shared.storage import ObjectStore

log = logging.getLogger(__name__)

_ACTOR = system_actor("second_copy")
_AT_ONCE, _PLACES_AT_ONCE = 20, 10_000
_EVERY_HOUR = 3600.0


class Copying:
    """Copies what waits (a step for `Background`)."""

    def __init__(
        self, database: Database, stores: Stores, hub_id: str, *, pace: Pace | None = None
    ) -> None:
        self._database = database
        self._stores = stores
        self._hub_id = hub_id
        self._pace = pace or Pace()
        self._fixity = Fixity(database, stores, pace=self._pace, pause=0.0)
        self._beside_at = -_EVERY_HOUR

    def step(self) -> bool:
        """Copy some of what waits longest; True when there may be more.

        Raises Unavailable when one of the stores is away, or the second is not the one it was.
        """
        second = self._stores.of(Copy.SECOND)
        self._require_own(second)
        self._copy_declarations(second)
        with self._database.read() as session:
            waiting = _waiting(session)
            kept = kept_in(waiting, session=session)
        return sum(self._copy(second, kept[place], waiting[place]) for place in kept) > 0

    def _require_own(self, second: ObjectStore) -> None:
        wanted = canonical_json({"hub_id": self._hub_id})
        if not second.exists(MARK):
            with self._database.read() as session:
                begun = session.scalar(
                    select(exists().where(KeptObject.second_looked_at.is_not(None)))
                )
            if begun:
                raise Unavailable(
                    "第二份存储里没有原来的内容。",
                    "请检查磁盘或存储桶是否挂好；"
                    "确已换新的，运行 danglian hub fixity --new-second。",
                )
            second.put(MARK, io.BytesIO(wanted), sha256=sha256_hex(wanted), size=len(wanted))
        elif read_small(second, MARK) != wanted:
            raise Unavailable(
                "第二份存储属于另一个平台。", "请改正设置项 second_store，每个平台用自己的。"
            )

    def _copy_declarations(self, second: ObjectStore) -> None:
        """What belongs to nothing received: the declarations of storage roots."""
        if time.monotonic() - self._beside_at < _EVERY_HOUR:
            return
        query = select(KeptObject.archive_code).where(KeptObject.archive_code != OF_HUB)
        with self._database.read() as session:
            codes = session.scalars(query.distinct()).all()
        for code in codes:
            objects.open_root(second, code)
        self._beside_at = time.monotonic()

    def _copy(self, second: ObjectStore, kept: Kept, since: datetime) -> bool:
        first = self._stores.first
        with objects.copying_into(kept.place):
            with self._database.read() as session:
                if session.get(KeptObject, kept.place) is None:
                    return False  # destroyed since it was found waiting
            return self._copy_held(first, second, kept, since)

    def _copy_held(
        self, first: ObjectStore, second: ObjectStore, kept: Kept, since: datetime
    ) -> bool:
        expected = expected_in(first, kept)
        try:
            if expected is None or expected.contradicted:
                raise NotFound("没有可信的清单。")
            self._write(first, second, kept, expected)
        except (NotFound, Invalid) as error:
            # It is damaged here: the faults are named, and it waits until they are mended.
            log.warning("%s cannot be copied: %s", kept.place, error.message)
            self._fixity.look_at([kept.place])
            return False
        looked = examine(second, kept, Copy.SECOND, pace=self._pace, beside=first)
        with self._database.write() as session:
            note_copied(_ACTOR, looked, since, session=session)
        return True

    def _write(
        self, first: ObjectStore, second: ObjectStore, kept: Kept, expected: Expected
    ) -> None:
        """Contents first; then what the inventory makes, the root's inventory last."""
        for name, digest in expected.digests.items():
            if name not in expected.made and not second.exists(name):
                self._pace.took(copy_file(first, second, name, digest))
        if not kept.is_object:
            return
        with objects.WRITING:
            there = expected_in(second, kept)
            if there is not None and not there.contradicted and there.head > expected.head:
                return
            newest = list(expected.made)[-2:]
            for name, content in expected.made.items():
                is_old = name in newest and read_small(second, name) != content
                if is_old or not second.exists(name):
                    second.replace(name, content)


def _waiting(session: Session) -> dict[str, datetime]:
    """What waits longest, and since when; what is faulty here waits until it is mended."""
    faulty = exists().where(
        FileFault.place == KeptObject.place,
        FileFault.copy == Copy.FIRST,
        FileFault.kind != FaultKind.SURPLUS,
    )
    query = select(KeptObject.place, KeptObject.waiting_since).where(
        KeptObject.waiting_since.is_not(None), ~faulty
    )
    rows = session.execute(query.order_by(KeptObject.waiting_since).limit(_AT_ONCE))
    return {place: since for place, since in rows if since is not None}


def note_copied(actor: Actor, looked: Looked, since: datetime, *, session: Session) -> None:
    """Write down that what waited since then is in the second store, and what its reading said."""
    note_looked(actor, [looked], session=session)
    for row in locked_all(session, KeptObject, [looked.kept.place]):
        if row.waiting_since == since:  # else it was corrected meanwhile
            row.waiting_since = None


def begin_anew(actor: Actor, hub_id: str, *, session: Session) -> int:
    """Have everything copied into a second store that is new; returns how much there is."""
    session.execute(delete(FileFault).where(FileFault.copy == Copy.SECOND))
    session.execute(
        update(KeptObject)
        .where(~KeptObject.place.contains("/records/"), is_something())
        .values(waiting_since=now(), second_looked_at=None, second_intact=None)
    )
    places = select(KeptObject.place).where(KeptObject.waiting_since.is_not(None))
    in_order = places.order_by(KeptObject.place).execution_options(yield_per=_PLACES_AT_ONCE)
    waiting = audit.Many.in_order(session.scalars(in_order))
    audit.record(
        session, actor, "hub.second_store_begun", f"hub:{hub_id}", audit.Act(each=waiting),
        count=waiting.count,
    )  # fmt: skip
    return waiting.count


def waiting_count(session: Session) -> tuple[int, datetime | None]:
    """How much waits for its second copy, and since when."""
    count, oldest = session.execute(
        select(func.count(), func.min(KeptObject.waiting_since)).where(
            KeptObject.waiting_since.is_not(None)
        )
    ).one()
    return int(count), oldest
