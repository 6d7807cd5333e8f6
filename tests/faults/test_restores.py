"""A node copied, a node restored, a hub restored: noticed, recovered (protocol §4), nothing lost.

All with real processes: commands as people type them, folders copied as people copy them. The city
is brought through its stages once; each test begins with the folders of one of them. That the same
holds of nodes in one process, `tests/end_to_end/test_restored_streams.py` shows more quickly.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared.demo.city import PASSWORD
from shared.demo.commands import Commands
from shared.demo.goals import first_round, to_the_end
from tests.city import (
    FENXIANG,
    City,
    commands,
    copy_live,
    one_more_node,
    prepared,
    put_back,
    wait_for,
)

pytestmark = [pytest.mark.faults, pytest.mark.at_length, pytest.mark.timeout(900)]
RECORDS = 60


_STAGES = {"prepared": prepared, "under way": first_round, "ended": to_the_end}


class Days:
    """One city, and its folders as they were on the evening of each of three days.

    What a node or hub is called by, and where its link lies, are part of its folder: so a day is
    put back to where it was, and not beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.city = City(folder / "city", records=RECORDS, seed=3)
        self._folder = folder
        self._ended: list[str] = []

    def begin(self, day: str) -> City:
        """The city as it was on the evening of this day; it lives up to it when first asked."""
        for name, stage in _STAGES.items():
            if day in self._ended:
                break
            if name not in self._ended:
                if self._ended:
                    put_back(self._folder / self._ended[-1], self.city.folder)
                with self.city.running(stage):
                    pass
                shutil.copytree(self.city.folder, self._folder / name)
                self._ended.append(name)
        put_back(self._folder / day, self.city.folder)
        return self.city

    def node(self, day: str) -> Path:
        """The backup of a node of that day."""
        return self._folder / day / "nodes" / FENXIANG.slug

    def hub(self, day: str) -> Path:
        """The backup of the hub of that day."""
        return self._folder / day / "hub"


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return Days(tmp_path_factory.mktemp("days"))


#: The two people who restore a backup of the hub.
TWO = (
    *("--first", "admin", "--first-password", PASSWORD),
    *("--second", "security", "--second-password", PASSWORD),
)


def check(city: City) -> None:
    comparison = city.compare()
    assert comparison.problems == []
    assert comparison.total("registered") == RECORDS
    assert comparison.total("received") == comparison.total("offered") > 0


def node_state(run: Commands, folder: Path) -> str:
    return str(run("node", "status", "--dir", folder)["state"])


def node_asking(run: Commands, city: City) -> str | None:
    """The id of the node that asks for a new grant."""
    nodes = run("hub", "node", "list", "--dir", city.hub)["nodes"]
    return next((str(each["node_id"]) for each in nodes if each["asks_for_grant"]), None)


def grant(run: Commands, city: City) -> None:
    node_id = wait_for(lambda: node_asking(run, city), "the node asks for a grant")
    run("hub", "node", "grant", node_id, "--dir", city.hub)


def change_one(run: Commands, folder: Path, remark: str) -> str:
    """A clerk writes a remark on a filed record; the hub is told. Returns the record's id."""
    clerk = ("--dir", folder, "--as", FENXIANG.clerk.login)
    # Of a village, whose records stay with the unit: no batch is in the way.
    filed = run("node", "file", "list", "--fonds", "0401", "--state", "filed", *clerk)["records"]
    record = filed[0]
    run("node", "file", "edit", record["id"], "--set", f"remark={remark}", *clerk)
    return str(record["id"])


def remark_at_the_hub(city: City, record_id: str) -> str | None:
    with closing(sqlite3.connect(city.hub / "hub.sqlite")) as database:
        (wire,) = database.execute(
            "SELECT wire FROM catalogue_record WHERE id = ?", (record_id,)
        ).fetchone()
    remark: str | None = json.loads(wire)["remark"]
    return remark


