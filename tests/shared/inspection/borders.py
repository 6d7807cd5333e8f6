"""Samples at the borders of the items: just within and just beyond, and where little is known."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pikepdf
from PIL import Image

from shared.inspection.foreign import inspect_form
from shared.inspection.formats import FORMATS
from shared.inspection.formats.examination import Examination, Questions
from shared.inspection.formats.remembering import Remembered
from shared.inspection.formats.sandbox import Series
from shared.inspection.loose import inspect_file
from shared.inspection.report import Report
from shared.inspection.run import inspect_batch, inspect_package
from shared.inspection.scanner import Scanner
from shared.inspection.subject import Batch, Context
from shared.inspection.twins import Twin
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.packaging.build import Wrap
from shared.packaging.eep import CanonicalForm
from shared.packaging.exchange import About, convert
from shared.packaging.wrapping import wrapping
from shared.records.divisions import Level
from shared.records.fonds import RetentionScheduleRef
from shared.records.record import Document, Record
from tests.shared.inspection.files import (
    blank_page,
    changed_pdf,
    letter,
    letter_on,
    mp4,
    scripted_pdf,
)
from tests.shared.inspection.reports import OPEN, context, in_metadata
from tests.shared.inspection.test_first_words import MARK
from tests.shared.inspection.test_items import (
    in_a_package,
    of_file,
    of_form,
    of_wire,
    the_record,
)
from tests.shared.inspection.test_scope import APPROVED, own_table
from tests.shared.packaging.exchange.test_foreign_and_hostile import foreign
from tests.shared.packaging.exchange.test_foreign_and_hostile import packed as form_packed
from tests.shared.packaging.samples import Unit, rewrite, sound_pdf

Named = tuple[str, Callable[[], Report]]


def at_borders(unit: Unit, folder: Path) -> Iterator[Named]:
    """Each by its name."""
    yield from loose_files(unit, folder)
    yield from scanners(unit)
    yield from marks(unit, folder)
    yield from carriers(unit, folder)
    yield from of_formats(unit, folder)
    yield from metadata(unit, folder)
    yield from packed_elsewhere(unit, folder)
    yield from wrapped(unit, folder)
    yield from counted(unit)
    yield from tables(unit)
    yield from letters(unit, folder)
    yield from unfilled(unit, folder)
    five = Batch("b", 1, 1, gaps={}, twins=[Twin("1", "A-1", tuple("23456"), by_content=True)])
    yield "batch with five twins", lambda: inspect_batch(five, Context())


def record_in_form(unit: Unit, folder: Path, **changes: bytes | None) -> Callable[[], Report]:
    """The first record in a foreign form."""

    def inspected() -> Report:
        path = form_packed(folder / "form.zip", foreign(**changes))
        return list(inspect_form(path, context(unit)))[1][1]

    return inspected


def loose_files(unit: Unit, folder: Path) -> Iterator[Named]:
    """Files without a record."""
    for name, content in (("空.pdf", b""), ("好.pdf", sound_pdf()), ("错.ofd", sound_pdf())):
        (folder / name).write_bytes(content)
        yield f"loose {name}", lambda at=folder / name: inspect_file(at, context(unit))


def scanners(unit: Unit) -> Iterator[Named]:
    """Definitions of virus scanners around the age that is set."""
    for days in (1, 7, 8):
        made = Scanner("ClamAV", "1", now() - timedelta(days=days))
        yield (
            f"definitions of {days} days",
            lambda made=made: the_record(unit, unit.record(), scanner=made),
        )
    old = Scanner("ClamAV", "1", datetime(2024, 8, 1, tzinfo=UTC))
    yield (
        "definitions of a day long ago",
        lambda: the_record(unit, unit.record(), scanner=old, today=date(2024, 9, 1)),
    )
    yield "with a scanner of no name", lambda: the_record(unit, unit.record(), scanner=None)


def marks(unit: Unit, folder: Path) -> Iterator[Named]:
    """Marks of classification at places of which a record knows nothing."""
    hidden: dict[str, Any] = {"unknown": [{"within": ("甲", {"said": MARK})}]}
    yield "marked unknown field", lambda: of_wire(lambda wire: wire.update(hidden))(unit, folder)
    yield "classified", lambda: of_wire(lambda wire: wire.update(security="机密"))(unit, folder)
    yield (
        "classified among errors",
        lambda: of_wire(lambda wire: wire.update(security="JM", year="x"))(unit, folder),
    )
    yield (
        "unknown security",
        lambda: of_wire(lambda wire: wire.update(security="不详"))(unit, folder),
    )
    for name, old, new in (
        ("class", OPEN, "<密级>JM</密级>"),
        ("mark", "<语种>汉语", f"<语种>{MARK}"),
        ("code that is none there", "<语种>汉语", "<语种>JM"),
    ):
        yield (
            f"package with a {name} in its metadata",
            lambda old=old, new=new: in_a_package(in_metadata(old, new))(unit, folder),
        )
    marked = (unit.file(f"{each}.txt", f"{MARK}\n关于{each}的通知\n".encode()) for each in "甲乙")
    twice = unit.record(*marked)
    yield "marked twice", lambda: the_record(unit, twice)


def metadata(unit: Unit, folder: Path) -> Iterator[Named]:
    """Metadata in which every element that a field stands for is there twice."""
    names = (
        "题名", "日期", "档号", "年度", "保管期限", "密级", "责任者", "文件编号", "页数", "全宗号",
        "室编件号", "业务行为", "行为时间", "机构人员名称",
    )  # fmt: skip

    def doubled(name: str, content: bytes) -> bytes:
        if name != "metadata.xml":
            return content
        text = content.decode()
        for each in names:
            text = re.sub(f"<{each}>.*?</{each}>", r"\g<0>\g<0>", text, count=1, flags=re.DOTALL)
        end = "</形式特征>"
        return text.replace(end, f"<责任者>甲</责任者>{end}").encode()

    yield "package with all its metadata twice", lambda: in_a_package(doubled)(unit, folder)


def packed_elsewhere(unit: Unit, folder: Path) -> Iterator[Named]:
    """A package whose record says another digest of its file, and an EEP of another size."""

    def redigested(name: str, content: bytes) -> bytes:
        if name != "record.json":
            return content
        wire = json.loads(content)
        wire["documents"][0]["files"][0]["sha256"] = "0" * 64
        return canonical_json(wire)

    yield "package of another digest", lambda: in_a_package(redigested)(unit, folder)

    def damaged() -> Report:
        unit.package(unit.record(), folder / "p.zip")
        rewrite(
            folder / "p.zip",
            folder / "damaged.zip",
            lambda _name, content: content.replace(b"200 200", b"200 201"),
        )
        return inspect_package(folder / "damaged.zip", context(unit))

    yield "package with a changed entry", damaged
    eep = folder / "carried" / "out.eep"
    convert([folder / "carried" / "own.zip"], eep, to="eep", as_it_is=True)
    size = next(iter(unit.record().files)).size
    for name, old, new in (
        ("size", f"<计算机文件大小>{size}<", f"<计算机文件大小>{size + 1}<"),
        ("version", "<版本>2009<", "<版本>2008<"),
    ):
        other = eep.with_name(f"{name}.eep")
        assert old.encode() in eep.read_bytes()
        other.write_bytes(eep.read_bytes().replace(old.encode(), new.encode()))
        yield (
            f"eep of another {name}",
            lambda at=other: next(iter(inspect_form(at, context(unit))))[1],
        )
    empty = {name: None for name in foreign() if name.endswith(("正文.txt", "附件.txt"))}
    yield "record of a form without its files", record_in_form(unit, folder, **empty)


def wrapped(unit: Unit, folder: Path) -> Iterator[Named]:
    """Packages with an EEP inside: a good one, one altered later, one of another scheme."""
    record = unit.record()
    wrap = wrapping(
        unit.paths(record), fonds=unit.fonds, seal=unit.seal, unit="宜昌市财政局",
        rule=CanonicalForm.EXC_C14N,
    )  # fmt: skip

    def of_another_scheme(of_record: Record, to: BinaryIO) -> dict[str, int]:
        made = io.BytesIO()
        places = wrap(of_record, made)
        to.write(made.getvalue().replace("封装包格式描述".encode(), "封装包格式说明".encode()))
        return places

    def packed(name: str, each: Wrap, change: Callable[[str, bytes], bytes]) -> Named:
        def inspected() -> Report:
            unit.package(record, folder / "wrapped.zip", wrap=each)
            rewrite(folder / "wrapped.zip", folder / "changed.zip", change)
            return inspect_package(folder / "changed.zip", context(unit))

        return name, inspected

    yield packed("package with an eep", wrap, lambda _name, content: content)
    yield packed(
        "package with an eep of another scheme", of_another_scheme, lambda _name, content: content
    )

    def altered(name: str, content: bytes) -> bytes:
        return content.replace(b"2009", b"2008") if name == "record.eep" else content

    yield packed("package with an eep that was altered", wrap, altered)


def counted(unit: Unit) -> Iterator[Named]:
    """Pages and lengths at the border of what is asked for; documents of another class."""
    for many in (10, 11):
        documents = tuple(
            Document(new_id(), "附件", None, place, (unit.file(f"{place}.pdf"),))
            for place in range(1, many + 1)
        )
        pages = unit.record(documents=documents, pages=99)
        yield f"pages of {many} documents", lambda each=pages: the_record(unit, each)
    film = unit.file("会议.mp4", mp4(147))
    for said in ("时长150秒", "时长151秒", "时长 2:27", "时长 1:12:13"):
        long = unit.record(film, pages=None, remark=said)
        yield f"film of {said}", lambda each=long: the_record(unit, each)
    other = unit.record(class_code="KU", subclass="01")
    yield "documents of another class", lambda: the_record(unit, other)


def tables(unit: Unit) -> Iterator[Named]:
    """Titles and terms under tables of the fonds' own, approved or not, seen or not."""
    noted = RetentionScheduleRef("宜市档〔2021〕7号", "2021", date(2021, 3, 1))
    own = RetentionScheduleRef("own", "2023", date(2023, 1, 5))
    party, duty, letters = "财政局党组会议纪要", "2024年节假日值班安排", "关于来信信访的情况"
    meeting, order = "关于参加上级会议主要文件", "关于上级制发属本机关主管业务重要"
    longest = tuple("节假日值班安排".ljust(length, "某") for length in (60, 61))
    for title, term, approved, table in (
        (party, "Y", APPROVED, None),
        (party, "D10", APPROVED, None),
        (party, "Y", noted, None),
        (party, "D30", noted, None),
        *(
            each
            for who in (APPROVED, None)
            for each in (
                (letters, "D30", who, None),
                (meeting, "D30", who, None),
                (order, "D30", who, None),
            )
        ),
        (duty, "D30", own, own_table(("节假日值班安排", "D10"))),
        (duty, "D30", own, own_table(("节假日值班安排", "Y"), seen=False)),
        (duty, "Y", own, own_table(("节假日值班安排", "Y"), seen=False)),
        *((each, "D30", own, own_table((each, "Y"))) for each in longest),
    ):
        record = unit.record(title=title, retention=term, code=f"A182-WS·2024-{term}-BGS-0012")
        fonds = replace(unit.fonds, retention_schedule=approved)
        rows = "" if table is None else f"{table.items[0].scope} {table.items[0].seen}"
        yield (
            f"in scope {title} {term} {approved} {rows}",
            lambda r=record, f=fonds, t=table: the_record(unit, r, fonds=f, schedule=t),
        )
    nobody = replace(unit.fonds, level=Level.PROVINCE)
    yield "in scope of no table", lambda: the_record(unit, unit.record(), fonds=nobody)


