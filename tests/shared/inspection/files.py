"""Small sound files of the kinds for which no library of ours writes one."""

from __future__ import annotations

import io
import random
import struct
import wave as waves
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pikepdf
from PIL import Image
from xlsxwriter import Workbook

from shared.demo.generator import ofd, pdf
from shared.demo.generator.papers import Kind, Paper
from tests.shared.packaging.samples import sound_pdf

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound_file(**streams: bytes) -> bytes:
    """A compound file (MS-CFB) with streams of 4096 bytes or more, in the root."""
    table: list[int] = [_FAT, _FREE]
    body = b""
    entries = [("Root Entry", 5, _END, 0)]
    for name, content in streams.items():
        assert len(content) >= 4096
        sectors = -(-len(content) // _SECTOR)
        first = len(table)
        table += [*range(first + 1, first + sectors), _END]
        body += content.ljust(sectors * _SECTOR, b"\0")
        entries.append((name, 2, first, len(content)))
    table[1] = _END
    assert len(table) <= _SECTOR // 4
    assert len(entries) <= 4
    directory = b""
    for place, (name, kind, first, size) in enumerate(entries):
        text = name.encode("utf-16-le") + b"\0\0"
        right = place + 1 if 0 < place < len(entries) - 1 else _FREE
        child = 1 if place == 0 and len(entries) > 1 else _FREE
        directory += (
            text.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(text), kind, 1, _FREE, right, child)
            + bytes(36)
            + struct.pack("<IQ", first, size)
        )
    empty = bytes(66) + b"\0\0" + struct.pack("<III", _FREE, _FREE, _FREE) + bytes(48)
    directory += empty * (4 - len(entries))
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, _END, 0, _END, 0)
        + struct.pack("<I", 0) + struct.pack("<I", _FREE) * 108
    )  # fmt: skip
    fat = b"".join(struct.pack("<I", each) for each in table).ljust(_SECTOR, b"\xff")
    return header + fat + directory + body


def workbook(text: str = "预算") -> bytes:
    """An XLSX with one cell."""
    buffer = io.BytesIO()
    with Workbook(buffer, {"in_memory": True}) as book:
        book.add_worksheet().write(0, 0, text)
    return buffer.getvalue()


def wave(seconds: int = 1, *, bits: int = 16, rate: int = 44100) -> bytes:
    """Silence."""
    buffer = io.BytesIO()
    with waves.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(bits // 8)
        sound.setframerate(rate)
        sound.writeframes(bytes(bits // 8 * rate * seconds))
    return buffer.getvalue()


def mp3(frames: int) -> bytes:
    """Frames of 128 kbit/s at 44.1 kHz behind an ID3 tag."""
    frame = (b"\xff\xfb\x90\x64").ljust(417, b"\0")
    return b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + frame * frames


def box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of MP4."""
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def mp4(seconds: int = 1) -> bytes:
    """An MP4 that says how long it is."""
    head = bytes(12) + struct.pack(">II", 1000, 1000 * seconds) + bytes(80)
    return box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", head)) + box(b"mdat", b"y" * 50)


def mpeg() -> bytes:
    """A program stream: a pack, a packet, the end."""
    pack = b"\0\0\1\xba\x21" + bytes(7)
    return pack + b"\0\0\1\xe0\0\x20" + bytes(32) + b"\0\0\1\xb9"


def siard(rows: int, said: int | None = None) -> bytes:
    """A database of one table."""
    table = f"<table><folder>t0</folder><rows>{rows if said is None else said}</rows></table>"
    metadata = (
        '<siardArchive xmlns="urn:siard" version="2.2"><schemas><schema><folder>s0</folder>'
        f"<tables>{table}</tables></schema></schemas></siardArchive>"
    )
    content = f'<table xmlns="urn:table">{"<row><c1>a</c1></row>" * rows}</table>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("header/metadata.xml", metadata)
        archive.writestr("content/s0/t0/t0.xml", content)
    return buffer.getvalue()


def changed_pdf(change: Callable[[pikepdf.Pdf], object], **saving: Any) -> bytes:
    """A sound PDF that somebody has changed."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(sound_pdf())) as document:
        change(document)
        document.save(buffer, **saving)
    return buffer.getvalue()


def locked_pdf() -> bytes:
    """A PDF that opens with a password alone."""
    key = pikepdf.Encryption(owner="o", user="u")
    return changed_pdf(lambda document: None, encryption=key)


def scripted_pdf() -> bytes:
    """A PDF with a script, packed where nobody sees it from outside."""

    def add(document: pikepdf.Pdf) -> None:
        script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        document.Root.OpenAction = document.make_indirect(script)

    return changed_pdf(add, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def claiming_pdf() -> bytes:
    """A PDF that says it is PDF/A-2b, and has no identifier in its trailer."""
    packet = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" rdf:about="" pdfaid:part="2" '
        b'pdfaid:conformance="B"/></rdf:RDF>'
    )

    def add(document: pikepdf.Pdf) -> None:
        document.Root.Metadata = document.make_stream(packet)

    return changed_pdf(add).replace(b"/ID", b"/XD")


def blank_page() -> bytes:
    """A scan of nothing."""
    buffer = io.BytesIO()
    Image.new("L", (400, 600), 250).save(buffer, "PNG")
    return buffer.getvalue()


def with_stray_part(container: bytes) -> bytes:
    """A container with a part that nothing in it names."""
    buffer = io.BytesIO(container)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("Doc_0/notes.txt", "x")
    return buffer.getvalue()


#: The letter that `Unit.record` describes.
PAPER = Paper(
    Kind.OUTGOING, "关于下达2024年部门预算的通知", "宜财预〔2024〕3号", "宜昌市财政局",
    date(2024, 3, 5), 2024, "D30", "BGS", "办公室", 1, "部门预算",
)  # fmt: skip


def letter(**changes: Any) -> bytes:
    """A letter 公文 of one page as PDF: red head, addressee, signature, seal."""
    return pdf.letter(replace(PAPER, **changes), random.Random(1))


def letter_on(box: list[float]) -> bytes:
    """A letter whose paper is cut to this box, in points."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(letter())) as document:
        document.pages[0].MediaBox = document.pages[0].CropBox = box
        document.save(buffer)
    return buffer.getvalue()


def letter_ofd(**changes: Any) -> bytes:
    """The same as OFD."""
    return ofd.letter(replace(PAPER, **changes), random.Random(1))


def word(text: str, *, compressed: bool = False) -> bytes:
    """A DOC (MS-DOC) with a text of one piece."""
    coded = text.encode("cp1252" if compressed else "utf-16-le")
    at = 2048
    place = at * 2 | 0x40000000 if compressed else at
    plc = struct.pack("<II", 0, len(text)) + struct.pack("<HIH", 0, place, 0)
    clx = b"\x01\x02\x00xx" + b"\x02" + struct.pack("<I", len(plc)) + plc
    head = bytearray(b"\xec\xa5" + bytes(at - 2))
    struct.pack_into("<II", head, 0x01A2, 0, len(clx))
    document = (bytes(head) + coded).ljust(4096, b"\0")
    return compound_file(WordDocument=document, **{"0Table": clx.ljust(4096, b"\0")})


def slides(*, macros: bool) -> bytes:
    """A PPT that says whether it has macros (MS-PPT 2.4.10)."""
    atom = b"\x02\x00\x00\x04" + struct.pack("<III", 12, 7, int(macros)) + struct.pack("<I", 2)
    container = b"\x0f\x00\xff\x03" + struct.pack("<I", len(atom)) + atom
    return compound_file(**{"PowerPoint Document": container.ljust(5000, b"\0")})
