"""The first day: signing in, empty pages that say what to do, a phone, no mouse at all."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Shot, SignIn
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_EMPTY = {
    "/": "现在没有要办的事",
    "/registry/": "还没有登记文件",
    "/filing/": "还没有归档文件",
    "/filing/classes": "没有等待定号的门类",
    "/filing/catalogue": "没有可以列入目录的文件",
    "/filing/boxes": "还没有盒",
    "/intake/": "还没有导入过表格",
    "/transfer/": "还没有移交批次",
    "/transfer/new": "没有可以移交的档案",
}


def test_a_wrong_password_says_so_and_keeps_the_name(sign_in: SignIn, shot: Shot) -> None:
    clerk = sign_in("fenxiang", None)
    clerk.open("/")
    shot(clerk.page, "sign-in")
    clerk.page.get_by_label("登录名").fill("fenxiang")
    clerk.page.get_by_label("密码").fill("not-this-one")
    with clerk.refused(401):
        clerk.click("登录")
        clerk.sees("登录名或密码")
    assert clerk.page.get_by_label("登录名").input_value() == "fenxiang"
    clerk.page.get_by_label("密码").fill("yichang-2024")
    clerk.goes("登录")
    clerk.sees("工作台", "孙丽萍")
    clerk.page.get_by_role("button", name="账号菜单").click()
    clerk.click("退出登录")
    clerk.sees("忘记密码请联系安全保密管理员")


def test_an_empty_office_says_what_to_do_first(sign_in: SignIn, shot: Shot) -> None:
    clerk = sign_in("dongshi", "dongshi")
    for path, sentence in _EMPTY.items():
        clerk.open(path)
        clerk.sees(sentence)
    clerk.open("/registry/")
    shot(clerk.page, "empty")
    clerk.click("登记第一份收文")
    clerk.sees("登记文件", "枝江市董市镇人民政府")
    leader = sign_in("dongshi", "dongshi-zhen")
    leader.open("/")
    leader.sees("现在没有要办的事")
    expect(leader.page.get_by_role("link", name="登记文件")).to_have_count(0)


def test_a_letter_is_registered_without_a_mouse(sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", None)
    clerk.open("/")
    keyboard = clerk.page.keyboard
    # The cursor stands in the first field.
    keyboard.type("fenxiang")
    keyboard.press("Tab")
    keyboard.type("yichang-2024")
    with clerk.page.expect_navigation():
        keyboard.press("Enter")
    _tab_to(clerk, "登记文件")
    with clerk.page.expect_navigation():
        keyboard.press("Enter")
    _tab_to(clerk, "题名")
    keyboard.type("关于召开全镇三级干部会议的通知")
    keyboard.press("Tab")
    keyboard.type("分政发〔2024〕30号")
    keyboard.press("Tab")
    keyboard.type("宜昌市夷陵区分乡镇人民政府")
    keyboard.press("Enter")
    clerk.sees("已登记，编号", "关于召开全镇三级干部会议的通知")
    _tab_to(clerk, "办结")
    keyboard.press("Enter")
    clerk.sees("文件现为“办结”")


def test_a_village_clerk_works_on_a_phone(sign_in: SignIn, shot: Shot) -> None:
    clerk = sign_in("fenxiang", "dazhongba", phone=True)
    for path in ("/", "/registry/", "/registry/new", "/filing/", "/filing/new", "/filing/classes"):
        clerk.open(path)
        _fits(clerk)
    for path in ("/intake/", "/intake/new", "/transfer/", "/transfer/new", "/password"):
        clerk.open(path)
        _fits(clerk)
    clerk.open("/")
    shot(clerk.page, "phone")
    clerk.page.get_by_label("打开导航").click()
    clerk.page.get_by_role("link", name="收发文").first.click()
    clerk.page.get_by_role("link", name="登记内部").first.click()
    clerk.fill(title="大中坝村村务监督委员会会议记录", date="2024-06-03")
    clerk.click("登记")
    clerk.sees("已登记，编号")
    _fits(clerk)
    clerk.open("/registry/")
    clerk.sees("大中坝村村务监督委员会会议记录")
    _fits(clerk)


@pytest.mark.parametrize(
    ("where", "login", "paths", "a_list"),
    [
        ("shuili", "shuili", ("/", "/filing/", "/filing/catalogue"), "/transfer/"),
        ("hub", "shenhe", ("/", "/catalogue/", "/fonds/", "/nodes/"), "/review/?tab=all"),
        ("hub", "admin", ("/acts/", "/accounts/", "/fonds/new"), "/archives/"),
    ],
)
def test_lists_can_be_read_on_a_phone(
    sign_in: SignIn, where: str, login: str, paths: tuple[str, ...], a_list: str
) -> None:
    person = sign_in(where, login, phone=True)
    for path in (*paths, a_list):
        person.open(path)
        _fits(person)
    with person.page.expect_navigation():
        person.page.locator("[data-row-link]").first.click()
    _fits(person)


def _tab_to(person: Person, name: str) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(60):
        person.page.keyboard.press("Tab")
        focused = person.page.evaluate(
            "(document.activeElement.labels?.[0] || document.activeElement).innerText.trim()"
        )
        if str(focused).startswith(name):
            return
    raise AssertionError(f"Tab never reached {name}")


def _fits(person: Person) -> None:
    """The page as a whole is not wider than the screen (tables may scroll within themselves)."""
    page = person.page
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room, f"{page.url} is {wide} wide on a screen of {room}"
    assert room == 390
    columns = page.locator("td:has(> [data-row-link])").evaluate_all(
        "cells => cells.map((cell) => cell.clientWidth)"
    )
    assert all(width >= 60 for width in columns), f"{page.url} squeezes titles: {columns}"
