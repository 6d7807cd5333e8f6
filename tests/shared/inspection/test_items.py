"""Every item of the scheme has a good sample, which passes it, and a bad one, which is found out.

The table is walked from the scheme: an item that gets a row there, and no samples here, fails.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from shared.demo.generator.papers import Kind
from shared.inspection.finding import Finding
from shared.inspection.foreign import inspect_form
from shared.inspection.registry import functions
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_batch, inspect_package, inspect_record
from shared.inspection.scanner import Scanner
from shared.inspection.scheme import Occasion, load_scheme
from shared.inspection.subject import Batch, Context
from shared.inspection.twins import Twin
from shared.inspection.verdict import Decision, Tally, judge
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.packaging import PackageIdentity
from shared.packaging.exchange import About, convert
from shared.records.fonds import RetentionScheduleRef
from shared.records.numbering import Gap
from shared.records.record import Document, Record, record_to_wire
from tests.shared.inspection.files import claiming_pdf, letter, locked_pdf, scripted_pdf
from tests.shared.inspection.reports import OPEN, context, in_metadata, packed, repacked
from tests.shared.inspection.test_checks import BAD_RECORDS
from tests.shared.inspection.test_first_words import MARK
from tests.shared.packaging.exchange.test_foreign_and_hostile import foreign
from tests.shared.packaging.exchange.test_foreign_and_hostile import packed as form_packed
from tests.shared.packaging.samples import Unit, sound_pdf

SCHEME = load_scheme()
ITEMS = {
    item.number: occasion
    for occasion in (Occasion.KEEPING, Occasion.RECEIVING)
    for item in SCHEME.items(occasion)
}
Inspected = Callable[[Unit, Path], Report]


# --- how samples are inspected ---------------------------------------------------------------


def the_package(unit: Unit, folder: Path, **more: Any) -> Report:
    return packed(unit, unit.record(), folder, **more)


def the_record(unit: Unit, record: Record, **more: Any) -> Report:
    return inspect_record(record, unit.paths(record), context(unit, **more))


def of_file(name: str, content: bytes) -> Inspected:
    return lambda unit, _folder: the_record(unit, unit.record(unit.file(name, content)))


def of_wire(change: Callable[[dict[str, Any]], object]) -> Inspected:
    def inspected(unit: Unit, _folder: Path) -> Report:
        record = unit.record()
        wire = record_to_wire(record)
        change(wire)
        return inspect_record(wire, unit.paths(record), context(unit))

    return inspected


def of_batch(**changes: Any) -> Inspected:
    batch = Batch("b", 3, 300, registered_records=3, registered_size=300, gaps={}, twins=[])
    return lambda _unit, _folder: inspect_batch(replace(batch, **changes), Context())


def of_form(**changes: bytes | None) -> Inspected:
    """A foreign form as a whole, and after it the records in it."""

    def inspected(unit: Unit, folder: Path) -> Report:
        path = form_packed(folder / "form.zip", foreign(**changes))
        return next(iter(inspect_form(path, context(unit))))[1]

    return inspected


def of_roles(*roles: str) -> Inspected:
    def inspected(unit: Unit, _folder: Path) -> Report:
        documents = [
            Document(new_id(), role, None, place, (unit.file(f"{role}.pdf"),))
            for place, role in enumerate(roles, 1)
        ]
        return the_record(unit, unit.record(documents=tuple(documents)))

    return inspected


def with_annexes(*names: str) -> Inspected:
    def inspected(unit: Unit, _folder: Path) -> Report:
        text = "关于下达2024年部门预算的通知\n附件：1. 预算表\n2. 说明\n".encode()
        documents = [Document(new_id(), "正本", None, 1, (unit.file("正文.txt", text),))]
        documents += [
            Document(new_id(), "附件", None, place, (unit.file(name),))
            for place, name in enumerate(names, 2)
        ]
        return the_record(unit, unit.record(documents=tuple(documents)))

    return inspected


def in_scope(title: str, term: str) -> Inspected:
    def inspected(unit: Unit, _folder: Path) -> Report:
        approved = RetentionScheduleRef("jiguan", "2006.1", date(2020, 6, 1))
        fonds = replace(unit.fonds, retention_schedule=approved)
        code = f"A182-WS·2024-{term}-BGS-0012"
        record = unit.record(title=title, retention=term, code=code)
        return the_record(unit, record, fonds=fonds)

    return inspected


def in_a_package(change: Callable[[str, bytes], bytes | None]) -> Inspected:
    return lambda unit, folder: repacked(unit, unit.record(), folder, change)


def packed_with(method: int) -> Inspected:
    """A package whose entries are packed in another way than the two that everybody knows."""

    def inspected(unit: Unit, folder: Path) -> Report:
        path = folder / "p.zip"
        unit.package(unit.record(), path)
        content = path.read_bytes()
        for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            head = content.index(mark)
            content = content[: head + at] + struct.pack("<H", method) + content[head + at + 2 :]
        path.write_bytes(content)
        return inspect_package(path, context(unit))

    return inspected


def with_a_file_more(unit: Unit, folder: Path) -> Report:
    path = folder / "p.zip"
    unit.package(unit.record(), path)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("content/01/Thumbs.db", archive.infolist()[0].date_time)
        info.external_attr, info.create_system = archive.infolist()[0].external_attr, 3
        archive.writestr(info, b"x")
    return inspect_package(path, context(unit))


def misplaced(unit: Unit, folder: Path) -> Report:
    path = form_packed(folder / "form.zip", foreign(**{"目录文件.XML": CATALOGUE_OF_TWO}))
    return next(iter(inspect_form(path, context(unit))))[1]


def decided(number: str, *, passed: bool) -> Outcome:
    """What an item comes to when a person has decided on it."""
    occasion = ITEMS[number]
    decision = Decision(number, passed, "看过", "王红", "2026-01-01T00:00:00.000000Z")
    said = judge(SCHEME, occasion, Tally(), [decision])
    return next(each.outcome for each in said.items if each.item.number == number)


def _broken(_code: str) -> str | None:
    raise OperationalError("select 1", {}, OSError("away"))


def _other_holder(_code: str) -> str:
    return new_id()


def changed_file(unit: Unit, folder: Path) -> Report:
    record = unit.record()
    (unit.folder / record.files[0].sha256).write_bytes(sound_pdf("another"))
    return the_record(unit, record)


def lost_file(unit: Unit, folder: Path) -> Report:
    wire = record_to_wire(unit.record())
    files = wire["documents"][0]["files"]
    files.append({**files[0], "id": new_id(), "name": "缺.pdf"})
    return repacked(
        unit, unit.record(), folder,
        lambda name, content: canonical_json(wire) if name == "record.json" else content,
    )  # fmt: skip


CATALOGUE_OF_TWO = foreign()["目录文件.XML"].replace(
    "</文件目录>".encode(),
    "<文件><顺序号>2</顺序号><档号>A182-WS·2024-D30-BGS-0013</档号><题名>没有目录的</题名></文件></文件目录>".encode(),
)
WRONG_RECORD = {bad.number: (bad.code, of_wire(bad.change)) for bad in BAD_RECORDS}
OLD = Scanner("ClamAV", "1", now() - timedelta(days=40))

# --- the samples -----------------------------------------------------------------------------

#: The good sample of most: a whole package, as it arrives.
GOOD: dict[str, Inspected] = {
    **dict.fromkeys(("2-1", "2-2", "2-6", "DL-11"), of_batch()),
    "1-12": of_form(),
    "2-8": with_annexes("预算表.pdf", "说明.pdf"),
    "2-9": in_scope("财政局党组会议纪要", "Y"),
    "DL-12": of_roles("正本", "定稿", "发文稿纸"),
    "DL-13": of_file("通知.pdf", letter()),
}
#: The bad sample of each, and the finding that it is made for.
BAD: dict[str, tuple[str, Inspected]] = {
    **WRONG_RECORD,
    "1-1": ("file_digest_differs", changed_file),
    "1-8": ("archival_code_twice", partial(the_package, code_used_by=_other_holder)),
    "1-9": ("metadata_differs", in_a_package(in_metadata("2024年部门", "2025年部门"))),
    "1-11": ("file_missing", lambda unit, _: inspect_record(unit.record(), {}, context(unit))),
    "1-12": ("form_paper_missing", of_form(**{"说明文件.TXT": None})),
    "1-13": ("form_folder_missing", misplaced),
    "1-14": ("package_digest_differs", partial(the_package, identity=PackageIdentity("0" * 64, 1))),
    "2-1": ("count_differs", of_batch(records=2)),
    "2-2": ("bytes_differ", of_batch(size=299)),
    "2-6": ("number_missing", of_batch(gaps={"WS 2024 D30": [Gap("missing", 2)]})),
    "2-8": ("annexes_missing", with_annexes("预算表.pdf")),
    "2-9": ("retention_too_short", in_scope("财政局党组会议纪要", "D30")),
    "2-7": ("no_content", of_wire(lambda wire: wire.update(documents=[]))),
    "2-10": ("metadata_scheme", in_a_package(in_metadata(OPEN, ""))),
    "2-11": ("file_count_differs", lost_file),
    "3-1": ("bad_xml", in_a_package(in_metadata("</题名>", "</提名>"))),
    "3-2": ("catalogue_unreadable", partial(the_package, code_used_by=_broken)),
    "3-3": ("extension_differs", of_file("通知.ofd", sound_pdf())),
    "3-4": ("file_locked", of_file("通知.pdf", locked_pdf())),
    "3-5": ("claim_not_kept", of_file("通知.pdf", claiming_pdf())),
    "3-7": ("bad_compression", packed_with(14)),
    "3-8": ("format_not_accepted", partial(the_package, accepted_formats=frozenset({"ofd"}))),
    "4-1": ("definitions_old", partial(the_package, scanner=OLD)),
    "4-2": ("virus_found", partial(the_package, scan=lambda _stream: "Eicar-Test")),
    "4-3": ("entry_not_listed", with_a_file_more),
    "DL-1": ("classified", of_file("通知.txt", f"{MARK}\n关于某事的通知\n".encode())),
    "DL-2": ("active_content", of_file("通知.pdf", scripted_pdf())),
    "DL-11": ("duplicate_content", of_batch(twins=[Twin("1", "A-1", ("A-2",), by_content=True)])),
    "DL-12": ("final_draft_missing", of_roles("正本", "发文稿纸")),
    "DL-13": ("letter_form_differs", of_file("通知.pdf", letter(kind=Kind.INTERNAL))),
}
#: Those that persons decide alone: what passes and what fails is their word.
BY_PERSONS = {"3-6", "4-4", "4-5", "4-6", "4-7", "DL-3", "DL-4"}


def outcome_of(report: Report, number: str) -> Outcome:
    return next(each.outcome for each in report.checks if each.number == number)


def test_every_item_of_the_scheme_has_a_good_and_a_bad_sample() -> None:
    """The good one of an item that is not named above is the whole package."""
    assert set(ITEMS) == set(BAD) | BY_PERSONS
    assert set(GOOD) <= set(BAD)
    assert functions() <= set(ITEMS)


@pytest.fixture(scope="module")
def whole_package(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("whole")
    return the_package(Unit(folder / "files"), folder)


@pytest.mark.parametrize("number", sorted(BAD))
def test_the_good_sample_of_an_item_passes_it(
    number: str, whole_package: Report, unit: Unit, tmp_path: Path
) -> None:
    report = GOOD[number](unit, tmp_path) if number in GOOD else whole_package
    assert outcome_of(report, number) is Outcome.PASSED
    assert [each for each in report.findings if each.number == number] == []


@pytest.mark.parametrize("number", sorted(BAD))
def test_the_bad_sample_of_an_item_yields_its_finding(
    number: str, unit: Unit, tmp_path: Path
) -> None:
    code, inspected = BAD[number]
    report = inspected(unit, tmp_path)
    found: list[Finding] = [each for each in report.findings if each.number == number]
    assert {each.code for each in found} == {code}
    failed = any(each.is_error for each in found)
    assert outcome_of(report, number) is (Outcome.FAILED if failed else Outcome.PASSED)
    assert all(each.problem.endswith("。") and each.remedy.endswith("。") for each in found)


@pytest.mark.parametrize("number", sorted(BY_PERSONS))
def test_what_persons_decide_is_what_they_say(number: str) -> None:
    assert decided(number, passed=True) is Outcome.PASSED
    assert decided(number, passed=False) is Outcome.FAILED


def test_a_package_that_does_not_open_passes_in_no_link(unit: Unit, tmp_path: Path) -> None:
    """In keeping there is no item for the layout: it once read as nothing failed."""
    path = tmp_path / "p.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(20))
    for occasion in Occasion:
        report = inspect_package(path, context(unit, occasion=occasion))
        assert not report.passed, occasion
        assert len(report.findings) == 1


def test_a_carrier_waits_for_a_person_and_a_package_on_line_does_not(
    unit: Unit, tmp_path: Path
) -> None:
    about = About(medium_number="J001-2024-1", maker="宜昌市财政局")
    unit.package(unit.record(), tmp_path / "own.zip")
    convert([tmp_path / "own.zip"], tmp_path / "disc", to="medium", about=about, as_it_is=True)
    whole, record = (report for _, report in inspect_form(tmp_path / "disc", context(unit)))
    for each in ("4-4", "4-5", "4-6"):
        assert outcome_of(whole, each) is Outcome.MANUAL
        assert outcome_of(record, each) is Outcome.MANUAL
    on_line = of_form()(unit, tmp_path)
    assert outcome_of(on_line, "4-5") is Outcome.NOT_APPLICABLE
