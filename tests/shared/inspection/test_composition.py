"""2-8 and DL-12: the documents that belong to one record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.inspection.finding import Severity
from shared.inspection.formats.annexes import named_annexes
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_record
from shared.kernel.identifiers import new_id
from shared.records.holdings import Holding
from shared.records.record import Document, Event, Record
from tests.shared.inspection.reports import context, found, outcome
from tests.shared.packaging.samples import Unit


def of_roles(unit: Unit, *roles: str, text: str = "正文", **changes: object) -> Record:
    documents = []
    for place, role in enumerate(roles, 1):
        file = unit.file(f"{place}{role}.txt", f"{text} {place}".encode())
        documents.append(Document(new_id(), role, None, place, (file,)))
    return unit.record(documents=tuple(documents), **changes)


def done(*actions: str) -> tuple[Event, ...]:
    at = datetime(2024, 3, 1, tzinfo=UTC)
    return tuple(
        Event(new_id(), action, at.replace(day=day), "张三", "办公室")
        for day, action in enumerate((*actions, "归档"), 6)
    )


def inspected(unit: Unit, record: Record) -> Report:
    return inspect_record(record, unit.paths(record), context(unit))


@pytest.mark.parametrize(
    ("roles", "actions", "lacks"),
    [
        (("正本", "发文稿纸", "定稿"), (), []),
        (("正本", "定稿"), (), ["issuing_sheet_missing"]),
        (("正本", "发文稿纸"), (), ["final_draft_missing"]),
        (("正本",), ("起草", "签发"), ["final_draft_missing", "issuing_sheet_missing"]),
        (("正本", "发文稿纸", "定稿"), ("起草", "审核", "签发"), ["traced_draft_missing"]),
        (("正本", "发文稿纸", "定稿", "留痕稿"), ("起草", "审核", "签发"), []),
        (("文件处理单", "正本"), (), []),
        (("正本",), ("签收", "承办"), ["processing_sheet_missing"]),
        (("文件处理单", "附件"), (), ["main_text_missing"]),
    ],
)
def test_each_lack_is_a_question_of_its_own(
    unit: Unit, roles: tuple[str, ...], actions: tuple[str, ...], lacks: list[str]
) -> None:
    report = inspected(unit, of_roles(unit, *roles, events=done(*actions)))
    assert [each.code for each in found(report, "DL-12")] == lacks
    assert all(each.severity is Severity.WARNING for each in found(report, "DL-12"))
    assert outcome(report, "DL-12") is Outcome.PASSED


def test_a_request_needs_its_reply(unit: Unit) -> None:
    title = "关于核定2024年部门预算的请示"
    (lack,) = found(inspected(unit, of_roles(unit, "正本", title=title)), "DL-12")
    assert lack.code == "reply_missing"
    with_reply = of_roles(unit, "正本", "复文", title=title)
    assert found(inspected(unit, with_reply), "DL-12") == []
    answer = of_roles(unit, "正本", title="对《关于核定预算的请示》的批复")
    assert found(inspected(unit, answer), "DL-12") == []


def test_what_is_neither_issued_nor_received_is_for_a_person(unit: Unit) -> None:
    assert outcome(inspected(unit, of_roles(unit, "正本")), "DL-12") is Outcome.MANUAL
    for record in (
        unit.record(documents=(), holding=Holding.PAPER),
        of_roles(unit, "正本", class_code="ZP", code="A182-ZP·2024-D30-BGS-0012"),
    ):
        assert outcome(inspected(unit, record), "DL-12") is Outcome.NOT_APPLICABLE
        assert outcome(inspected(unit, record), "2-8") is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("正文。\n附件：1. 预算表\n2. 说明\n宜昌市财政局", 2),
        ("正文。\n  附件：1．预算表\n      2．说明\n      3．名单", 3),
        ("附件: 1、预算表 2、说明", 2),
        ("附件：预算表\n宜昌市财政局", 1),
        ("附件：1. 预算表\n3. 不是附件", 1),
        ("见附件。附件另发", None),
        ("", None),
    ],
)
def test_the_annexes_that_a_text_names_are_counted(text: str, count: int | None) -> None:
    assert named_annexes(text) == count


def test_fewer_annexes_than_the_text_names_is_a_question(unit: Unit) -> None:
    text = "关于预算的通知\n附件：1. 预算表\n2. 说明\n"
    (lack,) = found(inspected(unit, of_roles(unit, "正本", "附件", text=text)), "2-8")
    assert (lack.code, lack.expected, lack.actual) == ("annexes_missing", "2 个附件", "1 个附件")
    assert lack.severity is Severity.WARNING
    whole = of_roles(unit, "正本", "附件", "附件", text=text)
    assert outcome(inspected(unit, whole), "2-8") is Outcome.PASSED
    assert outcome(inspected(unit, of_roles(unit, "正本")), "2-8") is Outcome.MANUAL
