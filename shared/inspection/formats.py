"""Formats of computer files, told by their bytes and never by their names.

Our own small table of what archives receive (GB/T 18894, GB/T 33190); everything else is unknown
and says so. OFD looks like ZIP to other tools: the entry OFD.xml makes it OFD.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

_HEAD = 8192
_OLE_SEARCH = 64 * 1024 * 1024
_MOST_ENTRIES = 20_000


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        code: our own short name, in lower case.
        name: the name that people see.
        media_type: the MIME type.
        extensions: those that its files have, without the dot.
        is_text: whether any text editor shows it.
        accepted: whether archives take it as it is (档发〔2012〕7号: unpack, decrypt first).
    """

    code: str
    name: str
    media_type: str
    extensions: tuple[str, ...]
    is_text: bool = False
    accepted: bool = True


_OOXML = "application/vnd.openxmlformats-officedocument"
_TABLE = (
    Format("pdf", "PDF", "application/pdf", ("pdf",)),
    Format("ofd", "OFD", "application/ofd", ("ofd",)),
    Format("doc", "DOC", "application/msword", ("doc", "wps", "dot")),
    Format("xls", "XLS", "application/vnd.ms-excel", ("xls", "et", "xlt")),
    Format("ppt", "PPT", "application/vnd.ms-powerpoint", ("ppt", "dps", "pps")),
    Format("docx", "DOCX", f"{_OOXML}.wordprocessingml.document", ("docx", "docm")),
    Format("xlsx", "XLSX", f"{_OOXML}.spreadsheetml.sheet", ("xlsx", "xlsm")),
    Format("pptx", "PPTX", f"{_OOXML}.presentationml.presentation", ("pptx", "pptm", "ppsx")),
    Format(
        "encrypted_office", "加密的 Office 文件", "application/x-ole-storage",
        ("docx", "xlsx", "pptx", "docm", "xlsm", "pptm"), accepted=False,
    ),
    Format("ole", "OLE 复合文件", "application/x-ole-storage", (), accepted=False),
    Format("rtf", "RTF", "application/rtf", ("rtf", "doc")),
    Format("txt", "TXT", "text/plain", ("txt", "csv", "log", "md", "json"), is_text=True),
    Format("xml", "XML", "application/xml", ("xml",), is_text=True),
    Format("html", "HTML", "text/html", ("html", "htm", "xhtml"), is_text=True),
    Format("eml", "EML", "message/rfc822", ("eml",), is_text=True),
    Format("tiff", "TIFF", "image/tiff", ("tif", "tiff")),
    Format("jpeg", "JPEG", "image/jpeg", ("jpg", "jpeg")),
    Format("png", "PNG", "image/png", ("png",)),
    Format("jp2", "JPEG 2000", "image/jp2", ("jp2", "jpf", "jpx", "j2k")),
    Format("gif", "GIF", "image/gif", ("gif",)),
    Format("bmp", "BMP", "image/bmp", ("bmp",)),
    Format("wav", "WAV", "audio/x-wav", ("wav",)),
    Format("mp3", "MP3", "audio/mpeg", ("mp3",)),
    Format("mp4", "MP4", "video/mp4", ("mp4", "m4v", "m4a", "mov")),
    Format("avi", "AVI", "video/x-msvideo", ("avi",)),
    Format("mpeg", "MPEG", "video/mpeg", ("mpg", "mpeg", "vob")),
    Format("zip", "ZIP 压缩包", "application/zip", ("zip",), accepted=False),
    Format("rar", "RAR 压缩包", "application/vnd.rar", ("rar",), accepted=False),
    Format("7z", "7z 压缩包", "application/x-7z-compressed", ("7z",), accepted=False),
    Format("gzip", "GZIP 压缩包", "application/gzip", ("gz", "tgz"), accepted=False),
    Format("exe", "可执行程序", "application/x-executable", ("exe", "dll"), accepted=False),
)  # fmt: skip
FORMATS = {each.code: each for each in _TABLE}

_PUIDS = {
    "pdf": (14, 15, 16, 17, 18, 19, 20, 95, 276, 354, *range(476, 482), 1129, *range(1129, 1132)),
    "doc": (39, 40),
    "docx": (412, 523),
    "xls": (59, 61),
    "xlsx": (214,),
    "pptx": (215,),
    "ppt": (126,),
    "rtf": (45, 50, 52, 53, 355),
    "tiff": (353, 152, 153, 154, 155, 156),
    "jpeg": (41, 42, 43, 44, 645),
    "png": (11, 12, 13),
    "gif": (3, 4),
    "wav": (1, 2, 6, 141, 142, 143),
    "mp3": (134,),
    "mp4": (199,),
    "avi": (5,),
    "eml": (278,),
    "xml": (101,),
    "html": (96, 97, 98, 99, 100, 471),
}
_BY_PUID = {f"fmt/{each}": code for code, numbers in _PUIDS.items() for each in numbers} | {
    "x-fmt/392": "jp2",
    "x-fmt/385": "mpeg",
    "x-fmt/386": "mpeg",
    "x-fmt/111": "txt",
    "x-fmt/263": "zip",
}
_ALIASES = {"jpg": "jpeg", "tif": "tiff", "mpg": "mpeg", "jpeg2000": "jp2", "text": "txt"}

_MAGIC = (
    (0, b"II*\x00", "tiff"), (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"), (0, b"MM\x00+", "tiff"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"), (0, b"\xff\x4f\xff\x51", "jp2"),
    (0, b"GIF87a", "gif"), (0, b"GIF89a", "gif"),
    (8, b"WAVEfmt ", "wav"), (8, b"AVI LIST", "avi"), (4, b"ftyp", "mp4"),
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
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


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


def format_named(text: str) -> Format | None:
    """The format that a record's metadata names: by our code, a name, a MIME type or a PUID."""
    plain = text.strip().lower()
    code = _BY_PUID.get(plain) or _ALIASES.get(plain.lstrip("."), plain.lstrip("."))
    if code in FORMATS:
        return FORMATS[code]
    for each in _TABLE:
        if plain in (each.media_type, each.name.lower()):
            return each
    # Names with a version: "PDF 1.7", "PDF/A-1b", "OFD 1.0".
    first = re.split(r"[\s/]", plain, maxsplit=1)[0]
    return FORMATS.get(_ALIASES.get(first, first))


def names_format(text: str, kind: Format) -> bool:
    """Whether a recorded format is, or may be, this one; a name that we do not know may be."""
    if text.strip().lower().lstrip(".") in kind.extensions:
        return True
    named = format_named(text)
    return named is None or named == kind or (named.code == "txt" and kind.is_text)


def extension_of(name: str) -> str:
    """The extension of a file name, lower case, without its dot; empty when there is none."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def decode_text(content: bytes, *, whole: bool) -> str | None:
    """A text in UTF-8, GB 18030 or (with its mark) UTF-16; None when it is none of these.

    Without `whole`, a character cut off at the end is forgiven.
    """
    encodings = ["utf-8-sig", "gb18030"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    for encoding in encodings:
        for cut in range(1 if whole else 4):
            try:
                text = content[: len(content) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return None if _NO_TEXT.search(text) else text
    return None


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
    try:
        with zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
            if len(infos) > _MOST_ENTRIES:
                return "zip"
            names = {info.filename.lstrip("/") for info in infos}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError):
        return "zip"
    if "OFD.xml" in names:
        return "ofd"
    if "[Content_Types].xml" in names:
        for folder, code in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(name.startswith(folder) for name in names):
                return code
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
