"""A record goes from form to form; what comes back is the same, but for what was told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pycdlib
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel.errors import Conflict, Invalid
from shared.packaging import open_package, verify_package
from shared.packaging.eep import Trust, verify
from shared.packaging.exchange import About, Carried, convert, form_at, opened_source
from shared.packaging.exchange.carried import losses
from shared.packaging.exchange.form import form_of
from shared.packaging.exchange.own import sealed_by
from shared.packaging.exchange.write import FormWriter
from shared.packaging.exchange.writing import new_tree
from shared.records.record import Record, RecordLevel
from tests.shared.packaging.eep.makers import original, seal, trust, with_bytes
from tests.shared.packaging.samples import Unit
from tests.shared.records.strategies import records, texts

ABOUT = About(medium_number="J001-2024-1", maker="宜昌市财政局")


def packable(record: Record) -> bool:
    is_piece = record.level in (RecordLevel.RECORD, RecordLevel.ITEM)
    return is_piece and bool(record.documents)


packable_records = st.builds(
    lambda record, author: replace(record, author=record.author or author),
    records(filed=True).filter(packable),
    texts(),
)


@contextmanager
def taken(path: Path, work: Path, trust: Trust, *, as_it_is: bool = False) -> Iterator[Carried]:
    """The one record that a package or form holds."""
    work.mkdir(exist_ok=True)
    with opened_source(path, trust, as_it_is=as_it_is) as source:
        (found,) = list(source.records(work))
        yield found


def words_of(pdf: Path, page: int) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return str(document[page].get_textpage().get_text_bounded())


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(record=packable_records)
def test_a_sealed_package_comes_back_byte_by_byte_from_each_form(
    record: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("forms")
    unit = Unit(tmp_path / "files")
    package = tmp_path / "package.zip"
    unit.package(with_bytes(unit, record), package)
    for form, name in (
        ("folder", "folder"), ("dat93", "dat93"), ("dat93", "dat93.zip"), ("medium", "medium.zip"),
    ):  # fmt: skip
        there, back = tmp_path / name, tmp_path / f"back-{name}.zip"
        done = convert([package], there, to=form, trust=trust(unit), about=ABOUT)
        assert (done.records, done.losses, form_at(there)) == (1, [], form)
        assert convert([there], back, to="folder", trust=trust(unit)).losses == []
        assert back.read_bytes() == package.read_bytes()
    assert list(tmp_path.glob(".*.*")) == []


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(record=packable_records)
def test_what_comes_back_without_a_seal_differs_by_what_was_told_alone(
    record: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("forms")
    unit = Unit(tmp_path / "files")
    record = with_bytes(unit, record)
    carried = Carried(record, unit.fonds, None, unit.paths(record))
    for key, name in (("dat93", "dat93"), ("medium", "medium.zip")):
        with new_tree(tmp_path / name) as tree:
            writer = FormWriter(form_of(key), tree, ABOUT)
            told = writer.add(carried)
            writer.finish(number="1", count=1)
        with taken(tmp_path / name, tmp_path / "work", Trust(), as_it_is=True) as again:
            assert losses(record, again.record) == told
            _has_the_same_files(record, unit, again)
        for path in (tmp_path / "work").iterdir():
            path.unlink()
    eep = tmp_path / "record.eep"
    eep.write_bytes(original(unit, record).getvalue())
    package = tmp_path / "package"
    done = convert([eep], package, to="folder", trust=trust(unit), signer=seal(unit))
    assert [each.field for _code, lost in done.losses for each in lost] == ["signatures"]
    with taken(package, tmp_path / "work", trust(unit)) as again:
        unsaid = {each.field for each in losses(record, again.record)}
        assert unsaid <= DERIVED | EEP_LEAVES_OUT
        _has_the_same_files(record, unit, again)


#: What DA/T 46 does not say, or only in words that may be read otherwise.
DERIVED = {
    "fonds_id", "version", "box", "state", "organ", "organ_name",
    "documents.id", "documents.files.id",
}  # fmt: skip
#: What DA/T 48 has no place for beside.
EEP_LEAVES_OUT = {"documents.role", "documents.title", "documents.order", "documents.files.kind"}


def _has_the_same_files(record: Record, unit: Unit, again: Carried) -> None:
    wanted = [
        (file.name, file.sha256)
        for each in sorted(record.documents, key=lambda each: each.order)
        for file in each.files
    ]
    assert [(file.name, file.sha256) for file in again.record.files] == wanted
    for file in again.record.files:
        assert again.files[file.id].read_bytes() == (unit.folder / file.sha256).read_bytes()


def test_what_a_package_of_dat48_cannot_carry_is_told_by_name(unit: Unit, tmp_path: Path) -> None:
    record = unit.record(box="12", location="二楼库房3排")
    unit.package(record, tmp_path / "p.zip")
    done = convert(
        [tmp_path / "p.zip"], tmp_path / "p.eep", to="eep", trust=trust(unit), signer=seal(unit)
    )
    ((code, lost),) = done.losses
    assert code == record.code
    told = {each.name: each.value for each in lost}
    assert told["盒号"] == "12"
    assert told["档案版本"] == "3"
    assert "移交单位印章对信息包的签名" in told
    assert "存放位置" not in told
    with (tmp_path / "p.eep").open("rb") as stream:
        assert verify(stream, trust=trust(unit)).is_proven


def test_several_records_go_into_one_form_and_come_out_as_packages(
    unit: Unit, tmp_path: Path
) -> None:
    sources = []
    for number in (3, 1, 2):
        code = f"A182-WS·2024-D30-BGS-{number:04d}"
        record = unit.record(unit.file("通知.pdf", b"%d" % number), number=number, code=code)
        sources.append(tmp_path / f"{number}.zip")
        unit.package(record, sources[-1])
    form = tmp_path / "dat93"
    assert convert(sources, form, to="dat93", trust=trust(unit)).records == 3
    text = (form / "说明文件.TXT").read_text(encoding="utf-8-sig")
    assert "移交单位：宜昌市财政局\n" in text
    assert "起止档号：A182-WS·2024-D30-BGS-0001 至 A182-WS·2024-D30-BGS-0003\n" in text
    assert "档案数量：3\n" in text
    folder = form / "A182" / "WS" / "A182-WS·2024-D30-BGS-0002"
    assert sorted(path.name for path in folder.iterdir()) == ["电子档案1元数据.XML", "通知.pdf"]
    out = tmp_path / "out"
    done = convert([form], out, to="folder", trust=trust(unit))
    assert [path.name for path in done.written] == [
        f"A182-WS·2024-D30-BGS-{number:04d}" for number in (3, 1, 2)
    ]
    convert([out / "A182-WS·2024-D30-BGS-0002"], tmp_path / "2", to="folder", trust=trust(unit))
    with taken(tmp_path / "2", tmp_path / "work", trust(unit)) as again:
        assert again.record.number == 2
    again_zip = tmp_path / "again.zip"
    convert([tmp_path / "2"], again_zip, to="folder", trust=trust(unit))
    with open_package(again_zip) as package:
        assert verify_package(package, seal=unit.seal.public) == []


def test_records_are_spread_over_as_many_media_as_they_need(unit: Unit, tmp_path: Path) -> None:
    sources = []
    for number in range(1, 6):
        code = f"A182-WS·2024-D30-BGS-{number:04d}"
        file = unit.file("大.bin", bytes([number]) * 300_000)
        sources.append(tmp_path / f"{number}.zip")
        unit.package(unit.record(file, number=number, code=code), sources[-1])
    media = tmp_path / "media"
    labels = tmp_path / "labels.pdf"
    done = convert(
        sources, media, to="medium", trust=trust(unit), about=ABOUT, medium_bytes=1_000_000,
        labels=labels,
    )  # fmt: skip
    assert done.written.pop() == labels
    pages = [words_of(labels, page) for page in range(3)]
    assert all("A182-WS·2024-D30-BGS-000" in page and "A 封存保管" in page for page in pages)
    assert "J001-2024-1-3" in pages[2]
    assert [path.name for path in done.written] == ["001", "002", "003"]
    for place, path in enumerate(done.written, 1):
        assert sum(map(len, files_below(path).values())) < 1_000_000
        text = (path / "说明文件.TXT").read_text(encoding="utf-8-sig")
        assert f"载体编号：J001-2024-1-{place}\n" in text
        assert "载体数量：3\n" in text
        assert (path / "电子档案" / "2024" / "WS").is_dir()
    assert convert(done.written, tmp_path / "back", to="folder", trust=trust(unit)).records == 5
    with pytest.raises(Invalid, match="一个载体装不下"):
        convert(sources, tmp_path / "m", to="medium", trust=trust(unit), medium_bytes=300_000)
    assert not (tmp_path / "m").exists()


def below(folder: Any, name: str = "") -> Iterator[str]:
    """The names of all files of an image, on its side with UDF."""
    for each in folder.fi_descs.values():
        if not each.is_parent():
            coding = "utf-16-be" if each.encoding == "utf-16_be" else "latin-1"
            there = f"{name}/{each.fi.decode(coding)}"
            yield from below(each.file_entry, there) if each.is_dir() else [there]


def test_an_image_of_a_disc_has_all_files_under_their_names(unit: Unit, tmp_path: Path) -> None:
    long = "关于" * 40 + ".pdf"
    record = unit.record(unit.file("通知·一.pdf"), unit.file(long), unit.file("x" * 200 + ".txt"))
    unit.package(record, tmp_path / "p.zip")
    options = {"to": "medium", "trust": trust(unit), "about": ABOUT}
    convert([tmp_path / "p.zip"], tmp_path / "folder", **options)
    done = convert([tmp_path / "p.zip"], tmp_path / "m.iso", medium_bytes=1_000_000, **options)
    assert done.written == [tmp_path / "m" / "001.iso"]
    image = pycdlib.PyCdlib()
    image.open(str(tmp_path / "m" / "001.iso"))
    found = {}
    for name in below(image.get_record(udf_path="/")):
        stream = io.BytesIO()
        image.get_file_from_iso_fp(stream, udf_path=name)
        found[name[1:]] = stream.getvalue()
    image.close()
    assert found == files_below(tmp_path / "folder")
    assert sorted(len(Path(name).name) for name in found if name.startswith("电子档案/")) == [
        8, 12, 82, 120,
    ]  # fmt: skip


def test_long_names_are_cut_in_a_form_and_whole_in_the_record(unit: Unit, tmp_path: Path) -> None:
    names = ["关" * 250 + ".pdf", "关" * 250 + ".txt", "关" * 251 + ".pdf", "x" * 254]
    files = (replace(unit.file("f.pdf", name.encode()), name=name) for name in names)
    unit.package(unit.record(*files), tmp_path / "p.zip")
    for target in (tmp_path / "folder", tmp_path / "m.zip", tmp_path / "m.iso"):
        convert([tmp_path / "p.zip"], target, to="medium", trust=trust(unit), about=ABOUT)
    convert([tmp_path / "folder"], tmp_path / "back.zip", to="folder", trust=trust(unit))
    assert (tmp_path / "back.zip").read_bytes() == (tmp_path / "p.zip").read_bytes()


def test_nothing_is_converted_that_nobody_proves_unless_asked(unit: Unit, tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    unit.package(unit.record(), package)
    with pytest.raises(Invalid) as caught:
        convert([package], tmp_path / "out", to="dat93")
    assert caught.value.code == "not_proven"
    convert([package], tmp_path / "out", to="dat93", as_it_is=True)
    with pytest.raises(Invalid) as caught:
        convert([tmp_path / "out"], tmp_path / "back", to="folder")
    assert caught.value.code == "not_proven"
    (content,) = (tmp_path / "out").rglob("*.pdf")
    content.write_bytes(content.read_bytes().replace(b"Tj", b"TJ"))
    with pytest.raises(Invalid) as caught:
        convert([tmp_path / "out"], tmp_path / "back", to="folder", as_it_is=True)
    assert caught.value.code == "entry_digest_differs"
    assert not (tmp_path / "back").exists()
    assert list(tmp_path.glob(".back*")) == []


def test_what_is_there_is_never_overwritten(unit: Unit, tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    unit.package(unit.record(), package)
    before = package.read_bytes()
    for target, form in ((package, "folder"), (package, "dat93"), (tmp_path, "medium")):
        with pytest.raises(Conflict):
            convert([package], target, to=form, trust=trust(unit), about=ABOUT)
    (tmp_path / "x.eep").touch()
    with pytest.raises(Conflict):
        convert([package], tmp_path / "x.eep", to="eep", trust=trust(unit))
    assert package.read_bytes() == before
    assert list(tmp_path.glob(".*.*")) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"author": None}, "没有责任者"),
        ({"documents": ()}, "没有计算机文件"),
        ({"files": "电子档案9元数据.xml"}, "留给元数据"),
        ({"code": "无/A/10年/1992/0001"}, "不能作目录名"),
        ({"level": RecordLevel.VOLUME, "number": None, "volume_number": 1}, "不装案卷"),
    ],
)
def test_what_a_form_has_no_place_for_is_refused(unit, tmp_path, changes, why) -> None:
    name = changes.pop("files", "通知.pdf")
    unit.package(unit.record(unit.file(name), **changes), tmp_path / "p.zip")
    with pytest.raises(Invalid, match=why) as caught:
        convert([tmp_path / "p.zip"], tmp_path / "out", to="dat93", trust=trust(unit))
    assert caught.value.code == "form_cannot_say"
    assert not (tmp_path / "out").exists()


def test_a_volume_stands_in_the_catalogue_of_volumes(unit: Unit, tmp_path: Path) -> None:
    code = "A182-KU·01·2024-D30-001"
    volume = unit.record(
        level=RecordLevel.VOLUME, class_code="KU", subclass="01", organ=None, organ_name=None,
        volume_number=1, number=None, code=code, documents=(),
    )  # fmt: skip
    unit.package(volume, tmp_path / "v.zip")
    unit.package(unit.record(), tmp_path / "r.zip")
    medium = tmp_path / "medium"
    both = [tmp_path / "v.zip", tmp_path / "r.zip"]
    convert(both, medium, to="medium", trust=trust(unit), about=ABOUT)
    assert code in (medium / "案卷目录.XML").read_text(encoding="utf-8")
    assert code not in (medium / "文件目录.XML").read_text(encoding="utf-8")
    assert convert([medium], tmp_path / "back", to="folder", trust=trust(unit)).records == 2


def test_a_record_without_a_seal_is_sealed_by_the_key_that_is_given(
    unit: Unit, tmp_path: Path
) -> None:
    eep = tmp_path / "record.eep"
    eep.write_bytes(original(unit, unit.record()).getvalue())
    with pytest.raises(Invalid) as caught:
        convert([eep], tmp_path / "out", to="folder", trust=trust(unit))
    assert caught.value.code == "package_needs_seal"
    with taken(eep, tmp_path / "work", trust(unit)) as found:
        sealed = sealed_by(found, unit.seal)
        assert sealed.sealed is not None
        assert sealed.record == found.record


def test_large_files_pass_with_flat_memory(unit: Unit, tmp_path: Path) -> None:
    import tracemalloc

    record = unit.record(unit.file("大.pdf", b"x" * (48 * 1024 * 1024)))
    unit.package(record, tmp_path / "p.zip")
    tracemalloc.start()
    convert([tmp_path / "p.zip"], tmp_path / "m.zip", to="medium", trust=trust(unit), about=ABOUT)
    convert([tmp_path / "m.zip"], tmp_path / "p", to="folder", trust=trust(unit))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
    tracemalloc.start()
    convert([tmp_path / "p"], tmp_path / "m.iso", to="medium", trust=trust(unit), about=ABOUT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_an_unknown_form_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y.txt").write_bytes(b"y")
    with pytest.raises(Invalid) as caught:
        form_at(tmp_path / "x")
    assert caught.value.code == "unknown_form"
