"""The page 联网: where the node stands with the hub, and what the comparisons said."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import event

from node.office.service import office_of
from node.sync.models import Reconciliation
from node.sync.reconciling import last, take_answer
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import now
from shared.kernel.jobs import JobState, submit
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


def test_a_village_read_the_titles_of_others_and_the_commands_of_the_administrator(
    node: Node,
) -> None:
    with node.database.write() as session:
        job = submit(session, "transfer.offer", {}, title="提交：镇政府2023年")
        job.state, job.problem = JobState.FAILED, "磁盘已满"
        office_of(session).last_contact = now() - timedelta(days=2)
    villager = Browser(node, "village", "王村文书", Grant(Role.CLERK, fonds_id=VILLAGE))
    page = villager.get("/sync/").text
    assert "上次与平台联系" in page
    assert "请告诉系统管理员" in page
    assert "danglian node" not in page
    assert "镇政府2023年" not in page
    page = Browser(node, "admin", "管理员", Grant(Role.SYSTEM_ADMINISTRATOR)).get("/sync/").text
    assert "镇政府2023年" in page
    assert "danglian node run" in page


def test_the_page_read_the_whole_audit_log_at_each_view(node: Node) -> None:
    administrator = Browser(node, "admin", "管理员", Grant(Role.SYSTEM_ADMINISTRATOR))
    asked: list[str] = []
    event.listen(
        node.database.engine,
        "before_cursor_execute",
        lambda _c, _cur, statement, *_more: asked.append(statement),
    )
    administrator.get("/sync/")
    assert asked
    # Whether something waits for its seal is asked by an index of what does.
    assert not [each for each in asked if "audit_event" in each and "LIMIT" not in each]
