"""A PC without net: who was here before signs in with a password of this PC."""

from __future__ import annotations

import time

from node.app import make_node_app
from node.office.models import OfficeState
from node.office.service import office_of
from shared.identity.elsewhere import confirm, register_elsewhere
from shared.identity.signing_in import Visit, begin
from shared.kernel.actor import Grant, Role, system_actor
from tests.node.conftest import Node
from tests.shared.web.conftest import Browser

HUB = system_actor("hub")


def test_a_person_of_the_hub_sets_a_pin_and_signs_in_with_it(node: Node) -> None:
    app = make_node_app(node.folder)
    with node.database.write() as session:
        account = register_elsewhere(
            HUB, "hub", "s1", login="zhangsan", name="张三", waiting=False, session=session
        )
        confirm(
            HUB, account, name="张三", grants=[Grant(Role.CLERK, None, node.fonds)],
            signed_out_at=None, session=session,
        )  # fmt: skip
        token = begin(account, Visit(way="hub"), session=session).token
    browser = Browser(app.test_client())
    with browser.client.session_transaction() as cookie:
        cookie.update(token=token, seen=int(time.time()))
    page = browser.get("/sign-on/pin").text
    assert "zhangsan" in page
    assert "30 天" in page
    wrong = browser.send("/sign-on/pin", {"password": "735190", "again": "735191"})
    assert "不一致" in wrong.text
    assert "连号" in browser.send("/sign-on/pin", {"password": "123456", "again": "123456"}).text
    assert browser.send("/sign-on/pin", {"password": "735190", "again": "735190"}).location == "/"
    browser.send("/sign-out")
    assert "请也从市级平台退出" in browser.get("/sign-in").text
    assert browser.sign_in("zhangsan", "735190").location == "/"
    assert "原密码" not in browser.get("/password").text, "asked for a password that is the hub's"


def test_a_node_without_a_hub_has_its_own_door_only(node: Node) -> None:
    with node.database.write() as session:
        office_of(session).state = OfficeState.UNENROLLED
    browser = Browser(make_node_app(node.folder).test_client())
    assert "通过市级平台登录" not in browser.get("/sign-in").text
    refused = browser.get("/sign-on/start")
    assert refused.status_code == 409
    assert "用登录名和密码登录" in refused.text
    forged = browser.get("/sign-on/back?code=x&state=y")
    assert forged.status_code == 401
    assert "不是在这个浏览器里开始的" in forged.text
