"""Packages: built the same every time, opened with suspicion, verified byte by byte."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel.canonical import canonical_json, sha256_hex, sm3_hex
from shared.kernel.errors import Classified, Invalid, NotFound, Unavailable
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.packaging import PackageIdentity, build_package, open_package, verify_package
from shared.packaging.build import distinct_names, fold
from shared.records.metadata import read_xml, value_of
from shared.records.record import Document, record_from_wire
from tests.shared.packaging.samples import Unit

INFO = zipfile.ZipInfo


def codes(found: list[object]) -> list[str]:
    return [each.code for each in found]  # type: ignore[attr-defined]


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


# --- every byte counts -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Unit, bytes, PackageIdentity, Path]:
    folder = tmp_path_factory.mktemp("sealed")
    unit = Unit(folder / "files")
    identity = unit.package(unit.record(), folder / "p.zip")
    return unit, (folder / "p.zip").read_bytes(), identity, folder


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flip_of_any_bit_is_noticed(
    sealed: tuple[Unit, bytes, PackageIdentity, Path], data: st.DataObject
) -> None:
    """Even without the offer's digest: the layout, the manifest and the seal cover every bit."""
    unit, whole, identity, folder = sealed
    place = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << bit
    path = folder / "flipped.zip"
    path.write_bytes(flipped)
    assert verify_package(path, seal=unit.seal.public) != []
    assert verify_package(path, seal=unit.seal.public, identity=identity) != []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_package_cut_or_stretched_is_noticed(
    sealed: tuple[Unit, bytes, PackageIdentity, Path], data: st.DataObject
) -> None:
    unit, whole, _identity, folder = sealed
    place = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.binary(min_size=1, max_size=30))
    path = folder / "cut.zip"
    for changed in (whole[:place], whole[:place] + more + whole[place:], whole + more):
        if changed != whole:
            path.write_bytes(changed)
            assert verify_package(path, seal=unit.seal.public) != []


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_rubbish_is_refused_in_words(
    sealed: tuple[Unit, bytes, PackageIdentity, Path], content: bytes
) -> None:
    path = sealed[3] / "rubbish.zip"
    for each in (content, b"PK\x03\x04" + content, content + sealed[1][-22:]):
        path.write_bytes(each)
        with pytest.raises(Invalid):
            open_package(path)


# --- verifying -------------------------------------------------------------------------------


def test_the_offer_and_the_digest_must_be_this_package(unit: Unit, tmp_path: Path) -> None:
    record, offer_id = unit.record(), new_id()
    identity = unit.package(record, tmp_path / "p.zip", offer_id=offer_id)
    offer = unit.offer(record, offer_id, identity)
    seal = unit.seal.public

    def found(**wrong: object) -> list[str]:
        return codes(verify_package(tmp_path / "p.zip", seal=seal, offer={**offer, **wrong}))

    assert found() == []
    assert found(offer_id=new_id()) == ["offer_id_differs"]
    assert found(record_version=2) == ["record_version_differs"]
    assert found(record_id=new_id()) == ["record_id_differs"]
    assert found(record_digest="0" * 64) == ["record_digest_differs"]
    other = PackageIdentity(identity.sha256, identity.size + 1)
    assert codes(verify_package(tmp_path / "p.zip", seal=seal, identity=other)) == [
        "package_digest_differs"
    ]


