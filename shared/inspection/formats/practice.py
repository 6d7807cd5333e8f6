"""Files made here, that the parent of all children looks into before any stranger's.

What a library sets up when it is first used is set up once then, and not in every child.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pikepdf
from PIL import Image

from shared.inspection.formats.fonts import opens
from shared.inspection.formats.looking import examine

_PAGE = b"BT /F1 12 Tf 72 720 Td (practice) Tj ET\n1 0 0 rg 72 700 200 4 re f\n"
_OFD = 'xmlns:ofd="http://www.ofdspec.org/2016"'
_OFD_PARTS = {
    "OFD.xml": f'<ofd:OFD {_OFD} Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo>'
    "<ofd:DocID>0</ofd:DocID></ofd:DocInfo><ofd:DocRoot>D/Document.xml</ofd:DocRoot>"
    "</ofd:DocBody></ofd:OFD>",
    "D/Document.xml": f"<ofd:Document {_OFD}><ofd:CommonData><ofd:MaxUnitID>9</ofd:MaxUnitID>"
    "<ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea></ofd:CommonData>"
    '<ofd:Pages><ofd:Page ID="1" BaseLoc="P/Content.xml"/></ofd:Pages></ofd:Document>',
    "D/P/Content.xml": f'<ofd:Page {_OFD}><ofd:Content><ofd:Layer ID="2">'
    '<ofd:TextObject ID="3" Boundary="20 20 60 10" Size="5" Font="4">'
    '<ofd:TextCode X="0" Y="8">practice</ofd:TextCode></ofd:TextObject></ofd:Layer></ofd:Content>'
    "</ofd:Page>",
}
_DOCX_PARTS = {
    "[Content_Types].xml": "<Types/>",
    "word/document.xml": "<document><body><p><r><t>practice</t></r></p></body></document>",
}


def practise() -> None:
    """Look into one file of each family that is common."""
    opens(b"")
    for content in _files():
        examine(io.BytesIO(content), {"title": ("practice",)}, 20)


def _files() -> Iterator[bytes]:
    yield _pdf()
    for parts in (_OFD_PARTS, _DOCX_PARTS):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in parts.items():
                archive.writestr(name, text)
        yield packed.getvalue()
    for form, mode in (("JPEG", "RGB"), ("TIFF", "1"), ("PNG", "L")):
        drawn = io.BytesIO()
        Image.new(mode, (64, 64), 1).save(drawn, form)
        yield drawn.getvalue()


def _pdf() -> bytes:
    written = io.BytesIO()
    with pikepdf.new() as document:
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
        for _ in range(2):
            page = document.add_blank_page()
            page.Contents = document.make_stream(_PAGE)
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        document.save(written, compress_streams=True, recompress_flate=True)
    return written.getvalue()
