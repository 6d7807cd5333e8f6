"""Packages are opened with suspicion: an archive made by an enemy is refused in words."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from shared.kernel.errors import Invalid
from shared.packaging import open_package, verify_package
from tests.shared.packaging.samples import Unit, codes, rewrite

INFO = zipfile.ZipInfo


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
