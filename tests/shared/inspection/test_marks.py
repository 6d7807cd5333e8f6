"""A mark of classification stops every check, and leaves no trace in the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.inspection.report import Outcome
from shared.inspection.run import inspect_record
from shared.kernel.canonical import canonical_json
from shared.records.record import (
    record_to_wire,
)
from tests.shared.inspection.reports import (
    OPEN,
    Change,
    changed,
    context,
    in_metadata,
    ofd,
    repacked,
)
from tests.shared.packaging.samples import Unit

MARK = "机密★10年"


@pytest.mark.parametrize(
    "change",
    [
        changed("title", f"关于某事的通知 {MARK}"),
        changed("title", f"{'长' * 600}{MARK}"),  # also where the record is not well-formed
        changed("remark", "密级：秘密"),
        changed("security", "机密"),
        changed("documents.0.files.0.name", f"{MARK}.pdf"),
        changed("events.0.basis", MARK),
        changed("unknown", {"deep": [MARK]}),
    ],
)
def test_a_classified_mark_stops_everything_and_leaves_no_trace(unit: Unit, change: Change) -> None:
    record = unit.record()
    wire = json.loads(canonical_json(record_to_wire(record)))
    change(wire)
    report = inspect_record(wire, unit.paths(record), context(unit))
    assert report.is_classified
    assert not report.passed
    assert [each.code for each in report.findings] == ["classified"]
    assert not [each for each in report.checks if each.outcome is Outcome.PASSED]
    text = json.dumps(report.to_wire(), ensure_ascii=False)
    assert "★" not in text
    assert record.title not in text
    assert "涉密" in report.conclusion


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("正文.txt", f"{MARK}\n关于某事的通知".encode()),
        ("正文.txt", f"{MARK}\n关于某事的通知".encode("gb18030")),
        ("正文.ofd", ofd(f"{MARK}关于某事的通知")),
        ("正文.xml", f"<?xml version='1.0'?><a><b>{MARK}</b></a>".encode()),
        ("来件.eml", f"From: a@b\nDate: x\nSubject: hi\n\n{MARK}".encode()),
    ],
)
def test_a_mark_on_the_first_page_of_a_file_stops_everything(
    unit: Unit, name: str, content: bytes
) -> None:
    record = unit.record(unit.file(name, content))
    report = inspect_record(record, unit.paths(record), context(unit))
    assert report.is_classified
    [finding] = report.findings
    assert "未保存" not in finding.problem  # here it lies in the record room already
    assert "移除" in finding.remedy


def test_a_declassified_record_with_its_old_mark_could_not_be_handed_over(unit: Unit) -> None:
    record = unit.record(unit.file("正文.txt", f"{MARK}\n关于某事的通知".encode()))
    wire = json.loads(canonical_json(record_to_wire(record)))
    wire["security_change"] = "2015年3月1日解密，依据解密审核意见"
    report = inspect_record(wire, unit.paths(record), context(unit))
    assert not report.is_classified


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("正文.txt", "关于学习贯彻《保守国家秘密法》的通知\n保守商业秘密".encode()),
        ("正文.ofd", ofd("关于工作秘密管理的通知")),
        ("正文.txt", ("正文" * 2000 + MARK).encode()),  # an example far down is no mark
    ],
)
def test_documents_that_only_speak_of_secrets_pass(unit: Unit, name: str, content: bytes) -> None:
    record = unit.record(unit.file(name, content))
    report = inspect_record(record, unit.paths(record), context(unit))
    assert not report.is_classified
    assert report.passed


def test_a_mark_in_the_metadata_of_a_package_stops_everything(unit: Unit, tmp_path: Path) -> None:
    change = in_metadata(OPEN, "<密级>秘密</密级>")
    assert repacked(unit, unit.record(), tmp_path, change).is_classified
