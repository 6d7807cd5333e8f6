"""`danglian node`: the same verbs on the command line, each with --json."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from node.command import node as node_command
from node.filing.models import Divergence, Record
from node.office import places
from node.office.places import NodeFolder
from shared import audit
from shared.identity.founders import FIRST_LOGINS, found_administrators
from shared.kernel.actor import Actor, system_actor
from shared.kernel.files import folder_lock
from tests.later import later_release
from tests.node.conftest import Node

DIVISION = "420506101000"


def run(*arguments: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(node_command, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    return dict(json.loads(result.output.strip().splitlines()[-1]))


def init(folder: Path, *more: object, code: int = 0) -> dict[str, Any]:
    return run(
        "init", "--dir", folder, "--name", "樟村坪镇", "--fonds", "樟村坪镇人民政府",
        "--fonds-number", "A182", "--division", DIVISION, *more, code=code,
    )  # fmt: skip


def test_a_new_node_has_a_folder_a_fonds_and_an_account(tmp_path: Path) -> None:
    made = init(tmp_path / "n")
    assert set(made["administrators"]) == {"admin", "security", "auditor"}
    status = run("status", "--dir", tmp_path / "n")
    assert [each["number"] for each in status["fonds"]] == ["A182"]
    assert status["state"] == "unenrolled"
    assert init(tmp_path / "n", code=1)["code"] == "conflict"
    assert init(tmp_path / "m", "--hub", "http://x", code=2)["field"] == "code"
    assert init(tmp_path / "m", "--county", code=2)["field"] == "county"
    assert not (tmp_path / "m").exists()


def test_a_name_with_an_invisible_character_made_a_node(tmp_path: Path) -> None:
    where = ("--dir", tmp_path / "n", "--name")
    for name in ("a\x01b", " ", "长" * 300):
        assert run("init", *where, name, code=2)["field"] == "name"
    assert not (tmp_path / "n").exists()


def test_filing_on_the_command_line(node: Node, tmp_path: Path) -> None:
    folder = node.folder.path
    user(folder, "zhang", "clerk", name="张档案")
    paper = tmp_path / "通知.pdf"
    paper.write_bytes(b"%PDF-1.7")
    one = run(
        "file", "collect", "--dir", folder, "--fonds", "A182", "--title", "关于防火的通知",
        "--set", "date=2023-04-05", "--set", "年度=2023", "--file", paper,
    )  # fmt: skip
    assert one["state"] == "collected"
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(node.rows(3), ensure_ascii=False), encoding="utf-8")
    many = run("file", "collect", "--dir", folder, "--fonds", "A182", "--rows", rows)
    assert many["count"] == 3
    run("file", "arrange", one["id"], "--dir", folder, "--retention", "30年", "--organ", "BGS")
    run("file", "number", "--dir", folder, "--fonds", "A182", "--year", 2023)
    closed = run("file", "close", "--dir", folder, "--fonds", "A182", "--year", 2023)
    assert (closed["records"], closed["closed_by"]) == (4, "张档案")
    listed = run("file", "list", "--dir", folder, "--state", "filed", "--text", "防火")
    assert [each["code"] for each in listed["records"]] == ["A182-WS·2023-D30-BGS-0004"]
    late = run(
        "file", "collect", "--dir", folder, "--fonds", "A182", "--title", "补件",
        "--set", "date=2023-04-06", "--set", "year=2023", "--set", "retention=Y",
    )  # fmt: skip
    assert run("file", "late", late["id"], "--dir", folder)["code"] == "A182-WS·2023-Y-0001"
    run("file", "void", late["id"], "--dir", folder, "--reason", "重份")
    assert run("file", "gaps", "--dir", folder)["gaps"] == []
    assert run("status", "--dir", folder)["records"] == {"filed": 4, "void": 1}


PASSWORD = "danglian-2024"
BY = ("--by-password", PASSWORD)


def three(folder: Path) -> None:
    """The three administrators of a node that the fixture has made without."""
    with NodeFolder(folder).database().write() as session:
        found_administrators(system_actor("test"), session=session, password=PASSWORD)


def user(folder: Path, *logins_and_role: str, name: str | None = None, fonds: str = "") -> None:
    """Accounts of one role, made by one of the three and granted by another."""
    *logins, role = logins_and_role
    three(folder)
    for login in logins:
        run(
            "user", "add", "--dir", folder, "--login", login, "--name", name or login,
            "--role", role, "--password", PASSWORD, *BY, *(("--fonds", fonds) if fonds else ()),
        )  # fmt: skip
    run("user", "grant", "--dir", folder, *logins, *BY)


def test_what_a_message_names_can_be_done_on_the_command_line(
    node: Node, clerk: Actor, tmp_path: Path
) -> None:
    where = ("--dir", node.folder.path)
    user(node.folder.path, "zhang", "clerk")
    first, second, third = node.collect(clerk, 3)
    assert "删除" in run("file", "void", first, *where, "--reason", "重份", code=1)["remedy"]
    run("file", "discard", first, *where, "--reason", "重份")
    assert run("file", "show", first, *where, code=1)["code"] == "not_found"
    moved = run("file", "order", third, *where, "--to", 1)["records"]
    assert [each["id"] for each in moved] == [third, second]
    swapped = run("file", "order", second, third, *where)["records"]
    assert [each["id"] for each in swapped] == [second, third]
    assert run("file", "order", third, *where, "--by-date")["records"][0]["id"] == second
    assert run("file", "order", second, third, *where, "--to", 1, code=2)["field"] == "to"
    paper = tmp_path / "附件.pdf"
    paper.write_bytes(b"%PDF-1.7")
    (file,) = run("file", "attach", second, paper, *where, "--role", "附件")["files"]
    shown = run("file", "show", second, *where)
    assert shown["documents"][0]["files"][0]["id"] == file["id"]
    run("file", "detach", second, file["id"], *where)
    assert run("file", "show", second, *where)["documents"] == []
    (back,) = run("file", "put-back", third, *where)["records"]
    assert back["state"] == "collected"
    run("file", "arrange", third, *where, "--retention", "D30")
    node.close(clerk)
    assert "改归他类" in run("file", "arrange", third, *where, "--retention", "Y", code=1)["remedy"]
    kept = run("file", "move-class", third, *where, "--retention", "永久", "--reason", "归错")
    assert kept["code"] == "A182-WS·2023-Y-BGS-0001"


def test_boxes_gaps_and_the_end_of_retention_on_the_command_line(node: Node, clerk: Actor) -> None:
    where = ("--dir", node.folder.path)
    user(node.folder.path, "zhang", "clerk")
    user(node.folder.path, "li", "leader")
    old = {"year": 2010, "retention": "D10", "date": "2010-05-06", "box": "7"}
    first, second = node.collect(clerk, 2, **old)
    node.close(clerk, year=2010)
    (box,) = run("file", "boxes", *where, "--fonds", "A182", "--as", "zhang")["boxes"]
    assert (box["number"], box["records"]) == ("7", 2)
    run("file", "move-box", "7", *where, "--fonds", "A182", "--place", "2号库")
    boxes = run("file", "boxes", *where, "--fonds", "A182", "--as", "zhang")["boxes"]
    assert boxes[0]["place"] == "2号库"
    run("file", "move-box", "8", *where, "--fonds", "A182", "--place", "2号库", code=1)
    kept = run("file", "extend", first, *where, "--retention", "30年", "--reason", "仍可查考")
    assert kept["code"] == "A182-WS·2010-D30-BGS-0001"
    why = (
        *("--reason", "无用", "--appraised-by", "张鉴定"),
        *("--watched-by", "甲监销", "--watched-by", "乙监销"),
    )
    run("file", "dispose", second, *where, *why, "--as", "zhang", code=1)
    (gone,) = run("file", "dispose", second, *where, *why)["records"]
    assert gone["state"] == "disposed"
    assert run("file", "gaps", *where, "--year", 2010, "--class", "WS")["gaps"] == []
    with node.database.write() as session:
        session.get_one(Record, second).number = None
    for more in ((), ("--year", 2010), ("--class", "WS"), ("--fonds", "A182")):
        assert len(run("file", "gaps", *where, *more)["gaps"]) == 1
    for more in (("--year", 2011), ("--class", "KJ"), ("--fonds", "V001")):
        assert run("file", "gaps", *where, *more)["gaps"] == []


def test_a_divergence_is_settled_on_the_command_line(node: Node, clerk: Actor) -> None:
    where = ("--dir", node.folder.path)
    user(node.folder.path, "zhang", "clerk")
    (record_id,) = node.collect(clerk, 1)
    node.close(clerk)
    ours = node.told()[-1]
    with node.database.write() as session:
        session.add(
            Divergence(
                record_id=record_id, fonds_id=node.fonds,
                local={**ours, "title": "本机的题名"}, held=ours,
            )
        )  # fmt: skip
    (one,) = run("file", "divergences", *where)["divergences"]
    assert [each["field"] for each in one["differences"]] == ["title"]
    run("file", "settle", one["id"], *where, "--keep", "local")
    assert run("file", "show", record_id, *where)["title"] == "本机的题名"
    assert run("file", "divergences", *where)["divergences"] == []


def test_it_must_be_clear_who_acts(node: Node) -> None:
    folder = node.folder.path
    collect = ("file", "collect", "--dir", folder, "--fonds", "A182", "--title", "通知")
    assert run(*collect, code=2)["field"] == "as"
    user(folder, "zhang", "li", "clerk", fonds="V001")
    assert "li、zhang" in run(*collect, code=2)["remedy"]
    assert run(*collect, "--as", "zhang", code=1)["code"] == "not_allowed"
    with node.database.read() as session:
        (refused,) = session.scalars(audit.events(action="access.refused"))
    assert refused.subject.startswith("command:")
    assert refused.subject.endswith("collect")
    run("user", "disable", "li", "--dir", folder, *BY)
    states = {
        each["login"]: each["state"] for each in run("user", "list", "--dir", folder)["users"]
    }
    assert states == {
        "li": "disabled", "zhang": "active", **dict.fromkeys(FIRST_LOGINS.values(), "active")
    }  # fmt: skip


def start(*folders: Path) -> subprocess.Popen[str]:
    arguments = [part for folder in folders for part in ("--dir", str(folder))]
    script = "from shared.command import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", script, "node", "run", *arguments, "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.faults
def test_one_process_serves_several_nodes_and_a_folder_is_served_once(tmp_path: Path) -> None:
    for slug in ("town", "county"):
        init(tmp_path / slug, "--slug", slug)
    process = start(tmp_path / "town", tmp_path / "county")
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert [each["slug"] for each in said["nodes"]] == ["town", "county"]
        for each in said["nodes"]:
            with urllib.request.urlopen(each["url"]) as answer:
                assert "樟村坪镇" in answer.read().decode()
        with urllib.request.urlopen(said["url"]) as answer:
            assert "/county/" in answer.read().decode()
        refused = run("run", "--dir", tmp_path / "town", "--port", 0, code=1)
        assert refused["code"] == "folder_in_use"
        assert str(process.pid) in refused["problem"]
    finally:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()
    with folder_lock(tmp_path / "town", "test"):
        assert NodeFolder(tmp_path / "town").settings.slug == "town"


def test_two_nodes_of_one_process_need_different_short_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        init(tmp_path / name)
    refused = run("run", "--dir", tmp_path / "a", "--dir", tmp_path / "b", code=2)
    assert refused["field"] == "slug"


def test_a_node_brings_itself_up_to_date_and_keeps_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path / "n")
    steps, before, _ = later_release(places._MIGRATIONS, tmp_path / "steps")
    monkeypatch.setattr(places, "_MIGRATIONS", steps)
    assert run("status", "--dir", tmp_path / "n")
    copy = tmp_path / "n" / f"node-before-{before}.sqlite"
    assert copy.exists()
    monkeypatch.undo()
    refused = run("status", "--dir", tmp_path / "n", code=1)
    assert refused["code"] == "database_ahead"
    for leftover in (tmp_path / "n").glob("node.sqlite*"):
        leftover.unlink()
    copy.rename(tmp_path / "n" / "node.sqlite")
    assert run("status", "--dir", tmp_path / "n")


@pytest.mark.parametrize("command", [("status",), ("file", "list"), ("doctor",)])
def test_a_folder_that_is_no_node_s_is_named_and_left_as_it_is(tmp_path, command):
    other = tmp_path / "papers"
    other.mkdir()
    told = CliRunner().invoke(node_command, [*command, "--dir", str(other), "--json"])
    assert json.loads(told.output)["code"] == "not_found"
    assert list(other.iterdir()) == []
