"""`danglian hub`: what an administrator or a script does from the command line."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from hub.federation import places
from hub.federation.models import Archive, Division, Node
from hub.federation.places import HubFolder
from shared.audit import root_of
from shared.command.main import danglian
from shared.identity import Account
from shared.kernel.clock import format_utc
from tests.audit_digests import many_of
from tests.later import later_release

CITY = "420500000000"


@pytest.fixture
def run(tmp_path):
    def call(*arguments, status=0):
        answer = CliRunner().invoke(
            danglian, ["hub", *arguments, "--dir", str(tmp_path / "hub"), "--json"]
        )
        assert answer.exit_code == status, answer.output
        return json.loads(answer.stdout)

    return call


BY = ("--by-password", "Guanli-2024-ok")
TWO = (
    *("--first", "admin", "--first-password", "Guanli-2024-ok"),
    *("--second", "security", "--second-password", "Guanli-2024-ok"),
)


@pytest.fixture
def hub(run):
    run("init", "--name", "宜昌市档案平台", "--city", CITY, "--admin-password", "Guanli-2024-ok")
    return run


def test_a_hub_is_made_once(hub, tmp_path):
    assert hub("status")["archives"] == 14
    with HubFolder(tmp_path / "hub").database().read() as session:
        for action, rows in (("divisions.loaded", Division), ("archives.loaded", Archive)):
            codes = session.scalars(select(rows.code)).all()
            assert many_of(action, session) == (len(codes), root_of(codes)), action
    refused = hub("init", "--name", "又一个", "--city", CITY, status=1)
    assert refused["code"] == "conflict"


def test_a_city_that_is_not_in_the_data_leaves_nothing(run, tmp_path):
    refused = run("init", "--name", "某平台", "--city", "990000000000", status=2)
    assert refused["field"] == "city"
    assert not (tmp_path / "hub").exists()


def test_a_name_with_an_invisible_character_made_a_hub(run, tmp_path):
    refused = run("init", "--name", "a\x01b", "--city", CITY, status=2)
    assert refused["field"] == "name"
    assert not (tmp_path / "hub").exists()


def test_a_weak_password_leaves_nothing(run, tmp_path):
    run("init", "--name", "某平台", "--city", CITY, "--admin-password", "123", status=2)
    assert not (tmp_path / "hub").exists()


def test_a_first_password_is_made_and_shown_once(run):
    made = run("init", "--name", "某平台", "--city", CITY)
    assert all(len(each) >= 12 for each in made["administrators"].values())


def test_a_folder_that_is_no_hub_is_told(run):
    assert run("status", status=1)["code"] == "not_found"


def test_the_whole_setting_up_of_a_town(hub):
    fonds = hub("fonds", "add", "--name", "龙泉镇人民政府", "--division", "420506101000")
    village = hub("fonds", "add", "--name", "某村", "--division", "420506101001")
    assert village["receiving_archive"] is None
    agreement = hub("agreement", "add", "--archive", "420506", "--basis", "集中保管协议")
    assert agreement["receiving_archive"] == "420500"
    node = hub(
        *("node", "add", "--name", "龙泉镇", "--division", "420506101000"),
        *("--fonds", fonds["fonds_id"], "--fonds", village["fonds_id"]),
    )
    assert set(node) == {"node_id", "code", "expires_at", "hub"}
    (listed,) = hub("node", "list")["nodes"]
    assert (listed["name"], listed["state_name"]) == ("龙泉镇", "待登记")
    assert len(hub("fonds", "list", "--division", "420506000000")["fonds"]) == 2
    account = hub(
        *("user", "add", "--login", "zhang", "--name", "张三", "--role", "reviewer"),
        *("--archive", "420506", "--password", "Shenhe-2024-ok", *BY),
    )
    assert hub("user", "grant", "zhang", *BY)["logins"] == ["zhang"]
    assert hub("user", "grant", "zhang", *BY, status=1)["code"] == "wrong_state"
    assert account["login"] == "zhang"
    assert {each["login"] for each in hub("user", "list")["users"]} == {
        "admin", "security", "auditor", "zhang"
    }  # fmt: skip
    assert (
        hub("node", "suspend", node["node_id"], "--reason", "x", status=1)["code"] == "wrong_state"
    )
    assert hub("node", "code", node["node_id"])["code"] != node["code"]


def test_lists_are_made_of_codes_and_utc_for_programs_and_of_words_for_people(hub, tmp_path):
    fonds = hub("fonds", "add", "--name", "龙泉镇人民政府", "--division", "420506101000")
    hub("node", "add", "--name", "龙泉镇", "--division", "420506101000")
    hub(
        *("user", "add", "--login", "zhang", "--name", "张三", "--role", "reviewer"),
        *("--archive", "420506", "--fonds", fonds["fonds_id"], "--password", "Shenhe-2024-ok", *BY),
    )
    hub("user", "grant", "zhang", *BY)
    place = HubFolder(tmp_path / "hub")
    moment = datetime(2024, 3, 5, 1, 2, 3, tzinfo=UTC)
    with place.database().write() as session:
        session.scalars(select(Node)).one().last_contact = moment
        for account in session.scalars(select(Account)):
            account.last_sign_in = moment
    place.database().close()
    user = next(each for each in hub("user", "list")["users"] if each["login"] == "zhang")
    granted = {
        "role": "reviewer",
        "archive": "420506",
        "fonds": fonds["fonds_id"],
        "class": None,
        "openness": "all",
        "until": None,
    }
    assert (user["roles"], user["state"]) == ([granted], "active")
    assert user["last_sign_in"] == format_utc(moment)
    (node,) = hub("node", "list")["nodes"]
    assert (node["state"], node["last_contact"]) == ("invited", format_utc(moment))
    (listed,) = hub("fonds", "list")["fonds"]
    assert (listed["state"], listed["division"]) == ("open", "420506101000")
    for words, shown in ((("user", "list"), "档案审核员"), (("node", "list"), "待登记")):
        call = ["hub", *words, "--dir", str(tmp_path / "hub")]
        table = CliRunner().invoke(danglian, call, env={"COLUMNS": "200"}).output
        assert shown in table
        assert "2024-03-05 09:02" in table


def test_a_hub_runs_once_on_its_folder_and_stops_cleanly(hub, tmp_path):
    command = [
        str(Path(sys.executable).with_name("danglian")),
        "hub",
        "run",
        "--port",
        "0",
        "--json",
    ]
    command += ["--dir", str(tmp_path / "hub")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        try:
            url = json.loads(running.stdout.readline())["url"]
            with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:
                assert json.load(answer)["status"] == "ok"
            second = subprocess.run(command, capture_output=True, timeout=60, check=False)
            assert json.loads(second.stdout)["code"] == "folder_in_use"
            assert second.returncode == 1
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) == 0
        finally:
            running.kill()


def test_gunicorn_serves_the_same_pages(hub, tmp_path):
    pytest.importorskip("gunicorn")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "gunicorn", "-c", str(root / "deploy" / "gunicorn.conf.py")]
    address = tmp_path / "web.sock"
    environment = {
        **os.environ,
        "DANGLIAN_DIR": str(tmp_path / "hub"),
        "DANGLIAN_BIND": f"unix:{address}",
        "DANGLIAN_WORKERS": "1",
    }
    with subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.DEVNULL) as server:
        try:
            page = _ask(address, server)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    assert b"200 OK" in page
    assert b'"ok"' in page


def _ask(address, server):
    for _ in range(300):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(address))
            connection.sendall(b"GET /health HTTP/1.0\r\nHost: hub\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(4096), b""))
        assert server.poll() is None
        time.sleep(0.1)
    raise AssertionError("gunicorn does not answer")


def test_an_unknown_archive_or_fonds_is_refused(hub):
    for scope in (("--archive", "999999"), ("--fonds", "nowhere")):
        refused = hub(
            *("user", "add", "--login", "li", "--name", "李四", "--role", "reviewer", *scope),
            *("--password", "Shenhe-2024-ok", *BY),
            status=1,
        )
        assert refused["code"] == "not_found"


def test_a_wrong_setting_stops_the_start_with_its_name(hub, tmp_path):
    settings = tmp_path / "hub" / "settings.toml"
    settings.write_text(settings.read_text().replace('"ask"', '"perhaps"'))
    refused = hub("status", status=2)
    assert refused["field"] == "grant_policy"


def test_the_hub_s_key_and_a_seal_are_rolled_over_and_shown(hub, tmp_path):
    first = {each["holder"]: each["key"] for each in hub("keys", "show")["keys"]}
    assert len(first) == 15
    rolled = hub("keys", "roll")
    assert rolled["serial"] == 2
    assert hub("keys", "roll", "--archive", "420506")["holder"] == "archive:420506"
    shown = hub("keys", "show")["keys"]
    assert len(shown) == 17
    in_force = {each["holder"]: each["key"] for each in shown if each["in_force"]}
    assert in_force[rolled["holder"]] == rolled["key"] != first[rolled["holder"]]
    assert hub("keys", "roll", "--archive", "1", status=1)["code"] == "not_found"
    people = CliRunner().invoke(danglian, ["hub", "keys", "show", "--dir", str(tmp_path / "hub")])
    assert "只核对旧文书" in people.output


def test_a_fonds_is_registered_anew_only_under_an_id(hub):
    add = ("fonds", "add", "--name", "某单位", "--division", "420506000000", "--id")
    assert hub(*add, "7", status=2)["field"] == "id"
    wanted = "01a213b2-e290-7192-9a66-99ec37842de0"
    assert hub(*add, wanted)["fonds_id"] == wanted


def test_a_backup_is_restored_by_two_people(hub):
    alone = hub("recover", status=2)
    assert (alone["code"], alone["field"]) == ("two_people", "first")
    wrong = (*TWO[:4], "--second", "auditor", *TWO[6:])
    assert hub("recover", *wrong, status=1)["code"] == "not_allowed"
    assert hub("status")["generation"] == 1, "nothing was done"


def test_recovering_tells_people_what_it_did(hub, tmp_path):
    told = CliRunner().invoke(danglian, ["hub", "recover", "--dir", str(tmp_path / "hub"), *TWO])
    assert told.exit_code == 0, told.output
    assert "已进入第 2 代" in told.output


def test_a_hub_is_brought_up_to_date_by_its_administrator_alone(hub, tmp_path, monkeypatch):
    steps, before, newest = later_release(places._MIGRATIONS, tmp_path / "steps")
    monkeypatch.setattr(places, "_MIGRATIONS", steps)
    assert hub("status", status=1)["code"] == "database_behind"
    assert hub("migrate", "--check") == {
        "before": before, "after": before, "newest": newest, "copy": None
    }  # fmt: skip
    moved = hub("migrate")
    assert (moved["before"], moved["after"]) == (before, newest)
    assert hub("status")["archives"] == 14
    assert hub("migrate")["copy"] is None
    # The kept copy is the database as it was: an older program goes on with it.
    monkeypatch.undo()
    assert hub("status", status=1)["code"] == "database_ahead"
    for leftover in (tmp_path / "hub").glob("hub.sqlite*"):
        leftover.unlink()
    Path(moved["copy"]).rename(tmp_path / "hub" / "hub.sqlite")
    assert hub("status")["archives"] == 14


def test_a_hub_is_made_on_postgresql_and_says_when_it_is_away(tmp_path, postgresql):
    program = (sys.executable, "-m", "shared.command", "hub")

    def process(*arguments):
        done = subprocess.run(
            [*program, *arguments, "--dir", str(tmp_path / "hub"), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    name = postgresql.create()
    made = process("init", "--name", "某平台", "--city", CITY, "--database", postgresql.url(name))
    assert made[0] == 0
    assert not (tmp_path / "hub" / "hub.sqlite").exists()
    status, found = process("status")
    assert (status, found["archives"]) == (0, 14)
    postgresql.drop(name)
    status, refused = process("status")
    assert (status, refused["code"]) == (75, "unavailable")


@pytest.mark.parametrize("address", ["mysql://somewhere/x", "postgresql://x/y", "nonsense"])
def test_an_address_of_no_database_is_named(run, address):
    refused = run("init", "--name", "某平台", "--city", CITY, "--database", address, status=2)
    assert refused["field"] == "database"


def test_a_schedule_is_noted_and_gaps_are_listed(hub):
    fonds_id = hub("fonds", "add", "--name", "宜昌市林业局", "--division", CITY)["fonds_id"]
    noted = hub(
        *("fonds", "schedule", fonds_id, "--name", "机关文书档案保管期限表"),
        *("--version", "2006.1", "--approved-on", "2021-03-01"),
    )
    assert noted["retention_schedule"] == {
        "id": "机关文书档案保管期限表", "version": "2006.1", "approved_on": "2021-03-01",
    }  # fmt: skip
    assert hub("fonds", "gaps", fonds_id)["gaps"] == []
    unknown = hub("fonds", "gaps", "nobody", status=1)
    assert unknown["code"] == "not_found"
