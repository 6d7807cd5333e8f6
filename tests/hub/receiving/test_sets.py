"""A batch as a whole: totals, gaps over all batches and years, what looks filed twice."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.receiving import service as receiving
from hub.receiving.numbers import runs_of
from hub.review.service import Decided
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.identifiers import new_id
from shared.records.gaps import Run, Standing, lacking
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, HandedOver, Hub, Unit

DATABASES = ("sqlite", "postgresql")


def findings(hub: Hub, batch: HandedOver) -> list[dict[str, Any]]:
    return receiving.set_findings(hub.batch(batch.id))


def codes(hub: Hub, batch: HandedOver) -> list[str]:
    return [each["code"] for each in findings(hub, batch)]


def offer(unit: Unit, batch: HandedOver) -> HandedOver:
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    return batch


def registered(batch: HandedOver, **changes: int) -> dict[str, int]:
    files = [file for each in batch.offers for file in each.record.files]
    counted = {"records": len(batch.offers), "files": len(files)}
    return {**counted, "bytes": sum(file.size for file in files), **changes}


def receive(hub: Hub, *ids: str) -> None:
    """As if the archive had received these records."""
    with hub.city.database.write() as session:
        catalogue.set_custody(session, ids, YILING_ARCHIVE, new_id())


def told(runs: list[Run]) -> list[tuple[int, int, str]]:
    return [(each.first, each.last, each.standing.value) for each in runs]


# ---- totals


def test_what_came_is_compared_with_what_the_unit_registered(hub: Hub, unit: Unit) -> None:
    batch = unit.batch(unit.records(2))
    batch.closing["registered"] = registered(batch)
    offer(unit, batch)
    hub.work()
    report = hub.batch(batch.id).set_report
    outcomes = {each["number"]: each["outcome"] for each in report["checks"]}
    assert outcomes == {"2-1": "passed", "2-2": "passed", "2-6": "passed", "DL-11": "passed"}


def test_fewer_records_and_bytes_than_registered_are_found(hub: Hub, unit: Unit) -> None:
    batch = unit.batch(unit.records(2))
    batch.closing["registered"] = registered(batch, records=3, bytes=1)
    offer(unit, batch)
    hub.work()
    count, size = findings(hub, batch)
    assert (count["code"], count["expected"], count["actual"]) == ("count_differs", "3 件", "2 件")
    assert (size["code"], size["expected"]) == ("bytes_differ", "1 字节")
    assert size["actual"] == f"{registered(batch)['bytes']} 字节"


def test_a_node_of_before_registers_only_how_many_records(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over(2)
    hub.work()
    report = hub.batch(batch.id).set_report
    outcomes = {each["number"]: each["outcome"] for each in report["checks"]}
    assert (outcomes["2-1"], outcomes["2-2"]) == ("passed", "not_run")


# ---- gaps


def test_numbers_that_are_missing_are_told_apart(hub: Hub, unit: Unit, reviewer: Actor) -> None:
    records = [record for record, _ in unit.records(12, state="filed")]
    void = replace(records[2], version=2, state="void", void_reason="重复归档", documents=())
    elsewhere = replace(
        records[3], version=2, state="void", void_reason="另处保存：机要室", documents=()
    )
    unit.tell(void, elsewhere)
    with hub.city.database.write() as session:
        # Two numbers that nobody ever told of.
        gone = [records[5].id, records[6].id]
        session.query(CatalogueRecord).where(CatalogueRecord.id.in_(gone)).delete()
    receive(hub, records[0].id, records[4].id, records[9].id)
    with hub.city.database.read() as session:
        runs = lacking(runs_of(unit.fonds.id, session=session, actor=reviewer))
    assert told(runs) == [
        (2, 2, "unsent"),
        (3, 3, "void"),
        (4, 4, "elsewhere"),
        (6, 7, "unknown"),
        (8, 9, "unsent"),
    ]
    assert [run.reason for run in runs] == ["", "重复归档", "另处保存：机要室", "", ""]
    assert {run.series.label for run in runs} == {"文书·2024·30年·BGS"}


def test_returned_and_withdrawn_numbers_are_told_apart(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    returned, withdrawn, later = unit.hand_over(2), unit.hand_over(1), unit.hand_over(1)
    hub.work()
    hub.decide(
        reviewer, returned.id, *(Decided(each.offer_id, "returned", [{"field": None,
        "problem": "题名不准确", "remedy": ""}]) for each in returned.offers),
    )  # fmt: skip
    hub.conclude(reviewer, returned.id, "returned")
    unit.send("withdraw", {"batch_id": withdrawn.id, "by": None, "reason": None})
    receive(hub, later.offers[0].record.id)
    with hub.city.database.read() as session:
        runs = lacking(runs_of(unit.fonds.id, session=session))
    assert told(runs) == [(1, 2, "returned"), (3, 3, "withdrawn")]


def test_a_batch_is_asked_about_its_gaps_over_earlier_batches(hub: Hub, unit: Unit) -> None:
    first = unit.hand_over(2)
    hub.work()
    receive(hub, *(each.record.id for each in first.offers))
    kept = unit.records(2, state="filed")
    unit._next += 2  # two numbers that nobody has
    last = offer(unit, unit.batch(unit.records(1)))
    hub.work()
    assert codes(hub, first) == []
    missing, unsent = sorted(findings(hub, last), key=lambda each: each["code"])
    assert (missing["code"], missing["actual"]) == ("number_missing", "5–6")
    assert (unsent["code"], unsent["actual"]) == ("number_unsent", "3–4")
    assert (missing["severity"], unsent["severity"]) == ("error", "warning")
    assert kept[0][0].number == 3


def test_an_empty_year_is_asked_about(hub: Hub, unit: Unit) -> None:
    for year in (2020, 2023):
        unit._next = 1
        receive(hub, unit.records(1, year=year)[0][0].id)
    with hub.city.database.read() as session:
        runs = lacking(runs_of(unit.fonds.id, session=session))
    assert [(run.series.year, run.standing) for run in runs] == [
        (2021, Standing.EMPTY_YEAR),
        (2022, Standing.EMPTY_YEAR),
    ]


def test_the_gap_list_is_a_page_and_a_spreadsheet(hub: Hub, unit: Unit) -> None:
    records = [record for record, _ in unit.records(4, state="filed")]
    unit.tell(replace(records[1], version=2, state="void", void_reason="=重号", documents=()))
    receive(hub, records[0].id, records[3].id)
    grants = {
        "reviewer": Grant(Role.REVIEWER, YILING_ARCHIVE),
        "stranger": Grant(Role.REVIEWER, ZHIJIANG_ARCHIVE),
    }
    desk = make_desk(hub.city, **grants)
    browser = Browser(desk, "reviewer")
    place = f"/receiving/gaps/{unit.fonds.id}"
    page = browser.get(place).text
    assert "文书·2024·30年·BGS" in page
    assert "尚未移交 1 件" in page
    assert "=重号" in page
    only = browser.get(f"{place}?standing=gap").text
    assert "=重号" not in only
    assert "0003" in only
    sheet = browser.get(f"{place}.csv?standing=void").data.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(sheet))
    assert (row["件号起"], row["情况"], row["说明"]) == ("0002", "空号", "'=重号")
    assert browser.get(f"{place}.xlsx").data.startswith(b"PK")
    assert browser.get(f"{place}.doc").status_code == 404
    assert place in browser.get(f"/fonds/{unit.fonds.id}").text
    assert Browser(desk, "stranger").get(place).status_code == 404


# ---- what looks filed twice


def test_the_same_file_or_number_and_title_are_asked_about_at_both_records(
    hub: Hub, unit: Unit
) -> None:
    (first, content), (second, _) = unit.records(2)
    same = replace(
        second, version=2, title=first.title, doc_no=first.doc_no, documents=first.documents
    )
    unit.tell(same)
    batch = offer(unit, unit.batch([(first, content), (same, content)]))
    unlike = unit.hand_over(1)
    hub.work()
    said = {(each["code"], each["where"], each["actual"]) for each in findings(hub, batch)}
    assert said == {
        (code, one.code, other.code)
        for code in ("duplicate_content", "duplicate_number_and_title")
        for one, other in ((first, second), (second, first))
    }
    assert codes(hub, unlike) == []
    desk = make_desk(hub.city, reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE))
    browser = Browser(desk, "reviewer")
    assert "有电子文件与本全宗另一件档案的完全相同" in browser.get(f"/review/{batch.id}").text
    for offered in batch.offers:
        page = browser.get(f"/review/{batch.id}/records/{offered.offer_id}").text
        assert "文号和题名与本全宗另一件档案的相同" in page


def test_a_twin_that_was_received_long_ago_is_found(hub: Hub, unit: Unit) -> None:
    ((old, content),) = unit.records(1)
    receive(hub, old.id)
    ((new, _),) = unit.records(1)
    again = replace(new, version=2, documents=old.documents)
    unit.tell(again)
    batch = offer(unit, unit.batch([(again, content)]))
    hub.work()
    (twin,) = findings(hub, batch)
    assert (twin["code"], twin["where"], twin["actual"]) == (
        "duplicate_content", new.code, old.code,
    )  # fmt: skip


def test_a_batch_that_is_killed_before_its_report_is_inspected_again(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over(1)
    hub.work("receiving.check")
    assert hub.batch(batch.id).set_report is None
    hub.work("receiving.sets")
    assert hub.batch(batch.id).set_report is not None
