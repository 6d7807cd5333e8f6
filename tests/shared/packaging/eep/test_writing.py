"""A record goes into a package of DA/T 48 and comes out of it, whatever it is and however large."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from shared.kernel.errors import Conflict, Invalid, NotFound
from shared.packaging.eep import open_eep, write_modified
from shared.packaging.eep.canonical import DECLARATION
from shared.records.metadata import check_metadata, describe, find, read_xml, value_of
from shared.records.record import Document, Record, RecordLevel
from tests.shared.packaging.eep.makers import (
    codes,
    cut,
    files_of,
    judged,
    making,
    modified,
    original,
    seal,
    trust,
    unsigned,
    with_bytes,
)
from tests.shared.packaging.samples import Unit
from tests.shared.records.strategies import records, texts


def packable(record: Record) -> bool:
    return record.number is not None and bool(record.documents)


packable_records = st.builds(
    lambda record, author: replace(record, author=record.author or author),
    records(filed=True).filter(packable),
    texts(),
)


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(record=packable_records, later=packable_records)
def test_whatever_goes_in_comes_out(
    record: Record, later: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    unit = Unit(tmp_path_factory.mktemp("unit"))
    record = with_bytes(unit, record)
    package = original(unit, record)
    report = judged(package.getvalue(), unit)
    assert codes(report) == []
    assert report.is_proven
    opened = open_eep(package, trust=trust(unit))
    _says_the_same(opened, record, unit)
    # And once more, with the same files and some more around it.
    title = later.title
    changed = replace(
        record, title=title, documents=(*record.documents, *_more(unit, record, later))
    )
    outer = modified(unit, package, changed)
    report = judged(outer.getvalue(), unit)
    assert codes(report) == []
    assert [each.revision for each in report.signatures] == [1, 1, 0]
    _says_the_same(open_eep(outer, trust=trust(unit)), changed, unit)


def _more(unit: Unit, record: Record, later: Record) -> tuple[Document, ...]:
    last = max(each.order for each in record.documents)
    return tuple(
        replace(each, order=last + 1 + at)
        for at, each in enumerate(with_bytes(unit, later).documents)
    )


def _says_the_same(opened, record: Record, unit: Unit) -> None:
    tree = opened.metadata
    assert check_metadata(tree) == []
    wanted = describe(record, unit.fonds)

    def said(whole):  # every value of the record itself; copies of paper say too little for DA/T 48
        entity = find(whole, "文件实体")
        return Counter(
            (node.name, node.value)
            for node in entity.walk()
            if node.value is not None and node.name != "数字化对象形态"
        )

    assert said(tree) == said(wanted)
    for name in ("业务行为", "行为时间", "行为依据", "行为描述"):
        assert [node.value for node in tree.walk() if node.name == name] == [
            node.value for node in wanted.walk() if node.name == name
        ]
    found: dict[tuple[int, str], bytes] = {}
    numbers = {id(file): each.number for each in opened.documents for file in each.files}

    def sink(file):
        key = (numbers[id(file)], file.name)
        found[key] = b""

        def take(piece):
            found[key] += piece

        return take

    opened.pour(sink)
    assert found == files_of(record, unit)


def test_a_package_is_written_in_the_canonical_form_that_others_compute(unit: Unit) -> None:
    record = unit.record(unit.file("通知.pdf"), title="a<b & c>d \"e\" 'f' é𠮷")
    content = modified(unit, original(unit, record), record).getvalue()
    assert content.startswith(DECLARATION)
    root = etree.fromstring(content)
    for name in ("被签名对象", "电子签名块"):
        element = root.find(f"{{*}}{name}")
        whole = etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
        assert whole == cut(content, name)
    inner = root.find(".//{*}原封装包/{*}被签名对象")
    start = content.index("<原封装包>".encode())
    stop = content.index("</原封装包>".encode())
    assert etree.tostring(inner, method="c14n", exclusive=True, with_tail=False) == cut(
        content[start:stop], "被签名对象"
    )


def test_formats_of_one_draft_stand_together_and_a_second_draft_apart(unit: Unit) -> None:
    record = unit.record(
        *(unit.file(name) for name in ("通知.ofd", "处理单.pdf", "通知.pdf", "通知.PDF"))
    )
    opened = open_eep(original(unit, record), trust=trust(unit))
    (document,) = opened.documents
    assert [[file.name for file in draft] for draft in document.drafts] == [
        ["通知.ofd", "通知.pdf"],
        ["处理单.pdf"],
        ["通知 (2).PDF"],
    ]
    assert document.is_main
    assert document.title == "正本"


def test_a_modified_package_refers_to_what_did_not_change(unit: Unit) -> None:
    first = unit.record(unit.file("通知.pdf", b"old " * 5000))
    package = original(unit, first)
    second = replace(
        first,
        title="改正了题名",
        documents=(
            *first.documents,
            Document(
                "5c9b2a31-6d5d-4c53-8a8b-0d5f1f0f3b11", "附件", None, 2, (unit.file("表.xlsx"),)
            ),
        ),
    )
    outer = modified(unit, package, second)
    assert outer.getvalue().count(b"b2xkIG9sZCBv") == package.getvalue().count(b"b2xkIG9sZCBv")
    assert "锁定签名>".encode() not in outer.getvalue().split("</原封装包>".encode())[0]
    # The files of the former package need not be at hand.
    third = replace(second, title="又改了题名")
    stream = io.BytesIO()
    write_modified(outer, third, {}, stream, fonds=unit.fonds, making=making(seal(unit)))
    opened = open_eep(stream, trust=trust(unit))
    assert value_of(opened.metadata, "题名") == "又改了题名"
    assert [each.revision for each in opened.report.signatures] == [2, 2, 1, 0]
    assert [file.encoded for each in opened.documents for file in each.files] == [
        "修改0-文档1-文档数据1-编码1-编码数据",
        "修改1-文档2-文档数据1-编码1-编码数据",
    ]


def test_an_altered_or_foreign_package_is_never_wrapped(unit: Unit) -> None:
    record = unit.record()
    content = original(unit, record).getvalue()
    altered = content.replace("部门预算".encode(), "部门决算".encode())
    reformatted = unsigned(unit, record).getvalue().replace(b' encoding="UTF-8"', b"")
    for package in (altered, reformatted, b"<x/>", b"", content[:-100]):
        with pytest.raises(Invalid) as refused:
            modified(unit, io.BytesIO(package), record)
        assert refused.value.code


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"author": None}, "author"),
        ({"documents": ()}, "documents"),
        ({"number": None, "level": RecordLevel.VOLUME, "volume_number": 3}, "number"),
        ({"code": None}, "state"),
    ],
)
def test_what_the_standard_cannot_say_is_refused_by_name(
    unit: Unit, changes: dict[str, object], field: str
) -> None:
    record = replace(unit.record(), **changes)
    with pytest.raises(Invalid) as refused:
        original(unit, record)
    assert (refused.value.field, refused.value.code) == (field, "eep_cannot_say")


def test_a_changed_or_missing_file_is_never_packed(unit: Unit) -> None:
    record = unit.record()
    (path,) = unit.paths(record).values()
    path.write_bytes(b"something else")
    with pytest.raises(Invalid) as changed:
        original(unit, record)
    assert changed.value.code == "file_changed"
    path.unlink()
    with pytest.raises(NotFound) as missing:
        original(unit, record)
    assert missing.value.code == "file_missing"


def test_a_package_is_saved_whole_into_a_new_folder(unit: Unit, tmp_path: Path) -> None:
    record = unit.record(unit.file("通知.pdf", b"%PDF-1.4 text"), unit.file("空.txt", b""))
    opened = open_eep(original(unit, record), trust=trust(unit))
    folder = tmp_path / "out"
    paths = opened.save(folder)
    assert [str(each.relative_to(folder)) for each in paths] == [
        "metadata.xml", "content/01/通知.pdf", "content/01/空.txt",
    ]  # fmt: skip
    assert value_of(read_xml(paths[0].read_bytes()), "档号") == record.code
    assert [each.read_bytes() for each in paths[1:]] == [b"%PDF-1.4 text", b""]
    with pytest.raises(Conflict):
        opened.save(folder)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["files", "out"]


def test_a_package_that_changes_after_it_was_verified_leaves_nothing(
    unit: Unit, tmp_path: Path
) -> None:
    package = original(unit, unit.record())
    opened = open_eep(package, trust=trust(unit))
    package.seek(package.getvalue().index(b"JVBER"))
    package.write(b"KVBER")
    with pytest.raises(Invalid) as changed:
        opened.save(tmp_path / "out")
    assert changed.value.code == "eep_changed_meanwhile"
    assert [each.name for each in tmp_path.iterdir()] == ["files"]


_BIG = """
import resource, sys
from pathlib import Path
from tests.shared.packaging.eep.makers import NAME, Unit, making, seal, trust
from shared.packaging.eep import open_eep, verify, write_original
from shared.records.record import ComputerFile, FileKind

folder, size, sha256 = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
unit = Unit(folder / "files")
kind = FileKind.BORN_DIGITAL
file = ComputerFile("8f1b7f4e-9f57-4a57-8f6d-0b3b2a5f0e11", "录像.bin", size, sha256, None, kind)
record = unit.record(file)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with (folder / "big.eep").open("w+b") as stream:
    write_original(record, unit.paths(record), stream, fonds=unit.fonds, making=making(seal(unit)))
    opened = open_eep(stream, trust=trust(unit))
    seen = 0
    def take(piece):
        global seen
        seen += len(piece)
    opened.pour(lambda file: take)
assert seen == size, seen
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_file_costs_no_memory(tmp_path: Path) -> None:
    size = 150 * 1024 * 1024
    (tmp_path / "files").mkdir()
    hole = tmp_path / "files" / "hole"
    with hole.open("wb") as stream:
        stream.truncate(size)
    sha256 = subprocess.run(
        ["sha256sum", hole], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    hole.rename(hole.with_name(sha256))
    ran = subprocess.run(
        [sys.executable, "-c", _BIG, tmp_path, str(size), sha256],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 40 * 1024, "KiB on top of what the program itself takes"
