"""The formats that archives receive (GB/T 18894, GB/T 33190), by our names and those of PRONOM."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        code: our own short name, in lower case.
        name: the name that people see.
        media_type: the MIME type.
        extensions: those that its files have, without the dot.
        is_text: whether any text editor shows it.
        accepted: whether archives take it as it is (档发〔2012〕7号: unpack, decrypt first), where
            they have not said otherwise.
    """

    code: str
    name: str
    media_type: str
    extensions: tuple[str, ...]
    is_text: bool = False
    accepted: bool = True

    @property
    def has_words(self) -> bool:
        """Whether its files have words that we read, to look for marks of classification."""
        return self.is_text or self.code in ("pdf", "ofd", "docx", "doc", "eml")


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
    Format("mxf", "MXF", "application/mxf", ("mxf",)),
    Format("mkv", "Matroska", "video/x-matroska", ("mkv", "mka", "webm"), accepted=False),
    Format("flac", "FLAC", "audio/flac", ("flac",), accepted=False),
    Format("siard", "SIARD", "application/zip", ("siard",)),
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
    "mxf": (200,),
    "mkv": (569, 573),
    "flac": (279,),
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
_ALIASES = {
    "jpg": "jpeg",
    "tif": "tiff",
    "mpg": "mpeg",
    "matroska": "mkv",
    "webm": "mkv",
    "jpeg2000": "jp2",
    "text": "txt",
}


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
