"""The whole way over RabbitMQ: hub and nodes with their loops, accounts and all, and no mercy."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.app import make_app
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.broker import Broker
from hub.federation.fonds import NewFonds, register_fonds
from hub.federation.founding import found_hub
from hub.federation.letters import Outcome, carry_out
from hub.federation.places import HubFolder
from hub.wiring import start as start_hub
from node.office.places import NodeFolder, NodeSettings
from node.office.service import office_of, open_office
from node.sync.enrolment import enrol
from node.wiring import start as start_node
from shared.command.main import danglian
from shared.kernel.background import Background
from shared.kernel.settings import save_settings
from shared.messaging.link import hub_queue, node_queue, shard_of
from shared.messaging.models import DeadLetter, OutgoingStream
from shared.web import serve
from tests.city import wait_for
from tests.federation import ADMIN, CITY_DEPARTMENT, Unit, everywhere_the_same
from tests.servers.rabbitmq import RabbitMQ

SHARDS = 2

# A broker starts in seconds, but not on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(300)


class Town:
    """A hub with its pages and loops over a broker, and nodes that are enrolled over HTTP."""

    def __init__(self, folder: Path, broker: RabbitMQ) -> None:
        self.path = folder
        self.broker = broker
        self.vhost = broker.new_vhost()
        self._stack = ExitStack()
        made = HubFolder.create(folder / "hub", name="宜昌市档案平台", city="420500000000")
        with made.database().write() as session:
            found_hub(ADMIN, made, session=session)
        made.database().close()
        made.establish()
        settings = replace(
            made.settings,
            shards=SHARDS,
            **broker.settings(self.vhost, tls=True),
        )
        save_settings(settings, made.path)
        self.hub = HubFolder(made.path)
        self._stack.callback(self.hub.database().close)
        self.server = serve(make_app(self.hub), "127.0.0.1", 0, threads=4)
        self._stack.callback(self.server.stop)
        self._background: Background | None = None
        self.start_hub()
        self.units: list[Unit] = []

    def start_hub(self, shards: Iterable[int] = range(SHARDS)) -> None:
        self._background = start_hub(self.hub, shards)

    def stop_hub(self) -> None:
        if self._background is not None:
            self._background.stop()
            self._background = None

    def unit(self, name: str, number: str) -> Unit:
        """A node, enrolled and running."""
        with self.hub.database().write() as session:
            fonds = register_fonds(
                ADMIN, NewFonds(name=name, division_code=CITY_DEPARTMENT, number=number),
                session=session,
            )  # fmt: skip
            invitation = federation.create_node_with_code(
                ADMIN, name, CITY_DEPARTMENT, [fonds.id], key=self.hub.keys.hub(), session=session
            )
        path = self.path / number
        path.mkdir()
        save_settings(
            NodeSettings(name=name, slug=number.lower(), retransmit_seconds=3, hello_seconds=3),
            path,
        )
        unit = Unit(self, NodeFolder(path))
        with unit.folder.database().write() as session:
            open_office(name, session=session)
        self._stack.callback(unit.folder.database().close)
        enrol(unit.folder, self.server.url, invitation.code, version=version("danglian"))
        unit.fonds_id = fonds.id
        background = start_node(unit.folder)
        self._stack.callback(background.stop)
        self.units.append(unit)
        return unit

    def held_of(self, unit: Unit) -> int:
        with self.hub.database().read() as session:
            return session.query(CatalogueRecord).filter_by(fonds_id=unit.fonds_id).count()

    def settled(self) -> bool:
        """Whether every log of every side is acknowledged."""
        for database in (self.hub.database(), *(unit.folder.database() for unit in self.units)):
            with database.read() as session:
                if any(row.acked != row.seq for row in session.query(OutgoingStream)):
                    return False
        return True

    def close(self) -> None:
        self.stop_hub()
        self._stack.close()


@pytest.fixture
def town(tmp_path: Path, rabbitmq: RabbitMQ) -> Iterator[Town]:
    town = Town(tmp_path, rabbitmq)
    yield town
    town.close()


def _account_of(town: Town, unit: Unit) -> str | None:
    names = [each["name"] for each in town.broker.call("GET", "users")]
    return next((name for name in names if name.startswith(f"node.{unit.node_id}.")), None)


def test_records_arrive_whole_though_the_broker_is_killed_and_emptied(town: Town) -> None:
    units = [town.unit("宜昌市交通局", "A001"), town.unit("宜昌市水利局", "A002")]
    for unit in units:
        unit.file(60, year=2022)
    wait_for(lambda: all(town.held_of(unit) for unit in units), "the first records")

    for unit in units:
        unit.file(700, year=2023, word="任务")
    town.broker.kill()
    units[0].file(20, year=2024, word="会议")
    town.broker.start()
    for shard in range(SHARDS):
        town.broker.call(
            "DELETE", "queues", town.vhost, hub_queue(town.hub.settings.hub_id, shard), "contents"
        )
    town.broker.call("DELETE", "queues", town.vhost, node_queue(units[1].node_id), "contents")

    wait_for(lambda: town.held_of(units[0]) == 780 and town.settled(), "the first node's records")
    wait_for(lambda: town.held_of(units[1]) == 760 and town.settled(), "the second node's records")
    for unit in units:
        assert everywhere_the_same(town, unit) == {"lost": 0, "doubled": 0, "altered": 0}


def test_an_account_is_kept_to_itself_replaced_and_taken_away(town: Town) -> None:
    unit = town.unit("宜昌市民政局", "A003")
    unit.file(3, year=2022)
    wait_for(lambda: town.held_of(unit) == 3, "the first records")
    kept = unit.folder.path / "keys" / "link.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    first = kept.read_bytes()
    with unit.folder.database().read() as session:
        address = office_of(session).link
    assert address.startswith("amqps://localhost:")
    assert "@" not in address

    by_hand = CliRunner().invoke(
        danglian, ["node", "link", "--dir", str(unit.folder.path), "--json"]
    )
    assert json.loads(by_hand.stdout) == {"link": address}
    assert kept.read_bytes() != first
    first = kept.read_bytes()

    broker = Broker(town.hub)
    with town.hub.database().read() as session:
        (account,) = broker.accounts(session)
    broker.remove(account)
    unit.file(4, year=2023)
    wait_for(lambda: town.held_of(unit) == 7, "records over the new account")
    assert kept.read_bytes() != first

    with town.hub.database().write() as session:
        federation.suspend_node(ADMIN, unit.node_id, "电脑遗失", session=session)
    wait_for(lambda: _account_of(town, unit) is None, "the account to be taken away")
    unit.file(5, year=2024)
    time.sleep(1)
    assert (_account_of(town, unit), town.held_of(unit)) == (None, 7)
    with town.hub.database().write() as session:
        federation.resume_node(ADMIN, unit.node_id, session=session)
    wait_for(lambda: town.held_of(unit) == 12, "records after the node was resumed")


def test_a_broker_that_was_made_anew_is_declared_again_and_its_accounts_fetched(
    town: Town,
) -> None:
    unit = town.unit("宜昌市气象局", "A007")
    unit.file(3, year=2022)
    wait_for(lambda: town.held_of(unit) == 3, "the first records")
    town.stop_hub()
    town.broker.call("DELETE", "vhosts", town.vhost)
    account = _account_of(town, unit)
    assert account is not None
    town.broker.call("DELETE", "users", account)
    unit.file(4, year=2023)
    town.start_hub()
    wait_for(lambda: town.held_of(unit) == 7 and town.settled(), "records over the new broker")
    assert everywhere_the_same(town, unit) == {"lost": 0, "doubled": 0, "altered": 0}


def test_what_has_no_valid_envelope_is_put_apart_and_can_be_put_back(town: Town) -> None:
    unit = town.unit("宜昌市教育局", "A004")
    unit.file(2, year=2022)
    wait_for(lambda: town.held_of(unit) == 2, "the first records")
    hub_id = town.hub.settings.hub_id
    queue = hub_queue(hub_id, shard_of(unit.node_id, SHARDS))

    def letters() -> list[DeadLetter]:
        with town.hub.database().read() as session:
            return session.query(DeadLetter).all()

    link = town.hub.open_link()
    link.send(queue, [b"first nonsense", b"second nonsense"])
    link.flush()
    wait_for(lambda: len(letters()) == 2, "the dead letters")
    assert {letter.reason for letter in letters()} <= {"magic", "truncated"}
    assert link.size(f"dead.{hub_id}") == 2
    second = next(letter for letter in letters() if letter.size == len(b"second nonsense"))
    carry_out(second, Outcome.REPLAYED, hub_id, link)
    wait_for(lambda: len(letters()) == 3, "the same letter, come again")
    carry_out(second, Outcome.DROPPED, hub_id, link)
    link.close()
    again = town.broker.open(town.vhost)
    assert [each.body for each in again.receive(f"dead.{hub_id}", wait_seconds=10, most=5)] == [
        b"first nonsense"
    ]
    again.close()


def test_shards_are_worked_on_by_processes_of_their_own_which_may_die(town: Town) -> None:
    units = [town.unit("宜昌市审计局", "A005"), town.unit("宜昌市统计局", "A006")]
    town.stop_hub()
    town.start_hub(())
    workers = _workers(town)
    for unit in units:
        unit.file(400, year=2023, word="任务")
    wait_for(lambda: any(town.held_of(unit) for unit in units), "the first run")
    for worker in workers:
        worker.kill()
        worker.communicate()
    for unit in units:
        unit.file(30, year=2024, word="会议")
    workers = _workers(town)
    wait_for(lambda: all(town.held_of(unit) == 430 for unit in units) and town.settled(), "all")
    for unit in units:
        assert everywhere_the_same(town, unit) == {"lost": 0, "doubled": 0, "altered": 0}
    for worker in workers:
        worker.terminate()
        worker.communicate()
        assert worker.returncode == 0


def _workers(town: Town) -> list[subprocess.Popen[bytes]]:
    """A process for each shard, all of them at work."""
    program = Path(sys.executable).with_name("danglian")
    workers = [
        subprocess.Popen(
            [program, "hub", "work", "--dir", town.hub.path, "--shard", str(shard), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for shard in range(SHARDS)
    ]
    for shard, worker in enumerate(workers):
        assert worker.stdout is not None
        assert json.loads(worker.stdout.readline())["shards"] == [shard]
    return workers
