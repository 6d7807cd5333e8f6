"""Bringing entries to receivers: in the order of the feed, each at least once.

A receiver's position moves after its acknowledgement (2xx, or the broker's confirm), in a
transaction of its own: a kill in between sends the same message again, under the same id. What
fails is tried again, ever more rarely; where its way has a patience, it is then suspended, and a
person has to look.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.sharing import feed
from hub.sharing.consumers import quotas
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.errors import QuotaUsed
from hub.sharing.consumers.models import Consumer
from hub.sharing.policies import Audience
from hub.sharing.pushing.models import Push
from hub.sharing.pushing.service import scope_of, standing_of, terms_in_force
from hub.sharing.pushing.ways import Message, Outcome, Rest, Way
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.errors import DanglianError
from shared.records.text import REASON_LENGTH

log = logging.getLogger(__name__)

_ACTOR = system_actor("push")
#: So many entries travel in one message at most.
MOST_ENTRIES = 500
#: After a failure it is tried again after so long, then after twice as long each time.
_FIRST_PAUSE = timedelta(seconds=10)
#: For so long who has begun a sending is left to it.
LEASE = timedelta(minutes=5)


class Pushing:
    """Sends what is new to whoever is due, by one way (a step for `Background`)."""

    def __init__(self, database: Database, way: Way, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._way = way
        self._lease = lease

    def step(self) -> bool:
        """Send one message; False when nothing is due."""
        with self._database.read() as session:
            found = _next(self._way.name, session)
        if found is None:
            return False
        try:
            rest = self._way.rest(found)
        except DanglianError as error:
            self._failed(found, error.message + error.remedy)
            return True
        if rest is not None:
            self._rest(found, rest)
            return True
        try:
            message = self._take(found.consumer_id)
        except QuotaUsed as error:
            self._wait(found.consumer_id, error)
            return True
        if message is not None:
            self._deliver(message)
        return True

    def _take(self, consumer_id: str) -> Message | None:
        """Say, in a commit of its own, that this is begun; None when it is no longer due.

        Raises QuotaUsed.
        """
        with self._database.write() as session:
            row = locked(session, Push, consumer_id)
            if row is None or not self._is_due(row):
                return None
            consumer = consumers.consumer_of(consumer_id, session)
            terms = terms_in_force(consumer, row.way)
            if terms is None:
                return None
            row.due_at = now() + self._lease
            session.flush()
            session.expunge(row)
        counted = quotas.count(self._database, consumer_id, terms, self._way.asked(row))
        limit = max(1, min(MOST_ENTRIES, terms.rows - counted.taken))
        with self._database.read() as session:
            standing = standing_of(row, terms, session)
            at = standing.at or feed.Cursor(standing.end.generation, 0)
            page = feed.read_page(
                Audience(terms.audience), at, standing.end, limit, session,
                scope=consumers.scope_read(terms),
            )  # fmt: skip
        return Message(row, terms, standing.at, page, counted)

    def _is_due(self, row: Push) -> bool:
        return row.state == "active" and row.way == self._way.name and row.due_at <= now()

    def _deliver(self, message: Message) -> None:
        push, body = message.push, message.body()
        try:
            outcome = self._way.bring(message, body)
        except DanglianError as error:
            # No answer, a name that is unknown or points inward, a key that does not fit: the page
            # tells, and it is tried again. Its line in the log stays without an outcome.
            self._failed(push, error.message + error.remedy)
            return
        taken = len(message.page.entries) if outcome.is_taken else 0
        quotas.finish(
            self._database, message.counted, status=outcome.status, rows=taken, uncounted=taken,
            sent=len(body),
        )  # fmt: skip
        if outcome.is_taken:
            self._acknowledged(message)
        else:
            self._failed(push, f"对方答复 {outcome.status}。", outcome)

    def _acknowledged(self, message: Message) -> None:
        with self._database.write() as session:
            row = _same(message.push, session)
            if row is None:
                return
            cursor = message.page.cursor
            row.generation, row.position = cursor.generation, cursor.position
            row.scope = scope_of(message.terms)
            row.tell = row.tell and not message.push.tell  # what was noted meanwhile stays
            row.sent += len(message.page.entries)
            row.heard_at = row.due_at = now()
            row.tries, row.failing_since, row.problem = 0, None, None

    def _wait(self, consumer_id: str, error: QuotaUsed) -> None:
        """A quota that is used up is no failure: the rest goes when it begins anew."""
        with self._database.write() as session:
            row = locked(session, Push, consumer_id)
            if row is not None:
                row.due_at = now() + timedelta(seconds=error.retry_seconds)
                row.problem = error.message

    def _rest(self, seen: Push, rest: Rest) -> None:
        """Nor is a receiver that has not read what it was sent: it goes on once it has."""
        with self._database.write() as session:
            row = _same(seen, session)
            if row is not None:
                row.due_at, row.problem = now() + rest.pause, rest.problem
                row.failing_since = row.failing_since or now()

    def _failed(self, seen: Push, problem: str, outcome: Outcome | None = None) -> None:
        """Note a failure, and when to try again; after days of them it may be suspended."""
        with self._database.write() as session:
            row = _same(seen, session)
            if row is None:
                return
            row.tries += 1
            row.failing_since = row.failing_since or now()
            row.problem = problem[:REASON_LENGTH]
            asked_for = outcome.pause if outcome else timedelta()
            row.due_at = now() + max(_pause(row.tries, self._way.longest_pause), asked_for)
            patience = self._way.patience
            is_over = outcome is not None and outcome.is_over
            if is_over or (patience is not None and now() - row.failing_since >= patience):
                row.state = "suspended"
                audit.record(
                    session, _ACTOR, "consumer.push_suspended", f"consumer:{row.consumer_id}",
                    reason=row.problem, count=row.tries,
                )  # fmt: skip


def _next(way: str, session: Session) -> Push | None:
    """Whoever has waited for longest of those that are due by a way, and have news."""
    rows = session.execute(
        select(Push, Consumer)
        .join(Consumer, Consumer.id == Push.consumer_id)
        .where(Push.way == way, Push.state == "active", Push.due_at <= now())
        .where(Consumer.state == "active")
        .order_by(Push.due_at, Push.consumer_id)
    )
    for push, consumer in rows:
        terms = terms_in_force(consumer, way)
        if terms is not None and (push.tell or standing_of(push, terms, session).has_news):
            session.expunge(push)
            return push
    return None


def _same(seen: Push, session: Session) -> Push | None:
    """The row, held, if its way, address and position are still those that were seen."""
    row = locked(session, Push, seen.consumer_id)
    if row is None or row.state != "active":
        return None
    then, today_ = ((e.series, e.generation, e.position, e.scope) for e in (seen, row))
    return row if then == today_ else None


def _pause(tries: int, longest: timedelta) -> timedelta:
    """How long to wait after so many failures; not the same for all that failed together."""
    pause = min(_FIRST_PAUSE * 2 ** min(tries - 1, 20), longest)
    return pause * (0.5 + secrets.randbelow(501) / 1000)
