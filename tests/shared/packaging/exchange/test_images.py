"""Images of discs are read back as they are, of other programs too; hostile ones are refused."""

from __future__ import annotations

import io
from binascii import crc_hqx
from contextlib import suppress
from pathlib import Path

import pycdlib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel.errors import DanglianError, Invalid
from shared.packaging.exchange import About, convert, judge
from shared.packaging.exchange.image import write_image
from shared.packaging.exchange.tree import open_tree
from tests.shared.packaging.eep.makers import trust
from tests.shared.packaging.samples import Unit

ABOUT = About(medium_number="J001-2024-1", maker="宜昌市财政局")
SECTOR = 2048


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    for name, content in (
        ("说明文件.TXT", "移交单位：".encode()),
        ("电子档案/2024/A/通知 一.pdf", b"x" * 5000),
        ("电子档案/2024/A/readme.txt", b"plain"),
        ("电子档案/2024/B/空.txt", b""),
    ):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    return made


def image(folder: Path, path: Path) -> Path:
    with path.open("w+b") as stream:
        write_image(folder, "medium", stream)
    return path


def contents(path: Path) -> dict[str, bytes]:
    tree = open_tree(path)
    try:
        found = {}
        for name in tree.sizes:
            with tree.open(name) as stream:
                found[name] = stream.read()
        return found
    finally:
        tree.close()


def test_an_image_reads_as_the_folder_that_it_was_made_of(folder: Path, tmp_path: Path) -> None:
    assert contents(image(folder, tmp_path / "m.iso")) == contents(folder)


def test_an_image_with_joliet_names_reads_as_its_folder(folder: Path, tmp_path: Path) -> None:
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3)
    numbers = {folder: ""}
    for number, path in enumerate(sorted(folder.rglob("*"))):
        there = f"/{path.relative_to(folder).as_posix()}"
        numbers[path] = f"{numbers[path.parent]}/{'D' if path.is_dir() else 'F'}{number:05d}"
        if path.is_dir():
            iso.add_directory(numbers[path], joliet_path=there)
        else:
            iso.add_file(str(path), f"{numbers[path]}.;1", joliet_path=there)
    iso.write(str(tmp_path / "j.iso"))
    iso.close()
    assert contents(tmp_path / "j.iso") == contents(folder)


def test_an_image_without_long_names_is_to_be_mounted(tmp_path: Path) -> None:
    iso = pycdlib.PyCdlib()
    iso.new()
    iso.add_fp(io.BytesIO(b"x"), 1, "/A.TXT;1")
    iso.write(str(tmp_path / "plain.iso"))
    iso.close()
    with pytest.raises(Invalid) as caught:
        open_tree(tmp_path / "plain.iso")
    assert caught.value.code == "image_not_plain"


def test_a_medium_on_a_disc_is_verified_and_taken_back_byte_by_byte(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "unit")
    unit.package(unit.record(unit.file("通知·一.pdf"), unit.file("b.txt")), tmp_path / "p.zip")
    convert([tmp_path / "p.zip"], tmp_path / "m.iso", to="medium", trust=trust(unit), about=ABOUT)
    report = judge(tmp_path / "m.iso", trust=trust(unit))
    assert (report.form, report.is_proven, report.findings) == ("medium", True, ())
    convert([tmp_path / "m.iso"], tmp_path / "back.zip", to="folder", trust=trust(unit))
    assert (tmp_path / "back.zip").read_bytes() == (tmp_path / "p.zip").read_bytes()


def place_of(whole: bytes, tag: int, *, skip: int = 0) -> int:
    """Where the descriptor of UDF with this tag lies, after `skip` others."""
    for at in range(0, len(whole), SECTOR):
        if whole[at : at + 2] == tag.to_bytes(2, "little") and whole[at + 2 : at + 4] in (
            b"\x02\x00", b"\x03\x00",
        ):  # fmt: skip
            if not skip:
                return at
            skip -= 1
    raise AssertionError


