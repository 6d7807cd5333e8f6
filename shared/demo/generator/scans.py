"""Pages as a scanner sees them: the text a little grey, on paper that is not quite white."""

from __future__ import annotations

import random
from functools import cache
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw

from shared.demo.generator.fonts import picture_font
from shared.demo.generator.papers import Paper
from shared.demo.generator.text import broken, paragraphs, written_day

#: Dots per inch, and how strongly the grain of the paper shows.
SMALL, USUAL, LARGE = 75, 100, 150
_A4_INCHES = (8.27, 11.69)
_GRAIN_TILE = 512


def page(paper: Paper, chance: random.Random, *, dpi: int = USUAL) -> Image.Image:
    """One page of the paper in greys."""
    width, height = (round(side * dpi) for side in _A4_INCHES)
    picture = Image.new("L", (width, height), 246)
    pen = ImageDraw.Draw(picture)
    size = round(dpi * 0.2)
    font = picture_font(size)
    if font is None:
        _draw_strokes(pen, picture.size, chance)
        return picture
    per_line = int((width - dpi * 2) / size)
    lines = [*broken(paper.title, per_line), paper.doc_no or "", ""]
    lines += [line for each in paragraphs(paper, chance) for line in broken(each, per_line)]
    lines = [*lines[: int((height - dpi * 2) / (size * 1.7)) - 2], paper.author, written_day(paper)]
    for row, line in enumerate(lines):
        pen.text((dpi, dpi * 0.9 + row * size * 1.7), line, fill=40, font=font)
    return picture


def grainy(picture: Image.Image, chance: random.Random, *, strength: int) -> Image.Image:
    """The page with the grain of paper: makes a JPEG as heavy as real ones."""
    grain = Image.new("L", picture.size)
    tile = _tile(strength).rotate(90 * chance.randint(0, 3))
    left, top = -chance.randint(0, _GRAIN_TILE), -chance.randint(0, _GRAIN_TILE)
    for x in range(left, picture.width, _GRAIN_TILE):
        for y in range(top, picture.height, _GRAIN_TILE):
            grain.paste(tile, (x, y))
    return ImageChops.subtract(picture, grain)


def jpeg(picture: Image.Image, *, dpi: int, quality: int = 60) -> bytes:
    """The page as JPEG."""
    target = BytesIO()
    picture.save(target, "JPEG", quality=quality, dpi=(dpi, dpi))
    return target.getvalue()


def png(picture: Image.Image, *, dpi: int) -> bytes:
    """The page as PNG in sixteen greys."""
    target = BytesIO()
    reduced = picture.point(lambda value: value // 17).convert("P")
    reduced.putpalette([level * 17 for level in range(16) for _ in range(3)])
    reduced.save(target, "PNG", dpi=(dpi, dpi), compress_level=3)
    return target.getvalue()


def tiff(picture: Image.Image, *, dpi: int) -> bytes:
    """The page as black and white TIFF, packed as fax (Group 4) like most scans of text."""
    target = BytesIO()
    flat = picture.point(lambda value: 255 if value > 150 else 0).convert("1")
    flat.save(target, "TIFF", compression="group4", dpi=(dpi, dpi))
    return target.getvalue()


@cache
def _tile(strength: int) -> Image.Image:
    noise = random.Random(f"grain/{strength}").randbytes(_GRAIN_TILE * _GRAIN_TILE)
    tile = Image.frombytes("L", (_GRAIN_TILE, _GRAIN_TILE), noise)
    return tile.point(lambda value: value * strength // 255)


def _draw_strokes(pen: ImageDraw.ImageDraw, size: tuple[int, int], chance: random.Random) -> None:
    """Lines instead of letters, where no font was gathered."""
    width, height = size
    for top in range(height // 8, height - height // 8, 22):
        pen.line((width // 8, top, width - chance.randint(width // 8, width // 3), top), 60, 6)
