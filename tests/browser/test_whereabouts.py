"""到哪了: where each record is, and whether the PC can be switched off at five o'clock."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.city import City
from tests.browser.conftest import Shot, SignIn

#: What the header does every minute, now.
_ASK = """() => {
  const light = document.querySelector("#light");
  htmx.ajax("GET", light.getAttribute("hx-get"), {source: light, target: light, swap: "outerHTML"});
}"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_a_clerk_sees_where_the_records_are_and_whether_the_pc_can_be_switched_off(
    city: City, sign_in: SignIn, shot: Shot
) -> None:
    room = city.rooms["dongshi"]
    login = room.office.people[0].login
    papers = room.papers(2020, 4)
    room.collect(papers, login=login)
    clerk = sign_in("dongshi", login)
    clerk.open("/whereabouts/")
    clerk.sees("只在本机（未定号）", papers[0].title)
    name = room.office.fonds[0].name
    room.run("file", "close", "--fonds", name, "--year", "2020", "--as", login)
    clerk.waits_for("平台已收到")
    light = clerk.page.locator("#light")
    expect(light).to_have_text("可以关机")
    expect(light.locator(".light-dot")).to_have_css("background-color", "rgb(47, 179, 68)")
    clerk.sees("本机的内容都已送到市级平台。")
    shot(clerk.page, "whereabouts")

    # By place, by a word, and the way of one record.
    clerk.page.locator("a.card-link", has_text="平台已收到").click()
    clerk.sees(papers[0].title)
    clerk.page.locator("tbody a", has_text=papers[0].title).first.click()
    way = clerk.page.locator("#whereabouts")
    expect(way).to_contain_text("到哪了：平台已收到")
    expect(way.locator("li.journey-done")).to_have_count(3)
    expect(way.locator("li.journey-done").last).to_contain_text(
        re.compile(r"平台已收到[\s\S]*20\d\d-")
    )
    expect(way).to_contain_text("共享利用")

    # The header of every page polls; what it gets is the same link again.
    with clerk.page.expect_response(re.compile("/whereabouts/light")):
        clerk.page.evaluate(_ASK)
    expect(clerk.page.locator("#light")).to_have_attribute("hx-trigger", "every 60s")

    told = room.run("status")
    assert told["light"]["level"] == "green"
    assert told["places"]["accepted"] >= len(papers)


def test_the_light_stayed_green_although_nobody_answered(city: City, sign_in: SignIn) -> None:
    clerk = sign_in("shuili", "shuili")
    clerk.open("/whereabouts/")
    page, light = clerk.page, clerk.page.locator("#light")
    words = light.inner_text()
    assert not clerk.complaints
    page.route("**/whereabouts/light", lambda route: route.abort("connectionrefused"))
    page.evaluate(_ASK)
    expect(light).to_have_text("连接中断")
    expect(light).not_to_have_class(re.compile("light-"))
    expect(page.locator("#toasts")).to_be_empty()
    page.unroute("**/whereabouts/light")
    page.evaluate(_ASK)
    expect(light).to_have_text(words)
    clerk.complaints.clear()  # the browser's, about what this story did to it


def test_the_page_fits_a_phone(city: City, sign_in: SignIn) -> None:
    login = city.rooms["shuili"].office.people[0].login
    clerk = sign_in("shuili", login, phone=True)
    clerk.open("/whereabouts/")
    clerk.sees("到哪了")
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not clerk.page.evaluate(too_wide)
    light, menu = clerk.page.locator("#light"), clerk.page.locator(".navbar-toggler")
    assert _middle(light) == pytest.approx(_middle(menu), abs=12), "the light had a line of its own"
    place = clerk.page.locator("tbody .badge").first.bounding_box()
    assert place is not None
    assert place["x"] + place["width"] <= 390, "where a record is was beyond the edge"


def _middle(what: Locator) -> float:
    box = what.bounding_box()
    assert box is not None
    return box["y"] + box["height"] / 2


def test_the_platform_says_what_needs_a_person(city: City, sign_in: SignIn) -> None:
    admin = sign_in("hub", "admin")
    admin.open("/running/")
    admin.sees("运行情况", "各单位待上传", "需要处理的事")
    admin.goes("联网单位")
    admin.sees("最早的待上传", "时钟")
