"""A village gets a record room of its own, and takes its fonds over from the township's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import expect

from shared.demo.city import Office
from shared.demo.city import Person as Account
from shared.demo.generator import Paper
from tests.browser.city import City
from tests.browser.conftest import Shot, SignIn
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_VILLAGE = 2  # 普溪河村, the third fonds of the township's record room
_LEADER = Account("puxihe-cun", "覃大勇", "leader")
_ROOM = Office(
    slug="puxihe",
    name="普溪河村档案室",
    division="420506103204",
    share=0,
    fonds=(),
    people=(Account("puxihe", "向德贵", "clerk"), _LEADER),
)


def test_a_whole_fonds_passes_from_leader_to_leader(
    city: City, sign_in: SignIn, shot: Shot
) -> None:
    room = city.rooms["fenxiang"]
    fonds = room.office.fonds[_VILLAGE].name
    room.add(Account(_LEADER.login, _LEADER.name, _LEADER.role, fonds=fonds))
    papers = room.papers(2022, 4, fonds=_VILLAGE)
    room.collect(papers, login="puxihe", fonds=_VILLAGE)
    room.run("file", "close", "--fonds", fonds, "--year", "2022", "--as", "puxihe")
    city.open(_ROOM)
    city.serve_offices("puxihe")
    giving, clerk = sign_in("fenxiang", _LEADER.login), sign_in("fenxiang", "puxihe")
    taking, new_clerk = sign_in("puxihe", _LEADER.login), sign_in("puxihe", "puxihe")
    admin = sign_in("hub", "admin")

    giving.open("/transfer/")
    giving.click("全宗交接")
    giving.page.get_by_role("link", name="申请移出一个全宗").first.click()
    giving.fill(wish=_ROOM.name, reason="村里自设档案室，自行保管")
    giving.click("提出申请")
    giving.sees("等待市档案馆选定接管单位")
    here = giving.page.url

    admin.open("/hand-overs/")
    admin.waits_for(fonds)
    admin.click(fonds)
    admin.sees("村里自设档案室")
    admin.click("办理申请")
    admin.fill(node=_ROOM.name, reason="《档案代管终止协议》（2026年）")
    shot(admin.page, "hand-over-propose")
    admin.click("提出交接")
    admin.sees("已提出交接")

    giving.waits_for("市级平台提出")
    giving.click("停写清点")
    giving.goes("停写清点")
    giving.waits_for("清点完毕。下一步")
    giving.sees("交接清单")
    shot(giving.page, "hand-over-sign")
    phone = sign_in("fenxiang", _LEADER.login, phone=True)
    _reads_on_a_phone(phone, here, "签字移交")
    _only_reads(clerk, papers[0].title, "已停止书写，只能查看")
    giving.click("签字移交")
    giving.goes("签字移交")
    giving.waits_for("等待“普溪河村档案室”核对签字")

    taking.open("/")
    taking.waits_for("交接等您办理")
    taking.click("查看全宗交接")
    taking.click(fonds)
    taking.sees("内容与清单核对一致")
    taking.click("签字接管")
    taking.goes("签字接管")
    taking.waits_for("交接完毕，由本单位保管")

    _files_late(new_clerk, papers)

    giving.page.goto(here)
    giving.waits_for("交接完毕，现由")
    _only_reads(clerk, papers[0].title, "这里是只读副本")
    shot(clerk.page, "hand-over-mirror")
    phone = sign_in("fenxiang", "puxihe", phone=True)
    _reads_on_a_phone(phone, clerk.page.url, "这里是只读副本")
    admin.waits_for("交接完毕")
    shot(admin.page, "hand-over-done")


def _only_reads(clerk: Person, title: str, why: str) -> None:
    """A record can be found and opened; nothing is offered that would change it."""
    clerk.open("/filing/?year=2022")
    clerk.sees(why)
    _offers_none_of(clerk, "直接归档", "设定")
    clerk.click(title)
    clerk.sees(title, why)
    _offers_none_of(clerk, "修改", "上传文件", "作废")


def _offers_none_of(person: Person, *names: str) -> None:
    for role in ("link", "button"):
        for name in names:
            expect(person.page.get_by_role(role, name=name, exact=True)).to_have_count(0)


def _files_late(clerk: Person, papers: Sequence[Paper]) -> None:
    """The new keeper goes on in a category that the old one closed, with the next number."""
    like = papers[0]
    same = [each for each in papers if (each.retention, each.organ) == (like.retention, like.organ)]
    clerk.open("/filing/new")
    clerk.fill(title="关于补选村民小组长的决定", author=like.author)
    clerk.fill(year="2022", date="2022-11-05", organ=like.organ, organ_name=like.organ_name)
    clerk.page.locator("#field-retention").select_option(like.retention)
    clerk.click("归档")
    clerk.click("补充归档")
    clerk.goes("补充归档")
    clerk.sees("已补充归档，档号", f"-{len(same) + 1:04d}")


def _reads_on_a_phone(person: Person, url: str, what: str) -> None:
    person.page.goto(url)
    person.sees(what)
    wide, room = person.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room == 390, f"{url} is {wide} wide"
