"""Fonts that a document needs and does not bring, or brings and nobody can read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from PIL import ImageFont

#: Where a font program is: Type 1, TrueType, CFF (ISO 32000-1, 9.9).
_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
#: A composite font has its shapes in a descendant; Type 3 has them itself.
_WITHOUT_FILE = {"/Type0", "/Type3"}
#: The standard fonts of PDF (ISO 32000-1, 9.6.2.2), and the Chinese ones that GB/T 9704-2012 asks
#: of every office: a document that lacks only these looks the same on any of their computers.
_EVERYWHERE = (
    "Helvetica", "Times", "Courier", "Symbol", "ZapfDingbats", "Arial", "STSong", "SimSun",
    "NSimSun", "FangSong", "SimHei", "KaiTi", "宋体", "新宋体", "仿宋", "黑体", "楷体", "小标宋",
    "方正小标宋", "方正仿宋", "方正楷体", "方正黑体", "华文",
)  # fmt: skip


def is_everywhere(name: str) -> bool:
    """Whether a font is on every office computer, by its name with or without a subset's mark."""
    plain = re.sub(r"^[A-Z]{6}\+", "", name)
    return plain.startswith(_EVERYWHERE)


def fonts_in(each: Any) -> list[Any]:
    """A font that is an object, and those that lie directly in it; other objects have none."""
    if each.get("/Type") != "/Font":
        return []
    below = each.get("/DescendantFonts", ())
    below = below if isinstance(below, pikepdf.Array) else ()
    return [
        each,
        *(one for one in below if isinstance(one, pikepdf.Dictionary) and not one.is_indirect),
    ]


def unembedded_font(font: Any) -> Iterator[str]:
    """The name of a font whose shapes are not in the file."""
    if str(font.get("/Subtype", "")) in _WITHOUT_FILE:
        return
    descriptor = font.get("/FontDescriptor")
    if isinstance(descriptor, pikepdf.Dictionary) and any(key in descriptor for key in _FILES):
        return
    yield str(font.get("/BaseFont", "/?")).removeprefix("/")


def unreadable_font(font: Any) -> Iterator[str]:
    """The name of a font that is in the file, and that FreeType does not open.

    PDFium draws its letters from another one then, without a word.
    """
    descriptor = font.get("/FontDescriptor")
    if isinstance(descriptor, pikepdf.Dictionary):
        held = [descriptor[key] for key in _FILES if key in descriptor]
        if any(
            not isinstance(each, pikepdf.Stream) or not opens(each.read_bytes()) for each in held
        ):
            yield str(font.get("/BaseFont", "/?")).removeprefix("/")


def opens(font: bytes) -> bool:
    """Whether a font program can be opened, of whichever kind."""
    try:
        ImageFont.truetype(io.BytesIO(font), layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return False
    return True
