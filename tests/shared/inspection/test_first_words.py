"""What a file bears on its first page is read before it is kept, whatever its format."""

from __future__ import annotations

import io
import zipfile

import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from shared.inspection.formats import sandbox
from shared.inspection.formats.examination import Mark
from shared.inspection.marks import refuse_marked
from shared.kernel.errors import Classified, Unavailable
from tests.shared.inspection.files import word

MARK = "机密★10年"
TITLE = "关于某事的通知"


def pdf(*lines: tuple[int, str], blank_pages: int = 0) -> bytes:
    """A page of A4 with texts at heights in points, after blank pages."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for _ in range(blank_pages):
        canvas.showPage()
    canvas.setFont("STSong-Light", 14)
    for height, text in lines:
        canvas.drawString(70, height, text)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def docx(text: str, header: str = "") -> bytes:
    space = 'xmlns:w="urn:word"'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in (("document", text), ("header1", header)):
            paragraph = f"<w:p><w:r><w:t>{content}</w:t></w:r></w:p>"
            archive.writestr(f"word/{name}.xml", f"<w:{name} {space}>{paragraph}</w:{name}>")
    return buffer.getvalue()


def ofd(*lines: str) -> bytes:
    space = 'xmlns:ofd="http://www.ofdspec.org/2016"'
    objects = "".join(
        f'<ofd:TextObject Boundary="20 {20 + 10 * index} 100 5">'
        + "".join(f"<ofd:TextCode>{each}</ofd:TextCode>" for each in line)
        + "</ofd:TextObject>"
        for index, line in enumerate(lines)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "OFD.xml", f"<ofd:OFD {space}><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:OFD>"
        )
        archive.writestr(
            "Doc_0/Document.xml",
            f'<ofd:Document {space}><ofd:Page ID="1" BaseLoc="Page.xml"/></ofd:Document>',
        )
        archive.writestr("Doc_0/Page.xml", f"<ofd:Page {space}>{objects}</ofd:Page>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pdf((300, TITLE), (780, "000001"), (760, MARK), (740, "特急")),
        pdf((700, TITLE), (780, "秘密")),
        docx(f"{MARK}{TITLE}"),
        docx(TITLE, header="绝密★"),
        word(f"{MARK}\r{TITLE}"),
        ofd("000001", MARK, TITLE),
        ofd("000001", "秘密", TITLE),
        f"{MARK}\n{TITLE}".encode(),
        f"{MARK}\n{TITLE}".encode("gb18030"),
        f"{MARK}\n{TITLE}".encode("utf-16"),
    ],
    ids=[
        "pdf",
        "pdf_old",
        "docx",
        "docx_header",
        "doc",
        "ofd",
        "ofd_old",
        "utf8",
        "gb18030",
        "utf16",
    ],
)
def test_a_mark_on_the_first_page_is_refused(content: bytes) -> None:
    with pytest.raises(Classified):
        refuse_marked(io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        pdf((700, "关于加强机密文件管理的通知"), (680, "本办法所称的秘密、机密")),
        pdf((780, MARK), blank_pages=1),
        "密级标志如“机密★10年”，标在首页左上角；标有秘密★5年的文件另存。".encode(),
        docx("本办法所称国家秘密，分为绝密、机密、秘密三级。"),
        ofd("关于商业秘密保护的通知"),
    ],
    ids=["pdf_title", "pdf_page_two", "quoted", "docx", "ofd"],
)
def test_a_text_that_only_speaks_of_secrets_is_let_in(content: bytes) -> None:
    refuse_marked(io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 /Font",
        b"%PDF-1.7 /Font\n" + b"[" * 2_000_000,
        b"%PDF-1.4 /Font " + b"<<" * 200_000 + b"%%EOF",
    ],
    ids=["short", "brackets", "dictionaries"],
)
def test_a_hostile_pdf_gives_no_words_and_does_no_harm(content: bytes) -> None:
    assert sandbox.mark_on_first_page(io.BytesIO(content)) is Mark.UNREAD


def test_a_picture_costs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox._server.close()
    monkeypatch.setattr("shared.inspection.formats.sandbox.sys.executable", "/no/such/program")
    refuse_marked(io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(100)))


def test_a_pdf_that_could_not_be_looked_at_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox._server.close()
    monkeypatch.setattr("shared.inspection.formats.sandbox.sys.executable", "/no/such/program")
    with pytest.raises(Unavailable):
        refuse_marked(io.BytesIO(pdf((780, TITLE))))
