"""Every finding of the bad samples, word for word, and which items else they do not pass.

`WRITE=1` writes the recorded ones anew; what has changed then in `findings.json` a reader judges.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shared.demo.generator.papers import Kind
from shared.inspection.profile import Profile
from shared.inspection.report import Outcome, Report, Stage
from shared.inspection.run import inspect_batch
from shared.inspection.scanner import Scanner, Unscanned
from shared.inspection.scheme import Occasion
from shared.inspection.subject import Batch, Context
from shared.inspection.twins import Twin
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import today
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.records.holdings import FileKind, Holding
from shared.records.numbering import Gap
from shared.records.record import Document, Event, record_to_wire
from tests.shared.inspection.borders import at_borders, record_in_form
from tests.shared.inspection.files import letter, letter_on, mp3, wave
from tests.shared.inspection.recordings import avi, flac, matroska, mxf
from tests.shared.inspection.reports import in_metadata, repacked
from tests.shared.inspection.test_checks import BAD_FILES, BAD_RECORDS
from tests.shared.inspection.test_items import (
    BAD,
    GOOD,
    in_a_package,
    of_file,
    of_form,
    of_wire,
    the_package,
    the_record,
)
from tests.shared.inspection.test_planted_faults import FAULTS, a_record, report_on
from tests.shared.packaging.exchange.test_foreign_and_hostile import foreign
from tests.shared.packaging.samples import Unit
from tests.shared.seals.samples import Party, plain_pdf, signed_data, signed_pdf

RECORDED = Path(__file__).with_name("findings.json")
_PARTY = Party.make()
#: A document that was changed after it had been signed.
CHANGED = signed_pdf(
    plain_pdf(), lambda message: signed_data(_PARTY.holder, message)
).replace(b"200 200", b"200 201")  # fmt: skip
#: What differs from run to run, and what stands for it.
_CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"[0-9a-f]{64}"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<key>"),
    (re.compile(r"20(?:2[5-9]|[3-9]\d)-\d\d-\d\d(?: \d\d:\d\d)?"), "<day>"),
    (re.compile(r"\d{3,} 字节"), "<bytes>"),
)


def steady(text: str) -> str:
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text.replace(str(today()), "<day>")


def told(report: Report) -> dict[str, Any]:
    """The findings, and the items that did not pass, by what became of them and why."""
    wire = [each.to_wire() for each in report.findings]
    found: list[dict[str, Any]] = json.loads(steady(json.dumps(wire, ensure_ascii=False)))
    others: dict[str, str] = {}
    for each in report.checks:
        if each.outcome is not Outcome.PASSED:
            why = steady(f"{each.outcome}：{each.reason}" if each.reason else str(each.outcome))
            others[why] = f"{others[why]} {each.number}" if why in others else each.number
    findings = [
        {name: value for name, value in each.items() if value is not None} for each in found
    ]
    return {"findings": findings, "not_passed": others}


def of_value(unit: Unit, field: str, value: str) -> Callable[[], Report]:
    return lambda: the_record(unit, unit.record(**{field: value}))


def rewritten(
    unit: Unit, folder: Path, change: Callable[[dict[str, Any]], object]
) -> Callable[[], Report]:
    """A package of two documents whose record was changed before it was sealed."""
    documents = tuple(
        Document(new_id(), role, None, place, (unit.file(f"{role}.pdf"),))
        for place, role in enumerate(("正本", "附件"), 1)
    )
    record = unit.record(documents=documents)
    wire = record_to_wire(record)
    change(wire)
    content = canonical_json(wire)
    return lambda: repacked(
        unit, record, folder, lambda name, old: content if name == "record.json" else old
    )


def of_process(
    unit: Unit, roles: tuple[str, ...], actions: tuple[str, ...]
) -> Callable[[], Report]:
    """A record with documents of these roles, and what was done with it before it was filed."""
    documents = tuple(
        Document(new_id(), role, None, place, (unit.file(f"{role}.pdf"),))
        for place, role in enumerate(roles, 1)
    )
    at = datetime(2024, 3, 6, tzinfo=UTC)
    events = tuple(
        Event(new_id(), action, at + timedelta(days=place), "张三", "办公室")
        for place, action in enumerate((*actions, "归档"))
    )
    return lambda: the_record(unit, unit.record(documents=documents, events=events))


def others(unit: Unit, folder: Path) -> Iterator[tuple[str, Callable[[], Report]]]:
    """Records of other kinds, and inspections that know less."""
    volume = {
        "level": "volume", "documents": (), "number": None, "volume_number": 1, "organ": None,
        "code": "A182-KU·01·2024-D30-001", "class_code": "KU", "subclass": "01",
    }  # fmt: skip
    kinds: dict[str, dict[str, Any]] = {
        "good": {},
        "void": {"documents": (), "state": "void", "void_reason": "误收", "title": "（空号）"},
        "paper": {"documents": (), "holding": Holding.PAPER, "pages": None},
        "volume": volume,
        "photo": {"class_code": "ZP", "code": "A182-ZP·2024-D30-BGS-0012"},
        "old term": {"retention": "C", "code": "A182-WS·2024-C-BGS-0012"},
        "unnumbered": {"state": "collected", "code": None, "number": None, "events": ()},
        "short term": {"retention": "D10", "code": "A182-WS·2024-D10-BGS-0012"},
    }
    for name, changes in kinds.items():
        yield f"kind {name}", lambda changes=changes: the_record(unit, unit.record(**changes))
    day = date(2024, 6, 1)  # that of its filing, too
    yield "of today", lambda: the_record(unit, unit.record(date=day), today=day)
    for field in ("title", "doc_no", "author", "remark", "organ_name"):
        yield (
            f"odd characters in {field}",
            of_value(unit, field, "甲" + "".join(chr(0xE001 + n) for n in range(11))),
        )
    yield "sealed and changed", lambda: of_file("通知.pdf", CHANGED)(unit, folder)
    less: dict[str, dict[str, Any]] = {
        "no fonds": {"fonds": None},
        "no scanner": {"scan": None, "scanner": None},
        "undated scanner": {"scanner": Scanner("ClamAV", "1", None)},
        "not scanned": {"scan": lambda _stream: Unscanned("太大。")},
        "no catalogue": {"code_used_by": None},
        "keeping": {"stage": Stage.PRESERVATION},
        "transfer": {"occasion": Occasion.TRANSFER},
        "filing": {"stage": Stage.FILING},
    }
    for name, more in less.items():
        yield f"with {name}", lambda more=more: the_record(unit, unit.record(), **more)
    packages: dict[str, dict[str, Any]] = {
        "seal of another": {"seal": SigningKey.generate().public},
        "seal unknown": {"seal": None},
        "another catalogue": {"record_digest": "0" * 64},
        "another offer": {"offer": {"offer_id": "x", "record_id": "y"}},
    }
    for name, more in packages.items():
        yield f"package {name}", lambda more=more: the_package(unit, folder, **more)
    for change in ("题名", "文件编号", "责任者", "日期", "年度", "室编件号", "页数"):
        yield (
            f"package with another {change}",
            lambda change=change: in_a_package(in_metadata(f"</{change}>", f"0</{change}>"))(
                unit, folder
            ),
        )
    yield (
        "package with other files",
        lambda: in_a_package(in_metadata('文件标识符="', '文件标识符="x'))(unit, folder),
    )

    def swap(wire: dict[str, Any]) -> None:
        wire["documents"][0]["order"], wire["documents"][1]["order"] = 2, 1

    def rename(wire: dict[str, Any]) -> None:
        wire["documents"][0]["files"][0]["name"] = "甲.exe"

    for name, file in (
        ("not A4", letter_on([0, 0, 612, 792])),
        ("narrow", letter_on([40, -40, 635.28, 801.89])),
        ("wide", letter_on([-60, 0, 535.28, 841.89])),
        ("plain", letter(kind=Kind.INTERNAL)),
    ):
        yield f"letter {name}", lambda file=file: of_file("通知.pdf", file)(unit, folder)
    for field, value in (
        ("title", "关于召开会议的纪要"), ("date", date(2024, 3, 4)), ("doc_no", None)
    ):  # fmt: skip
        of_letter = unit.record(unit.file("通知.pdf", letter()), pages=1, **{field: value})
        yield f"letter with another {field}", lambda each=of_letter: the_record(unit, each)
    yield "package misplaced", rewritten(unit, folder, swap)
    yield "package renamed", rewritten(unit, folder, rename)
    row = foreign()["目录文件.XML"].replace("预算的".encode(), "决算的".encode())
    yield "form with another row", record_in_form(unit, folder, **{"目录文件.XML": row})
    yield "record of a form", record_in_form(unit, folder)
    for roles, actions in (
        (("正本",), ("起草", "审核", "签发")),
        (("正本", "定稿", "发文稿纸", "留痕稿"), ("起草", "审核", "签发")),
        (("正本",), ("签收", "承办")),
        (("文件处理单", "正本"), ("签收",)),
        (("其他",), ()),
    ):
        yield f"process {roles} {actions}", of_process(unit, roles, actions)
    yield "good package", lambda: the_package(unit, folder)
    yield "package not offered", lambda: the_package(unit, folder, identity=None)
    wanted = Profile("eep")
    yield "package in another form", lambda: the_package(unit, folder, profile=wanted)
    for name, author, profile in (
        ("an EEP", "宜昌市财政局", wanted), ("an EEP, by nobody", None, wanted),
        ("a folder, by nobody", None, Profile()),
    ):  # fmt: skip
        sent = unit.record(author=author)
        yield (
            f"asked for {name}",
            lambda each=sent, profile=profile: the_record(unit, each, profile=profile),
        )
    yield "good form", lambda: of_form()(unit, folder)
    yield "batch of which little is known", lambda: inspect_batch(Batch("b", 1, 1), Context())
    uncounted = Batch("b", 1, 1, registered_records=1, registered_size=2, uncounted=1)
    yield "batch uncounted", lambda: inspect_batch(uncounted, Context())


def scan(pages: int, *, edged: bool, dpi: int) -> bytes:
    """A TIFF of so many pages, as a scanner makes it."""
    sheet = Image.linear_gradient("L").point([100 + shade // 2 for shade in range(256)])
    if edged:
        sheet.paste(0, (0, 0, 20, 256))
    buffer = io.BytesIO()
    more = [sheet] * (pages - 1)
    sheet.save(buffer, "TIFF", save_all=True, append_images=more, dpi=(dpi, dpi))
    return buffer.getvalue()


def with_files(unit: Unit) -> Iterator[tuple[str, Callable[[], Report]]]:
    """Records whose files have been measured: scans, recordings, the same in several formats."""
    copies = {"holding": Holding.PAPER_WITH_COPY, "pages": 12}
    for name, kind, changes in (
        ("copy", FileKind.DIGITAL_COPY, copies), ("original", FileKind.BORN_DIGITAL, {"pages": 12})
    ):  # fmt: skip
        made = unit.file("扫描件.tif", scan(12, edged=True, dpi=96))
        for_people = unit.record(replace(made, kind=kind), **changes)
        yield f"scan as {name}", lambda each=for_people: the_record(unit, each)
    fine = replace(
        unit.file("扫描件.tif", scan(1, edged=False, dpi=200)), kind=FileKind.DIGITAL_COPY
    )
    whole = unit.record(fine, holding=Holding.PAPER_WITH_COPY, pages=1)
    yield "scan of 200 dpi", lambda: the_record(unit, whole)
    for said in ("时长 1:02:03", "时长：2分3秒", "时长3秒", "时长为4秒", "时长"):
        recording = unit.record(unit.file("讲话.wav", wave(1)), pages=None, remark=said)
        yield f"recording of {said}", lambda each=recording: the_record(unit, each)
    paper = {"holding": Holding.PAPER_WITH_COPY, "pages": None, "remark": "时长1秒"}
    for bits, rate in ((24, 44_100), (16, 44_100), (24, 44_099)):
        made = unit.file(f"讲话{bits}.wav", wave(1, bits=bits, rate=rate))
        dubbed = unit.record(replace(made, kind=FileKind.DIGITAL_COPY), **paper)
        yield f"dubbed at {rate} and {bits}", lambda each=dubbed: the_record(unit, each)
    for ending, made_of in (("avi", avi), ("mxf", mxf), ("mkv", matroska), ("flac", flac)):
        poor = replace(unit.file(f"会议.{ending}", made_of(bits=16)), kind=FileKind.DIGITAL_COPY)
        dubbed = unit.record(poor, **paper)
        yield f"dubbed as {ending}", lambda each=dubbed: the_record(unit, each)
    for_use = replace(unit.file("讲话.mp3", mp3(38)), kind=FileKind.DIGITAL_COPY)
    dubbed = unit.record(for_use, **paper)
    yield "dubbed as MP3", lambda each=dubbed: the_record(unit, each)
    for pages in (2, 3, 5, 4):
        files = unit.file("正文.pdf"), unit.file("正文.tif", scan(3, edged=False, dpi=300))
        both = unit.record(*files, pages=pages)
        yield f"two formats and {pages} pages", lambda each=both: the_record(unit, each)
    table = unit.record(unit.file("数据.txt", b"<?xml version='1.0'?><a/>"), pages=None)
    yield "a text that is XML", lambda: the_record(unit, table)


def with_times(unit: Unit) -> Iterator[tuple[str, Callable[[], Report]]]:
    """Events at one moment, and events of a clock that is a little fast."""
    for name, minutes in (("within", 5), ("at the border of", 10), ("beyond", 15)):
        at = datetime(2024, 6, 1, 16, minutes, tzinfo=UTC)  # just after midnight in China
        events = tuple(Event(new_id(), each, at, "张三", "办公室") for each in ("整理", "归档"))
        fast = unit.record(events=events)
        yield (
            f"a clock fast {name} what is borne",
            lambda each=fast: the_record(unit, each, today=date(2024, 6, 1)),
        )


def samples(unit: Unit, folder: Path) -> Iterator[tuple[str, Callable[[], Report]]]:
    """Every bad sample that there is, and others that differ from the good one, by name."""
    yield from others(unit, folder)
    yield from with_files(unit)
    yield from with_times(unit)
    for number, inspected in GOOD.items():
        yield f"{number} good", lambda each=inspected: each(unit, folder)
    for number, (code, inspected) in BAD.items():
        yield f"{number} {code}", lambda each=inspected: each(unit, folder)
    for bad in BAD_RECORDS:
        yield (
            f"{bad.number} {bad.code} {bad.field}",
            lambda each=bad: of_wire(each.change)(unit, folder),
        )
    for number, code, name, content in BAD_FILES:
        yield (
            f"{number} {code} {name}",
            lambda name=name, content=content: of_file(name, content)(unit, folder),
        )
    for fault in FAULTS:
        yield (
            f"planted {fault.name}",
            lambda each=fault: report_on(unit, *each.plant(unit, a_record(unit, 1))),
        )
    for name in ("说明文件.TXT", "目录文件.XML"):
        yield f"form without {name}", lambda name=name: of_form(**{name: None})(unit, folder)
    many = Batch(
        "b", 1, 1, registered_records=2, registered_size=2,
        gaps={"WS": [Gap("duplicate", 5), Gap("unsent", 7, 9), Gap("missing", 11, 12)]},
        twins=[Twin("1", "A-1", tuple(f"A-{n}" for n in range(2, 10)), by_content=False)],
    )  # fmt: skip
    yield "batch", lambda: inspect_batch(many, Context())
    yield from at_borders(unit, folder)


def test_findings_say_what_they_are_recorded_to_say(unit: Unit, tmp_path: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    for name, inspected in samples(unit, tmp_path):
        found[name] = told(inspected())
    if os.environ.get("WRITE"):
        RECORDED.write_text(
            json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8"
        )
        pytest.fail("recorded anew: read what has changed, and run without WRITE")
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert set(found) == set(recorded)
    for name, said in found.items():
        assert said == recorded[name], name