def patched(whole: bytes, at: int, offset: int, new: bytes) -> bytes:
    """A descriptor with other bytes and the right sums over them."""
    made = bytearray(whole)
    made[at + offset : at + offset + len(new)] = new
    length = int.from_bytes(made[at + 10 : at + 12], "little")
    made[at + 8 : at + 10] = crc_hqx(bytes(made[at + 16 : at + 16 + length]), 0).to_bytes(
        2, "little"
    )
    made[at + 4] = 0
    made[at + 4] = sum(made[at : at + 16]) % 256
    return bytes(made)


def _root_among_its_own(whole: bytes) -> bytes:
    """The first folder that the root names is the root itself."""
    names = place_of(whole, 257)
    file_set = place_of(whole, 256)
    parent = 40  # the entry of the folder above comes first, with no name
    return patched(whole, names + parent, 24, whole[file_set + 404 : file_set + 408])


@pytest.mark.parametrize(
    ("descriptor", "offset", "new", "code"),
    [
        ((261, 5), 180, b"\xff\xff\xff\x7f", "bad_image"),  # a file beyond the end
        ((261, 5), 56, b"\xff" * 7, "bad_image"),  # larger than its pieces
        ((261, 5), 27, b"\x06", "not_a_regular_file"),  # a device
        ((261, 5), 179, b"\x80", "image_not_plain"),  # with a hole
        ((6, 0), 268, b"\x02", "image_not_plain"),  # two partitions
        ((6, 0), 440, b"\x02", "image_not_plain"),  # one of another kind
    ],
)
def test_a_hostile_image_is_refused(
    descriptor: tuple[int, int], offset: int, new: bytes, code: str, folder: Path
) -> None:
    bad = folder.with_name("bad.iso")
    whole = image(folder, bad).read_bytes()
    bad.write_bytes(patched(whole, place_of(whole, descriptor[0], skip=descriptor[1]), offset, new))
    with pytest.raises(Invalid) as caught:
        open_tree(bad)
    assert caught.value.code == code


def test_an_image_that_goes_in_circles_or_ends_early_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    whole = image(folder, tmp_path / "m.iso").read_bytes()
    names, file_set = place_of(whole, 257), place_of(whole, 256)
    parent = 40  # the entry of the folder above comes first, with no name
    itself = patched(whole, names + parent, 24, whole[file_set + 404 : file_set + 408])
    for bad in (itself, whole[: len(whole) // 2], whole[: 262 * SECTOR]):
        (tmp_path / "bad.iso").write_bytes(bad)
        with pytest.raises(Invalid) as caught:
            open_tree(tmp_path / "bad.iso")
        assert caught.value.code == "bad_image"


def test_files_that_share_bytes_are_refused(folder: Path, tmp_path: Path) -> None:
    whole = image(folder, tmp_path / "m.iso").read_bytes()
    files = [place_of(whole, 261, skip=at) for at in range(9)]
    (one, two, *_rest) = [at for at in files if whole[at + 27] == 5 and whole[at + 56]]
    (tmp_path / "bad.iso").write_bytes(patched(whole, one, 180, whole[two + 180 : two + 184]))
    with pytest.raises(Invalid) as caught:
        open_tree(tmp_path / "bad.iso")
    assert caught.value.code == "image_not_plain"


@pytest.fixture
def whole(folder: Path, tmp_path: Path) -> bytes:
    return image(folder, tmp_path / "m.iso").read_bytes()


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_whatever_is_wrong_with_an_image_is_told_and_raises_nothing_else(
    data: st.DataObject, whole: bytes, tmp_path: Path
) -> None:
    bad = bytearray(whole)
    at = data.draw(st.integers(0, len(bad) - 1))
    while not bad[at]:  # most of an image is empty
        at = (at + 1) % len(bad)
    bad[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / "bad.iso").write_bytes(bad)
    with suppress(DanglianError):
        contents(tmp_path / "bad.iso")
