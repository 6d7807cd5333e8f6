"""The batch on the desk: where the unit's own inspection differs, and why; inspecting it again."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from python_calamine import CalamineWorkbook

from hub.receiving import service as receiving
from hub.receiving.models import Batch, InspectionRun, Offer
from shared.inspection.comparing import Inspected, differences
from shared.inspection.finding import Property
from shared.inspection.report import CheckResult, Outcome
from shared.inspection.scheme import CURRENT, Occasion, load_scheme, with_rows
from shared.inspection.verdict import Tally
from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound, WrongState
from tests.hub.desk import Api, Browser
from tests.hub.receiving.handover import HandedOver, Hub, Unit
from tests.shared.inspection.test_scheme import ROW

#: The unit could not open a file that opens here; its program is older, it has a decoder, and no
#: scanner.
TOLD = {
    "program": "0.0.9",
    "scanner": "",
    "decoder": "ffmpeg 6.0",
    "records": 2,
    "items": {
        "3-4": {"failed": 1, "passed": 1},
        "1-8": {"passed": 2},
        "1-14": {"not_applicable": 2},  # the package is made after the unit has inspected
        "4-2": {"not_run": 2},
    },
    "reasons": {},
    "open": ["4-2"],
}


def offered(hub: Hub, unit: Unit, told: Any) -> HandedOver:
    batch = unit.batch(unit.records(2))
    closing = {**batch.closing, "self_check": {"scheme": CURRENT, "inspected": told}}
    unit.send("offer", *({**each.body, "scheme": CURRENT} for each in batch.offers))
    unit.send("batch", closing)
    hub.work()
    return batch


def test_the_desk_and_the_report_say_where_verdicts_differ_and_why(
    hub: Hub, unit: Unit, desk: Flask
) -> None:
    batch = offered(hub, unit, TOLD)
    said = Api(desk, "reviewer").get(f"/review/batches/{batch.id}/inspection").get_json()
    assert said["unit_scheme"] == CURRENT
    (each,) = said["differences"]
    assert (each["number"], each["theirs"], each["ours"]) == ("YJ-3-4", "failed", "passed")
    assert (each["their_failures"], each["our_failures"]) == (1, 0)
    assert each["reasons"] == [
        f"程序版本不同：单位用 0.0.9，本馆用 {receiving.program()}",
        "音像解码程序不同：单位用 ffmpeg 6.0，本馆用 （没有）",
    ]
    browser = Browser(desk, "reviewer")
    page = browser.get(f"/review/{batch.id}").text
    assert "与单位自检的不同" in page
    assert "程序版本不同：单位用 0.0.9" in page
    book = CalamineWorkbook.from_filelike(
        io.BytesIO(browser.get(f"/review/{batch.id}/inspection.xlsx").data)
    )
    rows = book.get_sheet_by_name("与单位自检的不同").to_python()
    assert rows[1][:4] == ["YJ-3-4", each["name"], "不通过（1 件）", "通过"]
    pages = pypdfium2.PdfDocument(browser.get(f"/review/{batch.id}/inspection.pdf").data)
    text = "".join(page.get_textpage().get_text_range() for page in pages)
    pages.close()
    assert "与单位自检的不同" in text


def test_an_item_that_only_the_archive_has_is_a_difference_when_it_fails() -> None:
    """It stopped the batch, and the table of differences named others."""
    scheme = with_rows(load_scheme(), "acme", [ROW])
    found = CheckResult("ACME-1", Property.USABILITY, "水印检测", Outcome.FAILED)
    theirs, ours, passed = Tally(), Tally(), Tally()
    ours.add_results([found])
    passed.add_results([replace(found, outcome=Outcome.PASSED)])

    def compared(tally: Tally) -> list[tuple[str, str, tuple[str, ...]]]:
        sides = Inspected(CURRENT, "1", "", theirs), Inspected(scheme.version, "1", "", tally)
        return [
            (each.item.code, str(each.theirs), each.reasons)
            for each in differences(*sides, scheme, Occasion.RECEIVING)
        ]

    reason = f"检测方案不同：单位用 {CURRENT}，本馆用 {CURRENT}+acme"
    assert compared(ours) == [("YJ-ACME-1", "not_run", (reason,))]
    assert compared(passed) == []


@pytest.mark.parametrize("told", [None, {"items": {"3-4": {"perhaps": 1}}}])
def test_what_cannot_be_compared_is_said_to_be_so(
    hub: Hub, unit: Unit, desk: Flask, told: Any
) -> None:
    batch = offered(hub, unit, told)
    assert "不能比较" in Browser(desk, "reviewer").get(f"/review/{batch.id}").text


def test_a_batch_is_inspected_again_and_its_history_stays(
    hub: Hub, unit: Unit, desk: Flask, reviewer: Actor, other_reviewer: Actor
) -> None:
    batch = offered(hub, unit, TOLD)
    browser = Browser(desk, "reviewer")
    browser.send(f"/review/{batch.id}/items", {"all": "1"})
    assert browser.send(f"/review/{batch.id}/inspect-again").status_code == 302
    with hub.city.database.read() as session:
        row = session.get_one(Batch, hub.batch(batch.id).id)
        assert (row.state, row.checked) == ("checking", 0)
    with hub.city.database.write() as session, pytest.raises(WrongState):
        receiving.inspect_again(reviewer, hub.batch(batch.id).id, session=session)
    assert "停止" in browser.get(f"/review/{batch.id}").text
    hub.work()
    with hub.city.database.read() as session:
        row = session.get_one(Batch, hub.batch(batch.id).id)
        runs = session.query(InspectionRun).order_by(InspectionRun.number).all()
        assert row.state == "under_review"
        assert [each.number for each in runs] == [1, 2]
        assert runs[0].tally == runs[1].tally
        assert all(each.checked_at for each in session.query(Offer))
        # What persons had decided is decided.
        assert not receiving.inspection_of(row, session=session).undecided
    with hub.city.database.write() as session, pytest.raises(NotFound):
        receiving.inspect_again(other_reviewer, hub.batch(batch.id).id, session=session)
    # One that is stopped leaves what was found before, and says so in the history.
    assert "/stop-inspecting" not in browser.get(f"/review/{batch.id}").text
    with hub.city.database.write() as session, pytest.raises(WrongState):
        receiving.stop_inspecting(reviewer, hub.batch(batch.id).id, session=session)
    browser.send(f"/review/{batch.id}/inspect-again")
    with hub.city.database.write() as session, pytest.raises(NotFound):
        receiving.stop_inspecting(other_reviewer, hub.batch(batch.id).id, session=session)
    assert browser.send(f"/review/{batch.id}/stop-inspecting").status_code == 302
    hub.work()
    with hub.city.database.read() as session:
        row = session.get_one(Batch, hub.batch(batch.id).id)
        runs = session.query(InspectionRun).order_by(InspectionRun.number).all()
        assert row.state == "under_review"
        assert [bool(each.stopped_by) for each in runs] == [False, False, True]
        assert runs[1].tally == runs[2].tally
    assert "没有轮到的保留上次的结果" in browser.get(f"/review/{batch.id}").text
