"""From the archive's decision to the portal by the command line, as administrators do it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from shared.command.main import danglian


@pytest.fixture
def run(archive, tmp_path):
    folders = {"hub": archive.city.folder.path, "portal": tmp_path / "portal"}

    def call(where, *arguments, status=0):
        answer = CliRunner().invoke(
            danglian, [where, *arguments, "--dir", str(folders[where]), "--json"]
        )
        assert answer.exit_code == status, answer.output
        return json.loads(answer.stdout)

    return call


def test_what_an_archive_decides_reaches_the_portal(archive, run, tmp_path):
    stick = str(tmp_path / "stick")
    (record,) = archive.received()
    assert run("hub", "publish", "--to", stick, status=1)["code"] == "not_found"
    run(
        "hub", "sharing", "set", "--archive", "420506", "--audience", "public",
        "--field", "title", "--field", "code", "--basis", "馆务会决定",
    )  # fmt: skip
    assert [each["audience"] for each in run("hub", "sharing", "list")["policies"]] == ["public"]
    archive.settle()
    states = run("hub", "sharing", "why", "--id", record)["states"]
    assert {each["audience"]: each["standing"] for each in states} == {
        "public": "开放",
        "government": "不共享",
    }
    published = run("hub", "publish", "--to", stick)
    assert (published["made"], published["copied"], published["number"]) == (1, 1, 1)
    about = ("--hub-id", published["hub_id"], "--hub-key", published["hub_key"])
    run("portal", "init", "--name", "宜昌市开放档案", *about)
    assert run("portal", "import", stick)["records"] == 1
    run("hub", "sharing", "withdraw", "--id", record, "--reason", "有人提出异议")
    archive.settle()
    run("hub", "publish", "--to", stick)
    assert run("portal", "import", stick) == {"taken": 1, "known": 1, "entries": 1, "records": 0}
    assert run("portal", "status")["number"] == 2
    run("hub", "sharing", "restore", "--id", record)
    run("hub", "sharing", "close", "--archive", "420506", "--audience", "public")
    run("hub", "sharing", "close", "--archive", "420506", "--audience", "public", status=1)
    run("portal", "init", "--name", "又一个", *about, status=1)
