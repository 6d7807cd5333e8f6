"""OFD: its document and pages, what it is drawn with, what an archival one must not have."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from shared.inspection.formats.trouble import (
    DAMAGED,
    STRAY,
    UNSURE,
)
from tests.shared.inspection.looks import kinds, picture
from tests.shared.inspection.reports import ofd


def test_an_ofd_must_hold_its_document_and_pages() -> None:
    whole = zipfile.ZipFile(io.BytesIO(ofd("公文")))
    for left_out in ("Doc_0/Document.xml", "Doc_0/Pages/Page_0/Content.xml"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in whole.namelist():
                if name != left_out:
                    archive.writestr(name, whole.read(name))
        assert DAMAGED in kinds(buffer.getvalue())


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
