"""The hand-over of a fonds as people meet it: pages of both units and the hub, and the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from click.testing import CliRunner

from hub.app import make_app
from hub.command import hub as hub_command
from hub.federation import service as federation
from node.command import node as node_command
from shared.kernel.actor import Grant, Role
from tests.end_to_end.custody.two_units import TwoUnits
from tests.federation import Unit
from tests.node.browser import PASSWORD, Browser
from tests.people import employ


class HubBrowser(Browser):
    """The same, signed in at the hub."""

    def __init__(self, two: TwoUnits, login: str, *grants: Grant) -> None:
        hub = two.city.hub
        with hub.database().write() as session:
            employ(login, login, PASSWORD, grants, session=session)
        self.client = make_app(hub).test_client()
        self.post("/sign-in", {"login": login, "password": PASSWORD})


def browser(unit: Unit, login: str, *grants: Grant) -> Browser:
    node: Any = SimpleNamespace(database=unit.folder.database(), folder=unit.folder)
    return Browser(node, login, login, *grants)


def test_leaders_and_the_administrator_hand_a_fonds_over_by_their_pages(two: TwoUnits) -> None:
    two.fill()
    admin = HubBrowser(two, "admin", Grant(Role.SYSTEM_ADMINISTRATOR))
    giving = browser(two.giving, "leader", Grant(Role.LEADER), Grant(Role.CLERK))
    clerk = browser(two.giving, "clerk", Grant(Role.CLERK))
    taking = browser(two.taking, "leader", Grant(Role.LEADER), Grant(Role.CLERK))
    assert "没有全宗交接" in giving.get("/custody/").text

    asked = giving.post(
        "/custody/ask",
        {"fonds": two.fonds_id, "wish": "市文化和旅游局", "reason": "本单位并入"},
    )
    assert "等待市档案馆选定接管单位" in asked.text
    two.city.settle()
    assert "市文化和旅游局" in admin.get("/hand-overs/").text
    with two.city.hub.database().read() as session:
        name = federation.fonds_of(two.fonds_id, session).name
    assert "市文化和旅游局" in admin.get(f"/hand-overs/?q={name}").text
    assert "市文化和旅游局" not in admin.get("/hand-overs/?q=没有这个单位").text
    assert "全宗交接" in admin.get(f"/fonds/{two.fonds_id}").text
    form = admin.get(f"/hand-overs/new/{two.fonds_id}").text
    assert "本单位并入" in form
    proposed = admin.post(
        f"/hand-overs/new/{two.fonds_id}",
        {"node": two.taking.node_id, "reason": "机构改革方案"},
    )
    assert "已提出交接" in proposed.text
    two.city.settle()
    [path] = set(re.findall(r'href="(/custody/[0-9a-f-]{36})"', giving.get("/custody/").text))
    assert "交接等您办理" in giving.get("/").text
    assert "停写清点" in giving.get(path).text
    assert "停写清点</button>" not in clerk.get(path).text
    clerk.post(f"{path}/freeze", status=403)
    assert "已停止书写" in giving.post(f"{path}/freeze").text
    two.city.settle()
    assert "已停止书写，只能查看" in clerk.get("/filing/").text
    new = {"title": "停写后的来文", "fonds_id": two.fonds_id}
    refused = clerk.post("/registry/new?direction=incoming", new, status=409)
    assert "正在移交给" in refused.text
    shown = giving.get(path).text
    assert "签字移交" in shown
    assert "其中未定号" in shown
    assert "已签字" in giving.post(f"{path}/sign").text
    two.city.settle()
    assert "签字接管" in taking.get(path).text
    taking.post(f"{path}/sign")
    two.city.settle()
    assert "交接完毕" in taking.get(path).text
    assert "这里是只读副本" in giving.get("/registry/").text
    assert "交接完毕" in admin.get(f"/hand-overs/{path.rpartition('/')[2]}").text
    for person in (giving, taking, admin):
        person.walk("/", most=60)


#: What somebody may post although the only fonds of the node is not written here.
_ALWAYS = (
    *("/sign-out", "/password", "/factors", "/session"),
    *("/custody/", "/sync", "/parcels", "/jobs", "/clerks/"),
)


def offered_changes(person: Browser) -> set[str]:
    """Where the forms and buttons of all pages that links lead to would post."""
    found = set()
    for path, page in person.walk("/", most=150).items():
        forms = re.findall(r'<form[^>]*method="post"[^>]*>', page)
        actions = [re.search(r'action="([^"]*)"', form) for form in forms]
        found |= {(each and each.group(1)) or path for each in actions}
        found |= set(re.findall(r'formaction="([^"]*)"', page))
    return {each for each in found if not each.startswith(_ALWAYS)}


def test_a_fonds_that_is_not_written_here_is_read_everywhere_and_offers_no_change(
    two: TwoUnits,
) -> None:
    made = two.fill()
    received = two.receive()
    grants = (Grant(Role.LEADER), Grant(Role.CLERK))
    person = browser(two.giving, "both", *grants)
    record, asking = f"/filing/{made['draft']}", f"/filing/{received}"
    assert ">修改</a>" in person.get(record).text
    assert "请求更正" in person.get(asking).text
    assert any(each.startswith("/filing/") for each in offered_changes(person))

    hand_over_id = two.propose()
    two.freeze(hand_over_id)
    two.city.settle()
    assert offered_changes(person) == set()
    for page in (record, asking):
        shown = person.get(page).text
        assert "已停止书写，只能查看" in shown
        assert ">修改</a>" not in shown
        assert "请求更正</a>" not in shown
    assert "没有可以移出的全宗" in person.get("/custody/ask").text

    two.sign(two.giving, hand_over_id)
    two.city.settle()
    two.sign(two.taking, hand_over_id)
    two.city.settle()
    assert offered_changes(person) == set()
    for page in (record, asking, "/filing/", "/transfer/", "/intake/", "/filing/classes"):
        assert "这里是只读副本" in person.get(page).text
    taking = browser(two.taking, "both", *grants)
    assert ">修改</a>" in taking.get(record).text
    assert "请求更正</a>" in taking.get(asking).text


def test_the_commands_do_the_same(two: TwoUnits) -> None:
    two.giving.file(2)
    two.city.settle()
    for unit in (two.giving, two.taking):
        with unit.folder.database().write() as session:
            employ(
                "leader", "李局长", PASSWORD, (Grant(Role.LEADER),),
                session=session,
            )  # fmt: skip

    def run(command: Any, place: Path, *words: str) -> dict[str, Any]:
        result = CliRunner().invoke(
            command, [*words, "--dir", str(place), "--json"], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.output)
        return found

    hub, giving, taking = two.city.hub.path, two.giving.folder.path, two.taking.folder.path
    fonds = ("fonds", "hand-over")
    begun = run(
        hub_command, hub, *fonds, "propose", two.fonds_id, "--to", two.taking.node_id,
        "--reason", "代管协议",
    )  # fmt: skip
    id_ = str(begun["hand_over_id"])
    two.city.settle()
    run(node_command, giving, "hand-over", "freeze", id_)
    two.city.settle()
    assert run(node_command, giving, "hand-over", "sign", id_)["counts"]["filed"] == 2
    two.city.settle()
    called = run(node_command, taking, "hand-over", "call-off", id_, "--reason", "库房未腾出")
    assert called["called_off"] == "库房未腾出"
    two.city.settle()
    [told] = run(hub_command, hub, *fonds, "list")["hand_overs"]
    assert (told["state"], told["ended"]["reason"]) == ("called_off", "库房未腾出")
    run(
        hub_command, hub, *fonds, "propose", two.fonds_id, "--to", two.taking.node_id,
        "--reason", "再次提出",
    )  # fmt: skip
    [open_one] = run(hub_command, hub, *fonds, "list", "--open")["hand_overs"]
    run(hub_command, hub, *fonds, "call-off", open_one["hand_over_id"], "--reason", "不办了")
    two.city.settle()
    listed = run(node_command, giving, "hand-over", "list")["hand_overs"]
    assert {each["state"] for each in listed} == {"called_off"}
    assert two.writers() == ["giving"]
