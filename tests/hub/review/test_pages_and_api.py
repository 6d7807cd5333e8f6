"""The desk as people and programs see it; and that another county sees nothing of it."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.hub.desk import Api, Browser
from tests.hub.receiving.handover import HandedOver, Hub, Unit


@pytest.fixture
def batch(hub: Hub, unit: Unit) -> HandedOver:
    batch = unit.hand_over(3)
    hub.work()
    return batch


def test_a_program_goes_the_whole_way(hub: Hub, unit: Unit, batch: HandedOver, desk: Flask) -> None:
    reviewer, archivist = Api(desk, "reviewer"), Api(desk, "archivist")
    listed = reviewer.get("/review/batches?state=under_review").get_json()
    assert [each["id"] for each in listed["batches"]] == [batch.id]
    assert listed["total"] == 1
    shown = reviewer.get(f"/review/batches/{batch.id}").get_json()
    assert {each["offer_id"] for each in shown["records"]} == {o.offer_id for o in batch.offers}
    assert all(each["checked"] and each["sound"] for each in shown["records"])
    bad = batch.offers[0].offer_id
    decided = reviewer.post(
        f"/review/batches/{batch.id}/decisions",
        [{"offer_id": bad, "outcome": "returned", "reasons": [{"problem": "题名不规范。"}]}],
    ).get_json()
    assert {e["offer_id"]: e["decision"] for e in decided["records"]}[bad] == "returned"
    refused = reviewer.post(f"/review/batches/{batch.id}/conclude", {"outcome": "accepted"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "some_returned")
    assert refused.content_type == "application/problem+json"
    items = f"/review/batches/{batch.id}/inspection"
    waiting = [each["number"] for each in reviewer.get(items).get_json()["items"] if each["waits"]]
    early = reviewer.post(f"/review/batches/{batch.id}/conclude", {"outcome": "corrected"})
    assert (early.status_code, early.get_json()["code"]) == (409, "manual_undecided")
    said = [{"number": each, "outcome": "passed"} for each in waiting]
    assert not [each for each in reviewer.post(items, said).get_json()["items"] if each["waits"]]
    done = reviewer.post(f"/review/batches/{batch.id}/conclude", {"outcome": "corrected"})
    assert done.get_json()["state"] == "corrected"
    early = archivist.post(f"/receiving/batches/{batch.id}/sign")
    assert (early.status_code, early.get_json()["code"]) == (409, "wrong_state")
    unit.sign(batch.id)
    form = archivist.get(f"/receiving/batches/{batch.id}/form.pdf")
    assert form.data.startswith(b"%PDF")
    signed = archivist.post(f"/receiving/batches/{batch.id}/sign")
    assert signed.get_json()["state"] == "receiving"
    hub.work()
    shown = archivist.get(f"/review/batches/{batch.id}").get_json()
    assert shown["state"] == "received"
    assert archivist.get(f"/receiving/batches/{batch.id}/form.pdf").data.startswith(b"%PDF")


@pytest.mark.parametrize("name", ["outcome", "offer_id"])
def test_a_malformed_decision_is_a_problem_with_its_field(
    batch: HandedOver, desk: Flask, name: str
) -> None:
    reviewer = Api(desk, "reviewer")
    body = {"offer_id": batch.offers[0].offer_id, "outcome": "accepted", "reasons": []}
    del body[name]
    answer = reviewer.post(f"/review/batches/{batch.id}/decisions", [body])
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert name in answer.text


def test_another_county_sees_and_touches_nothing(hub: Hub, batch: HandedOver, desk: Flask) -> None:
    api, browser = Api(desk, "stranger"), Browser(desk, "stranger")
    assert api.get("/review/batches").get_json()["total"] == 0
    offer_id = batch.offers[0].offer_id
    decision = [{"offer_id": offer_id, "outcome": "accepted"}]
    item = {"number": "4-7", "outcome": "passed"}
    for answer in (
        api.get(f"/review/batches/{batch.id}"),
        api.post(f"/review/batches/{batch.id}/decisions", decision),
        api.post(f"/review/batches/{batch.id}/conclude", {"outcome": "returned"}),
        api.get(f"/receiving/batches/{batch.id}/form.pdf"),
        api.get(f"/review/batches/{batch.id}/inspection"),
        api.post(f"/review/batches/{batch.id}/inspection", [item]),
        browser.send(f"/review/{batch.id}/items", {"all": "1"}),
        browser.get(f"/review/{batch.id}"),
        browser.get(f"/review/{batch.id}/records/{offer_id}"),
        browser.get(f"/review/{batch.id}/records/{offer_id}/files/{offer_id}"),
        browser.send(f"/review/{batch.id}/records/{offer_id}/decide", {"outcome": "accepted"}),
        browser.send(f"/review/{batch.id}/conclude", {"outcome": "returned"}),
        browser.send(f"/review/{batch.id}/causes/anything/return"),
        api.post(f"/receiving/batches/{batch.id}/sign"),
    ):
        assert answer.status_code == 404
        assert "2024年文书档案" not in answer.text
    assert "2024年文书档案" not in browser.get("/review/").text
    assert hub.batch(batch.id).state == "under_review"


def test_nobody_gets_in_without_signing_in(batch: HandedOver, desk: Flask) -> None:
    client = desk.test_client()
    assert client.get("/review/").status_code == 302
    assert client.get("/api/v1/review/batches").status_code == 401


def test_the_desk_shows_the_queue_the_batch_and_each_record_with_its_file(
    batch: HandedOver, desk: Flask
) -> None:
    browser = Browser(desk, "reviewer")
    queue = browser.get("/review/").text
    assert "2024年文书档案" in queue
    assert "夷陵区发展和改革局" in queue
    for tab in ("coming", "signing", "done", "all"):
        assert browser.get(f"/review/?tab={tab}&q=x&sort=-count").status_code == 200
    page = browser.get(f"/review/{batch.id}?sort=-findings").text
    assert batch.offers[0].record.title in page
    assert "整批通过" in page
    offered = batch.offers[0]
    record = browser.get(f"/review/{batch.id}/records/{offered.offer_id}").text
    assert offered.record.title in record
    assert "正文.pdf" in record
    file = offered.record.files[0]
    path = f"/review/{batch.id}/records/{offered.offer_id}/files/{file.id}"
    shown = browser.get(path)
    assert (shown.status_code, shown.content_type) == (200, "application/pdf")
    assert len(shown.data) == file.size
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Disposition"].startswith("inline")
    part = browser.get(path, headers={"Range": "bytes=100-119"})
    assert (part.status_code, part.data) == (206, shown.data[100:120])
    assert part.headers["Content-Range"] == f"bytes 100-119/{file.size}"
    assert browser.get(path, headers={"Range": f"bytes={file.size}-"}).status_code == 416
    saved = browser.get(f"{path}?save=1")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert browser.get(f"/review/{batch.id}/records/{offered.offer_id}/files/no").status_code == 404


def test_a_reviewer_decides_by_hand_and_goes_on_to_the_next(
    hub: Hub, batch: HandedOver, desk: Flask
) -> None:
    browser = Browser(desk, "reviewer")
    first = sorted(batch.offers, key=lambda each: each.record.code or "")[0].offer_id
    answer = browser.send(f"/review/{batch.id}/records/{first}/decide", {"outcome": "accepted"})
    assert answer.status_code == 302
    second = answer.location.rpartition("/")[2]
    assert second != first
    refused = browser.send(f"/review/{batch.id}/records/{second}/decide", {"outcome": "returned"})
    assert refused.status_code == 422
    answer = browser.send(
        f"/review/{batch.id}/records/{second}/decide",
        {"outcome": "returned", "preset": "0", "own": "附件缺第二页", "own_field": "documents"},
    )
    assert answer.status_code == 302
    page = browser.get(f"/review/{batch.id}/records/{second}").text
    assert "附件缺第二页" in page
    filtered = browser.get(f"/review/{batch.id}?decision=returned").text
    assert "共 1 条" in filtered
    browser.send(f"/review/{batch.id}/items", {"all": "1"})
    assert browser.send(f"/review/{batch.id}/conclude", {"outcome": "corrected"}).status_code == 302
    assert hub.batch(batch.id).state == "corrected"
    assert browser.get(f"/review/{batch.id}").status_code == 200
    returned = browser.get(f"/review/{batch.id}/records/{second}").text
    assert "附件缺第二页" in returned


def test_a_list_narrowed_to_one_finding_shows_what_has_it(
    hub: Hub, unit: Unit, desk: Flask
) -> None:
    batch = unit.batch(unit.records(2, author=None) + unit.records(1))
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work()
    page = Browser(desk, "reviewer").get(f"/review/{batch.id}?cause=author_missing").text
    assert "共 2 条" in page


def test_the_archivist_signs_with_one_click(
    hub: Hub, unit: Unit, batch: HandedOver, desk: Flask
) -> None:
    reviewer = Browser(desk, "reviewer")
    reviewer.send(f"/review/{batch.id}/items", {"all": "1"})
    reviewer.send(f"/review/{batch.id}/conclude", {"outcome": "accepted"})
    browser = Browser(desk, "archivist")
    assert "2024年文书档案" in browser.get("/receiving/?tab=unit").text
    unit.sign(batch.id)
    assert "2024年文书档案" in browser.get("/receiving/").text
    page = browser.get(f"/receiving/{batch.id}").text
    assert "签字接收" in page
    assert browser.get(f"/receiving/{batch.id}/form.pdf").content_type == "application/pdf"
    assert browser.send(f"/receiving/{batch.id}/sign").status_code == 302
    hub.work()
    assert "420506-" in browser.get(f"/receiving/{batch.id}").text
    assert "2024年文书档案" in browser.get("/receiving/?tab=received").text
    assert "420506-" in browser.get("/receiving/accessions").text
    # The packages lie in the repository now, and can still be looked at.
    offered = batch.offers[0]
    path = f"/review/{batch.id}/records/{offered.offer_id}/files/{offered.record.files[0].id}"
    assert browser.get(path).status_code == 200
    part = browser.get(path, headers={"Range": "bytes=-10"})
    assert (part.status_code, part.data) == (206, browser.get(path).data[-10:])


def test_the_records_of_a_large_batch_come_page_by_page(hub: Hub, unit: Unit, desk: Flask) -> None:
    batch = unit.hand_over(21)
    hub.work()
    archivist = Browser(desk, "archivist")
    assert "审核通过后在这里列出" in archivist.get(f"/receiving/{batch.id}").text
    reviewer = Browser(desk, "reviewer")
    reviewer.send(f"/review/{batch.id}/items", {"all": "1"})
    reviewer.send(f"/review/{batch.id}/conclude", {"outcome": "accepted"})
    first = archivist.get(f"/receiving/{batch.id}").text
    assert "共 21 条，第 1–20 条" in first
    codes = sorted(str(each.record.code) for each in batch.offers)
    assert codes[0] in first
    assert codes[-1] not in first
    assert codes[-1] in archivist.get(f"/receiving/{batch.id}?page=2").text
    assert codes[-1] in archivist.get(f"/receiving/{batch.id}?sort=-code").text
    assert "共 1 条" in archivist.get(f"/receiving/{batch.id}?q={codes[4]}").text
    assert "没有符合条件的内容" in archivist.get(f"/receiving/{batch.id}?q=没有的词").text


def test_empty_lists_say_what_to_do_first(desk: Flask) -> None:
    assert "没有等待审核的移交" in Browser(desk, "reviewer").get("/review/").text
    archivist = Browser(desk, "archivist")
    assert "没有等待签字的移交" in archivist.get("/receiving/").text
    assert "还没有接收过档案" in archivist.get("/receiving/accessions").text


def test_the_files_in_the_catalogue_open_for_who_may_see_them(
    hub: Hub, unit: Unit, batch: HandedOver, desk: Flask
) -> None:
    record = batch.offers[0].record
    page = f"/catalogue/records/{record.id}"
    link = f"/review/{batch.id}/records/{batch.offers[0].offer_id}/files/{record.files[0].id}"
    reviewer, archivist = Browser(desk, "reviewer"), Browser(desk, "archivist")
    for browser in (reviewer, archivist):
        assert link in browser.get(page).text
        assert browser.get(link).status_code == 200
    stranger = Browser(desk, "stranger")
    assert stranger.get(page).status_code == 404
    assert stranger.get(link).status_code == 404
    reviewer.send(f"/review/{batch.id}/conclude", {"outcome": "returned"})
    kept = archivist.get(page).text
    assert "正文.pdf" in kept
    assert link not in kept


def test_the_files_of_a_received_record_still_open_from_the_catalogue(
    hub: Hub, unit: Unit, batch: HandedOver, desk: Flask
) -> None:
    reviewer = Browser(desk, "reviewer")
    reviewer.send(f"/review/{batch.id}/items", {"all": "1"})
    reviewer.send(f"/review/{batch.id}/conclude", {"outcome": "accepted"})
    unit.sign(batch.id)
    archivist = Browser(desk, "archivist")
    archivist.send(f"/receiving/{batch.id}/sign")
    hub.work()
    record = batch.offers[0].record
    page = archivist.get(f"/catalogue/records/{record.id}").text
    link = f"/review/{batch.id}/records/{batch.offers[0].offer_id}/files/{record.files[0].id}"
    assert link in page
    assert archivist.get(link).status_code == 200


def test_a_record_with_a_mark_never_opens_from_the_catalogue(
    hub: Hub, unit: Unit, desk: Flask
) -> None:
    batch = unit.hand_over_marked()
    hub.work()
    record = batch.offers[0].record
    page = Browser(desk, "reviewer").get(f"/catalogue/records/{record.id}").text
    assert f"/files/{record.files[0].id}" not in page
