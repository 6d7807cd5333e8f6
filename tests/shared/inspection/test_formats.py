"""Formats told by their bytes, and what makes a file unreadable; with real files where they are."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from pathlib import Path

import pytest

from shared.inspection.formats import (
    FORMATS,
    decode_text,
    extension_of,
    format_named,
    identify,
    names_format,
    sandbox,
)
from shared.inspection.formats.examination import Mark
from shared.inspection.formats.looking import examine
from shared.inspection.formats.trouble import (
    ACTIVE,
    DAMAGED,
    FALSE_CLAIM,
    LOCKED,
    REPAIRABLE,
    UNEXAMINED,
    UNSURE,
)
from shared.inspection.formats.word_text import text_of
from tests.shared.inspection.files import (
    compound_file,
    mp3,
    mp4,
    mpeg,
    siard,
    slides,
    wave,
    word,
    workbook,
)
from tests.shared.inspection.looks import PLAYED, SOUND, code_of, kinds, office, zipped
from tests.shared.inspection.recordings import flac, matroska, mxf


@pytest.mark.parametrize("code", sorted(SOUND))
def test_a_sound_file_is_recognised_and_has_no_trouble(code: str) -> None:
    assert code_of(SOUND[code]) == code
    assert kinds(SOUND[code]) == ([UNSURE] if code in PLAYED else [])


@pytest.mark.parametrize(
    "code", sorted(set(SOUND) - {"txt", "html", "gzip", "exe", "mpeg", "pptx"})
)
def test_a_file_that_was_cut_off_is_damaged(code: str) -> None:
    content = SOUND[code]
    for length in (len(content) - 3, len(content) * 2 // 3):
        cut = content[:length]
        found = identify(io.BytesIO(cut))
        assert found is None or found.code != code or DAMAGED in kinds(cut)


def test_a_film_that_breaks_off_within_a_packet_is_damaged() -> None:
    assert DAMAGED in kinds(mpeg()[:30])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (flac(), {"sample_rate": 44100, "bits": 16, "channels": 1, "seconds": 0.009}),
        (matroska(), {"width": 720, "height": 576, "bits": 24, "sample_rate": 48000, "seconds": 2}),
        (matroska(is_open=True), {"height": 576, "seconds": 2}),
        (mxf(), {"height": 576, "bits": 24, "sample_rate": 48000, "channels": 2, "seconds": 2}),
    ],
)
def test_a_recording_says_its_parameters(content: bytes, said: dict[str, float]) -> None:
    facts = examine(io.BytesIO(content), {}, 20).facts
    assert {name: facts.get(name) for name in said} == said


@pytest.mark.parametrize(
    "content",
    [
        flac(blocks=0),
        flac(samples=999),
        flac()[:-1] + b"x",
        flac()[:30] + b"\xff" + flac()[31:50],
        flac().replace(b"\xff\xf8", b"\xff\xf0"),
        flac().replace(b"\x0a\xc4\x40", b"\0\0\0", 1),
        matroska(tracks=False),
        matroska(clusters=False),
        matroska(is_open=True) + b"\0\0",
        mxf(essence=False),
        mxf(footer=False),
        mxf() + b"more",
    ],
)
def test_a_recording_in_disorder_is_damaged(content: bytes) -> None:
    assert DAMAGED in kinds(content)


def test_recordings_for_keeping_are_taken_and_others_where_an_archive_says_so() -> None:
    """DA/T 62-2017 names WAV, AVI and MXF; of the rest the format policy decides."""
    assert FORMATS["mxf"].accepted
    assert not FORMATS["flac"].accepted
    assert format_named("video/webm") is None
    assert format_named("fmt/569") == format_named("Matroska") == FORMATS["mkv"]


def test_names_do_not_count() -> None:
    assert code_of(b"") is None
    assert code_of(b"\x00\x01\x02\x03" * 50) is None
    assert extension_of("通知.PDF") == "pdf"
    assert extension_of("通知") == ""
    assert extension_of(".gitignore") == ""


def test_texts_are_read_in_the_encodings_that_offices_use() -> None:
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        assert code_of("关于预算的通知\r\n".encode(encoding)) == "txt"
        assert decode_text("预算".encode(encoding), whole=True) == "预算"
    long = ("预算" * 10_000).encode()
    for shift in range(3):  # the head may end within a character
        assert code_of(b"x" * shift + long) == "txt"
    assert decode_text(b"a\x00b", whole=True) is None
    assert kinds(b"ok\n" * 4000 + b"\x00\x01") == [DAMAGED]


def test_containers_that_are_locked_or_unpack_to_too_much() -> None:
    locked = bytearray(office("word/document.xml"))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + offset] |= 1
    assert kinds(bytes(locked)) == [LOCKED]
    bomb = zipped(**{"[Content_Types].xml": "<x/>", "word__document.xml": " " * 30_000_000})
    assert DAMAGED in kinds(bomb)
    macros = zipped(**{
        "[Content_Types].xml": "<x/>", "word__document.xml": "<x/>", "word__vbaProject.bin": "x",
    })  # fmt: skip
    assert kinds(macros) == [ACTIVE]


def test_xml_that_would_swallow_the_memory_is_harmless() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "x">{entities}]><x>&e11;</x>'
    assert kinds(bomb.encode()) in ([], [DAMAGED])


def sheets_of_1997(kind: int) -> bytes:
    """The head of an XLS with one sheet of this kind, hidden from people."""
    records = ((0x0809, bytes(16)), (0x0085, struct.pack("<IBB", 0, 2, kind) + b"\x01\x00a"))
    book = b"".join(struct.pack("<HH", number, len(said)) + said for number, said in records)
    return compound_file(Workbook=(book + struct.pack("<HH", 0x000A, 0)).ljust(4096, b"\0"))


def test_sheets_of_macros_are_seen_in_old_and_new_workbooks() -> None:
    """Macros of Excel 4.0 (XLM) lie on a sheet, and in no VBA project."""

    def has_macros(content: bytes) -> bool:
        found = examine(io.BytesIO(content), {}, 20).troubles
        return any("宏表" in each.problem for each in found)

    assert code_of(sheets_of_1997(1)) == "xls"
    assert has_macros(sheets_of_1997(1))
    assert not has_macros(sheets_of_1997(0))
    buffer = io.BytesIO(workbook())
    assert not has_macros(buffer.getvalue())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("xl/macrosheets/sheet1.xml", "<xm:macrosheet xmlns:xm='urn:x'/>")
    assert has_macros(buffer.getvalue())


def test_presentations_say_whether_they_have_macros() -> None:
    assert kinds(slides(macros=False)) == []
    assert kinds(slides(macros=True)) == [ACTIVE]


@pytest.mark.parametrize("compressed", [True, False])
def test_a_word_file_gives_its_text_and_one_without_is_unread(compressed: bool) -> None:
    text = "Hello" if compressed else "通知"
    assert text_of(io.BytesIO(word(f"\x13{text}\r2", compressed=compressed))) == f"{text}\n2"
    assert examine(io.BytesIO(word(text, compressed=compressed)), {}, 20).mark is Mark.CLEAR
    assert examine(io.BytesIO(SOUND["doc"]), {}, 20).mark is Mark.UNREAD
    assert identify(io.BytesIO(word(text, compressed=compressed))) == FORMATS["doc"]
    assert "wps" in FORMATS["doc"].extensions


def test_a_recording_that_lacks_its_last_byte_is_damaged() -> None:
    assert DAMAGED not in kinds(SOUND["wav"])
    assert DAMAGED in kinds(SOUND["wav"][:-1])


def test_a_scanned_film_or_sound_has_its_length_and_parameters() -> None:
    facts = examine(io.BytesIO(wave(seconds=2)), {}, 20).facts
    assert (facts["seconds"], facts["sample_rate"], facts["channels"]) == (2.0, 44100, 1)
    assert examine(io.BytesIO(mp3(frames=100)), {}, 20).facts["seconds"] == 2.612
    assert examine(io.BytesIO(mp4(seconds=3)), {}, 20).facts["seconds"] == 3.0


def test_a_database_has_as_many_rows_as_it_says() -> None:
    assert kinds(siard(rows=3)) == []
    assert kinds(siard(rows=3, said=4)) == [DAMAGED]


def test_recorded_formats_are_compared_kindly() -> None:
    pdf, doc = FORMATS["pdf"], FORMATS["doc"]
    for name in ("pdf", "PDF", ".pdf", "application/pdf", "fmt/18", "PDF 1.7", "PDF/A-1b"):
        assert format_named(name) == pdf
        assert names_format(name, pdf)
        assert not names_format(name, doc)
    assert names_format("wps", doc)
    assert names_format("什么格式", doc)
    assert names_format("doc", FORMATS["rtf"])
    assert names_format("txt", FORMATS["xml"])
    assert not names_format("ofd", pdf)


CODES = {
    "OFD (GB/T 33190)": "ofd", "PDF": "pdf", "Word 97-2003 DOC": "doc", "OOXML DOCX": "docx",
    "OOXML DOCM": "docx", "OOXML XLSX": "xlsx", "RTF": "rtf", "TIFF": "tiff", "JPEG": "jpeg",
    "JPEG 2000": "jp2", "WAV": "wav", "MP3": "mp3", "MPEG": "mpeg", "AVI": "avi", "MP4": "mp4",
    "RFC 822 mail": "eml",
}  # fmt: skip


def test_real_files_are_what_their_list_says(real_samples: list[dict[str, str]]) -> None:
    for row in real_samples:
        content = Path(row["path"]).read_bytes()
        found = identify(io.BytesIO(content))
        assert found is not None, row["file"]
        wanted = CODES[row["format"]]
        if row["file"] == "docx_password_protected.docx":
            wanted = "encrypted_office"
        if row["file"] == "pdf_broken_5_bytes.pdf":
            wanted = "txt"  # so its ending gives it away
        assert found.code == wanted, row["file"]
        is_named_right = extension_of(row["file"]) in found.extensions
        assert is_named_right is (row["file"] != "pdf_broken_5_bytes.pdf"), row["file"]


def test_real_files_are_judged_as_their_list_says(real_samples: list[dict[str, str]]) -> None:
    for row in real_samples:
        with Path(row["path"]).open("rb") as stream:
            found = sandbox.examine(stream)
        kinds = {each.kind for each in found.troubles}
        name, status = row["file"], row["status"]
        bad = kinds & {DAMAGED, REPAIRABLE, LOCKED, FALSE_CLAIM, UNEXAMINED}
        if name == "pdf_broken_5_bytes.pdf":
            assert found.kind == FORMATS["txt"]  # so its ending gives it away
        elif name == "pdf_broken_unrecoverable.pdf":
            assert DAMAGED in kinds, name
        elif name == "pdf_broken_startxref_repairable.pdf":
            assert bad == {REPAIRABLE}, name
        elif status == "broken":
            assert bad & {DAMAGED, REPAIRABLE}, name
        elif status == "restricted":
            assert bad == {LOCKED}, name
        elif status == "risk":
            assert (ACTIVE in kinds, bad) == (True, set()), name
        elif status == "pdfa_nonconforming":
            assert bad == {FALSE_CLAIM}, name
        else:  # whether a seal holds is told elsewhere
            assert not bad, name


def test_real_files_have_the_pages_and_parameters_of_their_list(
    real_samples: list[dict[str, str]],
) -> None:
    for row in real_samples:
        with Path(row["path"]).open("rb") as stream:
            facts = examine(stream, {}, 20).facts
        if (pages := re.search(r"(\d+) pages", row["checked"])) and row["status"] != "broken":
            assert facts["pages"] == int(pages[1]), row["file"]
        if size := re.search(r"(\d+)x(\d+) px; (\d+) dpi; (\d+) frame", row["checked"]):
            wanted = tuple(map(int, size.groups()))
            found = tuple(facts.get(each) for each in ("width", "height", "dpi", "pages"))
            assert found == wanted, row["file"]
        if facts.get("puid") and row["puid"]:
            assert facts["puid"] == row["puid"], row["file"]
