"""到哪了 on one node: who sees what, the command, and what the light costs each page."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner
from sqlalchemy import event

from node.app import make_node_app
from node.filing import service as filing
from node.office.models import Standing
from node.office.service import fonds_of, set_standing
from node.sync.doctor import examine
from node.whereabouts.light import light_of
from shared.command.main import danglian
from shared.kernel.actor import Actor, Grant, Role
from tests.node.browser import Browser
from tests.node.conftest import VILLAGE, Node


def test_a_village_account_sees_where_the_records_of_its_village_are_alone(
    node: Node, clerk: Actor
) -> None:
    node.collect(clerk, 2)
    with node.database.write() as session:
        filing.collect_many(
            clerk, VILLAGE, [{"title": "村民会议记录", "year": 2023}], session=session
        )
    villager = Browser(node, "wang", "王村文书", Grant(Role.CLERK, fonds_id=VILLAGE))
    text = villager.get("/whereabouts/").text
    assert "村民会议记录" in text
    assert "第1号事项" not in text
    assert "只在本机（未定号）（1）" in text


def test_the_list_is_narrowed_to_one_place(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 2)
    node.close(clerk)
    node.collect(clerk, 1, year=2024)
    browser = Browser(node, "zhang", "张档案", Grant(Role.CLERK))
    assert "共 2 条" in browser.get("/whereabouts/?place=queued").text
    assert "共 1 条" in browser.get("/whereabouts/?place=draft").text
    assert "共 3 条" in browser.get("/whereabouts/?place=nonsense").text


def test_the_light_is_asked_for_with_a_few_short_statements(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 3)
    node.close(clerk)
    asked: list[str] = []
    with node.database.read() as session:
        event.listen(
            session.connection(),
            "before_cursor_execute",
            lambda _c, _cur, statement, *_more: asked.append(statement),
        )
        assert light_of(session).level == "yellow"
    assert len(asked) == 3
    assert not any("messaging_outgoing_entry" in each for each in asked)


def test_a_refusal_in_a_mirror_kept_the_light_red_for_ever(node: Node, clerk: Actor) -> None:
    [record_id] = node.collect(clerk, 1)
    with node.database.write() as session:
        filing.note_refusal(session, {"seq": 1, "subject": record_id, "problem": "档号重复"})
    with node.database.read() as session:
        assert light_of(session).words == "可以关机，有事待办"
        assert "entries_refused" in {each.code for each in examine(session)}
    with node.database.write() as session:
        set_standing(fonds_of(node.fonds, session), Standing.LEFT, "文旅局", session=session)
    with node.database.read() as session:
        assert light_of(session).level != "red"
        assert "entries_refused" not in {each.code for each in examine(session)}


def test_nobody_who_is_signed_out_is_told_and_the_page_stops_asking(node: Node) -> None:
    answer = make_node_app(node.folder).test_client().get("/whereabouts/light")
    assert (answer.status_code, answer.get_data()) == (286, b"")


def test_the_command_finds_a_record_by_its_code(node: Node, clerk: Actor) -> None:
    (record_id,) = node.collect(clerk, 1)
    node.close(clerk)
    code = node.state(record_id)["code"]

    def where(name: str, status: int = 0) -> dict[str, Any]:
        call = ["node", "where", "--dir", str(node.folder.path), name, "--json"]
        answer = CliRunner().invoke(danglian, call)
        assert answer.exit_code == status, answer.output
        return dict(json.loads(answer.output))

    (by_code,) = where(code)["records"]
    (by_id,) = where(record_id)["records"]
    assert by_code == by_id
    assert (by_code["place"], by_code["place_name"]) == ("queued", "待发送")
    assert [each["code"] for each in by_code["steps"]] == [
        *("saved", "queued", "accepted", "inspected", "reviewed", "received", "shared"),
    ]
    assert by_code["steps"][1]["at"].endswith("Z")
    assert where("没有这个", status=1)["code"] == "not_found"
