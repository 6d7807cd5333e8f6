"""The link over RabbitMQ, against a real broker that is stopped and killed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest

from shared.kernel.errors import Invalid, Unavailable
from shared.messaging.link import Link, Refused
from shared.messaging.links import open_link
from shared.messaging.rabbitmq.address import BrokerAddress
from shared.messaging.rabbitmq.connection import Connection
from shared.messaging.rabbitmq.link import RabbitLink
from tests.servers.certificates import make_certificates
from tests.servers.rabbitmq import RabbitMQ
from tests.shared.messaging.contract import QUEUES, LinkContract, drained, one

# A broker starts in seconds, but not on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def vhost(rabbitmq: RabbitMQ) -> str:
    vhost = rabbitmq.new_vhost()
    for queue in QUEUES:
        rabbitmq.declare(vhost, queue)
    return vhost


@pytest.fixture
def link(rabbitmq: RabbitMQ, vhost: str) -> Iterator[Link]:
    link = rabbitmq.open(vhost)
    yield link
    link.close()


class TestRabbitMQ(LinkContract):
    @pytest.fixture
    def again(self, rabbitmq: RabbitMQ, vhost: str) -> Iterator[Link]:
        link = rabbitmq.open(vhost)
        yield link
        link.close()


def test_a_thousand_confirms_are_under_way_at_a_time(link: Link) -> None:
    link.send("q", [b"x" * 1000] * 5000)
    link.flush()
    assert link.size("q") == 5000


def test_no_confirmed_message_is_lost_when_the_broker_is_killed(
    rabbitmq: RabbitMQ, link: Link
) -> None:
    confirmed: list[int] = []
    stop = threading.Event()

    def publish() -> None:
        number = 0
        while not stop.is_set():
            batch = range(number, number + 20)
            number += 20
            try:
                link.send("q", [str(each).encode() for each in batch])
                link.flush()
            except Unavailable:
                time.sleep(0.02)
            else:
                confirmed.extend(batch)

    publisher = threading.Thread(target=publish)
    publisher.start()
    _until(lambda: len(confirmed) > 200)
    rabbitmq.kill()
    before = len(confirmed)
    rabbitmq.start()
    _until(lambda: len(confirmed) > before + 200)
    stop.set()
    publisher.join()
    seen: list[int] = []
    while deliveries := link.receive("q", wait_seconds=1, most=100):
        for delivery in deliveries:
            seen.append(int(delivery.body))
            delivery.acknowledge()
    # What was not confirmed may be there too: the streams recognise it when it comes again.
    assert set(confirmed) <= set(seen)
    assert seen == sorted(seen)


@pytest.mark.at_length
def test_a_consumer_goes_on_after_the_broker_was_restarted(rabbitmq: RabbitMQ, link: Link) -> None:
    link.send("q", [b"before", b"in hand"])
    link.flush()
    first, in_hand = drained(link, "q", 2, most=2)
    first.acknowledge()
    # One that asks the broker something is answered after the acknowledgement.
    assert link.size("q") == 0
    rabbitmq.restart()
    _until(lambda: _sent(link, b"after"))
    assert [each.body for each in drained(link, "q", 2)] == [b"in hand", b"after"]
    in_hand.acknowledge()  # of an earlier life: means nothing any more
    assert link.receive("q", wait_seconds=0.5) == []


def test_what_is_handed_back_waits_here_and_is_not_rejected(
    rabbitmq: RabbitMQ, vhost: str, link: Link
) -> None:
    link.send("q", [b"1", b"2", b"3"])
    for _ in range(50):  # the database is away
        for delivery in list(drained(link, "q", 3)):
            delivery.release()
    link.close()
    with _channel(rabbitmq.parameters(vhost)) as channel:
        _, properties, _ = channel.basic_get("q")
    assert properties.headers["x-delivery-count"] == 1, "once, by the line that was closed"


def test_a_queue_that_nobody_declared_takes_nothing_and_harms_nobody(link: Link) -> None:
    link.send("nobody's", [b"lost"])
    link.send("q", [b"kept"])
    link.flush()
    assert one(link, "q").body == b"kept"
    # As long as the broker has not answered, nothing is known.
    assert link.receive("nobody's", wait_seconds=0) == []
    with pytest.raises(Unavailable):
        link.receive("nobody's", wait_seconds=30)
    with pytest.raises(Unavailable):
        link.size("nobody's")


def test_who_delivers_is_told_that_nobody_has_declared_the_queue(link: Link) -> None:
    assert isinstance(link, RabbitLink)
    with pytest.raises(Unavailable, match="还没有所需的队列"):
        link.deliver("nowhere", [b"lost"])
    link.deliver("q", [b"there"])
    assert one(link, "q").body == b"there"


def test_a_wrong_password_is_told_from_an_absent_broker(rabbitmq: RabbitMQ, vhost: str) -> None:
    wrong = open_link(rabbitmq.address(vhost), account=("nobody", "wrong"))
    with closing(wrong), pytest.raises(Refused):
        wrong.send("q", [b"x"])
    nowhere = open_link(f"amqp://localhost:{_free_port()}/x")
    with closing(nowhere), pytest.raises(Unavailable) as absent:
        nowhere.send("q", [b"x"])
    assert not isinstance(absent.value, Refused)


def test_the_line_is_encrypted_and_the_broker_has_to_prove_its_name(
    rabbitmq: RabbitMQ, vhost: str, tmp_path: Path
) -> None:
    address = rabbitmq.address(vhost, tls=True)
    account, ca = (rabbitmq.user, rabbitmq.password), rabbitmq.ca.read_text()
    with closing(open_link(address, account=account, ca=ca)) as link:
        link.send("q", [b"secret"])
        link.flush()
        assert one(link, "q").body == b"secret"
    another_ca = make_certificates(tmp_path, "localhost").read_text()
    for wrong, authority in (
        (address, another_ca),
        (address, ""),
        (address.replace("localhost", "127.0.0.1"), ca),
    ):
        link = open_link(wrong, account=account, ca=authority)
        with closing(link), pytest.raises(Unavailable):
            link.send("q", [b"secret"])


def test_an_address_has_no_account_in_it_and_never_shows_one() -> None:
    address = BrokerAddress.parse("amqps://mq.example/%2Fyichang").of("hub", "secret-word")
    assert (address.port, address.vhost, address.tls) == (5671, "/yichang", True)
    assert "secret-word" not in repr(address)
    for wrong in ("amqps://:5671", "http://mq.example/x", "amqps://mq.example:port/x",
                  "amqps://hub:secret-word@mq.example/x"):  # fmt: skip
        with pytest.raises(Invalid) as error:
            BrokerAddress.parse(wrong)
        assert "secret-word" not in str(error.value)


def _sent(link: Link, body: bytes) -> bool:
    try:
        link.send("q", [body])
        link.flush()
    except Unavailable:
        return False
    return True


def _until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _channel(parameters: pika.ConnectionParameters) -> Iterator[Any]:
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        connection.close()


class _Witness:
    """A part that counts."""

    def __init__(self) -> None:
        self.opens = 0
        self.losses = 0

    def opened(self, connection: Any) -> None:
        self.opens += 1

    def lost(self, problem: Unavailable) -> None:
        self.losses += 1


def test_a_connection_that_breaks_down_by_a_fault_of_ours_is_closed_and_made_anew(
    rabbitmq: RabbitMQ, vhost: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fault() -> None:
        raise ValueError("a fault of ours")

    settings = rabbitmq.settings(vhost, tls=True)
    address = BrokerAddress.parse(settings["link"]).of(
        settings["broker_user"], settings["broker_password"]
    )
    before = _sockets()
    with closing(Connection(address, rabbitmq.ca.read_text())) as connection:
        witness = _Witness()
        connection.add(witness)
        _until(lambda: witness.opens == 1)
        connection.call(fault)
        _until(lambda: witness.opens == 2)
        assert witness.losses >= 1
        assert "a fault of ours" in caplog.text
        assert _sockets() == before + 1 + _LOOP_SOCKETS
    assert _sockets() == before


#: pika's loop wakes itself through a pair of sockets.
_LOOP_SOCKETS = 2


def _sockets() -> int:
    """How many sockets this process has open."""
    folder = Path("/proc/self/fd")
    return sum(
        1 for each in folder.iterdir() if each.is_symlink() and "socket:" in str(each.readlink())
    )