@pytest.mark.parametrize(
    ("today", "yesterday"),
    [
        ("under way", "prepared"),
        ("ended", "under way"),
    ],
)
def test_a_node_restored_from_yesterday_s_folder(days: Days, today: str, yesterday: str) -> None:
    city = days.begin(today)
    node = city.node(FENXIANG)
    put_back(days.node(yesterday), node)
    with commands() as run, city.running(to_the_end, bring_on=False) as running:
        wait_for(lambda: node_state(run, node) == "recovering", "the restored node notices")
        grant(run, city)
        wait_for(lambda: node_state(run, node) == "active", "the node took in what the hub has")
        assert running.bring_on(), running.failure
    check(city)


def test_a_hub_restored_from_yesterday_s_folder(days: Days) -> None:
    """First somebody forgets `danglian hub recover`: the nodes' streams give it away."""
    city = days.begin("under way")
    put_back(days.hub("prepared"), city.hub)
    with commands() as run:
        with city.running(to_the_end, bring_on=False):
            wait_for(
                lambda: run("hub", "status", "--dir", city.hub)["restore_suspected"],
                "the hub suspects that it was restored",
            )
        before = run("hub", "status", "--dir", city.hub)["generation"]
        assert run("hub", "recover", "--dir", city.hub, *TWO)["generation"] > before
    with city.running(to_the_end):
        pass
    check(city)


def test_a_hub_whose_database_alone_was_restored(days: Days) -> None:
    """The store is newer than the database: what it holds is received again, nodes or not."""
    city = days.begin("ended")
    for leftover in city.hub.glob("hub.sqlite*"):
        leftover.unlink()
    for old in days.hub("under way").glob("hub.sqlite*"):
        shutil.copy2(old, city.hub / old.name)
    before = received_at_the_hub(city)
    with commands() as run:
        told = run("hub", "recover", "--dir", city.hub, *TWO)
        again = run("hub", "recover", "--dir", city.hub, *TWO)
    assert told["findings"] == again["findings"] == []
    assert told["records"] == received_at_the_hub(city) - before > 0
    assert (again["records"], again["known"]) == (0, told["batches"] + told["known"])
    with city.running(to_the_end):
        pass
    check(city)


def received_at_the_hub(city: City) -> int:
    with closing(sqlite3.connect(city.hub / "hub.sqlite")) as database:
        (count,) = database.execute(
            "SELECT count(*) FROM catalogue_record WHERE received"
        ).fetchone()
    return int(count)


def test_a_copy_of_a_node_started_elsewhere_is_noticed_and_sent_home(
    days: Days, tmp_path: Path
) -> None:
    city = days.begin("under way")
    node, copy = city.node(FENXIANG), tmp_path / "copy"
    with commands() as run, city.running(to_the_end, bring_on=False) as running:
        copy_live(node, copy)
        with one_more_node(copy, tmp_path / "copy.log"):
            changed = change_one(run, node, "原机所改")
            wait_for(lambda: remark_at_the_hub(city, changed) == "原机所改", "the change arrives")
            change_one(run, copy, "副本所改")
            wait_for(lambda: node_state(run, copy) == "recovering", "the copy notices itself")
            assert node_state(run, node) == "active"
        assert remark_at_the_hub(city, changed) == "原机所改"
        assert running.bring_on(), running.failure
    check(city)


def test_a_copy_of_a_node_takes_over_when_it_is_granted(days: Days, tmp_path: Path) -> None:
    city = days.begin("under way")
    node, copy = city.node(FENXIANG), tmp_path / "copy"
    with commands() as run, city.running(to_the_end, bring_on=False):
        copy_live(node, copy)
        with one_more_node(copy, tmp_path / "copy.log"):
            changed = change_one(run, node, "原机所改")
            wait_for(lambda: remark_at_the_hub(city, changed) == "原机所改", "the change arrives")
            change_one(run, copy, "副本所改")
            grant(run, city)
            wait_for(lambda: node_state(run, copy) == "active", "the copy takes over")
            wait_for(lambda: node_state(run, node) == "superseded", "the first one falls silent")
    put_back(copy, node)
    with city.running(to_the_end):
        pass
    check(city)
