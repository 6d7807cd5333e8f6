"""The county's reviewer: a queue, records with their files, and four keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.city import City
from tests.browser.conftest import Shot, SignIn
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BATCH = "2022年度文书档案"


def test_a_batch_is_reviewed_by_keyboard_and_concluded(
    city: City, sign_in: SignIn, shot: Shot
) -> None:
    reviewer = sign_in("hub", "shenhe")
    reviewer.open("/")
    reviewer.waits_for("批移交等待审核")  # the hub looks it through first
    shot(reviewer.page, "overview")
    reviewer.open("/review/")
    reviewer.waits_for(BATCH)
    reviewer.sees("宜昌市夷陵区水利和湖泊局", "处提示")
    page = reviewer.page
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    reviewer.sees("责任者没有填写", "2 件", "审核结论")
    shot(page, "review-batch")
    batch = page.url.removeprefix(reviewer.url)

    page.get_by_label("检测发现").select_option(index=1)
    reviewer.sees("共 2 条")
    page.locator("[data-row-link]").first.click()
    reviewer.sees("/ 9 件", "责任者没有填写")
    expect(page.locator("tr", has_text="责任者").first).to_contain_text("责任者没有填写")
    expect(page.locator("iframe[name=viewer]")).to_be_visible()
    shot(page, "review-record")

    # A finding is the reason: one key returns the record and shows the next one.
    _press(reviewer, "r")
    first = _place(reviewer)
    _press(reviewer, "k")
    assert _place(reviewer) == first - 1
    reviewer.sees("已决定", "退回")
    _press(reviewer, "j")
    _press(reviewer, "a")
    _press(reviewer, "a")
    page.keyboard.press("?")
    expect(page.get_by_text("键盘操作")).to_be_visible()
    page.keyboard.press("?")
    # Nothing was found in this one: the key offers the reasons, and one more click gives it back.
    page.keyboard.press("r")
    reviewer.goes("日期与文件落款不符。")
    _press(reviewer, "u")
    page.locator("[data-row-link]").first.click()
    while page.locator("iframe[name=viewer]").is_visible():
        _press(reviewer, "j")
    reviewer.sees("请保存后用本机的阅读软件打开")
    assert reviewer.downloads("保存").read_bytes().startswith(b"PK")
    _press(reviewer, "u")
    reviewer.sees("退回 2")
    # Nothing is accepted before a person has decided on what is for persons: two keys.
    reviewer.sees("决定之前不能通过")
    page.keyboard.press("p")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    reviewer.sees("人工检测的决定已记下", "操作过程安全性检测")
    reviewer.click("只接收通过的 7 件（更正登记表）")
    reviewer.goes("只接收通过的 7 件（更正登记表）")
    reviewer.sees("更正后的登记表已发给移交单位")
    reviewer.open("/review/?tab=signing")
    reviewer.sees(BATCH)

    reviewer.open("/catalogue/")
    reviewer.sees("0231-WS·2022-", "移交中")
    shot(page, "hub-catalogue")

    stranger = sign_in("hub", "zhijiang")
    stranger.open("/review/?tab=all")
    stranger.sees_not(BATCH)
    with stranger.refused(404):
        stranger.open(batch)
        stranger.sees("没有")
        stranger.sees_not(BATCH)

    leader = sign_in("shuili", "shuili-ju")
    leader.open("/transfer/")
    leader.waits_for("待确认更正")
    leader.click(BATCH)
    leader.sees("退回 2 件", "责任者没有填写", "日期与文件落款不符")
    leader.click("核对登记表并签字")
    leader.sees("这是更正后的登记表", "宜昌市档案馆")
    leader.click("以本人名义签字并加盖单位电子印章")
    leader.sees("已签字，等待档案馆签字接收")


def _press(person: Person, key: str) -> None:
    """A key that leads to another page, or sends this one."""
    with person.page.expect_navigation():
        person.page.keyboard.press(key)


def _place(person: Person) -> int:
    return int(person.page.locator(".page-pretitle").inner_text().split("第 ")[1].split(" /")[0])