class Shown(Remembered):
    """What an examination is to have shown of every file, for what no file shows so exactly."""

    def __init__(self, shown: Examination) -> None:
        super().__init__(Path(os.devnull))
        self._shown = shown

    def examine(
        self, stream: BinaryIO, sha256: str, questions: Questions, series: Series
    ) -> Examination:
        return self._shown

    def recall(self, key: str) -> None:
        return None

    def keep(self, key: str, said: bytes) -> None:
        pass  # each inspection is to look anew


def letters(unit: Unit, folder: Path) -> Iterator[Named]:
    """Letters whose page is just what the standard allows, and just not; and two at once."""
    whole: dict[str, Any] = {"red_head": True, "addressee": True, "seal": True}
    a4, area = [210, 297], [28, 37, 184, 250]
    for page, ink in (
        (a4, area), (a4, None), (None, area), ([214, 297], area), ([210, 301], area),
        ([214.1, 297], area), ([210, 301.1], area), ([200, 280], [1, 1, 199, 279]),
        (a4, [20, 37, 184, 250]), (a4, [19.9, 37, 184, 250]), (a4, [28, 29, 184, 250]),
        (a4, [28, 28.9, 184, 250]), (a4, [28, 37, 192, 250]), (a4, [28, 37, 192.1, 250]),
    ):  # fmt: skip
        seen = Examination(
            FORMATS["pdf"], (), {"letter": {**whole, "page": page, "ink": ink}}, answers={}
        )
        yield (
            f"letter on {page} with {ink}",
            lambda seen=seen: the_record(unit, unit.record(), remembered=Shown(seen)),
        )
    dead = Examination.impossible(FORMATS["pdf"], "检测该文件的程序意外终止")
    yield "unexamined", lambda: the_record(unit, unit.record(), remembered=Shown(dead))
    another = letter(title="关于召开会议的通知", day=date(2023, 1, 5))
    wide = letter_on([-60, 0, 535.28, 841.89])
    two = unit.record(unit.file("另一份.pdf", another), unit.file("正文.pdf", wide), pages=1)
    yield "two letters", lambda: the_record(unit, two)


