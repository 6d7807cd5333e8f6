"""PDF/A (ISO 19005): the claim, and those of its rules that can be checked without a validator.

What is looked at here is certain when it is broken; a file that breaks none of it is not thereby
proven to be PDF/A, and nothing says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from lxml import etree

from shared.inspection.formats.examination import Look
from shared.inspection.formats.fonts import unembedded_font
from shared.inspection.formats.trouble import FALSE_CLAIM
from shared.inspection.formats.zips import xml_parser

_IDENTIFICATION = "http://www.aiim.org/pdfa/ns/id/"
_LEVELS = {1: "AB", 2: "ABU", 3: "ABU", 4: "EF"}
_PUIDS = {"1A": 95, "1B": 354, "2A": 476, "2B": 477, "2U": 478, "3A": 479, "3B": 480, "3U": 481}
_MOST_METADATA = 4 * 1024 * 1024
_FORBIDDEN = {
    "/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/JavaScript", "/Hide",
    "/SetOCGState", "/Rendition", "/Trans", "/GoTo3DView",
}  # fmt: skip
_INTENT = "/GTS_PDFA1"
_MOST_OBJECTS = 50_000
_MOST_PAGES = 500
_BINARY = re.compile(rb"%PDF-\d\.\d\s+%[\x80-\xff]{4}")


def examine(document: pikepdf.Pdf, head: bytes, look: Look) -> None:
    """Note the claim, and each rule that it breaks."""
    packet = _metadata(document)
    part, level = _claim(packet) if packet is not None else (None, None)
    if part is None and level is None:
        return
    name = f"{part or '?'}{(level or '').lower()}"
    look.facts["claim"] = f"PDF/A-{name}"
    if f"{part}{level}" in _PUIDS:
        look.facts["puid"] = f"fmt/{_PUIDS[f'{part}{level}']}"
    for rule in _broken(document, head, part, level):
        look.trouble(FALSE_CLAIM, f"自称 PDF/A-{name}，但{rule}")


def _metadata(document: pikepdf.Pdf) -> bytes | None:
    stream = document.Root.get("/Metadata")
    if not isinstance(stream, pikepdf.Stream):
        return None
    content = stream.read_bytes()
    return content if len(content) <= _MOST_METADATA else None


def _claim(packet: bytes) -> tuple[int | None, str | None]:
    """The part and the conformance level that the XMP metadata name."""
    try:
        root = etree.fromstring(packet.strip(), xml_parser())
    except etree.XMLSyntaxError:
        return None, None
    found: dict[str, str] = {}
    for element in root.iter(etree.Element):
        for key, value in element.attrib.items():
            if str(key).startswith(f"{{{_IDENTIFICATION}}}"):
                found[etree.QName(key).localname] = str(value).strip()
        if str(element.tag).startswith(f"{{{_IDENTIFICATION}}}"):
            found[etree.QName(element).localname] = (element.text or "").strip()
    part = int(found["part"]) if found.get("part", "").isdecimal() else None
    return part, found.get("conformance")


def _broken(
    document: pikepdf.Pdf, head: bytes, part: int | None, level: str | None
) -> Iterator[str]:
    if part not in _LEVELS:
        yield "没有写明是第几部分（pdfaid:part）"
        return
    if (level or ("B" if part < 4 else "E")) not in _LEVELS[part] or (part < 4 and not level):
        yield "符合级别（pdfaid:conformance）写法有误"
    if not _BINARY.match(head.lstrip()):
        yield "文件头之后没有规定的二进制注释行（6.1.2）"
    if "/ID" not in document.trailer:
        yield "文件尾没有标识（ID，6.1.3）"
    if any(True for _ in _fonts_missing(document)):
        yield "含有未嵌入的字体（6.2.11、6.3.4）"
    metadata = document.Root.Metadata
    if part == 1 and "/Filter" in metadata:
        yield "元数据流经过压缩（6.7.2）"
    marked: Any = document.Root.get("/MarkInfo", {})
    if level == "A" and not ("/StructTreeRoot" in document.Root and marked.get("/Marked", False)):
        yield "没有逻辑结构（6.3.2、6.8）"
    if part in (1, 2) and "/AA" in document.Root:
        yield "文档带有触发动作（AA，6.5.2、6.6.2）"
    if "/NeedAppearances" in document.Root.get("/AcroForm", {}) and bool(
        document.Root.AcroForm.NeedAppearances
    ):
        yield "表单没有固定的外观（NeedAppearances）"
    intents: Any = document.Root.get("/OutputIntents", [])
    if any(str(each.get("/S", "")) == _INTENT for each in intents):
        if not any("/DestOutputProfile" in each for each in intents):
            yield "输出意图没有颜色特性文件（DestOutputProfile，6.2.2、6.2.3）"
    elif _has_device_colour(document):
        yield "用了与设备有关的颜色，没有输出意图（OutputIntent，6.2.2、6.2.3）"
    yield from _objects(document, part)


def _has_device_colour(document: pikepdf.Pdf) -> bool:
    """Whether a page paints in RGB or CMYK of whatever device; a default of its own allows it."""
    for page in document.pages[:_MOST_PAGES]:
        spaces: Any = page.resources.get("/ColorSpace", {})
        for operators, default in (("rg RG", "/DefaultRGB"), ("k K", "/DefaultCMYK")):
            if default not in spaces and pikepdf.parse_content_stream(page, operators):
                return True
    return False


def _fonts_missing(document: pikepdf.Pdf) -> Iterator[str]:
    """Fonts of the pages themselves: what only a form's defaults name need not be there."""
    for page in document.pages[:_MOST_PAGES]:
        fonts: Any = page.resources.get("/Font", {})
        for _name, font in fonts.items():
            yield from unembedded_font(font)
            for inner in font.get("/DescendantFonts", []):
                yield from unembedded_font(inner)


