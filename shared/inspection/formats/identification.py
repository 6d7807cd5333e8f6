"""Formats of computer files, told by their bytes and never by their names.

Our own small table of what archives receive; everything else is unknown and says so. OFD looks like
ZIP to other tools: the entry OFD.xml makes it OFD (`docs/decisions/0034`).
"""

from __future__ import annotations

import re
import zipfile
from typing import BinaryIO

from shared.inspection.formats.table import FORMATS, Format
from shared.inspection.formats.text import decode_text

_HEAD = 8192
_OLE_SEARCH = 64 * 1024 * 1024
_MOST_ENTRIES = 20_000
#: A list of entries longer than this is not read here: whose it is does not matter any more.
_LONGEST_LIST = 8 * 1024 * 1024

#: The key of a header partition (SMPTE ST 377-1, 7.1), up to its state.
_MXF = bytes.fromhex("060e2b34020501010d0102010102")
_MAGIC = (
    (0, b"II*\x00", "tiff"), (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"), (0, b"MM\x00+", "tiff"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"), (0, b"\xff\x4f\xff\x51", "jp2"),
    (0, b"GIF87a", "gif"), (0, b"GIF89a", "gif"),
    (8, b"WAVEfmt ", "wav"), (8, b"AVI LIST", "avi"), (4, b"ftyp", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "mkv"), (0, b"fLaC", "flac"), (0, _MXF, "mxf"),
    (0, b"ID3", "mp3"),
    (0, b"\x00\x00\x01\xba", "mpeg"), (0, b"\x00\x00\x01\xb3", "mpeg"),
    (0, b"{\\rtf", "rtf"),
    (0, b"Rar!\x1a\x07", "rar"), (0, b"7z\xbc\xaf\x27\x1c", "7z"), (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x7fELF", "exe"),
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIL_FIELD = re.compile(rb"(?im)^(from|date|received|message-id|mime-version|return-path):[ \t]")
_ANY_FIELD = re.compile(rb"[!-9;-~]+:[ \t]")
_MARKUP = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE | re.S)


def identify(stream: BinaryIO) -> Format | None:
    """The format of a seekable stream, by its bytes; None for an unknown or empty one."""
    stream.seek(0)
    head = stream.read(_HEAD)
    if not head:
        return None
    code = _by_magic(head)
    if code is None and b"%PDF-" in head[:1024]:
        code = "pdf"
    if code is None and head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        code = _container(stream)
    if code is None and head.startswith(_OLE):
        code = _ole(stream)
    if code is None and head.startswith(b"MZ"):
        code = "exe"
    if code is None and len(head) > 3 and _is_mp3_frame(head):
        code = "mp3"
    if code is None:
        code = _text(head)
    return FORMATS[code] if code else None


def _by_magic(head: bytes) -> str | None:
    for offset, magic, code in _MAGIC:
        if head.startswith(magic, offset):
            return code
    if head.startswith(b"BM") and len(head) >= 18 and head[14] in (12, 40, 52, 56, 108, 124):
        return "bmp"
    return None


def _is_mp3_frame(head: bytes) -> bool:
    """An MPEG audio frame header of layer III, with bit rate and sample rate that exist."""
    first, second, third = head[0], head[1], head[2]
    return (
        first == 0xFF
        and second & 0xE6 == 0xE2
        and second & 0x18 != 0x08
        and third >> 4 not in (0, 15)
        and third >> 2 & 3 != 3
    )


def _container(stream: BinaryIO) -> str:
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 65557))
    end = stream.read().rpartition(b"PK\x05\x06")[2]
    if int.from_bytes(end[8:12], "little") > _LONGEST_LIST:
        return "zip"
    try:
        with zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
            if len(infos) > _MOST_ENTRIES:
                return "zip"
            names = {info.filename.lstrip("/") for info in infos}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError):
        return "zip"  # whose examiner names what is broken
    if "OFD.xml" in names:
        return "ofd"
    if "[Content_Types].xml" in names:
        for folder, code in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(name.startswith(folder) for name in names):
                return code
    if "header/metadata.xml" in names:
        return "siard"
    return "zip"


_OLE_STREAMS = tuple(
    (name.encode("utf-16-le"), code)
    for name, code in (
        ("EncryptedPackage", "encrypted_office"),
        ("WordDocument", "doc"),
        ("Workbook", "xls"),
        ("PowerPoint Document", "ppt"),
        ("Book", "xls"),
    )
)


def _ole(stream: BinaryIO) -> str:
    """Which program's compound file: told by the names of its streams (MS-CFB directory)."""
    stream.seek(0)
    found: set[str] = set()
    before = b""
    for _ in range(_OLE_SEARCH // (1 << 20)):
        piece = stream.read(1 << 20)
        if not piece:
            break
        window = before + piece
        found.update(code for name, code in _OLE_STREAMS if name in window)
        before = window[-64:]
    return next((code for _name, code in _OLE_STREAMS if code in found), "ole")


def _text(head: bytes) -> str | None:
    text = decode_text(head, whole=len(head) < _HEAD)
    if text is None:
        return None
    if text.lstrip().startswith("<?xml"):
        return "html" if re.search(r"<html[\s>]", text, re.IGNORECASE) else "xml"
    if _MARKUP.match(text):
        return "html"
    first_line = head.split(b"\n", 1)[0]
    if _ANY_FIELD.match(first_line) and len(_MAIL_FIELD.findall(head)) >= 2:
        return "eml"
    return "txt"