def unfilled(unit: Unit, folder: Path) -> Iterator[Named]:
    """Records and volumes without number, code or date."""
    for name, changes in (
        ("code", {"code": None}),
        ("date", {"date": None}),
        ("number but of a volume", {"number": None, "volume_number": 1}),
        ("number of the volume", {"level": "volume", "number": None, "volume_number": None}),
        ("number as a volume", {"level": "volume", "number": None, "volume_number": 1}),
    ):
        yield (
            f"without {name}",
            lambda changes=changes: of_wire(lambda wire: wire.update(changes))(unit, folder),
        )


def carriers(unit: Unit, folder: Path) -> Iterator[Named]:
    """A disc, as a whole and its record; a form with a file that nothing names."""
    about = About(medium_number="J001-2024-1", maker="宜昌市财政局")
    (folder / "carried").mkdir(exist_ok=True)
    own, disc = folder / "carried" / "own.zip", folder / "carried" / "disc"
    unit.package(unit.record(), own)
    convert([own], disc, to="medium", about=about, as_it_is=True)
    for place, name in enumerate(("disc", "record on a disc")):
        yield name, lambda place=place: list(inspect_form(disc, context(unit)))[place][1]
    yield "form with a file more", lambda: of_form(**{"多余/甲.txt": b"x"})(unit, folder)


def of_formats(unit: Unit, folder: Path) -> Iterator[Named]:
    """Files of another extension, blank pages, fonts that are not within."""

    def with_font(document: Any) -> None:
        document.pages[0].Resources.Font.F1.BaseFont = pikepdf.Name("/Wingdings")

    pages = [Image.open(io.BytesIO(blank_page())) for _ in range(11)]
    blank = io.BytesIO()
    pages[0].save(blank, "TIFF", save_all=True, append_images=pages[1:])
    for name, content in (
        ("甲.doc", b"<?xml version='1.0'?><a/>"),
        ("甲.txt", sound_pdf()),
        ("空白.tif", blank.getvalue()),
        ("字体.pdf", changed_pdf(with_font)),
    ):
        yield f"file {name}", lambda n=name, c=content: of_file(n, c)(unit, folder)
    scripted = unit.file("甲.pdf", scripted_pdf()), unit.file("乙.pdf", sound_pdf("乙"))
    of_two = unit.record(*scripted)
    yield "one of two with a script", lambda: the_record(unit, of_two)
    plain = unit.record(documents=(replace(unit.record().documents[0], files=()),))
    yield "a document without files", lambda: the_record(unit, plain)
