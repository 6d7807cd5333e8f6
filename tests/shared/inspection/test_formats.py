"""Formats told by their bytes, and what makes a file unreadable; with real files where they are."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, TiffImagePlugin

from shared.inspection.formats import (
    FORMATS,
    decode_text,
    extension_of,
    format_named,
    identify,
    images,
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
    STRAY,
    UNEXAMINED,
    UNSURE,
)
from shared.inspection.formats.word_text import text_of
from tests.shared.inspection.files import (
    changed_pdf,
    claiming_pdf,
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
PLAYED = {"mp3", "mp4", "mpeg"}
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
    "gzip": b"\x1f\x8b\x08" + bytes(20),
    "exe": b"MZ\x90\x00" + bytes(100),
}


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


def test_an_ofd_must_hold_its_document_and_pages() -> None:
    whole = zipfile.ZipFile(io.BytesIO(ofd("公文")))
    for left_out in ("Doc_0/Document.xml", "Doc_0/Pages/Page_0/Content.xml"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in whole.namelist():
                if name != left_out:
                    archive.writestr(name, whole.read(name))
        assert DAMAGED in kinds(buffer.getvalue())


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


def test_pictures_too_large_to_decode_are_left_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_MOST_PIXELS", 100)
    assert kinds(picture("PNG", (60, 60))) == [UNSURE]


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_that_lacks_its_second_page_is_damaged(big: bool) -> None:
    """The first page is whole, and names where the second one would be."""
    buffer = io.BytesIO()
    pages = [Image.new("L", (40, 30), shade) for shade in (90, 200)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    content = bytearray(buffer.getvalue())
    assert kinds(bytes(content)) == []
    at, place, count, row = (8, "<Q", "<Q", 20) if big else (4, "<I", "<H", 12)
    first = struct.unpack_from(place, content, at)[0]
    entries = struct.unpack_from(count, content, first)[0]
    following = first + struct.calcsize(count) + row * entries
    for outside in (len(content) + 100, len(content) - 1):
        struct.pack_into(place, content, following, outside)
        assert kinds(bytes(content)) == [DAMAGED]
    struct.pack_into(place, content, following, 0)
    assert kinds(bytes(content)) == []


def test_blank_pages_and_black_edges_of_scans_are_seen() -> None:
    def facts(picture: Image.Image) -> tuple[object, object]:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        found = examine(buffer, {}, 20).facts
        return found["blank_pages"], found["black_edged_pages"]

    page = Image.effect_noise((600, 800), 40)
    assert facts(page) == ([], [])
    assert facts(Image.new("L", (600, 800), 250)) == ([1], [])
    page.paste(0, (0, 0, 30, 800))
    assert facts(page) == ([], [1])


def test_what_an_ofd_must_not_have_to_be_an_archival_one() -> None:
    plain = zipfile.ZipFile(io.BytesIO(ofd("公文")))

    def changed(old: str, new: str, **more: str) -> list[str]:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in plain.namelist():
                archive.writestr(name, plain.read(name).decode().replace(old, new))
            for name, content in more.items():
                archive.writestr(name, content)
        return kinds(buffer.getvalue())

    assert changed("", "") == []
    claim, tail = 'DocType="OFD-A"', "</ofd:Document>"
    assert changed('DocType="OFD"', claim) == []
    permissions = f"<ofd:Permissions/>{tail}"
    assert "short_lived" in changed(tail, permissions)
    assert changed("", "", extra="x") == [STRAY]


def drawn_ofd(drawn: str, *, picture: bytes | None = None, font: bytes | None = None) -> bytes:
    """A page on which this is drawn, with a picture or an embedded font."""
    plain = zipfile.ZipFile(io.BytesIO(ofd("公文")))
    listed = "".join(
        f'<ofd:MultiMedia ID="7"><ofd:MediaFile>{name}</ofd:MediaFile></ofd:MultiMedia>'
        if name == "a.png"
        else f'<ofd:Font ID="8"><ofd:FontFile>{name}</ofd:FontFile></ofd:Font>'
        for name, content in (("a.png", picture), ("a.ttf", font))
        if content is not None
    )
    space = 'xmlns:ofd="http://www.ofdspec.org/2016"'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in plain.namelist():
            content = plain.read(name).decode()
            if name.endswith("Content.xml"):
                content = content.replace("</ofd:Page>", f"{drawn}</ofd:Page>")
            if listed and name.endswith("Document.xml"):
                content = content.replace(
                    "<ofd:Pages>", "<ofd:PublicRes>Public.xml</ofd:PublicRes><ofd:Pages>"
                )
            archive.writestr(name, content)
        if listed:
            archive.writestr(
                "Doc_0/Public.xml", f'<ofd:Res {space} BaseLoc="Res">{listed}</ofd:Res>'
            )
        for name, made in (("a.png", picture), ("a.ttf", font)):
            if made is not None:
                archive.writestr(f"Doc_0/Res/{name}", made)
    return buffer.getvalue()


def text_object(said: str = 'Boundary="10 10 40 5" Size="5"', code: str = 'X="0" Y="5"') -> str:
    return (
        f'<ofd:TextObject Font="8" {said}><ofd:TextCode {code}>字</ofd:TextCode></ofd:TextObject>'
    )


def path_object(path: str) -> str:
    data = f"<ofd:AbbreviatedData>{path}</ofd:AbbreviatedData>"
    return f'<ofd:PathObject Boundary="0 0 9 9">{data}</ofd:PathObject>'


FONT = b"\x00\x01\x00\x00\x00\x01" + bytes(6) + struct.pack(">4sIII", b"glyf", 0, 28, 4) + b"glyf"


@pytest.mark.parametrize(
    ("drawn", "is_right"),
    [
        (text_object(), True),
        (text_object(code='X="0" Y="5" DeltaX="g 3 1.5 2"'), True),
        (text_object('Boundary="10 10 40 5" Size="5" CTM="1 0 0 1 0 0"'), True),
        (text_object('Boundary="10 10 40" Size="5"'), False),
        (text_object('Boundary="10 10 -40 5" Size="5"'), False),
        (text_object('Boundary="10 10 40 inf" Size="5"'), False),
        (text_object('Boundary="10 10 40 5" Size="0"'), False),
        (text_object('Boundary="10 10 40 5" Size="5" CTM="1 0 0 1"'), False),
        (text_object(code='X="0" Y="5" DeltaX="3 x"'), False),
        (path_object("M 0 0 L 9 9 B 1 1 2 2 3 3 C"), True),
        (path_object("M 0 0 L 9"), False),
        (path_object("M 0 0 Z"), False),
        (path_object(""), False),
        ('<ofd:ImageObject Boundary="0 0 9 9"/>', False),
    ],
)
def test_what_an_ofd_is_drawn_with_says_where_and_how(drawn: str, is_right: bool) -> None:
    found = kinds(drawn_ofd(drawn, font=FONT))
    assert found == [] if is_right else found in ([UNSURE], [DAMAGED])


def test_pictures_and_fonts_in_an_ofd_are_whole() -> None:
    shown = '<ofd:ImageObject Boundary="0 0 9 9" ResourceID="7"/>'
    whole = picture("PNG")
    assert kinds(drawn_ofd(shown, picture=whole)) == []
    assert kinds(drawn_ofd(shown, picture=whole[: len(whole) // 2])) == [DAMAGED]
    assert kinds(drawn_ofd(shown, picture=b"\x97JB2\r\n\x1a\n" + bytes(40))) == [UNSURE]
    assert kinds(drawn_ofd(text_object(), font=FONT[:-1])) == [DAMAGED]
    assert kinds(drawn_ofd(text_object(), font=FONT[:8])) == [DAMAGED]


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


def painted(content: bytes, **resources: pikepdf.Object) -> bytes:
    """A page that is drawn with this."""

    def draw(document: pikepdf.Pdf) -> None:
        page = document.pages[0]
        page.Contents = document.make_stream(content)
        page.Resources = pikepdf.Dictionary(**resources)

    return changed_pdf(draw)


@pytest.mark.parametrize(
    ("content", "is_right"),
    [
        (b"0 0 m 10 10 l S", True),
        (b"0 0 10 10 re f", True),
        (b"q 1 0 0 1 0 0 cm Q", True),
        (b"BX 1 2 newer EX", True),
        (b"0 0 m\n10 10 l\t20 20 l\x0cS", True),
        (b"0 0 m 10 10 x S", False),  # there is no such operator
        (b"0 0 m 10 10 l\x0b20 20 l S", False),  # a vertical tab separates nothing
        (b"0 0 m 10 l S", False),  # a number is missing
        (b"10 10 l S", False),  # a line from nowhere
        (b"0 0 m S 10 10 l S", False),  # the path had ended
        (b"q Q Q", False),  # nothing was saved
        (b"/Fm1 Do", False),  # what is to be drawn is not there
        (b"BT /F9 12 Tf (a) Tj ET", False),
        (b"BT 1 Tr 1 Tw ET q BT ET Q", True),
        (b"BT (a \\) b) Tj [(a) 1 (b)] TJ ET", True),
        (b"BT ((a) Tj ET", False),  # the string does not end, nor does the text
        (b"BT BT ET ET", False),  # no text stands in another
        (b"BT (a) Tz ET", False),  # a string is no number
        (b"BT (a) TJ ET", False),  # and no list
        (b"/a 0 m 10 10 l S", False),
        (b"[1] /a d 0 0 m 10 10 l S", False),
    ],
)
def test_what_a_page_is_drawn_with_has_to_mean_something(content: bytes, is_right: bool) -> None:
    assert kinds(painted(content)) == ([] if is_right else [UNSURE])


def test_what_a_page_draws_is_of_a_kind_that_can_be_drawn() -> None:
    def kinds_of(subtype: str) -> list[str]:
        def draw(document: pikepdf.Pdf) -> None:
            form = document.make_stream(b"0 0 9 9 re f", BBox=[0, 0, 9, 9])
            form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name(subtype)
            page = document.pages[0]
            page.Contents = document.make_stream(b"/Fm1 Do")
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm1=form))

        return kinds(changed_pdf(draw))

    assert kinds_of("/Form") == []
    assert kinds_of("/For-") == [UNSURE]


def test_a_tiff_that_names_too_few_strips_is_left_to_a_person() -> None:
    buffer = io.BytesIO()
    Image.new("L", (40, 30), 90).save(buffer, "TIFF", tiffinfo={278: 10}, strip_size=400)
    assert kinds(buffer.getvalue()) == []
    picture = Image.open(buffer)
    assert isinstance(picture, TiffImagePlugin.TiffImageFile)
    assert images._has_all_strips(picture)
    picture.tag_v2[279] = tuple(picture.tag_v2[279])[:-1]
    assert not images._has_all_strips(picture)


def test_a_recording_that_lacks_its_last_byte_is_damaged() -> None:
    assert DAMAGED not in kinds(SOUND["wav"])
    assert DAMAGED in kinds(SOUND["wav"][:-1])


def test_a_font_without_a_name_and_pages_that_nobody_counts_are_seen() -> None:
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1)
    fonts = pikepdf.Dictionary(F1=font)
    assert kinds(painted(b"BT /F1 12 Tf (a) Tj ET", Font=fonts)) == [UNSURE]
    font.Subtype, font.BaseFont = pikepdf.Name.Type3, pikepdf.Name.Helvetica
    assert kinds(painted(b"BT /F1 12 Tf (a) Tj ET", Font=fonts)) == [UNSURE], "nothing draws it"
    uncounted = sound_pdf().replace(b"/Count 2", b"/Kount 2")
    assert UNSURE in kinds(uncounted)


def test_a_vertical_tab_separates_nothing_in_an_object_and_may_stand_in_a_text() -> None:
    sound = sound_pdf()
    assert UNSURE in kinds(sound.replace(b"/Count 2", b"/Count\x0b2"))
    noted = changed_pdf(lambda document: document.docinfo.__setitem__("/Title", "a\x0bb"))
    assert kinds(noted.replace(b"<610b62>", b"(a\x0bbccc)")) == []


def test_a_compressed_part_that_breaks_its_check_sum_is_seen() -> None:
    packed = bytearray(changed_pdf(lambda _document: None, compress_streams=True))
    end = packed.index(b"\nendstream")
    packed[end - 1] ^= 1
    assert REPAIRABLE in kinds(bytes(packed))


def test_a_picture_of_which_libjpeg_complains_is_left_to_a_person() -> None:
    content = SOUND["jpeg"]
    at = content.index(b"\xff\xda")
    assert UNSURE in kinds(content[:at] + b"junk between" + content[at:])


def test_colours_of_a_device_need_an_intent_in_an_archival_pdf() -> None:
    def claims(content: bytes, *, intent: bool) -> str:
        def draw(document: pikepdf.Pdf) -> None:
            document.pages[0].Contents = document.make_stream(content)
            if intent:
                profile = document.make_stream(b"icc")
                made = pikepdf.Dictionary(S=pikepdf.Name.GTS_PDFA1, DestOutputProfile=profile)
                document.Root.OutputIntents = pikepdf.Array([made])

        buffer = io.BytesIO()
        with pikepdf.open(io.BytesIO(claiming_pdf())) as document:
            draw(document)
            document.save(buffer)
        found = examine(buffer, {}, 20).troubles
        return "".join(each.problem for each in found if each.kind == FALSE_CLAIM)

    red = b"1 0 0 rg 0 0 10 10 re f"
    assert "OutputIntent" in claims(red, intent=False)
    assert "OutputIntent" not in claims(red, intent=True)
    assert "OutputIntent" not in claims(b"0 0 10 10 re f", intent=False)


def test_a_pdf_that_can_be_mended_is_told_from_one_that_cannot() -> None:
    whole = sound_pdf()
    moved = whole.replace(b"startxref\n", b"startxref\n1")
    assert REPAIRABLE in kinds(moved)
    assert DAMAGED not in kinds(moved)
    assert DAMAGED in kinds(whole[: len(whole) // 2])
    assert REPAIRABLE in kinds(whole.replace(b"trailer\n<<", b"trailer\n<<\xf5\xe4"))


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


# --- the real files --------------------------------------------------------------------------

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
