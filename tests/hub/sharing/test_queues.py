"""What is new lies in a consumer's queue on the broker: all of it, in order, for it alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pika
import pytest
from danglian.client.queue import MessagesMissed
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from sqlalchemy import event

from hub.federation.places import HubFolder
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import Consumer
from hub.sharing.policies import Audience
from hub.sharing.pushing import doctor, service
from hub.sharing.pushing.queues import MOST_WAITING, queues_of
from hub.sharing.pushing.sending import Pushing
from hub.sharing.pushing.subscribers import QUIET, SubscriberKeeper, queue_name
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Unavailable, WrongState
from tests.city import wait_for
from tests.hub.desk import Browser, make_desk
from tests.hub.sharing.conftest import Sharing
from tests.hub.sharing.consumers.conftest import TOKEN, Desk, terms
from tests.hub.sharing.receiver import desk
from tests.hub.sharing.subscribed import Subscribed, subscribed
from tests.killed import Bomb, dies
from tests.servers.rabbitmq import RabbitMQ

__all__ = ["desk", "subscribed"]

# A broker starts in seconds, but not on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(600)


def refused(line: pika.BlockingConnection, attempt: Callable[[Any], object]) -> bool:
    channel = line.channel()
    channel.confirm_delivery()
    try:
        attempt(channel)
    except ChannelClosedByBroker as refusal:
        return refusal.reply_code == 403
    return False


def test_a_reader_of_its_queue_has_what_the_feed_has_and_the_account_reads_nothing_else(
    subscribed: Subscribed,
) -> None:
    subscribed.archive.received(2, year=2024)  # not opened, and no field of such is shared
    consumer = subscribed.begin()
    first, second, *_ = subscribed.archive.received(4)
    subscribed.work()
    assert subscribed.read() == 1
    subscribed.archive.withdraw(first)
    subscribed.archive.correct(second, title="关于改正后的事项的通知")
    subscribed.work()
    assert subscribed.read() == 1
    assert subscribed.held == subscribed.archive.seen(Audience.GOVERNMENT)
    assert subscribed.is_whole()
    row = subscribed.row(consumer)
    assert (row.sent, row.tries, row.problem) == (6, 0, None)

    other = subscribed.desk.consumer()
    with subscribed.folder.database().write() as session:
        service.set_queue(subscribed.desk.applicant, other.id, session=session)
    subscribed.keeper.step()
    theirs, body = queue_name(other.id), b"{}"
    line = subscribed.open(consumer)
    assert refused(line, lambda channel: channel.basic_get(theirs))
    assert refused(line, lambda channel: channel.queue_purge(theirs))
    assert refused(line, lambda channel: channel.queue_declare("mine"))
    assert refused(line, lambda channel: channel.queue_delete(queue_name(consumer.id)))
    for exchange, key in (("", theirs), ("", queue_name(consumer.id)), ("amq.topic", "x")):
        assert refused(
            line, lambda channel, at=exchange, to=key: channel.basic_publish(at, to, body)
        )
    line.close()


def test_a_reader_that_stays_away_stops_the_hub_at_a_bound_and_loses_nothing(
    subscribed: Subscribed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.sharing.pushing.sending.MOST_ENTRIES", 1)
    consumer = subscribed.begin()
    subscribed.archive.received(MOST_WAITING + 5)
    subscribed.work()
    row = subscribed.row(consumer)
    assert (row.sent, row.tries, row.state) == (MOST_WAITING, 0, "active")
    assert "没有取走" in str(row.problem)
    subscribed.due(consumer)
    subscribed.put()
    assert subscribed.row(consumer).sent == MOST_WAITING
    subscribed.set(consumer, failing_since=now() - timedelta(days=6))
    with subscribed.folder.database().read() as session:
        assert [each.code for each in doctor.examine(session)] == ["push_unread"]

    assert subscribed.read(MOST_WAITING) == MOST_WAITING
    wait_for(
        lambda: subscribed.queue(consumer).get("messages") == 0,
        "the broker, which counts when it comes to it",
    )
    subscribed.due(consumer)
    subscribed.put()
    assert subscribed.read(5) == 5
    assert subscribed.is_whole()
    assert subscribed.row(consumer).failing_since is None


def test_what_was_purged_is_seen_and_told_again_from_the_readers_cursor(
    subscribed: Subscribed,
) -> None:
    consumer = subscribed.begin()
    subscribed.archive.received(2)
    subscribed.work()
    assert subscribed.read() == 1
    subscribed.leave()
    subscribed.archive.received(2)
    subscribed.work()
    subscribed.purge()
    subscribed.archive.received(1)
    subscribed.work()
    with pytest.raises(MessagesMissed):
        subscribed.read()
    _ask_again(subscribed, consumer)
    subscribed.put()
    assert subscribed.read() == 1
    assert subscribed.is_whole()

    # A queue that somebody has deleted is made again.
    subscribed.leave()
    subscribed.archive.received(1)
    subscribed.work()
    subscribed.rabbitmq.call("DELETE", "queues", subscribed.vhost, queue_name(consumer.id))
    SubscriberKeeper(subscribed.folder).step()
    _ask_again(subscribed, consumer)
    subscribed.put()
    assert subscribed.read() == 1
    assert subscribed.is_whole()


@pytest.mark.at_length  # the broker counts every five seconds
def test_an_empty_queue_is_told_now_and_then_where_the_hub_is(subscribed: Subscribed) -> None:
    consumer = subscribed.begin()
    subscribed.archive.received(1)
    subscribed.work()
    assert subscribed.read() == 1
    subscribed.leave()
    subscribed.archive.received(1)
    subscribed.work()
    subscribed.purge()
    subscribed.set(consumer, heard_at=now() - QUIET)
    wait_for(
        lambda: subscribed.queue(consumer).get("messages") == 0,
        "the broker, which counts when it comes to it",
    )
    SubscriberKeeper(subscribed.folder).step()
    subscribed.put()
    with pytest.raises(MessagesMissed):
        subscribed.read()


def _ask_again(subscribed: Subscribed, consumer: Consumer) -> None:
    """What the reader asks for over the API, from the cursor that it has."""
    app = make_desk(HubOf(subscribed.folder, subscribed.archive))
    client = app.test_client()
    auth = (consumer.id, subscribed.desk.secret(consumer))
    token = client.post(TOKEN, data={"grant_type": "client_credentials"}, auth=auth).get_json()
    head = {"Authorization": f"Bearer {token['access_token']}"}
    shown = client.get("/api/v1/shared/queue", headers=head).get_json()
    assert shown["queue"] == queue_name(consumer.id)
    assert shown["cursor"] == shown["end"], "for the hub all is told"
    for wrong, status in (("x", 422), ("9-1", 410), ("1-999999", 410)):
        asked = client.post("/api/v1/shared/queue", json={"cursor": wrong}, headers=head)
        assert asked.status_code == status, asked.text
    asked = client.post("/api/v1/shared/queue", json={"cursor": subscribed.cursor}, headers=head)
    assert asked.get_json()["cursor"] == subscribed.cursor


class HubOf:
    """A city whose folder has the settings of the broker."""

    def __init__(self, folder: HubFolder, archive: Sharing) -> None:
        self.folder, self.database = folder, archive.city.database


def test_a_suspended_consumer_is_cut_off_and_comes_back_with_its_password(
    subscribed: Subscribed,
) -> None:
    consumer = subscribed.begin()
    subscribed.archive.received(2)
    subscribed.work()
    line = subscribed.open(consumer)
    assert line.channel().basic_get(queue_name(consumer.id))[0] is not None
    subscribed.desk.suspend(consumer)
    subscribed.keeper.step()
    with pytest.raises(AMQPConnectionError):
        line.process_data_events(60.0)
    with pytest.raises(ProbableAuthenticationError):
        subscribed.open(consumer)
    subscribed.archive.received(1)
    subscribed.work()
    assert subscribed.row(consumer).sent == 2

    subscribed.desk.resume(consumer)
    subscribed.keeper.step()
    subscribed.put()
    assert subscribed.read(2) == 2
    assert subscribed.is_whole()

    # Another password ends the one before; the end of it all ends queue and account.
    with subscribed.folder.database().write() as session:
        new = service.rotate_push_secret(
            subscribed.desk.applicant, consumer.id, keeper=None, session=session
        )
    subscribed.keeper.step()
    with pytest.raises(ProbableAuthenticationError):
        subscribed.open(consumer)
    subscribed.open(consumer, new).close()
    with subscribed.folder.database().write() as session:
        service.remove_push(subscribed.desk.applicant, consumer.id, session=session)
    subscribed.keeper.step()
    names = {each["name"] for each in subscribed.rabbitmq.call("GET", "queues", subscribed.vhost)}
    assert queue_name(consumer.id) not in names
    with pytest.raises((ProbableAuthenticationError, ProbableAccessDeniedError)):
        subscribed.open(consumer, new)


def test_other_terms_begin_anew_and_bounds_that_no_broker_keeps_admit_no_queue(
    subscribed: Subscribed,
) -> None:
    with pytest.raises(WrongState):
        subscribed.begin(networks=("10.8.0.0/16",))
    consumer = subscribed.begin()
    subscribed.archive.received(3)
    subscribed.work()
    _change_terms(subscribed, consumer, archives=("420583",))
    subscribed.put()
    assert subscribed.read() == 1
    assert subscribed.held == {}, "what was in the queue is thrown away"
    _change_terms(subscribed, consumer, networks=("10.8.0.0/16",))
    subscribed.keeper.step()
    with pytest.raises(ProbableAuthenticationError):
        subscribed.open(consumer)


def _change_terms(subscribed: Subscribed, consumer: Consumer, **changes: Any) -> None:
    with subscribed.folder.database().write() as session:
        consumers.apply_for_change(
            subscribed.desk.applicant, consumer.id, terms(**changes), session=session
        )
        consumers.approve(subscribed.desk.approver, consumer.id, session=session)


# ---- kill -9


def puts_on(path: Any, at: int) -> None:
    """Put into the queue until death, before a commit."""
    hub = HubFolder(path)
    bomb = Bomb(at)
    event.listen(hub.database().engine, "commit", lambda connection: bomb.tick())
    pushing = Pushing(hub.database(), queues_of(hub))
    while pushing.step():
        pass


@pytest.mark.faults
@pytest.mark.at_length  # its quick sisters push to an address, by the same commits
def test_the_hub_killed_between_confirm_and_commit_repeats_and_misses_nothing(
    subscribed: Subscribed,
) -> None:
    consumer = subscribed.begin()
    subscribed.archive.received(3)
    subscribed.archive.settle()
    subscribed.archive.city.database.close()
    subscribed.folder.database().close()
    assert dies(puts_on, subscribed.folder.path, 4)
    subscribed.due(consumer)
    subscribed.put()
    subscribed.read()
    assert subscribed.is_whole()
    assert subscribed.row(consumer).sent == 3


@pytest.mark.faults
@pytest.mark.at_length
def test_a_broker_killed_again_and_again_while_the_hub_publishes_loses_nothing(
    archive: Sharing, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.sharing.pushing.sending.MOST_ENTRIES", 5)
    monkeypatch.setattr("hub.sharing.pushing.sending._FIRST_PAUSE", timedelta(seconds=0.3))
    broker = RabbitMQ()
    subscribed = Subscribed(archive, desk, broker)
    over = threading.Event()

    def publish() -> None:
        pushing = Pushing(subscribed.folder.database(), subscribed.queues)
        while not over.is_set():
            if not pushing.step():
                over.wait(0.05)

    publishing = threading.Thread(target=publish)
    try:
        consumer = subscribed.begin()
        # RabbitMQ writes down which queues and accounts there are two seconds later (disk_log).
        written = threading.Timer(3.0, lambda: None)
        written.start()
        publishing.start()
        for _ in range(3):
            subscribed.archive.received(60)
            subscribed.archive.settle()
            wait_for(
                lambda: subscribed.row(consumer).sent > 0,
                "the broker, which counts when it comes to it",
            )
            _read_what_comes(subscribed, wait_seconds=1.0)
            written.join()
            broker.kill()
            broker.start()
        wait_for(
            lambda: _read_what_comes(subscribed) or subscribed.is_whole(),
            "the broker, which counts when it comes to it",
        )
    finally:
        over.set()
        publishing.join()
        subscribed.close()
        broker.remove()
    assert subscribed.held == archive.seen(Audience.GOVERNMENT)


def _read_what_comes(subscribed: Subscribed, wait_seconds: float = 2.0) -> bool:
    # While the broker is away: what was not acknowledged comes again.
    with suppress(Unavailable):
        subscribed.read(5, wait_seconds=wait_seconds)
    return False


# ---- at the screen


def test_the_page_gives_a_queue_its_password_once(subscribed: Subscribed) -> None:
    consumer = subscribed.desk.consumer()
    app = make_desk(
        HubOf(subscribed.folder, subscribed.archive), gly=Grant(Role.SYSTEM_ADMINISTRATOR)
    )
    keeper, page = Browser(app, "gly"), f"/consumers/{consumer.id}/push"
    assert "设消息队列" in keeper.get(f"{page}/").text
    shown = keeper.send(f"{page}/queue").text
    assert "密码只显示这一次" in shown
    assert queue_name(consumer.id) in shown
    again = keeper.get(f"{page}/").text
    assert "密码只显示这一次" not in again
    assert "消息队列" in again
    assert "密码只显示这一次" in keeper.send(f"{page}/secret").text
    assert keeper.send(f"{page}/anew").status_code == 302
    assert keeper.send(f"{page}/remove").status_code == 302
