"""Counting: what a consumer may still ask and take, and the log of what it asked 访问记录.

One transaction before the answer counts the request and writes its line of the log; one after it
writes the outcome. Both are one or two statements on keys, for all processes and hosts alike, so
quotas hold wherever requests arrive, and no request is answered without its line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from hub.sharing.consumers.errors import QuotaUsed
from hub.sharing.consumers.models import ConsumerRequest, ConsumerUsage, UsedAssertion
from hub.sharing.consumers.terms import Terms
from shared.kernel.bulk import table_of
from shared.kernel.clock import SHANGHAI, now
from shared.kernel.database import Database
from shared.kernel.identifiers import new_id

#: Within a long answer rows are counted after so many, so that other answers know of them.
STRIDE = 5_000
_MINUTE = 60
_SWEPT_AT_ONCE = 500
_PATH_LENGTH = 300

#: Counts a request where the minute and the day allow it: one statement, whoever else counts.
#: The minute never goes back, so that hosts whose clocks differ do not begin it anew.
_COUNT = text(
    """
    INSERT INTO sharing_consumer_usage
        (consumer_id, day, minute, in_minute, requests, refused, taken, sent)
    VALUES (:consumer, :day, :minute, 1, 1, 0, 0, 0)
    ON CONFLICT (consumer_id, day) DO UPDATE SET
        in_minute = CASE WHEN sharing_consumer_usage.minute >= excluded.minute
            THEN sharing_consumer_usage.in_minute + 1 ELSE 1 END,
        minute = CASE WHEN sharing_consumer_usage.minute >= excluded.minute
            THEN sharing_consumer_usage.minute ELSE excluded.minute END,
        requests = sharing_consumer_usage.requests + 1
    WHERE (sharing_consumer_usage.minute < excluded.minute
            OR sharing_consumer_usage.in_minute < :requests)
        AND sharing_consumer_usage.taken < :rows
    RETURNING in_minute, taken
    """
)


@dataclass(frozen=True)
class Counted:
    """One request that was let in: its line in the log, and where its quotas stand."""

    id: str
    consumer_id: str
    day: str
    in_minute: int
    taken: int
    #: Seconds until the minute, and the day, begin anew.
    minute_left: int
    day_left: int


@dataclass(frozen=True)
class Asked:
    """What was asked, as the log has it."""

    place: str
    method: str
    path: str


def count(
    database: Database, consumer_id: str, terms: Terms, asked: Asked, *,
    at: float | None = None,
) -> Counted:  # fmt: skip
    """Count a request, and write its line. Raises QuotaUsed when a quota is used up."""
    moment = time.time() if at is None else at
    here = datetime.fromtimestamp(moment, SHANGHAI)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    day, minute = here.strftime("%Y-%m-%d"), int(moment // _MINUTE)
    day_left = int((midnight - here).total_seconds()) + 1
    minute_left = int((minute + 1) * _MINUTE - moment) + 1
    line = ConsumerRequest(
        id=new_id(), consumer_id=consumer_id, at=now(), place=asked.place[:60],
        method=asked.method[:10], path=asked.path[:_PATH_LENGTH], taken=0, sent=0,
    )  # fmt: skip
    values = {
        "consumer": consumer_id, "day": day, "minute": minute,
        "requests": terms.requests, "rows": terms.rows,
    }  # fmt: skip
    with database.write() as session:
        row = session.execute(_COUNT, values).first()
        if row is not None:
            session.add(line)
            in_minute, taken = row
        else:
            refused(session, consumer_id, day)
            in_minute, taken = 0, session.get_one(ConsumerUsage, (consumer_id, day)).taken
    if row is None:
        raise _used(terms, taken, minute_left=minute_left, day_left=day_left)
    return Counted(line.id, consumer_id, day, in_minute, taken, minute_left, day_left)


def _used(terms: Terms, taken: int, *, minute_left: int, day_left: int) -> QuotaUsed:
    if taken >= terms.rows:
        return QuotaUsed(
            f"今天的条数已用完（每天 {terms.rows} 条）。",
            "请明天再取；经常不够的，请申请调整。",
            code="rows_used_up",
            retry_seconds=day_left,
        )
    return QuotaUsed(
        f"请求过于频繁（每分钟 {terms.requests} 次）。",
        f"请在 {minute_left} 秒后再试。",
        code="requests_used_up",
        retry_seconds=minute_left,
    )


def refused(session: Session, consumer_id: str, day: str) -> None:
    """Count a request that was refused at the door."""
    table = table_of(ConsumerUsage)
    session.execute(
        update(table)
        .where(table.c.consumer_id == consumer_id, table.c.day == day)
        .values(refused=table.c.refused + 1)
    )


def take(database: Database, counted: Counted, rows: int) -> int:
    """Count rows of an answer that is under way; how many the day has had by now."""
    with database.write() as session:
        return _add(session, counted, rows, 0)


def finish(
    database: Database, counted: Counted, *, status: int, rows: int, uncounted: int, sent: int
) -> None:
    """Write how a request was answered: `rows` in all, of which some were not counted yet."""
    with database.write() as session:
        session.execute(
            update(ConsumerRequest)
            .where(ConsumerRequest.id == counted.id)
            .values(status=status, taken=rows, sent=sent)
        )
        _add(session, counted, uncounted, sent)


def _add(session: Session, counted: Counted, rows: int, sent: int) -> int:
    table = table_of(ConsumerUsage)
    return (
        session.scalar(
            update(table)
            .where(table.c.consumer_id == counted.consumer_id, table.c.day == counted.day)
            .values(taken=table.c.taken + rows, sent=table.c.sent + sent)
            .returning(table.c.taken)
        )
        or 0
    )


class Sweeping:
    """Removes what has been kept long enough: lines of the log, and used assertions."""

    def __init__(self, database: Database, *, months: int) -> None:
        self._database = database
        self._months = months

    def step(self) -> bool:
        """One bounded look; True when there is more."""
        before = now() - timedelta(days=31 * max(1, self._months))
        with self._database.read() as session:
            old = select(ConsumerRequest.id).where(ConsumerRequest.at < before)
            lines = list(session.scalars(old.limit(_SWEPT_AT_ONCE)))
            over = select(UsedAssertion.digest).where(UsedAssertion.expires_at < now())
            used = list(session.scalars(over.limit(_SWEPT_AT_ONCE)))
        if not lines and not used:
            return False
        with self._database.write() as session:
            session.execute(delete(ConsumerRequest).where(ConsumerRequest.id.in_(lines)))
            session.execute(delete(UsedAssertion).where(UsedAssertion.digest.in_(used)))
        return len(lines) == _SWEPT_AT_ONCE or len(used) == _SWEPT_AT_ONCE
