"""A tree of files that somebody has brought, as a folder, ZIP or image of a disc.

It is read as if an enemy had made it: everything that can be known from names and sizes is checked
before a byte of content is read. Unlike `shared.packaging.layout`, which takes only ZIPs in our own
plain form, this takes those of any program.
"""

from __future__ import annotations

import io
import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from shared.kernel.errors import Invalid
from shared.kernel.files import CHUNK
from shared.packaging.build import fold
from shared.packaging.entry_streams import Told
from shared.packaging.exchange.disc import Piece, Pieces, files_of_image
from shared.packaging.exchange.image import is_image
from shared.packaging.layout import MOST_RATIO
from shared.packaging.package import Entries
from shared.packaging.zip_names import encoding_of, entry_name
from shared.records.security import classified_mark
from shared.records.text import repair_text, safe_file_name

MOST_FILES = 200_000
MOST_BYTES = 1 << 42
MOST_LEVELS = 12
#: Below this a file may unpack to more than MOST_RATIO times.
_HARMLESS = 1024 * 1024
_ENCRYPTED = 0x1
_HEADER = 30


def open_tree(path: Path) -> Entries:
    """Open a folder, a ZIP or an image of a disc.

    Raises Invalid, naming the entry, for what is hostile or broken.
    """
    if path.is_dir():
        return FolderTree(path)
    return ImageTree(path) if is_image(path) else ZipTree(path)


class FolderTree:
    """The plain files at and below a folder; links are refused, never followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sizes: Mapping[str, int] = _checked(_files_below(folder))

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file, as long as it still is the plain file that it was."""
        path = self.place(name)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as stream:
            yield stream

    def place(self, name: str) -> Path:
        """Where a file lies."""
        return self._folder / name

    def close(self) -> None:
        """Nothing is held."""


class ZipTree:
    """The files of a ZIP; folders in it say nothing."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
            raise _bad("不是完整的 ZIP 文件", path.name, "bad_zip") from None
        try:
            self._infos = self._read(path.stat().st_size)
        except BaseException:
            self._archive.close()
            raise
        self.sizes: Mapping[str, int] = {name: info.file_size for name, info in self._infos.items()}

    def _read(self, length: int) -> dict[str, zipfile.ZipInfo]:
        infos = self._archive.infolist()
        if len(infos) > MOST_FILES:
            raise _too_many()
        encoding = encoding_of(infos)
        named = [(entry_name(info, encoding), info) for info in infos]
        for name, info in named:
            _check_entry(name, info)
        _check_places(infos, length)
        files = [(name, info) for name, info in named if not info.is_dir()]
        _checked((name, info.file_size) for name, info in files)
        return dict(files)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file unpacked as it is read, at most as much as its size says."""
        try:
            with self._archive.open(self._infos[name]) as stream:
                yield cast(BinaryIO, io.BufferedReader(Told(stream.read, name), CHUNK))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise _bad("已损坏，解不开", name, "entry_damaged") from error

    def close(self) -> None:
        """Let go of the file."""
        self._archive.close()


class ImageTree:
    """The files of an image of a disc."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        try:
            self._places = self._read()
        except BaseException:
            self._stream.close()
            raise
        self.sizes: Mapping[str, int] = {
            name: sum(piece.size for piece in pieces) for name, pieces in self._places.items()
        }

    def _read(self) -> dict[str, tuple[Piece, ...]]:
        places: dict[str, tuple[Piece, ...]] = {}

        def found() -> Iterator[tuple[str, int]]:
            for name, pieces in files_of_image(self._stream):
                places[name] = pieces
                yield name, sum(piece.size for piece in pieces)

        _checked(found())
        return places

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file, read where it lies in the image."""
        yield cast(BinaryIO, io.BufferedReader(Pieces(self._stream, self._places[name]), CHUNK))

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


class Part:
    """Some files of a tree under names of their own; closing it leaves the tree open."""

    def __init__(self, tree: Entries, names: Mapping[str, str]) -> None:
        self._tree = tree
        self._names = names
        self.sizes: Mapping[str, int] = {
            name: tree.sizes[there] for name, there in names.items() if there in tree.sizes
        }

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The file of the tree that has this name here."""
        with self._tree.open(self._names[name]) as stream:
            yield stream

    def close(self) -> None:
        """The tree is somebody else's."""


