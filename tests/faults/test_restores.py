"""A node copied, a node restored, a hub restored: noticed, recovered (protocol §4), nothing lost.

All with real processes: commands as people type them, folders copied as people copy them.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared.demo.commands import Commands
from shared.demo.comparison import Comparison
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

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
RECORDS = 100


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "city", records=RECORDS, seed=3)


def nothing_wrong(comparison: Comparison) -> bool:
    assert comparison.problems == []
    assert comparison.total("registered") == RECORDS
    assert comparison.total("received") == comparison.total("offered") > 0
    return True


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
    clerk = FENXIANG.clerk.login
    filed = run(
        "node", "file", "list", "--dir", folder, "--fonds", "0308", "--state", "filed",
        "--as", clerk,
    )["records"]  # fmt: skip
    # Of those that stay with the unit, so that no batch is in the way.
    record = next(each for each in filed if each["retention"] == "D10")
    run("node", "file", "edit", record["id"], "--set", f"remark={remark}", "--dir", folder,
        "--as", clerk)  # fmt: skip
    return str(record["id"])


def remark_at_the_hub(city: City, record_id: str) -> str | None:
    with closing(sqlite3.connect(city.hub / "hub.sqlite")) as database:
        (wire,) = database.execute(
            "SELECT wire FROM catalogue_record WHERE id = ?", (record_id,)
        ).fetchone()
    remark: str | None = json.loads(wire)["remark"]
    return remark


@pytest.mark.parametrize("stage", [prepared, first_round], ids=["prepared", "under way"])
def test_a_node_restored_from_yesterday_s_folder(city: City, tmp_path: Path, stage) -> None:
    node, yesterday = city.node(FENXIANG), tmp_path / "yesterday"
    with city.running(stage):
        pass
    shutil.copytree(node, yesterday)
    with city.running(to_the_end if stage is first_round else first_round):
        pass
    put_back(yesterday, node)
    with commands() as run, city.running(to_the_end, bring_on=False):
        wait_for(lambda: node_state(run, node) == "recovering", "the restored node notices")
        grant(run, city)
        wait_for(lambda: node_state(run, node) == "active", "the node took in what the hub has")
    with city.running(to_the_end):
        pass
    assert nothing_wrong(city.compare())


def test_a_hub_restored_from_yesterday_s_folder(city: City, tmp_path: Path) -> None:
    yesterday = tmp_path / "yesterday"
    with city.running(prepared):
        pass
    shutil.copytree(city.hub, yesterday)
    with city.running(first_round):
        pass
    put_back(yesterday, city.hub)
    with commands() as run:
        before = run("hub", "status", "--dir", city.hub)["generation"]
        recovered = run("hub", "recover", "--dir", city.hub)
        assert recovered["generation"] > before
    with city.running(to_the_end):
        pass
    assert nothing_wrong(city.compare())


def test_a_hub_that_lost_its_database_but_not_its_store(city: City, tmp_path: Path) -> None:
    yesterday = tmp_path / "yesterday"
    with city.running(first_round):
        pass
    shutil.copytree(city.hub, yesterday)
    with city.running(to_the_end):
        pass
    for old in yesterday.glob("hub.sqlite*"):
        shutil.copy2(old, city.hub / old.name)
    for newer in city.hub.glob("hub.sqlite-*"):
        if not (yesterday / newer.name).exists():
            newer.unlink()
    with commands() as run:
        run("hub", "recover", "--dir", city.hub)
    with city.running(to_the_end):
        pass
    assert nothing_wrong(city.compare())


def test_a_restored_hub_is_noticed_by_its_nodes(city: City, tmp_path: Path) -> None:
    """Somebody puts the folder back and forgets `danglian hub recover`."""
    yesterday = tmp_path / "yesterday"
    with city.running(prepared):
        pass
    shutil.copytree(city.hub, yesterday)
    with city.running(first_round):
        pass
    put_back(yesterday, city.hub)
    with commands() as run:
        with city.running(to_the_end, bring_on=False):
            wait_for(
                lambda: run("hub", "status", "--dir", city.hub)["restore_suspected"],
                "the hub suspects that it was restored",
            )
        run("hub", "recover", "--dir", city.hub)
    with city.running(to_the_end):
        pass
    assert nothing_wrong(city.compare())


def test_a_copy_of_a_node_started_elsewhere_is_noticed_and_sent_home(
    city: City, tmp_path: Path
) -> None:
    node, copy = city.node(FENXIANG), tmp_path / "copy"
    with commands() as run, city.running(first_round):
        copy_live(node, copy)
        with one_more_node(copy, tmp_path / "copy.log"):
            changed = change_one(run, node, "原机所改")
            wait_for(lambda: remark_at_the_hub(city, changed) == "原机所改", "the change arrives")
            change_one(run, copy, "副本所改")
            wait_for(lambda: node_state(run, copy) == "recovering", "the copy notices itself")
            assert node_state(run, node) == "active"
        assert remark_at_the_hub(city, changed) == "原机所改"
    with city.running(to_the_end):
        pass
    assert nothing_wrong(city.compare())


def test_a_copy_of_a_node_takes_over_when_it_is_granted(city: City, tmp_path: Path) -> None:
    node, copy = city.node(FENXIANG), tmp_path / "copy"
    with commands() as run, city.running(first_round):
        copy_live(node, copy)
        with one_more_node(copy, tmp_path / "copy.log"):
            changed = change_one(run, node, "原机所改")
            wait_for(lambda: remark_at_the_hub(city, changed) == "原机所改", "the change arrives")
            change_one(run, copy, "副本所改")
            grant(run, city)
            wait_for(lambda: node_state(run, copy) == "active", "the copy takes over")
            wait_for(lambda: node_state(run, node) == "superseded", "the first one falls silent")
    shutil.rmtree(node)
    shutil.copytree(copy, node)
    with city.running(to_the_end):
        pass
    assert nothing_wrong(city.compare())
