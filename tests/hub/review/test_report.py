"""The report of an inspection 四性检测报告: on paper, as a spreadsheet, for programs; signed."""

from __future__ import annotations

import io
import json

import pypdfium2
import pytest
from flask import Flask
from python_calamine import CalamineWorkbook

from hub.receiving import service as receiving
from shared.inspection.scheme import Occasion, load_scheme
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, document_is_signed_by
from shared.packaging.inspection_report import report_digest, report_pdf
from tests.hub.desk import Api, Browser
from tests.hub.receiving.handover import HandedOver, Hub, Unit

ITEMS = load_scheme().items(Occasion.RECEIVING)


@pytest.fixture
def batch(hub: Hub, unit: Unit) -> HandedOver:
    """One good record, and one of which the author is missing."""
    records = unit.records(1) + unit.records(1, author=None)
    batch = unit.batch(records)
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work()
    return batch


def test_a_program_reads_the_report_and_whose_it_is(
    hub: Hub, batch: HandedOver, desk: Flask
) -> None:
    said = Api(desk, "reviewer").get(f"/review/batches/{batch.id}/inspection/report").get_json()
    assert said["format"] == "danglian-inspection-report/1"
    assert (said["scheme"], said["verdict"]) == (load_scheme().version, "open")
    assert [each["number"] for each in said["items"]] == [each.code for each in ITEMS]
    assert said["counted"]["records"] == said["counted"]["files"] == 2
    missing = [each for each in said["problems"] if each["field"] == "author"]
    assert [(each["number"], each["severity"]) for each in missing] == [("2-4", "warning")]
    assert [each["name"] for each in said["properties"]] == ["真实性", "完整性", "可用性", "安全性"]
    signature = said.pop("signature")
    key = hub.city.folder.keys.hub().public
    assert signature["key"] == key.id
    assert document_is_signed_by(key, said, signature)


def test_it_is_printed_with_every_item_and_every_problem(
    hub: Hub, batch: HandedOver, desk: Flask, reviewer: object
) -> None:
    browser = Browser(desk, "reviewer")
    browser.send(f"/review/{batch.id}/items", {"all": "1"})
    answer = browser.get(f"/review/{batch.id}/inspection.pdf")
    assert answer.content_type == "application/pdf"
    pages = pypdfium2.PdfDocument(answer.data)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    pages.close()
    assert "电子档案四性检测报告" in text
    for item in ITEMS:
        assert item.code in text
    assert "责任者没有填写" in text
    assert "共 " in text


def test_it_goes_into_a_spreadsheet(batch: HandedOver, desk: Flask) -> None:
    answer = Browser(desk, "reviewer").get(f"/review/{batch.id}/inspection.xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
    assert book.sheet_names == ["检测报告", "逐项结果", "问题明细"]
    rows = book.get_sheet_by_name("逐项结果").to_python()
    assert [row[0] for row in rows[1:]] == [each.code for each in ITEMS]


def test_a_report_that_was_altered_is_not_printed(batch: HandedOver, desk: Flask) -> None:
    said = json.loads(Browser(desk, "reviewer").get(f"/review/{batch.id}/inspection.json").data)
    assert PublicKey.from_hex(said["signature"]["public_key"]).id == said["signature"]["key"]
    assert report_pdf(said).startswith(b"%PDF")
    digest = report_digest(said)
    said["verdict"] = "passed"
    assert report_digest(said) != digest
    with pytest.raises(Invalid):
        report_pdf(said)


def test_who_does_not_see_the_records_any_more_is_not_offered_the_report(
    batch: HandedOver, desk: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: the links led to a page that refused them."""
    path, link = f"/review/{batch.id}", f"/review/{batch.id}/inspection.pdf"
    assert link in Browser(desk, "reviewer").get(path).text
    monkeypatch.setattr(
        receiving, "titles_hidden", lambda _actor, offers, **_: {each.id for each in offers}
    )
    assert link not in Browser(desk, "reviewer").get(path).text


def test_before_the_inspection_there_is_no_report_and_no_other_form(
    hub: Hub, unit: Unit, batch: HandedOver, desk: Flask
) -> None:
    browser = Browser(desk, "reviewer")
    assert browser.get(f"/review/{batch.id}/inspection.docx").status_code == 404
    assert Browser(desk, "stranger").get(f"/review/{batch.id}/inspection.pdf").status_code == 404
    waiting = unit.hand_over(1)
    assert browser.get(f"/review/{waiting.id}/inspection.pdf").status_code == 409
