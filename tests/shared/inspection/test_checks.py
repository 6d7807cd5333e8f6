"""Each check of the four properties: passed by a good sample, failed by a bad one."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.inspection.finding import Finding, Severity
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_batch, inspect_record
from shared.inspection.subject import Batch, Context
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.records.numbering import Gap
from shared.records.record import (
    Event,
    FileKind,
    Holding,
    record_to_wire,
)
from tests.shared.inspection.files import (
    blank_page,
    claiming_pdf,
    locked_pdf,
    mp3,
    scripted_pdf,
    with_stray_part,
)
from tests.shared.inspection.reports import (
    Change,
    changed,
    context,
    found,
    ofd,
    outcome,
    packed,
)
from tests.shared.packaging.samples import Unit, sound_pdf


def test_a_good_record_passes_everything_that_can_be_run_on_a_node(unit: Unit) -> None:
    record = unit.record()
    report = inspect_record(record, unit.paths(record), context(unit))
    assert report.findings == ()
    assert report.passed
    assert {each.number for each in report.checks if each.outcome is Outcome.PASSED} == {
        "1-1", "1-2", "1-3", "1-4", "1-5", "1-6", "1-7", "1-8", "1-10", "1-11",
        "2-3", "2-4", "2-5", "2-7", "3-1", "3-2", "3-3", "3-4", "3-5", "3-8",
        "4-1", "4-2", "DL-1", "DL-2",
    }  # fmt: skip


def test_a_good_package_passes_everything_that_can_be_run_at_the_hub(
    unit: Unit, tmp_path: Path
) -> None:
    report = packed(unit, unit.record(), tmp_path)
    assert report.findings == ()
    assert report.passed
    assert {each.number for each in report.checks if each.outcome is Outcome.PASSED} == {
        "1-1", "1-2", "1-3", "1-4", "1-5", "1-6", "1-7", "1-8", "1-9", "1-10", "1-11", "1-13",
        "1-14", "2-3", "2-4", "2-5", "2-7", "2-10", "2-11", "3-1", "3-2", "3-3", "3-4", "3-5",
        "3-7", "3-8",
        "4-1", "4-2", "4-3", "DL-1", "DL-2",
    }  # fmt: skip


def test_a_good_batch_passes() -> None:
    batch = Batch("b", 3, 300, registered_records=3, registered_size=300, gaps={"WS 2024": []})
    report = inspect_batch(batch, Context())
    assert [(each.number, each.outcome) for each in report.checks] == [
        ("2-1", "passed"), ("2-2", "passed"), ("2-6", "passed"), ("DL-11", "not_run"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Bad:
    """One bad sample: the change, and the finding that it must give."""

    number: str
    code: str
    field: str | None
    change: Change
    severity: Severity = Severity.ERROR


def _later(wire: dict[str, Any]) -> None:
    wire["events"].append({**wire["events"][0], "id": new_id(), "action": "修改"})
    wire["events"][1]["time"] = "2024-05-01T00:00:00.000000Z"


FILE = "documents.0.files.0"
FUTURE = (now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
BAD_RECORDS = [
    Bad("1-2", "too_long", "title", changed("title", "长" * 501)),
    Bad("1-2", "too_long", "former_codes", changed("former_codes", ["A"] * 51)),
    Bad("1-3", "bad_format", "date", changed("date", "20240305")),
    Bad("1-3", "bad_format", "date", changed("date", "2024-02-30")),
    Bad("1-3", "bad_format", "pages", changed("pages", 0)),
    Bad("1-3", "bad_format", "pages", changed("pages", "2")),
    Bad("1-3", "bad_format", "id", changed("id", "1")),
    Bad("1-3", "bad_format", f"{FILE}.sha256", changed(f"{FILE}.sha256", "x")),
    Bad("1-3", "bad_format", f"{FILE}.name", changed(f"{FILE}.name", "../x")),
    Bad("1-3", "bad_format", "events.0.time", changed("events.0.time", "昨天")),
    Bad("1-3", "bad_format", "unknown", changed("unknown", "x")),
    Bad("1-4", "not_in_value_list", "retention", changed("retention", "D99")),
    Bad("1-4", "not_in_value_list", "security", changed("security", "public")),
    Bad("1-4", "not_in_value_list", "documents.0.role", changed("documents.0.role", "草案")),
    Bad("1-5", "date_in_the_future", "date", changed("date", "2099-01-01")),
    Bad("1-5", "year_in_the_future", "year", changed("year", 2099)),
    Bad("1-5", "year_differs_from_date", "year", changed("year", 2023), Severity.WARNING),
    Bad("1-5", "filed_before_date", "date", changed("date", "2024-07-01")),
    Bad("1-5", "event_in_the_future", "events.0.time", changed("events.0.time", FUTURE)),
    Bad("1-5", "item_without_volume", "parent_id", changed("level", "item")),
    Bad("1-6", "special_characters", "title", changed("title", "关于\u200b预算的通知")),
    Bad("1-6", "special_characters", "author", changed("author", "财政\x07局")),
    Bad("1-6", "odd_characters", "title", changed("title", "关于\ue001同志"), Severity.WARNING),
    Bad("1-7", "bad_archival_code", "code", changed("code", "A182-WS-2024-12")),
    Bad("1-7", "archival_code_not_normal", "code", changed("code", "A182－WS.2024-D30-BGS-0012")),
    Bad("1-7", "archival_code_differs", "number", changed("number", 13)),
    Bad("1-7", "archival_code_differs", "retention", changed("retention", "Y")),
    Bad("1-7", "archival_code_differs", "code", changed("code", "B182-WS·2024-D30-BGS-0012")),
    Bad("1-10", "file_size_differs", f"{FILE}.size", changed(f"{FILE}.size", 1)),
    Bad("1-10", "file_format_differs", f"{FILE}.format", changed(f"{FILE}.format", "OFD")),
    Bad("2-3", "item_missing", "title", lambda wire: wire.pop("title")),
    Bad("2-3", "item_missing", "title", changed("title", "")),
    Bad("2-3", "item_missing", "year", changed("year", None)),
    Bad("2-4", "required", "number", changed("number", None)),
    Bad("2-4", "author_missing", "author", changed("author", None), Severity.WARNING),
    Bad("2-5", "filing_not_recorded", "events", changed("events.0.action", "登记")),
    Bad("2-5", "events_out_of_order", "events.1.time", _later, Severity.WARNING),
    Bad("2-7", "no_content", "documents", changed("documents", [])),
    Bad("2-7", "document_without_file", "documents.0", changed("documents.0.files", [])),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_RECORDS, ids=lambda bad: f"{bad.number} {bad.code} {bad.field}")
def test_a_record_with_this_flaw_is_found_out(unit: Unit, bad: Bad) -> None:
    record = unit.record()
    wire = json.loads(canonical_json(record_to_wire(record)))
    bad.change(wire)
    report = inspect_record(wire, unit.paths(record), context(unit))
    assert (bad.code, bad.field, bad.severity) in [
        (each.code, each.field, each.severity) for each in found(report, bad.number)
    ]
    failed = outcome(report, bad.number) is Outcome.FAILED
    assert failed is (bad.severity is Severity.ERROR)
    for each in report.findings:
        assert each.problem.endswith("。")
        assert each.remedy.endswith("。")


BAD_FILES = [
    ("3-3", "format_unknown", "x.bin", b"\x01\x02\x03\x00\xff\xfe" * 20),
    ("3-3", "extension_differs", "x.pdf", b"\x89PNG\r\n\x1a\n" + bytes(30)),
    ("3-3", "extension_differs", "无后缀", sound_pdf()),
    ("3-4", "file_damaged", "x.pdf", sound_pdf()[:-20]),
    ("3-4", "file_repairable", "x.pdf", sound_pdf().replace(b"startxref\n", b"startxref\n1")),
    ("3-4", "file_locked", "x.pdf", locked_pdf()),
    ("3-4", "file_not_fully_checked", "x.mp3", mp3(5)),
    ("3-4", "page_blank", "x.png", blank_page()),
    ("3-5", "claim_not_kept", "x.pdf", claiming_pdf()),
    ("2-7", "file_empty", "x.pdf", b""),
    ("DL-2", "active_content", "x.pdf", scripted_pdf()),
    ("DL-2", "stray_parts", "x.ofd", with_stray_part(ofd("公文"))),
]  # fmt: skip


@pytest.mark.parametrize(("number", "code", "name", "content"), BAD_FILES)
def test_a_file_with_this_flaw_is_found_out(
    unit: Unit, number: str, code: str, name: str, content: bytes
) -> None:
    record = unit.record(unit.file(name, content))
    report = inspect_record(record, unit.paths(record), context(unit))
    assert code in [each.code for each in found(report, number)]
    assert str(found(report, number)[0].where).startswith(name)


def test_a_compound_file_of_no_program_that_we_know_is_called_that(unit: Unit) -> None:
    """Old WPS and Works: they were told to take their right extension, which there is none."""
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    record = unit.record(unit.file("x.wps", content))
    report = inspect_record(record, unit.paths(record), context(unit))
    (told,) = found(report, "3-3")
    assert (told.code, told.field) == ("format_unknown", "documents.0.files.0.format")
    assert "另存为" in told.remedy


def test_packed_files_are_not_accepted_and_archives_may_take_fewer_formats(unit: Unit) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "a")
    record = unit.record(unit.file("x.zip", buffer.getvalue()), unit.file("y.pdf"))
    report = inspect_record(record, unit.paths(record), context(unit))
    assert [each.where for each in found(report, "3-8")] == ["x.zip"]
    strict = context(unit, accepted_formats=frozenset({"ofd"}))
    report = inspect_record(record, unit.paths(record), strict)
    assert [each.where for each in found(report, "3-8")] == ["x.zip", "y.pdf"]


def test_a_changed_file_fails_its_digest_and_a_missing_one_its_link(unit: Unit) -> None:
    record = unit.record()
    file = record.files[0]
    (unit.folder / file.sha256).write_bytes(sound_pdf("other"))
    report = inspect_record(record, unit.paths(record), context(unit))
    assert [each.code for each in found(report, "1-1")] == ["file_digest_differs"]
    (unit.folder / file.sha256).unlink()
    report = inspect_record(record, unit.paths(record), context(unit))
    assert [each.code for each in found(report, "1-1")] == ["file_unreadable"]
    report = inspect_record(record, {}, context(unit))
    assert [each.code for each in found(report, "1-11")] == ["file_missing"]
    more = {**unit.paths(record), new_id(): unit.folder / "x"}
    report = inspect_record(record, more, context(unit))
    assert "file_not_in_record" in [each.code for each in found(report, "1-11")]


def test_a_code_that_another_record_bears_is_found(unit: Unit) -> None:
    record, other = unit.record(), new_id()
    for holder, wanted in ((other, ["archival_code_twice"]), (record.id, []), (None, [])):
        report = inspect_record(
            record, unit.paths(record), context(unit, code_used_by=lambda _code, h=holder: h)
        )
        assert [each.code for each in found(report, "1-8")] == wanted


def test_metadata_outside_the_scheme_is_found_before_it_is_packed(unit: Unit) -> None:
    unit.fonds = replace(unit.fonds, forming_unit="")
    record = unit.record()
    report = inspect_record(record, unit.paths(record), context(unit))
    assert [each.code for each in found(report, "2-3")] == ["metadata_scheme"]
    assert "立档单位名称" in found(report, "2-3")[0].problem


def test_a_virus_is_found_and_without_a_scanner_nothing_is_passed(unit: Unit) -> None:
    record = unit.record()
    sick = context(unit, scan=lambda stream: "Eicar-Test" if stream.read(4) == b"%PDF" else None)
    report = inspect_record(record, unit.paths(record), sick)
    assert [(each.code, each.actual) for each in found(report, "4-2")] == [
        ("virus_found", "Eicar-Test")
    ]
    report = inspect_record(record, unit.paths(record), context(unit, scan=None))
    assert outcome(report, "4-1") is Outcome.NOT_RUN
    assert outcome(report, "4-2") is Outcome.NOT_RUN
    assert {"4-1", "4-2"} <= {each.number for each in report.undecided}
    assert "未检测" in report.conclusion


def test_totals_and_gaps_of_a_batch_are_found() -> None:
    batch = Batch(
        "b", 3, 300, registered_records=4, registered_size=301,
        gaps={"WS 2024 D30": [Gap("missing", 2), Gap("duplicate", 5)]},
    )  # fmt: skip
    report = inspect_batch(batch, Context())
    assert [each.code for each in report.findings] == [
        "count_differs", "bytes_differ", "number_missing", "number_duplicate",
    ]  # fmt: skip
    unknown = inspect_batch(Batch("b", 3, 300), Context())
    assert {each.outcome for each in unknown.checks} == {Outcome.NOT_RUN}


def test_what_was_not_examined_never_reads_as_passed(unit: Unit) -> None:
    record = unit.record()
    report = inspect_record(record, unit.paths(record), Context())
    assert report.passed  # nothing that was run has failed …
    not_run = {each.number for each in report.checks if each.outcome is Outcome.NOT_RUN}
    assert {"1-8", "2-3", "2-9", "3-1", "3-2", "4-1", "4-2"} <= not_run
    assert {each.number for each in report.checks if each.outcome is Outcome.MANUAL} == {
        "2-8", "3-6", "4-7", "DL-12",
    }  # fmt: skip
    assert all(each.reason for each in report.checks if each.outcome is not Outcome.PASSED)


def test_a_report_travels(unit: Unit) -> None:
    record = unit.record(author=None)
    report = inspect_record(record, {}, context(unit))
    travelled = Report.from_wire(json.loads(json.dumps(report.to_wire())))
    assert travelled == report
    assert travelled.of_field("documents")
    assert not travelled.of_field("document")
    with pytest.raises(Exception, match="写法不正确"):
        Report.from_wire({"stage": "YJ"})
    with pytest.raises(Exception, match="写法不正确"):
        Finding.from_wire({"code": "x"})


def test_a_check_that_crashes_is_not_passed(
    unit: Unit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from shared.inspection.checks import authenticity

    def crash(_code: str) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(authenticity, "parse", crash)
    record = unit.record()
    report = inspect_record(record, unit.paths(record), context(unit))
    assert outcome(report, "1-7") is Outcome.NOT_RUN
    assert "check 1-7 crashed" in caplog.text


def test_void_numbers_and_paper_records_pass_without_files(unit: Unit) -> None:
    void = unit.record(
        documents=(), state="void", void_reason="误收，已退文", title="（空号）", author=None
    )
    paper = unit.record(documents=(), holding=Holding.PAPER)
    scanned = replace(unit.file("扫描件.pdf"), kind=FileKind.DIGITAL_COPY)
    copy = unit.record(scanned, holding=Holding.PAPER_WITH_COPY)
    volume = unit.record(
        level="volume", documents=(), number=None, volume_number=1,
        code="A182-KU·01·2024-D30-001", class_code="KU", subclass="01", organ=None,
    )  # fmt: skip
    for record in (void, paper, copy, volume):
        report = inspect_record(record, unit.paths(record), context(unit))
        assert report.errors == ()


def test_days_and_clocks_at_the_border_are_fair(unit: Unit) -> None:
    """A record filed today late in the evening is not from the future in Shanghai."""
    day = date(2024, 6, 2)
    event = Event(new_id(), "归档", datetime(2024, 6, 1, 16, 30, tzinfo=UTC), "张三", "局")
    record = unit.record(date=day, events=(event,))
    report = inspect_record(record, unit.paths(record), context(unit, today=day))
    assert found(report, "1-5") == []