def read_small(tree: Entries, name: str, most: int) -> bytes:
    """A file whole. Raises Invalid when it is larger than that."""
    if tree.sizes[name] > most:
        raise _bad(f"超过 {most // 1024 // 1024} 兆字节", name, "too_large")
    with tree.open(name) as stream:
        return stream.read(tree.sizes[name])


def _files_below(folder: Path) -> Iterator[tuple[str, int]]:
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda each: each.name)
        for each in entries:
            name = f"{prefix}{each.name}"
            if each.is_dir(follow_symlinks=False):
                if name.count("/") + 1 > MOST_LEVELS:
                    raise _bad("目录层次过深", name, "too_deep")
                waiting.append((Path(each.path), f"{name}/"))
                continue
            said = each.stat(follow_symlinks=False)
            if not stat.S_ISREG(said.st_mode):
                raise _bad("不是普通文件（链接或设备）", name, "not_a_regular_file")
            yield name, said.st_size


def _checked(files: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Names and sizes, when every system can keep them side by side. Raises Invalid."""
    found: dict[str, int] = {}
    folded: set[str] = set()
    folders: dict[str, str] = {}
    total = 0
    for name, size in files:
        _check_name(name)
        if fold(name) in folded:
            raise _bad("重名（包括仅大小写或写法不同）", name, "entry_twice")
        folded.add(fold(name))
        for end in (at for at, char in enumerate(name) if char == "/"):
            folder = name[:end]
            if folders.setdefault(fold(folder), folder) != folder:
                raise _bad("所在目录与别的目录仅大小写或写法不同", name, "entry_twice")
        found[name] = size
        total += size
        if len(found) > MOST_FILES:
            raise _too_many()
        if total > MOST_BYTES:
            raise _bad(f"合计超过 {MOST_BYTES // 1024**4} TB", name, "too_large")
    if both := folded & folders.keys():
        raise _bad("既是文件又是目录", min(both), "entry_twice")
    return found


def _check_name(name: str) -> None:
    segments = name.split("/")
    try:
        safe = [safe_file_name(segment) for segment in segments]
    except Invalid as error:
        raise _bad(f"名称不安全：{error.message}", name, "bad_entry_name") from None
    if safe != segments and unicodedata.is_normalized("NFC", name):
        raise _bad("名称不安全：首尾有空格", name, "bad_entry_name")
    if safe != segments:
        raise _bad("名称不是 Unicode NFC 写法", name, "bad_entry_name")
    if len(segments) > MOST_LEVELS:
        raise _bad("目录层次过深", name, "too_deep")


def _check_entry(name: str, info: zipfile.ZipInfo) -> None:
    if info.is_dir():
        _check_name(name.rstrip("/"))
        return
    if info.flag_bits & _ENCRYPTED:
        raise _bad("已加密", name, "encrypted_or_streamed")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _bad("用了不支持的压缩方法", name, "bad_compression")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise _bad("不是普通文件（链接或设备）", name, "not_a_regular_file")
    if info.file_size > max(_HARMLESS, info.compress_size * MOST_RATIO):
        raise _bad(f"压缩比超过 {MOST_RATIO}", name, "zip_bomb")


def _check_places(infos: list[zipfile.ZipInfo], length: int) -> None:
    """No two entries may share bytes: that is how a small ZIP unpacks to a huge one."""
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.header_offset < end:
            raise _bad("与别的条目重叠", info.filename, "hidden_bytes")
        end = info.header_offset + _HEADER + info.compress_size
    if end > length:
        raise _bad("条目超出文件范围", "ZIP", "bad_zip")


def _too_many() -> Invalid:
    return _bad(f"文件超过 {MOST_FILES} 个", "", "too_many_entries")


def _bad(problem: str, name: str, code: str) -> Invalid:
    return Invalid(
        "package", f"“{shown_name(name)}”{problem}。", "请由原单位重新生成后提交。", code=code
    )


def shown_name(name: str) -> str:
    """A name as a message may show it: short, harmless, and nothing of a classified one."""
    plain = "（含密级标志）" if classified_mark(name) else repair_text(name)
    return plain if len(plain) <= 120 else f"{plain[:60]}…{plain[-40:]}"
