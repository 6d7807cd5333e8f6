"""ZIP containers, and those of OFD (GB/T 33190), OOXML and SIARD: whole, open, and not too much."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lxml import etree

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import DAMAGED, LOCKED, SHORT_LIVED, UNSURE

_MOST_UNPACKED = 4 * 1024 * 1024 * 1024
_MOST_RATIO = 1000
_MOST_ENTRIES = 20_000
_MOST_XML = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_USUAL = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What `zipfile` raises for a broken ZIP (NotImplementedError: packed in a way it does not know).
_ERRORS = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError,
    zlib.error, LookupError,
)  # fmt: skip


def xml_parser() -> etree.XMLParser:
    """A parser for files of strangers: no entities, no network, no DTD."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def examine(stream: BinaryIO, _size: int, look: Look) -> None:
    """Unpack all of a container; what is locked or would be too much is not unpacked."""
    with opened(stream, look):
        pass


def part_path(base: str, place: str) -> str:
    """Where a place named in one part leads: absolute with `/`, else beside that part."""
    place = place.strip()
    if place.startswith("/"):
        return place.lstrip("/")
    folder = base.rpartition("/")[0]
    parts: list[str] = []
    for part in f"{folder}/{place}".split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


@contextmanager
def opened(stream: BinaryIO, look: Look) -> Iterator[Parts | None]:
    """The parts of a container of which every entry has been read; None when it cannot be."""
    archive = None
    try:
        archive = zipfile.ZipFile(stream)
        _read_all(archive, look)
    except _ERRORS:
        look.trouble(DAMAGED, "压缩容器已损坏，不能完整解开")
    try:
        yield None if archive is None or look.has(DAMAGED, LOCKED) else Parts(archive)
    finally:
        if archive is not None:
            archive.close()


def _read_all(archive: zipfile.ZipFile, look: Look) -> None:
    infos = archive.infolist()
    look.facts["entries"] = len(infos)
    if any(info.flag_bits & 0x1 for info in infos):
        look.trouble(LOCKED, "文件已加密或设有口令")
        return
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if (
        unpacked > _MOST_UNPACKED
        or unpacked > _MOST_RATIO * max(packed, 4096)
        or len(infos) > _MOST_ENTRIES
    ):
        look.trouble(DAMAGED, "解开后过大，可能是恶意文件")
        return
    if len({info.filename for info in infos}) != len(infos):
        look.trouble(DAMAGED, "压缩容器中有同名的部分，各软件读出的可能不同")
    if any(info.compress_type not in _USUAL for info in infos):
        look.trouble(SHORT_LIVED, "使用了不常用的压缩方法")
    for info in infos:
        if look.is_late:
            look.trouble(UNSURE, "压缩容器较大，没有全部解开")
            return
        with archive.open(info) as entry:
            while entry.read(_CHUNK):  # reading to the end compares the CRC
                pass


class Parts:
    """The entries of a container by their names, without a leading `/`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries = {info.filename.lstrip("/"): info for info in archive.infolist()}
        self.names = {name for name in self._entries if not name.endswith("/")}

    def xml(self, name: str) -> etree._Element | None:
        """The root of an XML part; None when it is not there, not XML or far too large."""
        info = self._entries.get(name)
        if info is None or info.file_size > _MOST_XML:
            return None
        try:
            return etree.fromstring(self._archive.read(info), xml_parser())
        except (etree.XMLSyntaxError, ValueError):
            return None

    def open(self, name: str) -> zipfile.ZipExtFile:
        """A part to read from. Raises KeyError when it is not there."""
        return self._archive.open(self._entries[name])  # type: ignore[return-value]

    def size(self, name: str) -> int:
        """How many bytes a part unpacks to. Raises KeyError when it is not there."""
        return self._entries[name].file_size
