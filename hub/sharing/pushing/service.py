"""The verbs on pushing: an address is set, gets another secret, is resumed, is removed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.sharing import feed
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import Service, Terms
from hub.sharing.policies import Audience
from hub.sharing.pushing.models import Push
from hub.sharing.pushing.reaching import Reach
from hub.sharing.pushing.signing import SecretKeeper, new_secret
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import NotFound, WrongState


@dataclass(frozen=True)
class Standing:
    """How far a receiver is: at which cursor (None: nothing is acknowledged), and whether to tell.

    `end` is the end of the feed.
    """

    at: feed.Cursor | None
    end: feed.Cursor

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell."""
        return self.at is None or self.at.position < self.end.position


def set_push(
    actor: Actor,
    consumer_id: str,
    url: str,
    *,
    reach: Reach,
    keeper: SecretKeeper,
    session: Session,
) -> str:
    """Let a consumer's entries be pushed to an address, all of them anew; returns its new secret.

    Raises NotAllowed, NotFound, WrongState without approved terms that include the feed, Invalid.
    """
    consumer = consumers.approved_consumer(actor, consumer_id, session)
    if consumer.terms is None or Service.RECORDS not in consumer.terms.services:
        raise WrongState(
            "这个应用没有获准读取共享目录，不能推送。", "请先申请变更，选上“共享目录”。",
            code="feed_not_granted",
        )  # fmt: skip
    url = reach.check(url)
    row = locked(session, Push, consumer_id)
    if row is None:
        row = Push(consumer_id=consumer_id, series=0, sent=0)
        session.add(row)
    secret = new_secret()
    row.url, row.secret = url, keeper.seal(secret, consumer_id)
    row.series += 1
    row.generation, row.position, row.scope = 0, 0, ""
    row.set_by, row.set_at, row.heard_at = actor.name, now(), None
    _begin_again(row)
    session.flush()
    audit.record(session, actor, "consumer.push_set", consumer, url=url)
    return secret


def rotate_push_secret(
    actor: Actor, consumer_id: str, *, keeper: SecretKeeper, session: Session
) -> str:
    """Sign with another secret from now on, and return it: it is shown once. Raises as `resume`."""
    consumer, row = _held(actor, consumer_id, session)
    secret = new_secret()
    row.secret = keeper.seal(secret, consumer_id)
    audit.record(session, actor, "consumer.push_secret_rotated", consumer)
    return secret


def resume_push(actor: Actor, consumer_id: str, *, session: Session) -> Push:
    """Try at once, also what was suspended after long failure. Raises NotAllowed, NotFound."""
    consumer, row = _held(actor, consumer_id, session)
    _begin_again(row)
    audit.record(session, actor, "consumer.push_resumed", consumer)
    return row


def remove_push(actor: Actor, consumer_id: str, *, session: Session) -> None:
    """Push nothing to a consumer any more. Raises NotAllowed, NotFound."""
    consumer, row = _held(actor, consumer_id, session)
    session.delete(row)
    audit.record(session, actor, "consumer.push_removed", consumer, url=row.url)


def _begin_again(row: Push) -> None:
    row.state, row.due_at = "active", now()
    row.tries, row.failing_since, row.problem = 0, None, None


def _held(actor: Actor, consumer_id: str, session: Session) -> tuple[Consumer, Push]:
    consumer = consumers.approved_consumer(actor, consumer_id, session)
    row = locked(session, Push, consumer_id)
    if row is None:
        raise NotFound("这个应用没有设推送。", "请先填写推送地址。")
    return consumer, row


def push_of(consumer_id: str, session: Session) -> Push | None:
    """Where a consumer's entries go; None when they are not pushed."""
    return session.get(Push, consumer_id)


def suspended_pushes(session: Session) -> list[tuple[Push, str]]:
    """The pushes that were given up, each with the name of its consumer."""
    rows = session.execute(
        select(Push, Consumer.name)
        .join(Consumer, Consumer.id == Push.consumer_id)
        .where(Push.state == "suspended")
        .order_by(Consumer.name, Consumer.id)
    )
    return [(row[0], row[1]) for row in rows]


def scope_of(terms: Terms) -> str:
    """What terms let a reader see, as a digest: under others its copy is another."""
    return digest_of([terms.audience, list(terms.archives), list(terms.fonds)])


def standing_of(push: Push, terms: Terms, session: Session) -> Standing:
    """How far a receiver is in the feed that its terms let it read."""
    end = feed.mark_of(Audience(terms.audience), session)
    is_this = (push.generation, push.scope) == (end.generation, scope_of(terms))
    return Standing(feed.Cursor(end.generation, push.position) if is_this else None, end)
