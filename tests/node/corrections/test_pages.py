"""The pages and the commands of corrections, as a clerk meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from node.command import node as node_command
from node.office.models import Standing
from node.office.service import fonds_of, set_standing
from shared.kernel.actor import Actor, Grant, Role
from tests.node.browser import Browser
from tests.node.conftest import VILLAGE, Node
from tests.node.corrections.conftest import Mirror


@pytest.fixture
def browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


def run(*arguments: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(node_command, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    return dict(json.loads(result.output.strip().splitlines()[-1]))


def test_a_list_without_requests_says_what_to_do_first(browser: Browser) -> None:
    page = browser.get("/corrections/").text
    assert "还没有更正申请" in page
    assert "查看已接收的档案" in page


def test_a_clerk_asks_from_the_page_of_the_record_and_sees_the_answer(
    mirror: Mirror, browser: Browser
) -> None:
    page = browser.get(f"/filing/{mirror.id}").text
    assert "请求更正" in page
    assert "只读副本" in page
    form = browser.get(f"/corrections/new/{mirror.id}").text
    assert mirror.wire()["title"] in form
    values = {
        name: value or ""
        for name, value in mirror.wire().items()
        if name in ("title", "doc_no", "author", "date", "pages", "remark")
    }
    sent = {**values, "title": "更正后的题名", "opening_opinion": "open",
            "publicity_attribute": "active"}  # fmt: skip
    refused = browser.post(f"/corrections/new/{mirror.id}", sent, status=422).text
    assert "此项不能为空" in refused
    assert "更正后的题名" in refused, "what was typed stays"
    page = browser.post(f"/corrections/new/{mirror.id}", {**sent, "reason": "漏字"}).text
    assert "等待答复" in page
    assert "更正后的题名" in page
    [asked] = mirror.all()
    assert "待答复" in browser.get(f"/filing/{mirror.id}").text
    mirror.send("changed", mirror.changed(asked, title="馆定题名"))
    page = browser.get("/corrections/").text
    assert "已更正" in page
    assert "馆定题名" in page
    assert "核对原件" in browser.get(f"/corrections/{asked}").text
    assert f"/corrections/{asked}" in browser.walk("/corrections/", most=40)


def test_what_would_be_refused_is_not_offered_and_its_form_does_not_open(
    mirror: Mirror, node: Node, clerk: Actor, browser: Browser
) -> None:
    offered = f"/corrections/new/{mirror.id}"
    asked = mirror.ask(clerk, title="题名")
    assert offered not in browser.get(f"/filing/{mirror.id}").text
    assert "等待答复" in browser.get(offered, status=409).text
    mirror.send("declined", mirror.declined(asked))
    assert offered in browser.get(f"/filing/{mirror.id}").text
    with node.database.write() as session:
        set_standing(fonds_of(node.fonds, session), Standing.LEFT, "文旅局", session=session)
    page = browser.get(f"/filing/{mirror.id}").text
    assert "请求" not in page
    assert "已改由“文旅局”保管" in browser.get(offered, status=409).text


def test_another_fonds_clerk_sees_nothing_of_it(mirror: Mirror, node: Node, clerk: Actor) -> None:
    asked = mirror.ask(clerk, title="题名")
    village = Browser(node, "village", "王村文书", Grant(Role.CLERK, fonds_id=VILLAGE))
    assert asked not in village.get("/corrections/").text
    village.get(f"/corrections/{asked}", status=404)
    village.get(f"/corrections/new/{mirror.id}", status=404)
    village.post(f"/corrections/new/{mirror.id}", {"title": "x", "reason": "y"}, status=404)


def test_the_commands_ask_list_and_show(mirror: Mirror, browser: Browser) -> None:
    folder = ("--dir", mirror.office.node.folder.path)
    asked = run(
        "correction", "ask", mirror.id, "--set", "题名=更正后的题名", "--set", "pages=3",
        "--reason", "漏字", *folder,
    )  # fmt: skip
    assert (asked["state"], asked["changes_text"]) == ("asked", "题名、页数")
    again = run(
        "correction", "ask", mirror.id, "--set", "pages=3", "--reason", "漏", *folder, code=1
    )
    assert again["code"] == "already_asked"
    wrong = run(
        "correction", "ask", mirror.ids[1], "--set", "code=X", "--reason", "漏", *folder, code=2
    )
    assert wrong["code"] == "not_correctable"
    mirror.send("declined", mirror.declined(asked["id"]))
    [listed] = run("correction", "list", "--state", "declined", *folder)["corrections"]
    assert listed["answer"] == "与原件一致"
    shown = run("correction", "show", asked["id"], *folder)
    assert [each["value"] for each in shown["changes"]] == ["更正后的题名", 3]
    plain = CliRunner().invoke(node_command, ["correction", "show", asked["id"], *map(str, folder)])
    assert "应为" in plain.output
