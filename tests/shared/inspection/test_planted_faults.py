"""A batch with planted faults yields exactly these: none missed, none invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from shared.demo.generator.papers import Kind
from shared.inspection.report import Outcome, Report, Stage
from shared.inspection.run import inspect_batch, inspect_record
from shared.inspection.subject import Batch, Context
from shared.inspection.twins import Twin, twins_among
from shared.kernel.canonical import canonical_json
from shared.kernel.identifiers import new_id
from shared.records.fonds import RetentionScheduleRef
from shared.records.gaps import Run, Series, Standing, gap_of, lacking, split_code
from shared.records.numbering import Gap
from shared.records.record import Document, Record, record_to_wire
from tests.shared.inspection.files import PAPER, letter, letter_ofd, slides, wave, word
from tests.shared.inspection.looks import painted
from tests.shared.inspection.reports import context
from tests.shared.inspection.test_checks import BAD_FILES, BAD_RECORDS
from tests.shared.packaging.samples import Unit, sound_pdf

Found = tuple[str, str]
PLAIN, PLAIN_OFD = letter(kind=Kind.INTERNAL), letter_ofd(kind=Kind.INTERNAL)
#: What a flaw brings with it, by its name: a year that is not the code's, for one, is two.
ALONG: dict[str, set[Found]] = {
    "1-5 date_in_the_future date": {
        ("1-5", "filed_before_date"),
        ("1-5", "year_differs_from_date"),
    },
    "1-5 year_in_the_future year": {("1-7", "archival_code_differs")},
    "1-5 year_differs_from_date year": {("1-7", "archival_code_differs")},
    "1-7 archival_code_not_normal code": {("1-7", "archival_code_differs")},
    "2-4 required number": {("1-7", "archival_code_differs")},
    "2-7 document_without_file documents.0": {("2-7", "no_content")},
    "3-3 extension_differs x.pdf": {("1-10", "file_format_differs"), ("3-4", "file_damaged")},
    "3-4 file_damaged x.pdf": {("3-4", "file_repairable")},
    "3-4 page_blank x.png": {("2-7", "pages_differ")},
    "DL-2 stray_parts x.ofd": {("2-7", "pages_differ")},
    "DL-13 plain": {("1-11", "text_differs")},
    "DL-13 ofd": set(),
    "1-11 number": {("DL-13", "letter_form_differs")},
}


@dataclass(frozen=True)
class Fault:
    """One kind of fault: how it is planted, and exactly what has to be found."""

    name: str
    plant: Callable[[Unit, Record], tuple[dict[str, Any], dict[str, Any]]]
    expected: frozenset[Found]


def _wire(record: Record) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(canonical_json(record_to_wire(record)))
    return plain


def _of_record(bad: Any) -> Fault:
    def plant(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        wire = _wire(record)
        bad.change(wire)
        return wire, {}

    return _fault(f"{bad.number} {bad.code} {bad.field}", (bad.number, bad.code), plant)


def _of_file(number: str, code: str, name: str, content: bytes) -> Fault:
    def plant(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        document = replace(record.documents[0], files=(unit.file(name, content),))
        return _wire(replace(record, documents=(document,))), {}

    return _fault(f"{number} {code} {name}", (number, code), plant)


def _of_roles(code: str, *roles: str, **changes: Any) -> Fault:
    def plant(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        documents = tuple(
            Document(new_id(), role, None, place, (unit.file(f"{record.id}{role}.pdf"),))
            for place, role in enumerate(roles, 1)
        )
        return _wire(replace(record, documents=documents, **changes)), {}

    return _fault(f"DL-12 {code}", ("DL-12", code), plant)


def _annexes(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    text = f"{record.title}\n附件：1. 预算表\n2. 说明\n".encode()
    document = replace(record.documents[0], files=(unit.file("正文.txt", text),))
    return _wire(replace(record, documents=(document,))), {}


def _letter(name: str, content: bytes, **changes: Any) -> Any:
    """A letter in place of the plain text, described by the record but for these changes."""

    def plant(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        document = replace(record.documents[0], files=(unit.file(name, content),))
        said = {"title": PAPER.title, "doc_no": PAPER.doc_no, "pages": 1, **changes}
        return _wire(replace(record, documents=(document,), **said)), {}

    return plant


def _recording(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    document = replace(record.documents[0], files=(unit.file("录音.wav", wave()),))
    return _wire(replace(record, documents=(document,), pages=None, remark="时长：1:00:00")), {}


def _term(title: str, term: str) -> Callable[[Unit, Record], tuple[dict[str, Any], dict[str, Any]]]:
    def plant(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        code = (record.code or "").replace("-D30-", f"-{term}-")
        return _wire(replace(record, title=title, retention=term, code=code)), {}

    return plant


def _same_code(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    return _wire(record), {"code_used_by": lambda _code: new_id()}


def _lost_file(unit: Unit, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    return _wire(record), {"without_files": True}


def _fault(name: str, found: Found, plant: Any) -> Fault:
    return Fault(name, plant, frozenset({found, *ALONG.get(name, ())}))


FAULTS = [
    *(_of_record(bad) for bad in BAD_RECORDS),
    *(_of_file(*bad) for bad in BAD_FILES),
    _of_file("DL-2", "active_content", "x.ppt", slides(macros=True)),
    _of_file("3-4", "file_not_fully_checked", "x.pdf", painted(b"0 0 m 10 10 x S")),
    _of_roles("final_draft_missing", "正本", "发文稿纸"),
    _of_roles("issuing_sheet_missing", "正本", "定稿"),
    _of_roles("main_text_missing", "文件处理单", "附件"),
    _of_roles("reply_missing", "文件处理单", "正本", title="关于核定部门预算的请示"),
    _fault("2-8", ("2-8", "annexes_missing"), _annexes),
    _fault("2-9 approved", ("2-9", "retention_too_short"), _term("财政局党组会议纪要", "D30")),
    _fault("2-9 term", ("2-9", "outside_hand_over_scope"), _term("关于有关事项的通知", "D10")),
    _fault("DL-13 plain", ("DL-13", "letter_form_differs"), _letter("a.pdf", PLAIN)),
    _fault("DL-13 ofd", ("DL-13", "letter_form_differs"), _letter("a.ofd", PLAIN_OFD)),
    _fault(
        "DL-13 issuer",
        ("DL-13", "letter_form_differs"),
        _letter("a.pdf", letter(), author="宜昌市审计局"),
    ),
    _fault(
        "1-11 number",
        ("1-11", "text_differs"),
        _letter("a.pdf", letter(), doc_no="宜财预〔2023〕3号"),
    ),
    _fault("1-11 doc", ("1-11", "text_differs"), _letter("a.doc", word("预算" * 30), pages=None)),
    _fault("2-7 duration", ("2-7", "duration_differs"), _recording),
    _fault("1-8", ("1-8", "archival_code_twice"), _same_code),
    _fault("1-11", ("1-11", "file_missing"), _lost_file),
]


def a_record(unit: Unit, place: int) -> Record:
    """A sound record with its own number, title and file."""
    return unit.record(
        unit.file("正文.pdf", sound_pdf(f"text {place}")),
        number=place,
        code=f"A182-WS·2024-D30-BGS-{place:04d}",
        title=f"关于第{place}号事项的通知",
        doc_no=f"宜财预〔2024〕{place}号",
    )


def report_on(unit: Unit, wire: dict[str, Any], more: dict[str, Any]) -> Report:
    options = dict(more)
    paths = {
        str(file.get("id")): unit.folder / str(file.get("sha256"))
        for document in wire.get("documents") or ()
        for file in document["files"]
    }
    if options.pop("without_files", False):
        paths = {}
    return inspect_record(wire, paths, context(unit, stage=Stage.TRANSFER, **options))


def found_in(unit: Unit, wire: dict[str, Any], more: dict[str, Any]) -> set[Found]:
    report = report_on(unit, wire, more)
    by_finding = {(each.number, each.code) for each in report.findings}
    failed = {each.number for each in report.checks if each.outcome is Outcome.FAILED}
    assert failed == {each.number for each in report.errors}
    return by_finding


def planted_batch(unit: Unit, count: int) -> None:
    """Every third record is sound; in the others each kind of fault has its turn."""
    approved = RetentionScheduleRef("jiguan", "2006.1", date(2020, 6, 1))
    unit.fonds = replace(unit.fonds, retention_schedule=approved)
    wrong = []
    for place in range(1, count + 1):
        record = a_record(unit, place)
        if place % 3 == 0:
            name, expected = "sound", frozenset[Found]()
            wire, more = _wire(record), dict[str, Any]()
        else:
            fault = FAULTS[(place - place // 3 - 1) % len(FAULTS)]
            name, expected = fault.name, fault.expected
            wire, more = fault.plant(unit, record)
        if (said := found_in(unit, wire, more)) != expected:
            wrong.append((place, name, sorted(said - expected), sorted(expected - said)))
    assert not wrong, "\n".join(map(str, wrong))


def test_there_are_sixty_kinds_of_faults() -> None:
    assert len({(each.name, *sorted(each.expected)) for each in FAULTS}) >= 60


def test_each_kind_of_fault_is_found_and_nothing_else(unit: Unit) -> None:
    planted_batch(unit, len(FAULTS) * 3 // 2 + 2)


@pytest.mark.at_length
@pytest.mark.timeout(0)
def test_a_batch_of_2000_records_yields_exactly_the_planted_findings(unit: Unit) -> None:
    planted_batch(unit, 2000)


def test_a_set_with_planted_faults_yields_exactly_these() -> None:
    """Totals, gaps of each kind, and twins, in one batch of 2,000 numbers."""
    series = Series("A182-WS·2024-Y-", "WS", 2024, "Y")
    standings = dict.fromkeys(range(1, 2001), Standing.OFFERED)
    standings |= {
        **dict.fromkeys((17, 18, 19, 500), Standing.UNKNOWN),
        **dict.fromkeys((40, 41), Standing.UNSENT),
        60: Standing.WITHDRAWN,
        70: Standing.RETURNED,
        80: Standing.VOID,
        81: Standing.ELSEWHERE,
    }
    known = [
        Run(series, number, number, standing)
        for number, standing in standings.items()
        if standing is not Standing.UNKNOWN
    ]
    runs = lacking(known, present=(Standing.HELD, Standing.OFFERED))
    gaps = [gap for run in runs if (gap := gap_of(run)) is not None]
    assert [each for each in gaps if each.is_error] == [Gap("missing", 17, 19), Gap("missing", 500)]
    rows = [(str(n), f"A182-WS·2024-Y-{n:04d}", ("文号", n % 1990)) for n in range(1, 2001)]
    twins: list[Twin] = twins_among(rows, {row[0] for row in rows}, by_content=False)
    batch = Batch(
        "b", 1990, 100, registered_records=1991, registered_size=101,
        gaps={series.label: gaps}, twins=twins,
    )  # fmt: skip
    said = [(each.code, each.actual) for each in inspect_batch(batch, Context()).findings]
    expected = [
        ("count_differs", "1990 件"),
        ("bytes_differ", "100 字节"),
        ("number_missing", "17–19"),
        ("number_unsent", "40"),
        ("number_unsent", "41"),
        ("number_withdrawn", "60"),
        ("number_returned", "70"),
        ("number_missing", "500"),
    ]
    assert said[: len(expected)] == expected
    # Numbers 1 to 10 and 1991 to 2000 look alike, two by two.
    assert {split_code(str(actual))[1] for _, actual in said[len(expected) :]} == {
        *range(1, 11),
        *range(1991, 2001),
    }
