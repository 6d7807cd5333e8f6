"""The font that pages are drawn with: the one that the browser pages carry, loaded once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

_FILE = Path(__file__).parents[2] / "web" / "static" / "vendor" / "fonts" / "NotoSansSC-Regular.ttf"


@cache
def pdf_font() -> str:
    """The name of a registered Chinese font for reportlab.

    Without the gathered font (a checkout before `make setup`) one that readers bring along.
    """
    if _FILE.exists():
        pdfmetrics.registerFont(TTFont("NotoSansSC", _FILE))
        return "NotoSansSC"
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    return "STSong-Light"


@cache
def picture_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont | None:
    """The same font for pictures; None when it was not gathered, as no other one is sure to be."""
    return ImageFont.truetype(_FILE, size) if _FILE.exists() else None
