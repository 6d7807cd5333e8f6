"""What an OFD is drawn with (GB/T 33190-2016): objects with their place, pictures, fonts that open.

No library draws OFD that may be used here (decision 0063). So each object of each page is asked for
what a reader needs to draw it, and each picture is decoded to its last pixel.
"""

from __future__ import annotations

import io
import math
import struct
from typing import TYPE_CHECKING

from lxml import etree

from shared.inspection.formats import images
from shared.inspection.formats.examination import Look
from shared.inspection.formats.identification import identify
from shared.inspection.formats.trouble import DAMAGED, UNSURE
from shared.inspection.formats.zips import Parts

if TYPE_CHECKING:
    from shared.inspection.formats.ofd import Graph

_MOST_BYTES = 256 * 1024 * 1024
_PICTURES = {"tiff", "jpeg", "png", "jp2", "gif", "bmp"}
#: How many numbers follow each operator of an abbreviated path (9.3).
_PATH = {"S": 2, "M": 2, "L": 2, "Q": 4, "B": 6, "A": 7, "C": 0}
_BOX, _MATRIX = 4, 6
_SFNT = (b"\x00\x01\x00\x00", b"OTTO", b"true")
_FONT_HEAD, _FONT_ROW = 12, 16
_ON_A_PAGE = ("Page", "PageAnnot")


def examine(graph: Graph, parts: Parts, look: Look) -> None:
    """Every object of every page and template, every picture and font of the resources."""
    for name, root in graph.roots.items():
        if look.is_late:
            look.trouble(UNSURE, "OFD 页数较多，没有逐页检测")
            return
        if etree.QName(root).localname in _ON_A_PAGE and not all(
            map(_can_be_drawn, root.iter("{*}TextObject", "{*}PathObject", "{*}ImageObject"))
        ):
            look.trouble(UNSURE, "OFD 的页面内容有误，可能有一部分不能正常显示", name)
    for name in sorted(graph.leaves["MediaFile"]):
        _picture(name, parts, look)
    for name in sorted(graph.leaves["FontFile"]):
        _font(name, parts, look)


# ---- objects


def _can_be_drawn(element: etree._Element) -> bool:
    box, matrix = element.get("Boundary"), element.get("CTM")
    if not _are_numbers(box, _BOX) or (matrix is not None and not _are_numbers(matrix, _MATRIX)):
        return False
    width, height = (float(each) for each in str(box).split()[2:])
    if width < 0 or height < 0:
        return False
    match etree.QName(element).localname:
        case "TextObject":
            codes = list(element.iter("{*}TextCode"))
            return (
                bool(codes)
                and _are_numbers(element.get("Size"), 1)
                and float(str(element.get("Size"))) > 0
                and bool(element.get("Font"))
                and all(_is_placed(each) for each in codes)
            )
        case "PathObject":
            paths = list(element.iterchildren("{*}AbbreviatedData"))
            return len(paths) == 1 and _is_path(paths[0].text or "")
        case _:
            return bool(element.get("ResourceID"))


def _is_placed(code: etree._Element) -> bool:
    """Whether the places of characters are numbers, or `g n d`: n times the same (11.3)."""
    for name in ("DeltaX", "DeltaY"):
        words = str(code.get(name) or "").split()
        if not all(_is_number(each) or each == "g" for each in words):
            return False
    return all(_is_number(str(code.get(name, "0"))) for name in ("X", "Y"))


def _is_path(text: str) -> bool:
    words = text.split()
    at = 0
    while at < len(words):
        count = _PATH.get(words[at])
        said = words[at + 1 : at + 1 + (count or 0)]
        if count is None or len(said) != count or not all(map(_is_number, said)):
            return False
        at += 1 + count
    return bool(words)


def _are_numbers(text: str | None, count: int) -> bool:
    words = str(text or "").split()
    return len(words) == count and all(map(_is_number, words))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


# ---- what is drawn with


def _picture(name: str, parts: Parts, look: Look) -> None:
    if look.is_late or parts.size(name) > _MOST_BYTES:
        look.trouble(UNSURE, "OFD 中的图像没有全部检测", name)
        return
    with parts.open(name) as stream:
        content = io.BytesIO(stream.read())
    kind = identify(content)
    if kind is None or kind.code not in _PICTURES:
        look.trouble(UNSURE, "OFD 中有图像或音视频本程序不能解码，请打开查看", name)
        return
    content.seek(0)
    seen = look.within()
    images.examine(content, len(content.getvalue()), seen)
    if seen.has(DAMAGED):
        look.trouble(DAMAGED, "OFD 中的图像不能完整显示", name)
    elif seen.has(UNSURE):
        look.trouble(UNSURE, "OFD 中的图像可能有一部分不能正常显示", name)


def _font(name: str, parts: Parts, look: Look) -> None:
    """Whether every table of an embedded font lies within it (ISO/IEC 14496-22, 5)."""
    size = parts.size(name)
    if size > _MOST_BYTES:
        look.trouble(UNSURE, "OFD 中的字体没有全部检测", name)
        return
    with parts.open(name) as stream:
        content = stream.read()
    if content[:4] not in _SFNT:
        return  # a collection, or CFF by itself: what they hold is not looked at
    count = struct.unpack_from(">H", content, 4)[0] if size >= _FONT_HEAD else 0
    rows = range(_FONT_HEAD, _FONT_HEAD + count * _FONT_ROW, _FONT_ROW)
    if (
        not count
        or rows.stop > size
        or any(sum(struct.unpack_from(">II", content, each + 8)) > size for each in rows)
    ):
        look.trouble(DAMAGED, "OFD 中嵌入的字体不完整", name)
