"""What the checks find in packages as they arrive at the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.inspection.report import Outcome, Stage
from shared.inspection.run import inspect_package
from shared.kernel.canonical import canonical_json
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.packaging import PackageIdentity, open_package
from shared.records.record import (
    Document,
    record_to_wire,
)
from tests.shared.inspection.reports import (
    OPEN,
    context,
    found,
    in_metadata,
    outcome,
    packed,
    repacked,
)
from tests.shared.packaging.samples import Unit


def test_a_package_of_another_seal_digest_offer_or_catalogue_is_found(
    unit: Unit, tmp_path: Path
) -> None:
    record = unit.record()
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("1-1", "seal_of_another", {"seal": SigningKey.generate().public}),
        ("1-14", "package_digest_differs", {"identity": PackageIdentity("0" * 64, 1)}),
        ("1-9", "catalogue_differs", {"record_digest": "0" * 64}),
        ("1-9", "offer_id_differs", {"offer": {"offer_id": "x", "record_id": record.id}}),
    ]
    for number, code, more in cases:
        report = packed(unit, record, tmp_path, **more)
        assert code in [each.code for each in found(report, number)]
        assert outcome(report, number) is Outcome.FAILED
    unknown = packed(unit, record, tmp_path, seal=None)
    assert unknown.passed
    assert [each.code for each in unknown.warnings] == ["seal_not_registered"]


@pytest.mark.parametrize(
    ("number", "code", "change"),
    [
        ("1-9", "metadata_differs", in_metadata("2024年部门", "2025年部门")),
        ("1-11", "metadata_files_differ", in_metadata('文件标识符="', '文件标识符="x')),
        ("2-10", "metadata_scheme", in_metadata(OPEN, "<密级>一般</密级>")),
        ("2-10", "metadata_scheme", in_metadata(OPEN, "")),
        ("3-1", "bad_xml", in_metadata("</题名>", "</提名>")),
        ("3-1", "dtd_refused", in_metadata("<电子", "<!DOCTYPE x []><电子")),
    ],
)
def test_metadata_of_a_package_with_this_flaw_is_found_out(
    unit: Unit,
    tmp_path: Path,
    number: str,
    code: str,
    change: Callable[[str, bytes], bytes],
) -> None:
    report = repacked(unit, unit.record(), tmp_path, change)
    assert code in [each.code for each in found(report, number)]
    assert outcome(report, "1-1") is Outcome.PASSED


def test_a_sealed_record_that_names_more_files_than_there_are(unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    wire = record_to_wire(record)
    wire["documents"][0]["files"].append(
        {**wire["documents"][0]["files"][0], "id": new_id(), "name": "缺.pdf"}
    )
    report = repacked(
        unit,
        record,
        tmp_path,
        lambda name, content: canonical_json(wire) if name == "record.json" else content,
    )
    assert [each.code for each in found(report, "2-11")] == ["file_count_differs"]
    assert "file_missing" in [each.code for each in found(report, "1-11")]


def test_files_in_the_wrong_folder_of_the_package_are_found(unit: Unit, tmp_path: Path) -> None:
    first, second = unit.file("甲.pdf"), unit.file("乙.pdf")
    record = unit.record(
        documents=(
            Document(new_id(), "正本", None, 1, (first,)),
            Document(new_id(), "定稿", None, 2, (second,)),
        )
    )
    wire = record_to_wire(record)
    wire["documents"][0]["order"], wire["documents"][1]["order"] = 2, 1
    report = repacked(
        unit,
        record,
        tmp_path,
        lambda name, content: canonical_json(wire) if name == "record.json" else content,
    )
    assert [each.code for each in found(report, "1-13")] == ["entry_misplaced"] * 2


def test_a_file_whose_ending_was_changed_in_the_package_is_found(
    unit: Unit, tmp_path: Path
) -> None:
    record = unit.record(unit.file("甲.pdf"))
    wire = record_to_wire(record)
    wire["documents"][0]["files"][0]["name"] = "甲.exe"
    report = repacked(
        unit,
        record,
        tmp_path,
        lambda name, content: canonical_json(wire) if name == "record.json" else content,
    )
    assert "file_name_differs" in [each.code for each in found(report, "1-10")]


def test_a_package_that_cannot_be_opened_fails_by_its_layout_and_nothing_else_is_passed(
    unit: Unit, tmp_path: Path
) -> None:
    path = tmp_path / "p.zip"
    unit.package(unit.record(), path)
    path.write_bytes(path.read_bytes()[:-1])
    report = inspect_package(path, context(unit))
    assert not report.passed
    assert [each.number for each in report.findings] == ["1-13"]
    assert not [each for each in report.checks if each.outcome is Outcome.PASSED]


def test_a_package_that_cannot_be_opened_fails_in_keeping_too(tmp_path: Path, unit: Unit) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(b"PK\x03\x04 cut")
    report = inspect_package(path, context(unit, stage=Stage.PRESERVATION))
    assert not report.passed
    assert outcome(report, "1-14") is Outcome.FAILED


def test_a_package_whose_record_is_no_json_fails(unit: Unit, tmp_path: Path) -> None:
    report = repacked(
        unit,
        unit.record(),
        tmp_path,
        lambda name, content: b"{" * 2000 if name == "record.json" else content,
    )
    assert not report.passed
    assert report.subject is None


def test_an_open_package_can_be_inspected_too(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    with open_package(tmp_path / "p.zip") as package:
        assert inspect_package(package, context(unit)).passed
