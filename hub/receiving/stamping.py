"""Time stamps 时间戳 of receipts (RFC 3161): asked for after the commit, and renewed in time.

What is to be done stands in the tables: a receipt without a stamp, or one whose last stamp will
not hold much longer. So a kill loses nothing, and nobody who receives waits for the authority.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from hub.receiving.models import Receipt, Stamp
from hub.receiving.seal_evidence import SealEvidence, files_of
from hub.repository import service as repository
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.errors import Unavailable
from shared.packaging.time_stamps import NewStamp, TimeStamper
from shared.storage import ObjectStore
from shared.verifier.certificates import trusted_until
from shared.verifier.stamps import stamped

log = logging.getLogger(__name__)

_ACTOR = system_actor("receiving")
_CHUNK = 20
#: A stamp is renewed so long before it holds no more.
RENEWED_BEFORE = timedelta(days=90)
#: An authority that has no newer certificate yet is asked again after this.
_AGAIN = timedelta(days=1)
_OLDEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class _Waiting:
    """A receipt that wants a stamp, with those that it has."""

    receipt: Receipt
    before: list[Stamp]

    @property
    def number(self) -> int:
        return len(self.before) + 1

    @property
    def message(self) -> bytes:
        """What the next stamp is over."""
        contents = [each.content for each in self.before]
        return stamped(canonical_json(self.receipt.document), contents)


class Stamping:
    """Has receipts stamped (a step for `Background`); does nothing without an authority."""

    def __init__(
        self, database: Database, store: ObjectStore, time_stamper: TimeStamper | None
    ) -> None:
        self._database = database
        self._store = store
        self._time_stamper = time_stamper
        self._renews_from = now()
        self._left: set[str] = set()

    def step(self) -> bool:
        """Stamp some receipts; True when there may be more.

        Raises Unavailable when the authority gives none: the loop slows down and tries again.
        """
        if self._time_stamper is None:
            return False
        with self._database.read() as session:
            waiting = self._load(_unstamped(), session)
            if not waiting and now() >= self._renews_from:
                waiting = self._load(_weakening(session), session)
        done = False
        for each in waiting:
            if each.before and now() < self._renews_from:
                break
            done |= self._stamp(each, self._time_stamper)
        return done

    def _load(self, query: Select[Receipt], session: Session) -> list[_Waiting]:
        wanted = query.where(Receipt.id.not_in(self._left)).limit(_CHUNK)
        return [
            _Waiting(receipt, list(stamps_of(receipt.id, session=session)))
            for receipt in session.scalars(wanted)
        ]

    def _stamp(self, waiting: _Waiting, time_stamper: TimeStamper) -> bool:
        """Get one stamp and write it down.

        One that the store has already, from before a restore of the database, is taken again.
        """
        receipt, message = waiting.receipt, waiting.message
        there = repository.stamp_of(self._store, receipt.archive_code, receipt.id, waiting.number)
        try:
            new = time_stamper.check(there, message) if there else time_stamper.stamp(message)
        except Unavailable:
            if not there:
                raise
            # A person must look at it: what the store has is not overwritten. The others go on.
            log.exception("the stored stamp %s of receipt %s", waiting.number, receipt.id)
            self._left.add(receipt.id)
            return False
        if waiting.before and not there and not _holds_longer(new, waiting.before[-1]):
            log.warning("the authority's stamps end no later than those that are to be renewed")
            self._renews_from = now() + _AGAIN
            return False
        with self._database.write() as session:
            return _note(waiting, new, session)


def _holds_longer(new: NewStamp, last: Stamp) -> bool:
    return _end(new.hold.ends_at, new.hold.algorithms) > _end(
        last.ends_at, last.algorithms.split(",")
    )


def _end(ends_at: datetime, algorithms: Iterable[str]) -> datetime:
    """Until when a stamp holds by itself."""
    return min(ends_at, trusted_until(*algorithms) or ends_at)


def _note(waiting: _Waiting, new: NewStamp, session: Session) -> bool:
    """Write a stamp down; False when another process was faster."""
    receipt = locked(session, Receipt, waiting.receipt.id)
    if receipt is None or len(stamps_of(receipt.id, session=session)) != len(waiting.before):
        return False
    stamp = Stamp(
        receipt_id=receipt.id,
        number=waiting.number,
        content=new.content,
        stamped_at=new.at,
        stamped_by=new.by,
        ends_at=new.hold.ends_at,
        algorithms=",".join(new.hold.algorithms),
    )
    session.add(stamp)
    session.flush()
    repository.keep_stamp(session, receipt.archive_code, receipt.id, stamp.number, new.content)
    audit.record(
        session, _ACTOR, "receipt.stamped", f"batch:{receipt.batch_id}",
        audit.Act(became=audit.columns_of(stamp)),
        receipt=receipt.id, number=stamp.number, by=new.by,
    )  # fmt: skip
    return True


def stamps_of(receipt_id: str, *, session: Session) -> Sequence[Stamp]:
    """The time stamps of a receipt, the first one first."""
    return session.scalars(
        select(Stamp).where(Stamp.receipt_id == receipt_id).order_by(Stamp.number)
    ).all()


def receipt_files(
    receipt: Receipt,
    stamps: Sequence[Stamp],
    evidence: SealEvidence | None,
    answers: Sequence[bytes] = (),
) -> bytes:
    """A receipt, its stamps, evidence and a responder's answers, as a ZIP.

    They are the files that `danglian verify` takes.
    """
    files = [(f"{receipt.id}.json", canonical_json(receipt.document))]
    files += [(f"{receipt.id}.{each.number}.tsr", each.content) for each in stamps]
    files += [] if evidence is None else files_of(receipt.id, evidence)
    files += [(f"{receipt.id}.{number}.ors", each) for number, each in enumerate(answers, 1)]
    with io.BytesIO() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, content in files:
                archive.writestr(zipfile.ZipInfo(name, _OLDEST), content)
        return stream.getvalue()


@dataclass(frozen=True)
class StampCounts:
    """How many receipts there are, wait for their first stamp, and are to be stamped again."""

    receipts: int
    waiting: int
    weakening: int


def count_stamps(session: Session) -> StampCounts:
    """How the receipts of the hub stand."""

    def count(query: Select[Receipt]) -> int:
        return (
            session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
        )

    return StampCounts(count(select(Receipt)), count(_unstamped()), count(_weakening(session)))


def oldest_unstamped(session: Session) -> datetime | None:
    """Since when the receipt waits that has waited longest for a stamp."""
    oldest = session.scalar(_unstamped().limit(1))
    return oldest.made_at if oldest else None


def first_end(session: Session) -> datetime | None:
    """When the first of the stamps that are to be renewed ends; None when none is."""
    receipt = session.scalar(_weakening(session).limit(1))
    if receipt is None:
        return None
    last = stamps_of(receipt.id, session=session)[-1]
    return _end(last.ends_at, last.algorithms.split(","))


def _unstamped() -> Select[Receipt]:
    stamps = select(Stamp.receipt_id).where(Stamp.receipt_id == Receipt.id)
    return select(Receipt).where(~stamps.exists()).order_by(Receipt.made_at, Receipt.id)


def _weakening(session: Session) -> Select[Receipt]:
    """The receipts whose last stamp will not hold much longer."""
    horizon = now() + RENEWED_BEFORE
    weak = [
        each
        for each in session.scalars(select(Stamp.algorithms).distinct())
        if (end := trusted_until(*each.split(","))) is not None and end < horizon
    ]
    last = select(func.max(Stamp.number)).where(Stamp.receipt_id == Receipt.id).correlate(Receipt)
    return (
        select(Receipt)
        .join(Stamp, Stamp.receipt_id == Receipt.id)
        .where(Stamp.number == last.scalar_subquery())
        .where(or_(Stamp.ends_at < horizon, Stamp.algorithms.in_(weak)))
        .order_by(Stamp.ends_at, Receipt.id)
    )
