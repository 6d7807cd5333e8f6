"""Whether a computer file can be read: simple checks of structure, format by format.

They find what is cut off, garbled, locked by a password, or carries programs. They are no proof
that every page shows: for that a person opens it (DA/T 70-2018, 3-4: automatic and by sample).
"""

from __future__ import annotations

import email
import email.policy
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from lxml import etree
from PIL import Image

from shared.inspection.formats import Format, decode_text
from shared.inspection.pdf import pdf_troubles
from shared.inspection.trouble import ACTIVE, DAMAGED, LOCKED, UNSURE, Trouble

_MOST_TEXT = 64 * 1024 * 1024
_MOST_UNPACKED = 4 * 1024 * 1024 * 1024
_MOST_RATIO = 1000
_MOST_XML = 256 * 1024 * 1024
_MOST_FRAMES = 1000
_CHUNK = 1024 * 1024


def troubles(kind: Format, stream: BinaryIO) -> list[Trouble]:
    """What keeps a file of this format from being read, or makes reading it a risk."""
    size = stream.seek(0, 2)
    stream.seek(0)
    examine = _EXAMINERS.get(kind.code)
    return list(examine(stream, size)) if examine else []


# --- pictures --------------------------------------------------------------------------------

_PICTURE_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError,
    struct.error, zlib.error, Warning,
)  # fmt: skip


def _picture(*names: str) -> Callable[[BinaryIO, int], Iterator[Trouble]]:
    def examine(stream: BinaryIO, _size: int) -> Iterator[Trouble]:
        try:
            with Image.open(stream, formats=names) as picture:
                for frame in range(min(getattr(picture, "n_frames", 1), _MOST_FRAMES)):
                    picture.seek(frame)
                    picture.load()
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            yield Trouble(UNSURE, "图像幅面很大，未逐点检测")
        except _PICTURE_ERRORS:
            yield Trouble(DAMAGED, "图像不能完整显示，文件可能不完整或已损坏")

    return examine


_PNG_END = b"IEND\xaeB`\x82"


def _png(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    stream.seek(max(0, size - 65536))
    if _PNG_END not in stream.read():  # Pillow shows the picture without it
        yield Trouble(DAMAGED, "图像没有结束标志（IEND），文件可能不完整")
        return
    stream.seek(0)
    yield from _picture("PNG")(stream, size)


# --- ZIP containers: OFD (GB/T 33190), OOXML -------------------------------------------------

_ZIP_ERRORS = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError,
    zlib.error, KeyError,
)  # fmt: skip


def _zip(stream: BinaryIO, _size: int) -> Iterator[Trouble]:
    try:
        with zipfile.ZipFile(stream) as archive:
            yield from _zip_entries(archive)
    except _ZIP_ERRORS:
        yield Trouble(DAMAGED, "压缩容器已损坏，不能完整解开")


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Trouble]:
    infos = archive.infolist()
    if any(info.flag_bits & 0x1 for info in infos):
        yield Trouble(LOCKED, "文件已加密或设有口令")
        return
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > _MOST_UNPACKED or unpacked > _MOST_RATIO * max(packed, 4096):
        yield Trouble(DAMAGED, "解开后过大，可能是恶意文件")
        return
    for info in infos:
        with archive.open(info) as entry:
            while entry.read(_CHUNK):  # reading to the end compares the CRC
                pass
    if any(info.filename.lower().endswith("vbaproject.bin") for info in infos):
        yield Trouble(ACTIVE, "文件含有宏（VBA）")


def _parts(*wanted: str) -> Callable[[BinaryIO, int], Iterator[Trouble]]:
    def examine(stream: BinaryIO, size: int) -> Iterator[Trouble]:
        found = list(_zip(stream, size))
        yield from found
        if any(each.kind in (DAMAGED, LOCKED) for each in found):
            return
        with zipfile.ZipFile(stream) as archive:
            for name in wanted:
                if name not in archive.namelist():
                    yield Trouble(DAMAGED, f"文件缺少必有的部分 {name}")
                elif _xml_of(archive, name) is None:
                    yield Trouble(DAMAGED, f"文件的 {name} 不是格式正确的 XML")

    return examine


