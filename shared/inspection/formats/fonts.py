"""Fonts that a document needs and does not bring, or brings and nobody can read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from PIL import ImageFont

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


def unembedded_font(font: Any) -> Iterator[str]:
    """The name of a font whose shapes are not in the file."""
    if str(font.get("/Subtype", "")) in _WITHOUT_FILE:
        return
    descriptor = font.get("/FontDescriptor")
    if isinstance(descriptor, pikepdf.Dictionary) and any(
        key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")
    ):
        return
    yield str(font.get("/BaseFont", "/?")).removeprefix("/")


def unreadable_font(descriptor: Any) -> str | None:
    """The name of an embedded font that FreeType does not open.

    PDFium draws its letters from another one then, without a word.
    """
    files = (descriptor.get(key) for key in ("/FontFile", "/FontFile2", "/FontFile3"))
    for each in files:
        if isinstance(each, pikepdf.Stream) and not opens(each.read_bytes()):
            return str(descriptor.get("/FontName", "/?")).removeprefix("/")
    return None


def opens(font: bytes) -> bool:
    """Whether a font program can be opened, of whichever kind."""
    try:
        ImageFont.truetype(io.BytesIO(font), layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return False
    return True
