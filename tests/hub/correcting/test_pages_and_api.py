"""Corrections as the archivist sees them on the pages, and programs through the API."""

from __future__ import annotations

import pytest
from flask import Flask

from shared.kernel.actor import Actor, Grant, Role
from tests.hub.correcting.conftest import Kept
from tests.hub.desk import Api, Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE


@pytest.fixture
def desk(kept: Kept) -> Flask:
    return make_desk(
        kept.hub.city,
        archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE),
        stranger=Grant(Role.ARCHIVIST, ZHIJIANG_ARCHIVE),
    )


def test_a_list_without_requests_says_where_they_come_from(desk: Flask) -> None:
    archivist = Browser(desk, "archivist")
    assert "没有等待答复的更正申请" in archivist.get("/corrections/").text
    assert "更正著录" in archivist.get("/corrections/?tab=done").text
    assert "份更正申请" not in archivist.get("/").text


def test_two_clicks_make_what_was_asked_for(kept: Kept, desk: Flask) -> None:
    asked = kept.ask(title="更正后的题名", pages=3)
    archivist = Browser(desk, "archivist")
    assert "份更正申请等待答复" in archivist.get("/").text
    assert f"/corrections/{asked}" in archivist.get("/corrections/").text
    page = archivist.get(f"/corrections/{asked}").text
    for word in ("张三", "题名漏字", kept.held().title, 'value="更正后的题名"', 'value="3"'):
        assert word in page
    done = archivist.send(
        f"/corrections/{asked}/make",
        {"title": "更正后的题名", "pages": "3", "reason": "题名漏字"},
    )
    assert done.status_code == 302
    kept.hub.work()
    assert kept.held().title == "更正后的题名"
    assert "已更正" in archivist.get("/corrections/?tab=done").text
    page = archivist.get(f"/catalogue/records/{kept.id}").text
    assert f"/corrections/{asked}" in page
    assert f"/corrections/records/{kept.id}" in page


def test_a_record_that_changed_since_the_request_shows_its_present_values(
    kept: Kept, desk: Flask, archivist: Actor
) -> None:
    asked = kept.ask(title="更正后的题名", pages=3)
    page = Browser(desk, "archivist").get(f"/corrections/{asked}").text
    assert "又有改动" not in page
    kept.make(archivist, pages=8)
    kept.hub.work()
    page = Browser(desk, "archivist").get(f"/corrections/{asked}").text
    assert "又有改动" in page
    assert "现在的值" in page


def test_a_wrong_value_stays_in_the_form_with_its_remedy(kept: Kept, desk: Flask) -> None:
    asked = kept.ask(pages=3)
    answer = Browser(desk, "archivist").send(
        f"/corrections/{asked}/make", {"pages": "三页半", "reason": "清点"}
    )
    assert answer.status_code == 422
    assert "三页半" in answer.text
    assert "页数应为大于0的整数" in answer.text
    assert kept.correction(asked).state == "asked"


def test_a_request_is_declined_with_a_reason(kept: Kept, desk: Flask) -> None:
    asked = kept.ask(title="题名")
    archivist = Browser(desk, "archivist")
    assert archivist.send(f"/corrections/{asked}/decline", {"reason": ""}).status_code == 422
    done = archivist.send(f"/corrections/{asked}/decline", {"reason": "与原件一致"})
    assert done.status_code == 302
    assert "与原件一致" in archivist.get(f"/corrections/{asked}").text


def test_an_archivist_corrects_from_the_record_s_page(kept: Kept, desk: Flask) -> None:
    archivist = Browser(desk, "archivist")
    path = f"/corrections/records/{kept.id}"
    page = archivist.get(path).text
    assert kept.held().title in page
    held = kept.held().wire
    values = {name: held[name] or "" for name in ("doc_no", "author", "date", "pages", "remark")}
    sent = {**values, "title": "馆定题名", "reason": "核对原件"}
    assert archivist.send(path, sent).status_code == 302
    kept.hub.work()
    assert kept.held().title == "馆定题名"


def test_other_archives_and_reviewers_neither_see_nor_touch_it(kept: Kept, desk: Flask) -> None:
    asked = kept.ask(title="题名")
    stranger = Browser(desk, "stranger")
    assert asked not in stranger.get("/corrections/").text
    assert stranger.get(f"/corrections/{asked}").status_code == 404
    assert stranger.get(f"/corrections/records/{kept.id}").status_code == 404
    for path in (f"/corrections/{asked}/make", f"/corrections/{asked}/decline"):
        assert stranger.send(path, {"title": "x", "reason": "y"}).status_code == 404
    reviewer = Browser(desk, "reviewer")
    assert reviewer.get("/corrections/").status_code == 403
    api = Api(desk, "stranger")
    assert api.get("/corrections").get_json()["total"] == 0
    assert api.get(f"/corrections/{asked}").status_code == 404
    assert api.post(f"/corrections/{asked}/make", {}).status_code == 404
    own = api.post(f"/corrections/records/{kept.id}", {"values": {"title": "x"}, "reason": "y"})
    assert own.status_code == 404
    assert kept.correction(asked).state == "asked"


def test_a_program_answers_requests(kept: Kept, desk: Flask, archivist: Actor) -> None:
    made, declined = kept.ask(title="更正后的题名"), kept.ask(pages=3)
    api = Api(desk, "archivist")
    listed = api.get("/corrections?state=asked").get_json()
    assert {each["id"] for each in listed["corrections"]} == {made, declined}
    answer = api.post(f"/corrections/{made}/make", {"values": {"title": "馆定题名"}}).get_json()
    assert (answer["state"], answer["reason"]) == ("making", "题名漏字")
    kept.hub.work()
    refused = api.post(f"/corrections/{made}/make", {})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "wrong_state")
    answer = api.post(f"/corrections/{declined}/decline", {"reason": "页数无误"}).get_json()
    assert (answer["state"], answer["reason"]) == ("declined", "页数无误")
    wrong = api.post(f"/corrections/records/{kept.id}", {"values": {"code": "X"}, "reason": "错"})
    assert (wrong.status_code, wrong.get_json()["code"]) == (422, "not_correctable")
    own = api.post(f"/corrections/records/{kept.id}", {"values": {"pages": 9}, "reason": "清点"})
    assert own.get_json()["version"] == kept.held().version + 1
    kept.hub.work()
    assert (kept.held().title, kept.held().wire["pages"]) == ("馆定题名", 9)