def test_the_seal_must_be_the_units(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    stranger = SigningKey.generate()
    assert codes(verify_package(tmp_path / "p.zip", seal=stranger.public)) == ["seal_of_another"]
    unknown = verify_package(tmp_path / "p.zip", seal=None)
    assert codes(unknown) == ["seal_not_registered"]
    assert not unknown[0].is_error


def rewrite(
    source: Path,
    target: Path,
    change: Callable[[str, bytes], bytes | None],
    method: int = zipfile.ZIP_STORED,
) -> None:
    """A package like `source` in the same strict layout, with entries changed or left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content = change(info.filename, old.read(info))
            if content is not None:
                copy = INFO(info.filename, info.date_time)
                copy.external_attr, copy.create_system = info.external_attr, 3
                copy.compress_type = method
                new.writestr(copy, content)


def test_deflated_entries_are_read_as_well(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(tmp_path / "p.zip", tmp_path / "q.zip", lambda _n, c: c, zipfile.ZIP_DEFLATED)
    assert verify_package(tmp_path / "q.zip", seal=unit.seal.public) == []


def test_each_entry_that_was_changed_is_named(unit: Unit, tmp_path: Path) -> None:
    record = unit.record(unit.file("a.txt", b"one"), unit.file("b.txt", b"two"))
    unit.package(record, tmp_path / "p.zip")
    rewrite(
        tmp_path / "p.zip",
        tmp_path / "q.zip",
        lambda name, content: content[::-1] if name.startswith("content/") else content,
    )
    found = verify_package(tmp_path / "q.zip", seal=unit.seal.public)
    assert [(each.code, each.where) for each in found] == [
        ("entry_digest_differs", "content/01/a.txt"),
        ("entry_digest_differs", "content/01/b.txt"),
    ]
    assert found[0].expected == sha256_hex(b"one")
    with (
        open_package(tmp_path / "q.zip") as package,
        package.open("content/01/a.txt") as stream,
        pytest.raises(Invalid, match="与清单不符"),
    ):
        stream.read()


def test_a_manifest_that_was_resealed_by_nobody_is_noticed(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(
        tmp_path / "p.zip",
        tmp_path / "q.zip",
        lambda name, content: (
            content.replace("宜昌市财政局".encode(), "宜昌市审计局".encode())
            if name == "manifest.json"
            else content
        ),
    )
    assert codes(verify_package(tmp_path / "q.zip", seal=unit.seal.public)) == ["seal_invalid"]


def test_a_package_whose_files_are_not_the_records_is_noticed(unit: Unit, tmp_path: Path) -> None:
    """A unit seals a manifest that does not fit its own record."""
    record = unit.record()
    unit.package(record, tmp_path / "p.zip")
    other = replace(record.files[0], size=record.files[0].size + 1)
    documents = (replace(record.documents[0], files=(other,)),)
    changed = canonical_json_of(replace(record, documents=documents))
    manifest = {}

    def change(name: str, content: bytes) -> bytes:
        import json

        if name == "record.json":
            return changed
        if name == "manifest.json":
            manifest.update(json.loads(content))
            entry = manifest["entries"][0]
            entry |= {"size": len(changed), "sha256": sha256_hex(changed), "sm3": sm3_hex(changed)}
            manifest["record_digest"] = sha256_hex(changed)
            return canonical_json(manifest)
        if name == "signature.json":
            body = json.loads(content)
            body["signature"] = unit.seal.sign(canonical_json(manifest)).hex()
            return canonical_json(body)
        return content

    rewrite(tmp_path / "p.zip", tmp_path / "q.zip", change)
    assert codes(verify_package(tmp_path / "q.zip", seal=unit.seal.public)) == ["file_differs"]


def canonical_json_of(record: object) -> bytes:
    from shared.records.record import record_to_wire

    return canonical_json(record_to_wire(record))


def test_without_a_file_there_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_package(tmp_path / "absent.zip")
    assert codes(verify_package(tmp_path / "absent.zip", seal=None)) == ["not_found"]


# --- hostile ZIPs ----------------------------------------------------------------------------


def plain(name: str, *, mode: int = 0o100644, method: int = zipfile.ZIP_STORED) -> INFO:
    info = INFO(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr, info.create_system, info.compress_type = mode << 16, 3, method
    return info


def zipped(*entries: tuple[INFO | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, content in entries:
            archive.writestr(plain(info) if isinstance(info, str) else info, content)
    return buffer.getvalue()


def renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return content.replace(old, new)


def hostile() -> dict[str, tuple[bytes, str]]:
    bomb = plain("content/01/a", method=zipfile.ZIP_DEFLATED)
    link = plain("content/01/a", mode=stat.S_IFLNK | 0o777)
    good = zipped(("a", b"1"), ("b", b"2"))
    encrypted = bytearray(zipped(("a", b"1")))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    streamed = io.BytesIO()

    class NoSeek(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return streamed.write(data)

    with zipfile.ZipFile(NoSeek(), "w") as archive:
        archive.writestr(plain("a"), b"1")
    overlapping = bytearray(good)
    second = overlapping.rindex(b"PK\x01\x02")
    struct.pack_into("<L", overlapping, second + 42, 0)
    commented = io.BytesIO()
    with zipfile.ZipFile(commented, "w") as archive:
        archive.writestr(plain("a"), b"1")
        archive.comment = b"hello"
    extra = plain("a")
    extra.extra = b"\x99\x99\x01\x00x"
    return {
        "climbing out": (zipped(("content/../../x", b"1")), "bad_entry_name"),
        "absolute": (zipped(("/etc/passwd", b"1")), "bad_entry_name"),
        "drive": (zipped(("C:x", b"1")), "bad_entry_name"),
        "backslash": (renamed(zipped(("a|b", b"1")), b"a|b", b"a\\b"), "bad_entry_name"),
        "nul": (renamed(zipped(("a|b", b"1")), b"a|b", b"a\x00b"), "bad_entry_name"),
        "line break": (zipped(("a\nb", b"1")), "bad_entry_name"),
        "turned around": (zipped(("content/01/cod\u202efdp.exe", b"1")), "bad_entry_name"),
        "device": (zipped(("content/01/CON.pdf", b"1")), "bad_entry_name"),
        "folder": (zipped(("content/", b"")), "bad_entry_name"),
        "too deep": (zipped(("content/01/a/b", b"1")), "bad_entry_name"),
        "not NFC": (zipped(("content/01/e\u0301", b"1")), "bad_entry_name"),
        "not UTF-8": (renamed(zipped(("aaa", b"1")), b"aaa", b"\xd6\xd0a"), "bad_entry_name"),
        "twice": (renamed(zipped(("aa", b"1"), ("bb", b"2")), b"bb", b"aa"), "entry_twice"),
        "twice but for case": (zipped(("content/01/a", b""), ("content/01/A", b"")), "entry_twice"),
        "twice but for ß": (zipped(("content/01/ß", b""), ("content/01/SS", b"")), "entry_twice"),
        "link": (zipped((link, b"/etc/passwd")), "not_a_regular_file"),
        "bomb": (zipped((bomb, bytes(10_000_000))), "zip_bomb"),
        "encrypted": (bytes(encrypted), "encrypted_or_streamed"),
        "streamed": (streamed.getvalue(), "encrypted_or_streamed"),
        "bzip2": (
            zipped((plain("a", method=zipfile.ZIP_BZIP2), b"1")),
            "bad_compression",
        ),
        "comment": (commented.getvalue(), "bad_zip"),
        "bytes before": (b"#!/bin/sh\n" + good, "hidden_bytes"),
        "bytes behind": (good + b"\n", "bad_zip"),
        "unknown extra field": (zipped((extra, b"1")), "hidden_bytes"),
        "overlapping": (bytes(overlapping), "hidden_bytes"),
        "two directories": (good + good, "hidden_bytes"),
        "nothing": (zipped(), "not_found"),
        "no manifest": (good, "not_found"),
    }


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_archives_are_refused_before_anything_is_unpacked(
    tmp_path: Path, name: str
) -> None:
    content, code = hostile()[name]
    path = tmp_path / "h.zip"
    path.write_bytes(content)
    assert codes(verify_package(path, seal=None)) == [code]


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.zip"
    path.write_bytes(zipped(*((f"content/01/{n}", b"") for n in range(10_001))))
    assert codes(verify_package(path, seal=None)) == ["too_many_entries"]


def test_more_than_the_limit_is_refused(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    with pytest.raises(Invalid) as caught:
        open_package(tmp_path / "p.zip", most_bytes=1000)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("content/01/stowaway.exe", b"MZ", "entry_not_listed"),
        ("readme.txt", b"hello", "entry_not_listed"),
    ],
)
def test_entries_that_the_manifest_does_not_list_are_refused(
    unit: Unit, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(tmp_path / "p.zip", tmp_path / "q.zip", lambda _n, c: c)
    with zipfile.ZipFile(tmp_path / "q.zip", "a") as archive:
        archive.writestr(plain(name), content)
    assert codes(verify_package(tmp_path / "q.zip", seal=None)) == [code]


@pytest.mark.parametrize("name", ["record.json", "metadata.xml", "signature.json", "content/01"])
def test_entries_that_are_missing_are_named(unit: Unit, tmp_path: Path, name: str) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(
        tmp_path / "p.zip",
        tmp_path / "q.zip",
        lambda entry, content: None if entry.startswith(name) else content,
    )
    assert codes(verify_package(tmp_path / "q.zip", seal=None)) == ["entry_missing"]


@pytest.mark.parametrize(
    "manifest",
    [
        b"", b"[]", b"{}", b'{"format":"danglian-package/2"}', b"\xff", b"{" * 5000,
        b'{"format":"danglian-package/1"}',
    ],
)  # fmt: skip
def test_manifests_that_say_nothing_are_refused(
    unit: Unit, tmp_path: Path, manifest: bytes
) -> None:
    unit.package(unit.record(), tmp_path / "p.zip")
    rewrite(
        tmp_path / "p.zip",
        tmp_path / "q.zip",
        lambda name, content: manifest if name == "manifest.json" else content,
    )
    found = codes(verify_package(tmp_path / "q.zip", seal=None))
    assert found in (["bad_manifest"], ["unknown_package_format"])


def test_a_manifest_in_other_words_is_refused(unit: Unit, tmp_path: Path) -> None:
    """The same JSON with a space, or a key twice, is not what was sealed; one form only."""
    unit.package(unit.record(), tmp_path / "p.zip")
    for change in (
        lambda content: content.replace(b'{"created_by"', b'{ "created_by"', 1),
        lambda content: content.replace(b'{"created_by"', b'{"unit":"x","created_by"', 1),
    ):
        rewrite(
            tmp_path / "p.zip",
            tmp_path / "q.zip",
            lambda name, content, change=change: (
                change(content) if name == "manifest.json" else content
            ),
        )
        assert codes(verify_package(tmp_path / "q.zip", seal=None)) == ["bad_manifest"]
