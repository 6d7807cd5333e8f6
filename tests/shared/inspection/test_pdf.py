"""PDF: what a page is drawn with, what can be mended, what a claim to be PDF/A asks for."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
import reportlab

from shared.inspection.formats.looking import examine
from shared.inspection.formats.trouble import (
    DAMAGED,
    FALSE_CLAIM,
    REPAIRABLE,
    UNSURE,
)
from shared.packaging.pdf import draw
from tests.shared.inspection.files import (
    changed_pdf,
    claiming_pdf,
)
from tests.shared.inspection.looks import kinds, painted
from tests.shared.packaging.samples import sound_pdf


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
    def kinds_of(subtype: str, *box: object) -> list[str]:
        def draw(document: pikepdf.Pdf) -> None:
            form = document.make_stream(b"0 0 9 9 re f", BBox=list(box))
            form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name(subtype)
            page = document.pages[0]
            page.Contents = document.make_stream(b"/Fm1 Do")
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm1=form))

        return kinds(changed_pdf(draw))

    assert kinds_of("/Form", 0, 0, 9, 9) == []
    assert kinds_of("/For-", 0, 0, 9, 9) == [UNSURE]
    assert kinds_of("/Form", 0, 0, 9) == [UNSURE]
    assert kinds_of("/Form", 0, 0, 9, pikepdf.Name.a) == [UNSURE]


def test_a_font_without_a_name_and_pages_that_nobody_counts_are_seen() -> None:
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1)
    fonts = pikepdf.Dictionary(F1=font)
    assert kinds(painted(b"BT /F1 12 Tf (a) Tj ET", Font=fonts)) == [UNSURE]
    font.Subtype, font.BaseFont = pikepdf.Name.Type3, pikepdf.Name.Helvetica
    assert kinds(painted(b"BT /F1 12 Tf (a) Tj ET", Font=fonts)) == [UNSURE], "nothing draws it"
    uncounted = sound_pdf().replace(b"/Count 2", b"/Kount 2")
    assert UNSURE in kinds(uncounted)


def test_an_embedded_font_that_nobody_can_read_is_left_to_a_person() -> None:
    def kinds_with(font: bytes) -> list[str]:
        def add(document: pikepdf.Pdf) -> None:
            held = pikepdf.Dictionary(
                Type=pikepdf.Name.FontDescriptor, FontFile2=document.make_stream(font)
            )
            inner = pikepdf.Dictionary(
                Type=pikepdf.Name.Font, Subtype=pikepdf.Name.CIDFontType2, FontDescriptor=held,
                BaseFont=pikepdf.Name("/ABCDEF+Vera"),
            )  # fmt: skip
            outer = pikepdf.Dictionary(
                Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type0, DescendantFonts=[inner]
            )
            document.Root.Spare = document.make_indirect(outer)

        return kinds(changed_pdf(add))

    vera = (Path(reportlab.__file__).parent / "fonts" / "Vera.ttf").read_bytes()
    assert kinds_with(vera) == []
    assert kinds_with(vera[1:]) == [UNSURE]
    ours = draw((300, 300), "汉字", lambda page: page.text(20, 20, "关于造林的通知"))
    assert kinds(ours) == []


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


def test_a_part_that_is_packed_in_a_way_that_there_is_not_is_seen() -> None:
    packed = changed_pdf(lambda _document: None, compress_streams=True)
    assert kinds(packed) == []
    assert REPAIRABLE in kinds(packed.replace(b"/FlateDecode", b"/DlateDecode"))


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