def _objects(document: pikepdf.Pdf, part: int) -> Iterator[str]:
    said: set[str] = set()
    for count, each in enumerate(document.objects):
        if count > _MOST_OBJECTS:
            return
        if not isinstance(each, (pikepdf.Dictionary, pikepdf.Stream)):
            continue
        for rule in _of_object(each, part):
            if rule not in said:
                said.add(rule)
                yield rule


def _of_object(each: Any, part: int) -> Iterator[str]:
    subtype, action = str(each.get("/Subtype", "")), str(each.get("/S", ""))
    if action in _FORBIDDEN and ("/Type" not in each or str(each.get("/Type")) == "/Action"):
        yield f"带有不允许的动作（{action[1:]}）"
    if part in (1, 2, 3) and str(each.get("/Type", "")) == "/Page" and "/AA" in each:
        yield "页面带有触发动作（AA，6.5.2）"
    if subtype == "/Widget" and "/AA" in each and part in (1, 2, 3):
        yield "表单域带有触发动作（AA，6.5.2、6.6.2）"
    if isinstance(each, pikepdf.Stream):
        filters = str(each.get("/Filter", ""))
        if "LZWDecode" in filters:
            yield "使用了 LZW 压缩（6.1.10）"
        if "/F" in each or "/FFilter" in each:
            yield "一部分内容在外部文件中（6.1.7）"
        if subtype == "/Image" and bool(each.get("/Interpolate", False)):
            yield "图像设了插值（Interpolate，6.2.4）"
    if part == 1:
        if "/EF" in each:
            yield "含有嵌入的文件（6.1.11）"
        if str(each.get("/Type", "")) == "/ExtGState" and _is_transparent(each):
            yield "使用了透明效果（6.4）"


def _is_transparent(state: Any) -> bool:
    mask = state.get("/SMask")
    if mask is not None and str(mask) != "/None":
        return True
    return any(float(state.get(key, 1)) != 1.0 for key in ("/ca", "/CA"))
