"""Every link that anybody is offered leads to a page; none is only a promise, or has soft edges."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

import pytest
from lxml import html

from tests.browser.conftest import SignIn
from tests.browser.person import Person
from tests.hard_edges import soft_edges

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

#: Pages of one kind (ids left out) that are opened at most, and pages in all.
_OF_ONE_KIND, _IN_ALL = 3, 160
_PROMISE = re.compile(r"敬请期待|正在建设|建设中|待开发|尚未实现|TODO|Lorem|None\b|undefined")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


@pytest.mark.parametrize(
    ("where", "login"),
    [
        ("fenxiang", "fenxiang"),
        ("fenxiang", "fenxiang-zhen"),
        ("fenxiang", "dazhongba"),
        ("fenxiang", "admin"),
        ("shuili", "shuili"),
        ("hub", "admin"),
        ("hub", "shenhe"),
        ("hub", "jieshou"),
    ],
)
def test_every_link_leads_somewhere_and_no_page_has_soft_edges(
    sign_in: SignIn, where: str, login: str
) -> None:
    person = sign_in(where, login)
    home = f"{person.url}/"
    known, waiting, kinds = {home}, [home], Counter[str]()
    lists = 0
    soft: list[str] = []
    while waiting and len(known) - len(waiting) < _IN_ALL:
        address = waiting.pop(0)
        answer = person.page.request.get(address)
        assert answer.status == 200, f"{answer.status} {address}"
        is_page = "html" in answer.headers["content-type"]
        soft += soft_edges(address, answer.headers, answer.text() if is_page else None)
        if not is_page:
            continue
        page = html.fromstring(answer.text())
        words = " ".join(page.xpath("//body//text()[not(parent::script)]"))
        assert not _PROMISE.search(words), f"{_PROMISE.search(words)} {address}"
        lists += _check_lists(page, address)
        for target in _links_of(page, address):
            kind = _kind(target)
            if target.startswith(home) and target not in known and kinds[kind] < _OF_ONE_KIND:
                kinds[kind] += 1
                known.add(target)
                waiting.append(target)
    assert lists >= 2
    assert not soft, "\n".join(soft)
    own = [each for each in person.context.cookies() if each["name"].startswith("danglian_")]
    assert own
    for cookie in own:
        assert cookie["httpOnly"], cookie["name"]
        assert cookie["sameSite"] == "Lax", cookie["name"]
        assert home.startswith(f"http://{cookie['domain']}"), "no cookie is another house's"


def _links_of(page: html.HtmlElement, address: str) -> list[str]:
    found = []
    for link in page.xpath("//a | //iframe"):
        target = link.get("href") or link.get("src")
        assert target or "disabled" in (link.get("class") or "") or link.tag == "iframe", (
            f"a link without a target on {address}: {link.text_content()}"
        )
        if target:
            found.append(urldefrag(urljoin(address, target)).url)
    return found


def _kind(address: str) -> str:
    """An address without what differs from record to record."""
    parts = urlsplit(address)
    names = "&".join(sorted({name for name, _ in parse_qsl(parts.query)}))
    return f"{_ID.sub('…', parts.path)}?{names}"


def _check_lists(page: html.HtmlElement, address: str) -> int:
    """Each list can be sorted and paged, and an empty one says so; a short one has no pages."""
    lists = page.xpath("//*[@data-listing]")
    for each in lists:
        rows = each.xpath(".//tr[@data-row]")
        if not rows:
            assert each.xpath(".//*[contains(@class, 'empty-title')]"), address
            continue
        short = each.xpath(".//*[contains(@class, 'card-title')]") and len(rows) <= 20
        assert short or each.xpath(".//*[contains(@class, 'listing-footer')]"), address
        assert each.xpath(".//a[contains(@class, 'sort-link')]"), address
    return len(lists)


def test_a_long_list_is_sorted_searched_and_paged(sign_in: SignIn) -> None:
    reviewer = sign_in("hub", "shenhe")
    reviewer.open("/archives/")
    reviewer.sees("共 14 条")
    _first_row(reviewer, "宜昌市档案馆", "代码")
    reviewer.open("/catalogue/?size=20")
    reviewer.page.locator("[data-listing-search]").fill("水利")
    reviewer.page.keyboard.press("Enter")
    reviewer.sees("清除条件")
    reviewer.goes("清除条件")
    reviewer.page.keyboard.press("/")
    reviewer.page.keyboard.type("没有这样的题名")
    reviewer.page.keyboard.press("Enter")
    reviewer.sees("没有符合条件的内容")


def _first_row(person: Person, text: str, column: str) -> None:
    person.goes(column)
    assert text in person.page.locator("tr[data-row]").first.inner_text()
