"""The page 联网: where the node stands with the hub, and what the comparisons said."""

from __future__ import annotations

from node.office.service import office_of
from node.sync.models import Reconciliation
from node.sync.reconciling import last, take_answer
from shared.kernel.actor import Grant, Role
from tests.node.browser import Browser
from tests.node.conftest import TOWN, VILLAGE, Node, lose_grant


def answer(node: Node, *differing: str) -> None:
    with node.database.write() as session:
        asked = last(session)
        assert asked is not None
        take_answer(session, {"seq": asked.seq, "groups": 3, "differing": list(differing)})


def test_a_clerk_asks_for_a_comparison_and_reads_what_to_do(node: Node) -> None:
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    assert "还没有核对过" in browser.get("/sync/").text
    assert "已发出核对" in browser.post("/sync/reconcile").text
    assert "等待平台答复" in browser.get("/sync/").text
    answer(node)
    assert "一致" in browser.get("/sync/").text
    browser.post("/sync/reconcile")
    answer(node, f"{TOWN}/2023", f"{VILLAGE}/2022")
    page = browser.get("/sync/").text
    assert "不一致 2 组" in page
    assert "樟村坪镇人民政府 2023年度；黄马河村村民委员会 2022年度" in page
    assert "再核对一次" in page


def test_a_village_reads_no_names_of_others(node: Node) -> None:
    clerk = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    clerk.post("/sync/reconcile")
    answer(node, f"{TOWN}/2023")
    page = Browser(node, "village", "王村文书", Grant(Role.CLERK, fonds_id=VILLAGE)).get("/sync/")
    assert "其他全宗 2023年度" in page.text


def test_without_a_grant_nobody_is_offered_to_ask(node: Node) -> None:
    lose_grant(node)
    browser = Browser(node, "leader", "李镇长", Grant(Role.LEADER))
    page = browser.get("/sync/").text
    assert "现在核对</button>" not in page
    assert "正在恢复" in page
    browser.post("/sync/reconcile", status=403)
    with node.database.read() as session:
        assert session.query(Reconciliation).count() == 0
        assert office_of(session).notice == ""
