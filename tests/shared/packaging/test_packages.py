"""Packages: what lies in them, and built the same every time."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.canonical import sha256_hex, sm3_hex
from shared.kernel.errors import Classified, Invalid, NotFound, Unavailable
from shared.kernel.identifiers import new_id
from shared.packaging import PackageIdentity, build_package, open_package, verify_package
from shared.packaging.build import distinct_names, fold
from shared.records.metadata import read_xml, value_of
from shared.records.record import Document, record_from_wire
from tests.shared.packaging.samples import Unit


def test_a_package_holds_the_record_its_metadata_and_its_files(unit: Unit, tmp_path: Path) -> None:
    record = unit.record(unit.file("通知.pdf"), unit.file("附件.ofd", b"PK-ofd"))
    target = tmp_path / "out" / "p.zip"
    identity = unit.package(record, target)
    assert identity == PackageIdentity(sha256_hex(target.read_bytes()), target.stat().st_size)
    with open_package(target) as package:
        assert package.names == [
            "manifest.json", "record.json", "metadata.xml",
            "content/01/通知.pdf", "content/01/附件.ofd", "signature.json",
        ]  # fmt: skip
        assert package.record == record
        assert package.manifest.record_id == record.id
        assert package.manifest.unit == "宜昌市财政局"
        assert package.identity == identity
        assert value_of(read_xml(package.metadata_bytes), "题名") == record.title
        for file in record.files:
            with package.open_file(file.id) as stream:
                assert stream.read() == (unit.folder / file.sha256).read_bytes()
        for entry in package.manifest.entries:
            with package.open(entry.path) as stream:
                content = stream.read()
            assert (sha256_hex(content), sm3_hex(content)) == (entry.sha256, entry.sm3)
        assert verify_package(package, seal=unit.seal.public, identity=identity) == []
    with zipfile.ZipFile(target) as archive:
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.filename.isascii() == (info.flag_bits == 0)  # else the flag of UTF-8


def test_a_package_has_its_own_digest_whatever_of_it_was_read_before(
    unit: Unit, tmp_path: Path
) -> None:
    record = unit.record(unit.file("影像.pdf", os.urandom(3_000_000)), unit.file("附件.txt", b"t"))
    identity = unit.package(record, tmp_path / "p.zip")
    with open_package(tmp_path / "p.zip") as package:
        paths = [entry.path for entry in package.manifest.entries]
    for read in ([], paths, paths[::-1], [*paths[1:], *paths], [*paths[:3], *paths[:3]]):
        with open_package(tmp_path / "p.zip") as package:
            for path in read:
                with package.open(path) as stream:
                    stream.read(2_000_000 if len(read) == len(paths) else -1)
            assert package.identity == identity


def test_a_file_is_read_where_it_lies_in_the_package(unit: Unit, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    record = unit.record(unit.file("影像.pdf", content), unit.file("附件.txt", b"text"))
    target = tmp_path / "p.zip"
    unit.package(record, target)
    place = target.read_bytes().index(content)
    with open_package(target.open("rb")).lend_file(record.files[0].id) as stream:
        stream.seek(-6, io.SEEK_END)
        assert stream.read() == content[-6:]
        stream.seek(70_000)
        assert stream.read(500) == content[70_000:70_500]
        stream.seek(0)
        assert stream.read() == content
    with target.open("r+b") as damaged:
        damaged.seek(place + 1000)
        damaged.write(b"!")
    with open_package(target).lend_file(record.files[0].id) as stream:
        stream.seek(5000)
        assert stream.read(3) == content[5000:5003]
        stream.seek(0)
        with pytest.raises(Invalid, match="与清单不符"):
            stream.read()
    with open_package(target) as package, pytest.raises(NotFound):
        package.lend_file(new_id())


def test_the_same_inputs_with_the_same_seal_give_the_same_bytes(unit: Unit, tmp_path: Path) -> None:
    record, offer = unit.record(), new_id()
    first = unit.package(record, tmp_path / "1.zip", offer_id=offer)
    with open_package(tmp_path / "1.zip") as package:
        signature = package.seal_signature
    os.utime(unit.paths(record)[record.files[0].id], (0, 0))
    again = unit.package(record, tmp_path / "2.zip", offer_id=offer, signature=signature)
    assert again == first
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_only_the_seal_differs_when_it_is_made_anew(unit: Unit, tmp_path: Path) -> None:
    record, offer = unit.record(), new_id()
    unit.package(record, tmp_path / "1.zip", offer_id=offer)
    unit.package(record, tmp_path / "2.zip", offer_id=offer)
    with zipfile.ZipFile(tmp_path / "1.zip") as one, zipfile.ZipFile(tmp_path / "2.zip") as two:
        assert [n for n in one.namelist() if one.read(n) != two.read(n)] == ["signature.json"]


def test_a_signature_of_another_package_is_not_taken(unit: Unit, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="不是本单位印章"):
        unit.package(unit.record(), tmp_path / "p.zip", signature=unit.seal.sign(b"other"))


def test_a_record_travels_as_its_wire_object_too(unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    unit.package(record, tmp_path / "1.zip")
    with open_package(tmp_path / "1.zip") as package:
        wire = package.record_wire
    build_package(
        wire, unit.paths(record), offer_id=new_id(), unit="宜昌市财政局", fonds=unit.fonds,
        seal=unit.seal, target=tmp_path / "2.zip",
    )  # fmt: skip
    assert record_from_wire(wire) == record


def test_files_that_would_overwrite_each_other_get_names_of_their_own(
    unit: Unit, tmp_path: Path
) -> None:
    names = ["报告.pdf", "报告.PDF", "报告 (2).pdf", "Café.txt", "CAFÉ.TXT", "无后缀", "无后缀"]
    record = unit.record(*(unit.file(name, str(n).encode()) for n, name in enumerate(names)))
    unit.package(record, tmp_path / "p.zip")
    with open_package(tmp_path / "p.zip") as package:
        paths = [entry.path for entry in package.files.values()]
        assert len({fold(path) for path in paths}) == len(names)
        assert paths[0] == "content/01/报告.pdf"
        for number, file in enumerate(record.files):
            with package.open_file(file.id) as stream:
                assert stream.read() == str(number).encode()
        assert verify_package(package, seal=unit.seal.public) == []


@given(st.lists(st.text("aAéÉ.() 2报", min_size=1, max_size=6), max_size=12))
def test_distinct_names_are_distinct_on_every_system(names: list[str]) -> None:
    found = distinct_names(names)
    assert len({fold(each) for each in found}) == len(names)
    assert all(unicodedata.is_normalized("NFC", each) for each in found)


def test_documents_lie_in_folders_in_their_order(unit: Unit, tmp_path: Path) -> None:
    first, second = unit.file("正文.pdf"), unit.file("底稿.pdf")
    record = unit.record(
        documents=(
            Document(new_id(), "定稿", None, 7, (second,)),
            Document(new_id(), "正本", None, 2, (first,)),
        )
    )
    unit.package(record, tmp_path / "p.zip")
    with open_package(tmp_path / "p.zip") as package:
        assert package.files[first.id].path == "content/01/正文.pdf"
        assert package.files[second.id].path == "content/02/底稿.pdf"


def test_a_changed_file_is_never_packed(unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    (unit.folder / record.files[0].sha256).write_bytes(b"changed")
    with pytest.raises(Invalid, match="与登记的大小或摘要不符"):
        unit.package(record, tmp_path / "p.zip")
    (unit.folder / record.files[0].sha256).unlink()
    with pytest.raises(NotFound):
        unit.package(record, tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()


def test_files_that_the_record_does_not_name_are_refused(unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    files = {**unit.paths(record), new_id(): unit.folder / record.files[0].sha256}
    with pytest.raises(Invalid, match="未在档案中登记"):
        build_package(
            record, files, offer_id=new_id(), unit="x", fonds=unit.fonds, seal=unit.seal,
            target=tmp_path / "p.zip",
        )  # fmt: skip


def test_a_classified_record_is_never_packed(unit: Unit, tmp_path: Path) -> None:
    with pytest.raises(Classified):
        unit.package(unit.record(title="关于某事的通知（机密★10年）"), tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()


def test_another_fonds_is_refused(unit: Unit, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="不属于这个全宗"):
        unit.package(unit.record(fonds_id=new_id()), tmp_path / "p.zip")


def test_a_full_disk_leaves_no_package(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = unit.record()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable):
            unit.package(record, tmp_path / "out" / "p.zip")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_leftovers_of_a_killed_build_are_swept_by_the_next(unit: Unit, tmp_path: Path) -> None:
    left = tmp_path / "out" / ".building" / "left.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    unit.package(unit.record(), tmp_path / "out" / "p.zip")
    assert not left.exists()


def test_large_files_are_packed_with_flat_memory(unit: Unit, tmp_path: Path) -> None:
    import tracemalloc

    record = unit.record(unit.file("大.pdf", b"x" * (48 * 1024 * 1024)))
    tracemalloc.start()
    unit.package(record, tmp_path / "p.zip")
    with open_package(tmp_path / "p.zip") as package:
        assert verify_package(package, seal=unit.seal.public) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


@pytest.mark.performance
@pytest.mark.timeout(600)
def test_files_beyond_four_gigabytes_are_packed_as_zip64(unit: Unit, tmp_path: Path) -> None:
    size = (1 << 32) + 5
    digest = hashlib.sha256()
    for _ in range(1 << 12):
        digest.update(bytes(1 << 20))
    digest.update(bytes(5))
    unit.folder.mkdir()
    with (unit.folder / digest.hexdigest()).open("wb") as stream:
        stream.truncate(size)
    film = replace(unit.file("说明.txt"), name="录像.mp4", size=size, sha256=digest.hexdigest())
    record = unit.record(film, unit.file("后.txt", b"after"))
    unit.package(record, tmp_path / "p.zip")
    with open_package(tmp_path / "p.zip") as package:
        assert package.size_of("content/01/录像.mp4") == size
        assert verify_package(package, seal=unit.seal.public) == []
