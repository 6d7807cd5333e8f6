"""PDF (ISO 32000): whether it is whole, opens without a key, shows every page; what it carries.

Two readers look at it: qpdf (through pikepdf) at the structure, every object and every stream, and
PDFium at the pages as a person would see them. Damage that qpdf can mend is told from fatal.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import pikepdf
import pypdfium2
from PIL import Image

from shared.inspection.formats import letter, pdf_a, pdf_content
from shared.inspection.formats.examination import Look
from shared.inspection.formats.first_words import beginning, words_of_page
from shared.inspection.formats.fonts import (
    fonts_in,
    is_everywhere,
    unembedded_font,
    unreadable_font,
)
from shared.inspection.formats.trouble import (
    ACTIVE,
    DAMAGED,
    LOCKED,
    REPAIRABLE,
    SHORT_LIVED,
    UNSURE,
)

_HEADER = re.compile(rb"%PDF-(\d\.\d)")
_PUIDS = {
    "1.0": 14, "1.1": 15, "1.2": 16, "1.3": 17, "1.4": 18, "1.5": 19, "1.6": 20, "1.7": 276,
    "2.0": 1129,
}  # fmt: skip
#: A finer resolution shows nothing that a program would notice.
_SCALE = 0.4
#: A point in millimetres.
_MM = 25.4 / 72
_MOST_TEXT = 200_000
_MOST_OBJECTS = 200_000
#: What qpdf says of any damaged object; of hint tables and the like it speaks otherwise.
_OF_AN_OBJECT = re.compile(r"\(.*(?:object|content stream|trailer).*offset|error decoding|damaged")
_MENDED = "Attempting to reconstruct"
_LOST = ("unable to find trailer", "unable to find /Root", "no pages")
_PARTLY_WRONG = "PDF 的部分内容有误，文件已损坏或被改动"
#: Larger ones are of pictures, and a program that reads them all at once takes too much.
_MOST_BETWEEN = 16 * 1024 * 1024
_MAY_HOLD_ANYTHING = re.compile(
    rb"\bstream\r?\n.*?endstream|\((?:\\.|[^\\()])*\)|%[^\r\n]*", re.DOTALL
)
_SCRIPTS, _PROGRAMS = {"/JavaScript", "/Rendition"}, {"/Launch", "/ImportData"}
_MOVING = {"/Movie", "/Sound", "/RichMedia", "/Screen", "/3D"}
_FLATE, _FLATE_CHUNK = "/FlateDecode", 1024 * 1024
#: How a stream may be packed (7.4), also as readers take it of some programs (8.9.7, table 94); one
#: that is packed in another way is passed over.
_FILTERS = {
    "/ASCIIHexDecode", "/ASCII85Decode", "/LZWDecode", _FLATE, "/RunLengthDecode", "/Crypt",
    "/CCITTFaxDecode", "/JBIG2Decode", "/DCTDecode", "/JPXDecode",
    "/AHx", "/A85", "/LZW", "/Fl", "/RL", "/CCF", "/DCT",
}  # fmt: skip


def examine(stream: BinaryIO, size: int, look: Look) -> None:
    """Structure, contents, encryption, programs, fonts, the claim to be PDF/A, every page."""
    head = stream.read(1024)
    version = _HEADER.search(head)
    if version:
        look.facts["version"] = version[1].decode()
        look.facts["puid"] = f"fmt/{_PUIDS.get(version[1].decode(), 18)}"
    stream.seek(max(0, size - 2048))
    if b"%%EOF" not in stream.read():
        look.trouble(DAMAGED, "PDF 没有结束标志（%%EOF），文件可能不完整")
    stream.seek(0)
    try:
        document = pikepdf.open(stream, suppress_warnings=True)
    except pikepdf.PasswordError:
        look.trouble(LOCKED, "PDF 已加密或设有口令")
        return
    except (pikepdf.PdfError, *_QPDF):
        look.trouble(DAMAGED, "PDF 已损坏，无法打开，也无法修复")
        return
    with document:
        try:
            _structure(document, look)
            if not look.has(DAMAGED, LOCKED):
                _objects(document, look)
                pdf_content.examine(document, look)
                pdf_a.examine(document, head, look)
        except (pikepdf.PdfError, *_QPDF):
            look.trouble(DAMAGED, "PDF 的内部结构有误，不能完整读出")
    if not look.has(LOCKED):
        _look_between(stream, size, look)
        _show(stream, look)


def _look_between(stream: BinaryIO, size: int, look: Look) -> None:
    """A vertical tab between two words of an object separates nothing (7.2.3), as it does to qpdf.

    Texts, comments and streams may hold one.
    """
    if size > _MOST_BETWEEN:
        return
    stream.seek(0)
    for holding in _MAY_HOLD_ANYTHING.split(stream.read()):
        if b"\x0b" in holding:
            look.trouble(UNSURE, "PDF 的结构中有不该有的字符，有的软件可能读错")
            return


#: What pikepdf raises on objects of a wrong type, besides its own errors.
_QPDF = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, NotImplementedError)


def _structure(document: pikepdf.Pdf, look: Look) -> None:
    if document.is_encrypted:
        look.trouble(LOCKED, "PDF 已加密或设有口令")
        return
    pages = len(document.pages)
    look.facts["pages"] = pages
    if not pages:
        look.trouble(DAMAGED, "PDF 没有页面")
    said = [str(each) for each in document.get_warnings()]
    if any(lost in each for each in said for lost in _LOST):
        look.trouble(DAMAGED, "PDF 的总目录已损坏，不能可靠地修复")
    elif any(_MENDED in each for each in said):
        look.trouble(REPAIRABLE, "PDF 的交叉引用表有误，须修复后才能打开，文件已损坏或被改动")
    said += [str(each) for each in document.check_pdf_syntax()]
    for each in said:
        if _OF_AN_OBJECT.search(each) and "linearized" not in each:
            where = re.search(r"(?:object|content stream object) \d+", each)
            look.trouble(REPAIRABLE, _PARTLY_WRONG, where[0] if where else None)
            break


def _objects(document: pikepdf.Pdf, look: Look) -> None:
    """Programs, files inside, and fonts that are not: every object, however well it is packed."""
    unembedded: set[str] = set()
    for count, each in enumerate(document.objects):
        if count >= _MOST_OBJECTS or (count % 500 == 0 and look.is_late):
            look.trouble(UNSURE, f"PDF 的对象太多，只检测了前 {count} 个")
            break
        if isinstance(each, (pikepdf.Dictionary, pikepdf.Stream)):
            if isinstance(each, pikepdf.Stream):
                _check_packing(each, look)
            for part in _dictionaries(each):
                _active(part, look)
            for font in fonts_in(each):
                unembedded.update(unembedded_font(font))
                for name in unreadable_font(font):
                    look.trouble(UNSURE, "PDF 嵌入的字体有误，可能有一部分文字不能正常显示", name)
    root = document.Root
    if "/AcroForm" in root and "/XFA" in root.AcroForm:
        look.trouble(ACTIVE, "PDF 含有动态表单（XFA）")
    names = root.get("/Names")
    if isinstance(names, pikepdf.Dictionary) and "/JavaScript" in names:
        look.trouble(ACTIVE, "PDF 含有脚本（JavaScript）")
    if unembedded:
        look.facts["fonts_missing"] = sorted(unembedded)[:20]
    rare = [name for name in sorted(unembedded) if not is_everywhere(name)]
    if rare:
        look.trouble(
            SHORT_LIVED, "PDF 含有未嵌入的字体，换一台电脑可能显示不同", "、".join(rare[:5])
        )


def _check_packing(stream: pikepdf.Stream, look: Look) -> None:
    """Whether a stream is packed in a way that there is, and keeps its check sum (RFC 1950).

    qpdf and PDFium overlook both.
    """
    filters = stream.get("/Filter")
    listed = filters if isinstance(filters, pikepdf.Array) else [filters]
    named = [str(each) for each in listed if each is not None]
    where = f"object {stream.objgen[0]}"
    if not _FILTERS.issuperset(named):
        look.trouble(REPAIRABLE, _PARTLY_WRONG, where)
    if named[:1] != [_FLATE] or look.has(REPAIRABLE):
        return
    unpacked, rest = zlib.decompressobj(), stream.read_raw_bytes()
    try:
        while rest and not unpacked.eof and not look.is_late:
            unpacked.decompress(rest, _FLATE_CHUNK)
            rest = unpacked.unconsumed_tail
    except zlib.error:
        look.trouble(REPAIRABLE, _PARTLY_WRONG, where)
    else:
        if not unpacked.eof and not rest:  # some programs leave the end out, and lose nothing
            look.trouble(UNSURE, "PDF 的部分内容没有正常结束，可能不完整", where)


def _dictionaries(each: Any) -> Iterator[Any]:
    """An object, and the dictionaries that lie directly in it: actions often do."""
    yield each
    for key in ("/A", "/OpenAction"):
        inner = each.get(key)
        if isinstance(inner, pikepdf.Dictionary):
            yield inner
    extra = each.get("/AA")
    if isinstance(extra, pikepdf.Dictionary):
        yield from (inner for inner in extra.values() if isinstance(inner, pikepdf.Dictionary))


def _active(part: Any, look: Look) -> None:
    action = str(part.get("/S", ""))
    if action in _SCRIPTS or "/JS" in part:
        look.trouble(ACTIVE, "PDF 含有脚本（JavaScript）")
    if action in _PROGRAMS:
        look.trouble(ACTIVE, "PDF 含有启动外部程序的动作")
    if (
        str(part.get("/Type", "")) == "/EmbeddedFile"
        or "/EmbeddedFiles" in part
        or (str(part.get("/Type", "")) == "/Filespec" and "/EF" in part)
    ):
        look.trouble(ACTIVE, "PDF 含有嵌入的文件")
    if str(part.get("/Subtype", "")) in _MOVING:
        look.trouble(SHORT_LIVED, "PDF 含有音视频或三维内容")
    if isinstance(part, pikepdf.Stream) and "/F" in part:
        look.trouble(SHORT_LIVED, "PDF 的一部分内容在外部文件中")


def _show(stream: BinaryIO, look: Look) -> None:
    """Let PDFium draw every page, and take the text of them."""
    stream.seek(0)
    try:
        shown = pypdfium2.PdfDocument(stream)
    except pypdfium2.PdfiumError:
        if not look.has(DAMAGED, REPAIRABLE):
            look.trouble(DAMAGED, "PDF 无法显示")
        return
    try:
        length, pictures = 0, list[Image.Image]()
        for number in range(len(shown)):
            if look.is_late:
                look.trouble(UNSURE, f"PDF 页数较多，第 {number + 1} 页以后未逐页显示")
                break
            try:
                page = shown[number]
                if number in (0, len(shown) - 1):
                    pictures.append(page.render(scale=_SCALE).to_pil())
                else:
                    page.render(scale=_SCALE, grayscale=True).close()
                if length < _MOST_TEXT:
                    layer = page.get_textpage()
                    text = layer.get_text_range()
                    length += len(text)
                    look.text.append(text)
                if not number:
                    look.facts["letter"] = _paper(page, text)
                    _note_words(page, layer, look)
                page.close()
            except pypdfium2.PdfiumError:
                look.trouble(DAMAGED, "PDF 有页面不能显示", f"第 {number + 1} 页")
        if pictures and "letter" in look.facts:
            seen = letter.facts_of_pictures(
                pictures[0], pictures[-1], look.facts["letter"]["page"][0]
            )
            look.facts["letter"] |= seen
        counted = look.facts.get("pages")
        if counted is not None and counted != len(shown):
            look.trouble(DAMAGED, f"PDF 登记有 {counted} 页，能显示的有 {len(shown)} 页")
    finally:
        with suppress(pypdfium2.PdfiumError):
            shown.close()


def _note_words(page: pypdfium2.PdfPage, layer: pypdfium2.PdfTextPage, look: Look) -> None:
    """Spare who looks for a mark the opening; where it does not work, that one shall say so."""
    with suppress(pypdfium2.PdfiumError):
        look.words = beginning(words_of_page(page, layer))


def _paper(page: pypdfium2.PdfPage, text: str) -> dict[str, Any]:
    """The size of the first page in millimetres, and whether it names an addressee."""
    width, height = page.get_size()
    return {
        "page": [round(width * _MM, 1), round(height * _MM, 1)],
        "addressee": letter.names_addressee(text),
    }
