"""The hub's broker: what is declared, and what a node's account may do there, really tried."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pika
import pytest
from click.testing import CliRunner
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

from hub.app import make_app
from hub.federation.broker import Account, Broker, BrokerKeeper, rotate_account
from hub.federation.doctor import examine_broker
from hub.federation.management import BrokerRefused
from hub.federation.places import HubFolder
from shared.command.main import danglian
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import Invalid, NotAllowed, Unavailable, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.settings import save_settings
from shared.messaging.link import dead_queue, hub_queue, node_queue, shard_of
from shared.messaging.links import open_link
from shared.messaging.rabbitmq.address import UP_EXCHANGE, BrokerAddress, up_key
from tests.people import employ
from tests.servers.rabbitmq import RabbitMQ

_SECRET = "secret-word"

# A broker starts in seconds, but not on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def town() -> str:
    """A virtual host that is not there yet."""
    return f"town-{new_id()}"


@pytest.fixture
def hub(city, rabbitmq: RabbitMQ, town: str) -> Iterator[HubFolder]:
    """The hub of a city, which has not declared anything."""
    hub = _with(city.folder, **rabbitmq.settings(town))
    yield hub
    hub.database().close()


@pytest.fixture
def broker(hub: HubFolder) -> Broker:
    broker = Broker(hub)
    broker.declare([])
    return broker


@pytest.fixture
def nodes(city, hub: HubFolder) -> list[str]:
    with city.database.write() as session:
        return [
            city.node(name, city.fonds(name, "420506000000", session), session=session).id
            for name in ("夷陵区教育局", "夷陵区水利局", "夷陵区民政局")
        ]


def _with(folder: HubFolder, **changes: object) -> HubFolder:
    save_settings(replace(folder.settings, **changes), folder.path)
    return HubFolder(folder.path)


def _accounts(broker: Broker, hub: HubFolder) -> list[Account]:
    with hub.database().read() as session:
        return broker.accounts(session)


class _Line:
    """The line of a node with its account, as an intruder would use it: every try is answered."""

    def __init__(self, rabbitmq: RabbitMQ, given: dict[str, str]) -> None:
        place = BrokerAddress.parse(given["link"])
        self._parameters = pika.ConnectionParameters(
            place.host,
            place.port,
            place.vhost,
            pika.PlainCredentials(given["user"], given["password"]),
        )

    def open(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(self._parameters)

    def refuses(self, attempt) -> bool:
        with closing(self.open()) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            try:
                attempt(channel)
            except ChannelClosedByBroker as refusal:
                return refusal.reply_code == 403
            return False


def test_declaring_makes_what_is_missing_and_nothing_twice(
    broker, hub, nodes, rabbitmq, town
) -> None:
    accounts = _accounts(broker, hub)
    assert broker.declare(accounts) == {"queues": 3, "bindings": 3, "removed": 0}
    assert broker.declare(accounts) == {"queues": 0, "bindings": 0, "removed": 0}
    queues = {each["name"]: each for each in rabbitmq.call("GET", "queues", town)}
    hub_id = hub.settings.hub_id
    shards = [hub_queue(hub_id, shard) for shard in range(4)]
    assert set(queues) == {*shards, dead_queue(hub_id), *map(node_queue, nodes)}
    for queue in queues.values():
        assert (queue["durable"], queue["arguments"]["x-queue-type"]) == (True, "quorum")
        assert queue["arguments"]["x-delivery-limit"] == 2**31 - 1


def test_the_doctor_says_what_is_missing_on_the_broker_and_who_does_not_listen(
    broker, hub, nodes, rabbitmq, town
) -> None:
    def codes() -> list[str]:
        return [each.code for each in examine_broker(hub)]

    # The queues, bindings of the three nodes are not there yet.
    assert codes() == ["broker_incomplete"]
    broker.declare(_accounts(broker, hub))
    assert codes() == ["shard_unheard"] * 4
    rabbitmq.call("DELETE", "queues", town, hub_queue(hub.settings.hub_id, 2))
    assert codes() == ["broker_incomplete"]
    refused = _with(hub, broker_password="wrong")
    assert [each.code for each in examine_broker(refused)] == ["broker_refuses"]
    gone = _with(hub, broker_management="http://127.0.0.1:1")
    assert [each.code for each in examine_broker(gone)] == ["broker_away"]


def test_with_another_number_of_shards_every_node_moves_to_its_new_one(
    broker, hub, nodes, rabbitmq, town
) -> None:
    broker.declare(_accounts(broker, hub))
    fewer = Broker(_with(hub, shards=2))
    fewer.declare(_accounts(fewer, hub))
    bindings = rabbitmq.call("GET", "exchanges", town, UP_EXCHANGE, "bindings", "source")
    assert {(each["routing_key"], each["destination"]) for each in bindings} == {
        (up_key(each), hub_queue(hub.settings.hub_id, shard_of(each, 2))) for each in nodes
    }
    queues = {each["name"] for each in rabbitmq.call("GET", "queues", town)}
    assert hub_queue(hub.settings.hub_id, 1) in queues
    assert hub_queue(hub.settings.hub_id, 2) not in queues


def test_a_node_writes_under_its_own_key_and_reads_its_own_queue_alone(
    broker, hub, nodes, rabbitmq
) -> None:
    accounts = {each.node_id: each for each in _accounts(broker, hub)}
    mine, other = nodes[0], nodes[1]
    given = broker.give_account(accounts[mine])
    broker.give_account(accounts[other])
    account = (given["user"], given["password"])
    with closing(open_link(given["link"], account=account, sender=mine)) as link:
        link.send(hub_queue(hub.settings.hub_id), [b"from me"])
        link.flush()
        with closing(hub.open_link()) as at_hub:
            shard = hub_queue(hub.settings.hub_id, shard_of(mine, 4))
            assert at_hub.receive(shard, wait_seconds=10)[0].body == b"from me"
            at_hub.send(node_queue(mine), [b"for me"])
        assert link.receive(node_queue(mine), wait_seconds=10)[0].body == b"for me"
    line = _Line(rabbitmq, given)
    assert not line.refuses(lambda it: it.basic_publish(UP_EXCHANGE, up_key(mine), b"fine"))
    for attempt in (
        lambda it: it.basic_publish(UP_EXCHANGE, up_key(other), b"as another"),
        lambda it: it.basic_publish("", node_queue(other), b"to another"),
        lambda it: it.basic_publish("", hub_queue(hub.settings.hub_id), b"past the exchange"),
        lambda it: it.basic_publish("amq.topic", up_key(mine), b"elsewhere"),
        lambda it: it.basic_get(node_queue(other)),
        lambda it: it.basic_get(hub_queue(hub.settings.hub_id)),
        lambda it: it.basic_get(dead_queue(hub.settings.hub_id)),
        lambda it: it.queue_purge(node_queue(other)),
        lambda it: it.queue_delete(node_queue(mine)),
        lambda it: it.queue_declare("a queue of my own"),
        lambda it: it.queue_bind(node_queue(mine), UP_EXCHANGE, "up.#"),
        lambda it: it.exchange_delete(UP_EXCHANGE),
    ):
        assert line.refuses(attempt)


def test_a_new_account_ends_the_old_one(broker, hub, nodes, rabbitmq, city) -> None:
    account = next(each for each in _accounts(broker, hub) if each.node_id == nodes[0])
    first = _Line(rabbitmq, broker.give_account(account))
    with city.database.write() as session:
        rotate_account(city.admin, account.node_id, session=session)
    connection = first.open()
    broker.remove(account)
    with pytest.raises(pika.exceptions.AMQPError):
        connection.process_data_events(time_limit=60)
    second = _Line(rabbitmq, broker.give_account(account))
    second.open().close()
    with pytest.raises(ProbableAuthenticationError):
        first.open()


def test_the_broker_follows_the_nodes(broker, hub, nodes, city, rabbitmq) -> None:
    from hub.federation import service as federation

    for account in _accounts(broker, hub):
        broker.give_account(account)
    keeper = BrokerKeeper(hub)
    keeper.step()
    with city.database.write() as session:
        federation.suspend_node(city.admin, nodes[0], "电脑遗失", session=session)
        new_machine = federation.new_code(city.admin, nodes[1], session=session)
        city.enrol(new_machine.code, session=session)
    keeper.step()
    users = {each["name"] for each in rabbitmq.call("GET", "users")}
    left = {name.split(".")[1] for name in users if name.startswith("node.")} & set(nodes)
    assert left == {nodes[2]}, "the old machine's account is not the new machine's"
    assert rabbitmq.user in users


@pytest.mark.at_length
def test_a_queue_that_came_back_from_a_kill_without_a_leader_is_made_anew(city) -> None:
    """RabbitMQ notes the last quorum queue after seconds; killed before, it knows half of it."""
    rabbitmq = RabbitMQ()
    try:
        vhost = rabbitmq.new_vhost()
        hub = _with(city.folder, **rabbitmq.settings(vhost))
        Broker(hub).declare([])
        with city.database.write() as session:
            fonds = city.fonds("夷陵区教育局", "420506000000", session)
            node = city.node("夷陵区教育局", fonds, session=session).id
        clock = iter(range(0, 10_000, 5)).__next__

        def comes_back_without_a_leader() -> bool:
            Broker(hub).remove_queue(node_queue(node))
            BrokerKeeper(hub, clock=clock).step()
            rabbitmq.kill()
            rabbitmq.start()
            rounds = 0
            while rounds < 6:  # the others speak after ten seconds, all at once
                queues = rabbitmq.call("GET", "queues", vhost)
                speaking = {each["name"] for each in queues if "state" in each}
                if node_queue(node) in speaking:
                    return False  # a slow machine: the kill came too late
                rounds += bool(speaking)
                time.sleep(0.5)
            return True

        while not comes_back_without_a_leader():
            pass
        (named,) = [each for each in examine_broker(hub) if each.code == "queue_silent"]
        assert node_queue(node) in named.problem
        keeper = BrokerKeeper(hub, clock=clock)
        with closing(rabbitmq.open(vhost)) as link:
            for _ in range(40):
                keeper.step()
            link.send(node_queue(node), [b"a verdict"])
            link.flush()
            assert [each.body for each in link.receive(node_queue(node), wait_seconds=30)] == [
                b"a verdict"
            ]
        hub.database().close()
    finally:
        rabbitmq.remove()


def test_the_commands_and_the_page_do_the_same(broker, hub, nodes, city, rabbitmq) -> None:
    def run(*arguments: str) -> dict[str, object]:
        answer = CliRunner().invoke(
            danglian, ["hub", "broker", *arguments, "--dir", str(hub.path), "--json"]
        )
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    assert run("declare") == {"nodes": 3, "queues": 3, "bindings": 3, "removed": 0}
    accounts = {each.node_id: each.user for each in _accounts(broker, hub)}
    for account in _accounts(broker, hub):
        broker.give_account(account)
    assert run("rotate", nodes[0]) == {"node_id": nodes[0]}
    with city.database.write() as session:
        employ(
            "admin", "管理员", "Yichang-2026", [Grant(Role.SYSTEM_ADMINISTRATOR)],
            session=session, must_change=False,
        )  # fmt: skip
    browser = make_app(hub).test_client()
    token = browser.get("/session").get_json()["csrf_token"]
    browser.post(
        "/sign-in", data={"login": "admin", "password": "Yichang-2026", "csrf_token": token}
    )
    assert "更换通道账号" in browser.get(f"/nodes/{nodes[1]}").get_data(as_text=True)
    token = browser.get("/session").get_json()["csrf_token"]
    answer = browser.post(f"/nodes/{nodes[1]}/account", data={"csrf_token": token})
    assert answer.status_code == 302
    users = {each["name"] for each in rabbitmq.call("GET", "users")}
    assert users & set(accounts.values()) == {accounts[nodes[2]]}


def test_only_an_administrator_rotates_and_only_who_is_connected(city, hub, nodes) -> None:
    from hub.federation import service as federation

    with city.database.write() as session:
        with pytest.raises(NotAllowed):
            rotate_account(city.person(Grant(Role.CLERK)), nodes[0], session=session)
        federation.suspend_node(city.admin, nodes[0], "电脑遗失", session=session)
        with pytest.raises(WrongState):
            rotate_account(city.admin, nodes[0], session=session)


def test_wrong_settings_are_named_and_never_repeated(city, rabbitmq, town) -> None:
    with pytest.raises(WrongState):
        Broker(city.folder)
    right = rabbitmq.settings(town)
    with_account = rabbitmq.management.replace("//", f"//hub:{_SECRET}@")
    for wrong in ("localhost", with_account, "amqp://localhost"):
        with pytest.raises(Invalid, match="管理地址") as invalid:
            Broker(_with(city.folder, **right | {"broker_management": wrong}))
        assert _SECRET not in str(invalid.value)
    with pytest.raises(BrokerRefused) as refused:
        Broker(_with(city.folder, **right | {"broker_password": _SECRET})).declare([])
    assert _SECRET not in str(refused.value) + refused.value.remedy
    away = right | {"broker_management": "http://localhost:9"}
    with pytest.raises(Unavailable):
        Broker(_with(city.folder, **away)).declare([])
    with pytest.raises(Invalid, match="shards"):
        _ = _with(city.folder, **right, shards=0).settings
    assert _SECRET not in repr(_with(city.folder, broker_password=_SECRET).settings)
