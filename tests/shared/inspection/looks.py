"""What looking into small files has shown, and a sound one of each format."""

from __future__ import annotations

import io
import zipfile

import pikepdf
from PIL import Image

from shared.inspection.formats import (
    identify,
)
from shared.inspection.formats.looking import examine
from tests.shared.inspection.files import (
    changed_pdf,
    compound_file,
    mp3,
    mp4,
    mpeg,
    siard,
    wave,
    workbook,
)
from tests.shared.inspection.recordings import flac, matroska, mxf
from tests.shared.inspection.reports import ofd
from tests.shared.packaging.samples import sound_pdf


def code_of(content: bytes) -> str | None:
    found = identify(io.BytesIO(content))
    return found.code if found else None


def kinds(content: bytes) -> list[str]:
    return [each.kind for each in examine(io.BytesIO(content), {}, 20).troubles]


def picture(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 50).save(buffer, kind)
    return buffer.getvalue()


def zipped(**entries: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def office(part: str) -> bytes:
    return zipped(**{"[Content_Types].xml": "<Types/>", part: "<x/>"})


MAIL = (
    b"From: a@b.cn\r\nDate: Mon, 1 Jan 2024 00:00:00 +0800\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b1"\r\n\r\n--b1\r\n\r\nhello\r\n--b1--\r\n'
)
FIB = b"\xec\xa5" + bytes(4094)
#: Nothing plays them: a person has to.
PLAYED = {"mp3", "mp4", "mpeg", "flac", "mkv", "mxf"}
SOUND = {
    "pdf": sound_pdf(),
    "ofd": ofd("公文"),
    "docx": office("word/document.xml"),
    "xlsx": workbook(),
    "pptx": office("ppt/presentation.xml"),
    "zip": zipped(a="a"),
    "siard": siard(rows=2),
    "doc": compound_file(WordDocument=FIB, **{"0Table": bytes(4096)}),
    "rtf": rb"{\rtf1 hello}",
    "txt": "公文的文字，第一行。\n".encode(),
    "xml": b"<?xml version='1.0'?><a>b</a>",
    "html": b"<!DOCTYPE html><html><body>x</body></html>",
    "eml": MAIL,
    "tiff": picture("TIFF"),
    "jpeg": picture("JPEG"),
    "png": picture("PNG"),
    "jp2": picture("JPEG2000"),
    "gif": picture("GIF"),
    "bmp": picture("BMP"),
    "wav": wave(),
    "mp3": mp3(frames=5),
    "mp4": mp4(),
    "mpeg": mpeg(),
    "flac": flac(),
    "mkv": matroska(),
    "mxf": mxf(),
    "gzip": b"\x1f\x8b\x08" + bytes(20),
    "exe": b"MZ\x90\x00" + bytes(100),
}


def painted(content: bytes, **resources: pikepdf.Object) -> bytes:
    """A page that is drawn with this."""

    def draw(document: pikepdf.Pdf) -> None:
        page = document.pages[0]
        page.Contents = document.make_stream(content)
        page.Resources = pikepdf.Dictionary(**resources)

    return changed_pdf(draw)