def _ofd(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    found = list(_zip(stream, size))
    yield from found
    if any(each.kind in (DAMAGED, LOCKED) for each in found):
        return
    with zipfile.ZipFile(stream) as archive:
        names = {name.lstrip("/") for name in archive.namelist()}
        root = _xml_of(archive, "OFD.xml")
        if root is None:
            yield Trouble(DAMAGED, "OFD.xml 不是格式正确的 XML")
            return
        documents = _texts(root, "DocRoot")
        if not documents:
            yield Trouble(DAMAGED, "OFD 没有文档（DocRoot）")
        for place in documents:
            path = ofd_path("OFD.xml", place)
            document = _xml_of(archive, path) if path in names else None
            if document is None:
                yield Trouble(DAMAGED, "OFD 缺少文档根文件，或该文件已损坏")
                continue
            pages = [
                ofd_path(path, str(page.get("BaseLoc", "")))
                for page in document.iter("{*}Page")
                if page.get("BaseLoc")
            ]
            if not pages:
                yield Trouble(DAMAGED, "OFD 没有页面")
            missing = [page for page in pages if page not in names]
            if missing:
                yield Trouble(DAMAGED, f"OFD 缺少 {len(missing)} 个页面")
            if any(page in names and _xml_of(archive, page) is None for page in pages):
                yield Trouble(DAMAGED, "OFD 有页面不是格式正确的 XML")


def ofd_path(base: str, place: str) -> str:
    """Where a location in one OFD part leads: absolute with `/`, else beside that part."""
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


def xml_parser() -> etree.XMLParser:
    """A parser for files of strangers: no entities, no network, no DTD."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _xml_of(archive: zipfile.ZipFile, name: str) -> etree._Element | None:
    for each in (name, f"/{name}"):
        if each in archive.namelist():
            if archive.getinfo(each).file_size > _MOST_XML:
                return None
            try:
                return etree.fromstring(archive.read(each), xml_parser())
            except (etree.XMLSyntaxError, ValueError):
                return None
    return None


def _texts(root: etree._Element, name: str) -> list[str]:
    return [each.text for each in root.iter(f"{{*}}{name}") if each.text]


# --- sound and film --------------------------------------------------------------------------


def _riff(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    declared = int.from_bytes(stream.read(8)[4:8], "little")
    if declared != 0xFFFFFFFF and (declared == 0 or declared + 8 > size + 1):
        yield Trouble(DAMAGED, "音像文件比其自述的短，可能不完整")


def _mp4(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    place, seen = 0, set()
    while place < size:
        stream.seek(place)
        header = stream.read(16)
        if len(header) < 8:
            yield Trouble(DAMAGED, "音像文件结尾不完整")
            return
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size - place
        if length < 8 or place + length > size:
            yield Trouble(DAMAGED, "音像文件比其自述的短，可能不完整")
            return
        seen.add(header[4:8])
        place += length
    if b"moov" not in seen or not seen & {b"mdat", b"moof"}:
        yield Trouble(DAMAGED, "音像文件缺少索引或内容，不能播放")


def _mp3(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    head = stream.read(10)
    if head.startswith(b"ID3"):
        length = 0
        for byte in head[6:10]:
            length = length << 7 | byte & 0x7F
        stream.seek(10 + length)
        window = stream.read(65536)
        if not any(
            window[at] == 0xFF and window[at + 1] & 0xE6 == 0xE2 for at in range(len(window) - 1)
        ):
            yield Trouble(DAMAGED, "音频文件没有声音内容")
    elif size < 100:
        yield Trouble(DAMAGED, "音频文件过短")


# --- texts -----------------------------------------------------------------------------------


def _plain_text(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    content = stream.read(_MOST_TEXT)
    if decode_text(content, whole=size <= _MOST_TEXT) is None:
        yield Trouble(DAMAGED, "文本含有乱码或控制字符")


def _xml(stream: BinaryIO, _size: int) -> Iterator[Trouble]:
    try:
        for _event, element in etree.iterparse(
            stream, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        ):
            element.clear()
    except (etree.XMLSyntaxError, ValueError):
        yield Trouble(DAMAGED, "不是格式正确的 XML")


def _rtf(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    stream.seek(max(0, size - 1024))
    if not stream.read().rstrip(b"\r\n \t\x00").endswith(b"}"):
        yield Trouble(DAMAGED, "RTF 没有正常结束，文件可能不完整")


def _mail(stream: BinaryIO, _size: int) -> Iterator[Trouble]:
    content = stream.read(_MOST_TEXT)
    if b"\n\n" not in content and b"\r\n\r\n" not in content:
        yield Trouble(DAMAGED, "邮件没有正文，文件可能不完整")
        return
    message = email.message_from_bytes(content, policy=email.policy.default)
    boundary = message.get_boundary()
    if boundary and f"--{boundary}--".encode("utf-8", "replace") not in content:
        yield Trouble(DAMAGED, "邮件的多个部分没有正常结束，文件可能不完整")


# --- compound files (MS-CFB) -----------------------------------------------------------------


def _ole(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    header = stream.read(512)
    shift = int.from_bytes(header[30:32], "little") if len(header) == 512 else 0
    if shift not in (9, 12):
        yield Trouble(DAMAGED, "文件头不完整")
        return
    sector = 1 << shift
    directory = int.from_bytes(header[48:52], "little")
    tables = int.from_bytes(header[44:48], "little")
    listed = [int.from_bytes(header[76 + 4 * n : 80 + 4 * n], "little") for n in range(109)]
    needed = [directory, *listed[: min(tables, 109)]]
    if any((each + 2) * sector > size + sector - 1 for each in needed):
        yield Trouble(DAMAGED, "文件比其自述的短，可能不完整")


def _ole_locked(_stream: BinaryIO, _size: int) -> Iterator[Trouble]:
    yield Trouble(LOCKED, "文件已加密或设有口令")


_EXAMINERS: dict[str, Callable[[BinaryIO, int], Iterator[Trouble]]] = {
    "pdf": pdf_troubles,
    "ofd": _ofd,
    "docx": _parts("[Content_Types].xml", "word/document.xml"),
    "xlsx": _parts("[Content_Types].xml", "xl/workbook.xml"),
    "pptx": _parts("[Content_Types].xml", "ppt/presentation.xml"),
    "zip": _zip,
    "doc": _ole,
    "xls": _ole,
    "ppt": _ole,
    "ole": _ole,
    "encrypted_office": _ole_locked,
    "rtf": _rtf,
    "txt": _plain_text,
    "html": _plain_text,
    "xml": _xml,
    "eml": _mail,
    "tiff": _picture("TIFF"),
    "jpeg": _picture("JPEG", "MPO"),
    "png": _png,
    "jp2": _picture("JPEG2000"),
    "gif": _picture("GIF"),
    "bmp": _picture("BMP"),
    "wav": _riff,
    "avi": _riff,
    "mp4": _mp4,
    "mp3": _mp3,
}
