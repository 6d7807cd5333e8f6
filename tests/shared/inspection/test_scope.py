"""2-9: the term of a record against the table of its fonds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from shared.inspection.finding import Finding, Severity
from shared.inspection.report import Outcome, Report, Stage
from shared.inspection.run import inspect_record
from shared.records.filing_scope import match, table_for
from shared.records.fonds import RetentionScheduleRef
from shared.records.schedules import RetentionSchedule, ScheduleItem, schedule
from tests.shared.inspection.reports import context, found, outcome
from tests.shared.packaging.samples import Unit

OFFICES = schedule("jiguan")
APPROVED = RetentionScheduleRef(OFFICES.name, OFFICES.version, date(2020, 6, 1))


def own_table(*rows: tuple[str, str], seen: bool = True) -> RetentionSchedule:
    items = (
        ScheduleItem(str(place), "文书", scope, term, (), "源" if seen else "知")
        for place, (scope, term) in enumerate(rows, 1)
    )
    return replace(OFFICES, id="own", name="本局归档范围表", version="2023", items=tuple(items))


def inspected(unit: Unit, title: str, term: str, **more: Any) -> Report:
    code = f"A182-WS·2024-{term}-BGS-0012"
    record = unit.record(title=title, retention=term, code=code)
    return inspect_record(record, unit.paths(record), context(unit, **more))


def the_finding(report: Report) -> Finding:
    (finding,) = found(report, "2-9")
    return finding


@pytest.fixture
def approving(unit: Unit) -> Unit:
    unit.fonds = replace(unit.fonds, retention_schedule=APPROVED)
    return unit


def test_the_approved_table_plainly_says_otherwise(approving: Unit) -> None:
    finding = the_finding(inspected(approving, "财政局党组会议纪要（第3次）", "D30"))
    assert (finding.code, finding.severity) == ("retention_too_short", Severity.ERROR)
    assert (finding.expected, finding.actual) == ("永久", "30年")
    assert "2006.1，2020-06-01 批准" in finding.problem
    assert "第 3 条" in finding.problem


def test_the_term_that_the_approved_table_demands_passes(approving: Unit) -> None:
    report = inspected(approving, "财政局党组会议纪要（第3次）", "Y")
    assert outcome(report, "2-9") is Outcome.PASSED


def test_without_an_approved_table_it_is_a_question(unit: Unit) -> None:
    finding = the_finding(inspected(unit, "财政局党组会议纪要（第3次）", "D30"))
    assert finding.severity is Severity.WARNING
    assert "不是本单位经批准的表" in finding.problem
    assert outcome(inspected(unit, "财政局党组会议纪要（第3次）", "Y"), "2-9") is Outcome.MANUAL


def test_a_table_that_is_noted_without_its_rows_is_no_evidence(unit: Unit) -> None:
    noted = RetentionScheduleRef("宜市档〔2021〕7号", "2021", date(2021, 3, 1))
    unit.fonds = replace(unit.fonds, retention_schedule=noted)
    assert not table_for(unit.fonds).approved
    unit.fonds = replace(unit.fonds, retention_schedule=replace(APPROVED, approved_on=None))
    assert not table_for(unit.fonds).approved


def test_a_reconstructed_row_is_never_quoted_as_the_regulation(unit: Unit) -> None:
    table = own_table(("机构设置、印章启用废止", "Y"), seen=False)
    unit.fonds = replace(
        unit.fonds, retention_schedule=RetentionScheduleRef("own", "2023", date(2023, 1, 5))
    )
    finding = the_finding(inspected(unit, "关于印章启用废止的函", "D30", schedule=table))
    assert finding.severity is Severity.WARNING
    assert "归纳而来，没有对照原文" in finding.problem
    assert "批准" not in finding.problem


def test_a_longer_term_than_demanded_is_a_question(unit: Unit) -> None:
    table = own_table(("节假日值班安排", "D10"))
    unit.fonds = replace(
        unit.fonds, retention_schedule=RetentionScheduleRef("own", "2023", date(2023, 1, 5))
    )
    finding = the_finding(inspected(unit, "2024年节假日值班安排", "D30", schedule=table))
    assert (finding.code, finding.severity) == ("retention_differs", Severity.WARNING)


def test_rows_that_a_person_must_choose_between_are_a_question(approving: Unit) -> None:
    found_rows = match("关于信访的报告", OFFICES)
    assert len(found_rows.items) > 1
    assert not found_rows.certain
    report = inspected(approving, "关于来信信访的情况", "D10", stage=Stage.FILING)
    assert all(each.severity is Severity.WARNING for each in found(report, "2-9"))


def test_a_title_that_names_no_matter_is_for_a_person(approving: Unit) -> None:
    report = inspected(approving, "关于有关事项的通知", "D30")
    assert outcome(report, "2-9") is Outcome.MANUAL
    assert found(report, "2-9") == []


def test_short_terms_are_asked_about_at_hand_over_only(unit: Unit) -> None:
    finding = the_finding(inspected(unit, "关于有关事项的通知", "D10"))
    assert (finding.code, finding.severity) == ("outside_hand_over_scope", Severity.WARNING)
    assert found(inspected(unit, "关于有关事项的通知", "D10", stage=Stage.FILING), "2-9") == []


def test_old_terms_and_other_classes_are_not_held_against_the_table(unit: Unit) -> None:
    assert outcome(inspected(unit, "党组会议纪要", "C"), "2-9") is Outcome.NOT_APPLICABLE
    photo = unit.record(class_code="ZP", code="A182-ZP·2024-D30-BGS-0012")
    report = inspect_record(photo, unit.paths(photo), context(unit))
    assert outcome(report, "2-9") is Outcome.MANUAL
    assert outcome(inspect_record(photo, {}, context(unit, fonds=None)), "2-9") is Outcome.NOT_RUN
