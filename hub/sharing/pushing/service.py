"""The verbs on pushing: a way is set, gets another secret, is resumed, begins anew, is removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.sharing import feed
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import Service, Terms
from hub.sharing.policies import Audience
from hub.sharing.pushing.models import QUEUE, WEBHOOK, Push
from hub.sharing.pushing.passwords import hashed, new_password
from hub.sharing.pushing.reaching import Reach
from hub.sharing.pushing.signing import SecretKeeper, new_secret
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now, today
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


#: For so long the former secret signs beside the new one.
OVERLAP = timedelta(days=1)


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
    consumer = _with_feed(actor, consumer_id, session)
    url = reach.check(url)
    row = _begun(consumer_id, WEBHOOK, actor, session)
    secret = new_secret()
    row.url, row.secret = url, keeper.seal(secret, consumer_id)
    session.flush()
    audit.record(session, actor, "consumer.push_set", consumer, url=url)
    return secret


def set_queue(actor: Actor, consumer_id: str, *, session: Session) -> str:
    """Let a consumer's entries go into a queue of its own, all anew; returns its new password.

    Queue and account are made by `hub.sharing.pushing.subscribers`. Raises as `set_push`, and
    WrongState where the terms ask for addresses or a certificate, which a broker does not look at.
    """
    consumer = _with_feed(actor, consumer_id, session)
    if terms_in_force(consumer, QUEUE) is None and terms_in_force(consumer, WEBHOOK) is not None:
        raise WrongState(
            "这个应用限定了允许的地址或客户端证书，消息服务器不查这些。",
            "请改用推送到对方的地址，或先申请变更、不再限定。",
            code="queue_not_bounded",
        )
    row = _begun(consumer_id, QUEUE, actor, session)
    password = new_password()
    row.password_hash = hashed(password)
    session.flush()
    audit.record(session, actor, "consumer.queue_set", consumer)
    return password


def _with_feed(actor: Actor, consumer_id: str, session: Session) -> Consumer:
    consumer = consumers.approved_consumer(actor, consumer_id, session)
    if consumer.terms is None or Service.RECORDS not in consumer.terms.services:
        raise WrongState(
            "这个应用没有获准读取共享目录，不能推送。", "请先申请变更，选上“共享目录”。",
            code="feed_not_granted",
        )  # fmt: skip
    return consumer


def _begun(consumer_id: str, way: str, actor: Actor, session: Session) -> Push:
    """The row of a consumer, by this way from now on, and nothing told yet."""
    row = locked(session, Push, consumer_id)
    if row is None:
        row = Push(consumer_id=consumer_id, series=0, sent=0)
        session.add(row)
    row.way, row.url, row.secret = way, "", ""
    row.former_secret, row.former_until, row.password_hash = None, None, None
    row.series += 1
    row.set_by, row.set_at, row.heard_at = actor.name, now(), None
    _tell_from(row, None)
    _begin_again(row)
    return row


def rotate_push_secret(
    actor: Actor, consumer_id: str, *, keeper: SecretKeeper, session: Session
) -> str:
    """Give another secret, and return it: it is shown once. Raises as `resume_push`.

    Messages to an address are signed by both for a while (`OVERLAP`), so that the receiver can
    change over. The account of a queue has the new password only: its connections are cut.
    """
    consumer, row = _held(actor, consumer_id, session)
    if row.way == QUEUE:
        secret = new_password()
        row.password_hash = hashed(secret)
    else:
        secret = new_secret()
        row.former_secret, row.former_until = row.secret, now() + OVERLAP
        row.secret = keeper.seal(secret, consumer_id)
    audit.record(session, actor, "consumer.push_secret_rotated", consumer)
    return secret


def end_former_secret(actor: Actor, consumer_id: str, *, session: Session) -> None:
    """Sign by the new secret alone from now on. Raises as `resume_push`."""
    consumer, row = _held(actor, consumer_id, session)
    row.former_secret, row.former_until = None, None
    audit.record(session, actor, "consumer.push_secret_ended", consumer)


def begin_anew(actor: Actor, consumer_id: str, *, session: Session) -> None:
    """Tell all anew; what waits in a queue is thrown away. Raises as `resume_push`."""
    consumer, row = _held(actor, consumer_id, session)
    _tell_from(row, None)
    _begin_again(row)
    audit.record(session, actor, "consumer.push_begun_anew", consumer)


def tell_again(
    actor: Actor, consumer_id: str, terms: Terms, cursor: str | None, *, session: Session
) -> Push:
    """Go on from where a reader of a queue says that it is; from the beginning without a cursor.

    The consumer itself asks, once it misses something. Raises NotFound without a queue, Invalid,
    CursorOutdated.
    """
    row = queue_of(consumer_id, session, hold=True)
    end = feed.mark_of(Audience(terms.audience), session)
    _tell_from(row, feed.read_cursor(cursor, end) if cursor else None, scope_of(terms))
    row.due_at = now()
    session.flush()
    audit.record(
        session, actor, "consumer.queue_told_again", f"consumer:{consumer_id}", cursor=cursor or ""
    )
    return row


def _tell_from(row: Push, at: feed.Cursor | None, scope: str = "") -> None:
    row.generation, row.position = (at.generation, at.position) if at else (0, 0)
    row.scope, row.tell = scope if at else "", True


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
        raise NotFound("这个应用没有设推送。", "请先填写推送地址，或设消息队列。")
    return consumer, row


def queue_of(consumer_id: str, session: Session, *, hold: bool = False) -> Push:
    """The row of a consumer that reads from a queue. Raises NotFound."""
    row = locked(session, Push, consumer_id) if hold else session.get(Push, consumer_id)
    if row is None or row.way != QUEUE:
        raise NotFound(
            "没有给这个应用设消息队列。", "需要的，请与档案馆联系；也可以直接读取共享目录。",
            code="no_queue",
        )  # fmt: skip
    return row


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


def unread_queues(session: Session, *, since: timedelta) -> list[tuple[Push, str]]:
    """The queues from which nobody has read for so long, each with the name of its consumer."""
    rows = session.execute(
        select(Push, Consumer.name)
        .join(Consumer, Consumer.id == Push.consumer_id)
        .where(Push.way == QUEUE, Push.state == "active", Push.failing_since <= now() - since)
        .order_by(Consumer.name, Consumer.id)
    )
    return [(row[0], row[1]) for row in rows]


def terms_in_force(consumer: Consumer, way: str) -> Terms | None:
    """The terms on which a consumer is pushed to today, by a way; None for not at all.

    A broker does not look at addresses and certificates: terms that ask for them admit no queue.
    """
    terms = consumer.terms
    if terms is None or consumer.state != "active" or not terms.in_term(today()):
        return None
    if way == QUEUE and (terms.networks or terms.certificate):
        return None
    return terms if Service.RECORDS in terms.services else None


def scope_of(terms: Terms) -> str:
    """What terms let a reader see, as a digest: under others its copy is another."""
    return digest_of([terms.audience, list(terms.archives), list(terms.fonds)])


def standing_of(push: Push, terms: Terms, session: Session) -> Standing:
    """How far a receiver is in the feed that its terms let it read."""
    end = feed.mark_of(Audience(terms.audience), session)
    is_this = (push.generation, push.scope) == (end.generation, scope_of(terms))
    return Standing(feed.Cursor(end.generation, push.position) if is_this else None, end)
