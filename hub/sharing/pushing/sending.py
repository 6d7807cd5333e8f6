"""Bringing entries to receivers: in the order of the feed, each at least once.

A receiver's position moves after its acknowledgement (2xx), in a transaction of its own: a kill in
between sends the same message again, under the same id. What fails is tried again, ever more
rarely; after days of that it is suspended, and a person has to look.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.sharing import feed
from hub.sharing.consumers import quotas
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.errors import QuotaUsed
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import Service, Terms
from hub.sharing.policies import Audience
from hub.sharing.pushing.models import Push
from hub.sharing.pushing.reaching import Reach, Reply
from hub.sharing.pushing.service import scope_of, standing_of
from hub.sharing.pushing.signing import SecretKeeper, signed_headers
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now, today
from shared.kernel.database import Database, locked
from shared.kernel.errors import DanglianError
from shared.records.text import REASON_LENGTH

log = logging.getLogger(__name__)

_ACTOR = system_actor("push")
#: So many entries travel in one message at most.
MOST_ENTRIES = 500
#: After a failure it is tried again after so long, then after twice as long each time …
_FIRST_PAUSE = timedelta(seconds=10)
#: … but at least so often,
_LONGEST_PAUSE = timedelta(hours=1)
#: and for so long; then a person has to look.
PATIENCE = timedelta(days=5)
#: For so long who has begun a sending is left to it.
LEASE = timedelta(minutes=5)
_GONE = 410


@dataclass(frozen=True)
class Message:
    """What is sent at once, and where its receiver stands afterwards."""

    push: Push
    terms: Terms
    after: feed.Cursor | None
    page: feed.FeedPage
    counted: quotas.Counted

    @property
    def id(self) -> str:
        """The same at every try: the consumer, and the part of its feed."""
        start = self.after.position if self.after else 0
        push, to = self.push, self.page.cursor
        return f"{push.consumer_id}.{push.series}.{to.generation}.{start}-{to.position}"

    def body(self) -> bytes:
        """Its JSON. `after` is null where the receiver has to begin anew."""
        head = canonical_json(
            {
                "after": self.after.text if self.after else None,
                "audience": self.terms.audience,
                "cursor": self.page.cursor.text,
                "more": self.page.more,
                "type": "shared.records",
            }
        )
        return head[:-1] + b',"entries":[' + ",".join(self.page.entries).encode() + b"]}"


class Pushing:
    """Sends what is new to whoever is due (a step for `Background`)."""

    def __init__(
        self, database: Database, reach: Reach, keeper: SecretKeeper, *, lease: timedelta = LEASE
    ) -> None:
        self._database = database
        self._reach = reach
        self._keeper = keeper
        self._lease = lease

    def step(self) -> bool:
        """Send one message; False when nothing is due."""
        with self._database.read() as session:
            found = _next(session)
        if found is None:
            return False
        try:
            message = self._take(found)
        except QuotaUsed as error:
            self._wait(found, error)
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
            if row is None or row.state != "active" or row.due_at > now():
                return None
            consumer = consumers.consumer_of(consumer_id, session)
            terms = _terms_in_force(consumer)
            if terms is None:
                return None
            row.due_at = now() + self._lease
            session.flush()
            session.expunge(row)
        place = urlsplit(row.url)
        asked = quotas.Asked(place.hostname or "", "POST", f"推送 {place.path}")
        counted = quotas.count(self._database, consumer_id, terms, asked)
        limit = max(1, min(MOST_ENTRIES, terms.rows - counted.taken))
        with self._database.read() as session:
            standing = standing_of(row, terms, session)
            at = standing.at or feed.Cursor(standing.end.generation, 0)
            page = feed.read_page(
                Audience(terms.audience), at, standing.end, limit, session,
                fonds=consumers.fonds_read(terms, session),
            )  # fmt: skip
        return Message(row, terms, standing.at, page, counted)

    def _deliver(self, message: Message) -> None:
        push, body = message.push, message.body()
        try:
            headers = signed_headers(
                self._keeper.open(push.secret, push.consumer_id), message.id, int(time.time()), body
            )
            reply = self._reach.post(
                push.url,
                body,
                {**headers, "Content-Type": "application/json"},
                allowed=message.terms.admits,
            )
        except DanglianError as error:
            # No answer, a name that is unknown or points inward, a key that does not fit: the page
            # tells, and it is tried again. Its line in the log stays without an outcome.
            self._failed(push, error.message + error.remedy)
            return
        taken = len(message.page.entries) if reply.status // 100 == 2 else 0
        quotas.finish(
            self._database, message.counted, status=reply.status, rows=taken, uncounted=taken,
            sent=len(body),
        )  # fmt: skip
        if reply.status // 100 == 2:
            self._acknowledged(message)
        else:
            self._failed(push, f"对方答复 {reply.status}。", reply)

    def _acknowledged(self, message: Message) -> None:
        with self._database.write() as session:
            row = _same(message.push, session)
            if row is None:
                return
            cursor = message.page.cursor
            row.generation, row.position = cursor.generation, cursor.position
            row.scope = scope_of(message.terms)
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

    def _failed(self, seen: Push, problem: str, reply: Reply | None = None) -> None:
        """Note a failure, and when to try again; after days of them it is suspended."""
        with self._database.write() as session:
            row = _same(seen, session)
            if row is None:
                return
            row.tries += 1
            row.failing_since = row.failing_since or now()
            row.problem = problem[:REASON_LENGTH]
            asked_for = timedelta(seconds=reply.retry_after if reply else 0)
            row.due_at = now() + max(_pause(row.tries), asked_for)
            if now() - row.failing_since >= PATIENCE or (reply and reply.status == _GONE):
                row.state = "suspended"
                audit.record(
                    session, _ACTOR, "consumer.push_suspended", f"consumer:{row.consumer_id}",
                    reason=row.problem, count=row.tries,
                )  # fmt: skip


def _next(session: Session) -> str | None:
    """The consumer that has waited for longest of those that are due and have news."""
    rows = session.execute(
        select(Push, Consumer)
        .join(Consumer, Consumer.id == Push.consumer_id)
        .where(Push.state == "active", Push.due_at <= now(), Consumer.state == "active")
        .order_by(Push.due_at, Push.consumer_id)
    )
    for push, consumer in rows:
        terms = _terms_in_force(consumer)
        if terms is not None and standing_of(push, terms, session).has_news:
            return str(push.consumer_id)
    return None


def _terms_in_force(consumer: Consumer) -> Terms | None:
    """The terms on which a consumer is pushed to today; None for not at all."""
    terms = consumer.terms
    if terms is None or consumer.state != "active" or not terms.in_term(today()):
        return None
    return terms if Service.RECORDS in terms.services else None


def _same(seen: Push, session: Session) -> Push | None:
    """The row, held, if its address and position are still those that were seen."""
    row = locked(session, Push, seen.consumer_id)
    if row is None or row.state != "active":
        return None
    then, today_ = ((e.series, e.generation, e.position, e.scope) for e in (seen, row))
    return row if then == today_ else None


def _pause(tries: int) -> timedelta:
    """How long to wait after so many failures; not the same for all that failed together."""
    pause = min(_FIRST_PAUSE * 2 ** min(tries - 1, 20), _LONGEST_PAUSE)
    return pause * (0.5 + secrets.randbelow(501) / 1000)
