"""What the public meets: a list to search, the page of a record, plain words without one."""

from __future__ import annotations

import re

import pytest

from hub.sharing.policies import FIELDS


@pytest.fixture
def reader(portal):
    """A visitor of a portal with some records."""
    portal.archive.receive(
        portal.archive.record(title="关于修建黄柏河大桥的批复", doc_no="宜办发〔1990〕17号"),
        portal.archive.record(step=2, title="关于表彰先进单位的决定", year=1985),
        *(portal.archive.record(step=step) for step in range(3, 26)),
    )
    portal.carry()
    return portal.browser()


def test_an_empty_portal_says_so(portal):
    page = portal.browser().get("/")
    assert page.status_code == 200
    assert "还没有公布的开放档案目录" in page.text


def test_records_are_listed_by_pages_searched_and_opened(reader):
    first = reader.get("/")
    assert "共 25 条" in first.text
    assert len(re.findall("data-row-link", first.text)) == 20
    assert len(re.findall("data-row-link", reader.get("/?page=2").text)) == 5
    for query in ("黄柏河", "宜办发1990 17", "〔1990〕17号"):
        found = reader.get("/", query_string={"q": query}).text
        assert ("修建黄柏河大桥" in found) == (query != "宜办发1990 17"), query
    assert "没有符合条件的内容" in reader.get("/?q=不存在的词").text
    link = re.search(r'href="(/records/[^"]+)"', reader.get("/?q=黄柏河").text)
    record = reader.get(link[1]).text
    assert "关于修建黄柏河大桥的批复" in record
    assert "宜办发〔1990〕17号" in record
    assert "市、县" not in record
    assert len(re.findall("data-row-link", reader.get("/?year=1985").text)) == 1


def test_whatever_is_searched_for_is_only_text(reader):
    for query in ("'", '"', "a' OR '1'='1", "*", "NEAR(", "x' --", "\x00"):
        assert reader.get("/", query_string={"q": query}).status_code == 200, query


def test_a_field_that_is_not_published_says_so_and_is_not_found(portal):
    portal.archive.share(fields=[each for each in FIELDS if each != "title"])
    portal.archive.receive(portal.archive.record(title="关于修建黄柏河大桥的批复"))
    portal.carry()
    reader = portal.browser()
    assert "没有符合条件的内容" in reader.get("/?q=黄柏河").text
    page = reader.get("/")
    assert "题名未公布" in page.text
    record = reader.get(re.search(r'href="(/records/[^"]+)"', page.text)[1]).text
    assert "未公布" in record
    assert "黄柏河" not in page.text + record


def test_errors_are_plain_words_and_nothing_but_reading_is_possible(reader):
    missing = reader.get("/records/00000000-0000-7000-8000-000000000000")
    assert missing.status_code == 404
    assert "没有这件开放档案" in missing.text
    assert reader.get("/api/v1/anything").mimetype == "application/problem+json"
    assert reader.post("/").status_code == 405
    assert reader.get("/sign-in").status_code == 404
    assert reader.get("/health").json == {"status": "ok"}
    page = reader.get("/")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in page.text
    assert "Set-Cookie" not in page.headers
