"""Images: decoded to the last pixel; their parameters; pages that are blank or black-edged.

The parameters are those of DA/T 31-2017 (scans); which of them count for a file the checks know.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import BinaryIO

import pikepdf
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import DAMAGED, UNSURE

#: Pillow's other readers are never loaded.
_NAMES = [
    each.format
    for each in (
        TiffImagePlugin.TiffImageFile, JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile, Jpeg2KImagePlugin.Jpeg2KImageFile, GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
]  # fmt: skip
_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    AttributeError, RuntimeError, struct.error, zlib.error, Warning,
)  # fmt: skip
_PUIDS = {
    "TIFF": "fmt/353", "JPEG": "fmt/43", "PNG": "fmt/11", "JPEG2000": "x-fmt/392", "GIF": "fmt/4",
    "BMP": "fmt/119",
}  # fmt: skip
#: A sheet of A0 at 300 dpi has 139 million pixels, one of A3 at 600 dpi 70.
_MOST_PIXELS = 150_000_000
_MOST_FRAMES = 1000
#: TIFF and BigTIFF: order of bytes, where the first page is named, how many entries a page has,
#: the size of an entry, how places are written.
_TIFF = {
    b"II*\0": ("<", 4, "H", 12, "I"), b"MM\0*": (">", 4, "H", 12, "I"),
    b"II+\0": ("<", 8, "Q", 20, "Q"), b"MM\0+": (">", 8, "Q", 20, "Q"),
}  # fmt: skip
#: Tags of TIFF: places and sizes of strips, rows in one, samples, and whether these lie apart.
_STRIPS, _SIZES, _ROWS, _SAMPLES, _PLANES, _APART = 273, 279, 278, 277, 284, 2
_PNG_END = b"IEND\xaeB`\x82"
#: Side of the small picture on which blank pages and black edges are looked for.
_SMALL = 200
_BLANK, _BLACK = 12, 48
_EDGE = 3


def examine(stream: BinaryIO, size: int, look: Look) -> None:
    """Decode every page of a picture."""
    if _lacks_end(stream, size):
        look.trouble(DAMAGED, "图像没有结束标志（IEND），文件可能不完整")
        return
    if _leads_outside(stream, size):
        look.trouble(DAMAGED, "图像登记的一页不在文件里，文件可能不完整")
        return
    stream.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = None  # ours is looked at before anything is decoded
        try:
            with Image.open(stream, formats=_NAMES) as picture:
                _facts(picture, look)
                if picture.format == "JPEG":
                    _check_code(picture, stream, look)
                _frames(picture, look)
        except _ERRORS:
            look.trouble(DAMAGED, "图像不能完整显示，文件可能不完整或已损坏")


def _lacks_end(stream: BinaryIO, size: int) -> bool:
    """Pillow shows a PNG without its end."""
    if stream.read(8) != b"\x89PNG\r\n\x1a\n":
        return False
    stream.seek(max(0, size - 65536))
    return _PNG_END not in stream.read()


def _leads_outside(stream: BinaryIO, size: int) -> bool:
    """Whether the chain of pages of a TIFF leaves the file: there Pillow takes it to end."""
    stream.seek(0)
    head = stream.read(16)
    form = _TIFF.get(head[:4])
    if form is None:
        return False
    order, first, count, row, place = form
    at, seen = struct.unpack_from(f"{order}{place}", head, first)[0], set[int]()
    while at and at not in seen and len(seen) < _MOST_FRAMES:
        seen.add(at)
        width = struct.calcsize(f"{order}{count}")
        stream.seek(min(at, size))
        said = stream.read(width)
        if len(said) < width:
            return True
        stream.seek(row * struct.unpack(f"{order}{count}", said)[0], 1)
        following = stream.read(struct.calcsize(f"{order}{place}"))
        if len(following) < struct.calcsize(f"{order}{place}"):
            return True
        at = struct.unpack(f"{order}{place}", following)[0]
    return False


def _facts(picture: Image.Image, look: Look) -> None:
    look.facts["width"], look.facts["height"] = picture.size
    look.facts["mode"] = picture.mode
    look.facts["puid"] = _PUIDS.get(picture.format or "", "fmt/43")
    compression = picture.info.get("compression")
    if isinstance(compression, str):
        look.facts["compression"] = compression
    dpi = picture.info.get("dpi")
    if isinstance(dpi, tuple) and len(dpi) == 2:
        found = min(float(each) for each in dpi)
        if 0 < found < 100_000:
            look.facts["dpi"] = round(found)


def _check_code(picture: Image.Image, stream: BinaryIO, look: Look) -> None:
    """Whether libjpeg has a complaint, which Pillow never passes on; qpdf decodes JPEG and does.

    Some scanners write such files, and they look right: whether this one does a person sees.
    """
    if picture.width * picture.height > _MOST_PIXELS:
        return
    place = stream.tell()
    stream.seek(0)
    with pikepdf.new() as document:
        held = pikepdf.Stream(document, stream.read(), Filter=pikepdf.Name.DCTDecode)
        try:
            held.get_stream_buffer(pikepdf.StreamDecodeLevel.all)
        except (pikepdf.PdfError, pikepdf.DataDecodingError):
            look.trouble(UNSURE, "图像的编码有误，可能有一部分不能正常显示")
    stream.seek(place)
    # The pages below are looked at in small: libjpeg decodes to an eighth at far less cost.
    picture.draft("L", (picture.width // 8, picture.height // 8))


def _frames(picture: Image.Image, look: Look) -> None:
    frames = getattr(picture, "n_frames", 1)
    # A telephone's JPEG may hold a second picture beside the one that people see.
    look.facts["pages"] = 1 if picture.format == "MPO" else frames
    blank: list[int] = []
    edged: list[int] = []
    for number in range(1, min(frames, _MOST_FRAMES) + 1):
        if look.is_late:
            look.trouble(UNSURE, f"图像页数较多，第 {number} 页以后未检测")
            return
        picture.seek(number - 1)
        if picture.width * picture.height > _MOST_PIXELS:
            look.trouble(UNSURE, "图像幅面很大，未逐点检测", f"第 {number} 页")
            continue
        picture.load()
        if not _has_all_strips(picture):
            look.trouble(UNSURE, "图像登记的分块数不对，有的软件可能打不开", f"第 {number} 页")
        small = _small(picture)
        low, high = small.getextrema()
        if not isinstance(low, tuple) and not isinstance(high, tuple) and high - low <= _BLANK:
            blank.append(number)
        elif _has_black_edge(small):
            edged.append(number)
    if frames > _MOST_FRAMES:
        look.trouble(UNSURE, f"图像页数较多，第 {_MOST_FRAMES} 页以后未检测")
    look.facts["blank_pages"], look.facts["black_edged_pages"] = blank[:50], edged[:50]


def _has_all_strips(picture: Image.Image) -> bool:
    """Whether a page of a TIFF names as many strips as it is high; Pillow reads those it finds."""
    tags = getattr(picture, "tag_v2", None)
    if tags is None or _STRIPS not in tags:
        return True
    rows = min(int(tags.get(_ROWS, picture.height)), picture.height) or 1
    strips = -(-picture.height // rows)
    if tags.get(_PLANES) == _APART:
        strips *= int(tags.get(_SAMPLES, 1))
    return all(len(tags.get(each, ())) == strips for each in (_STRIPS, _SIZES))


def _small(picture: Image.Image) -> Image.Image:
    factor = max(1, max(picture.size) // _SMALL)
    return (picture if picture.mode == "L" else picture.convert("L")).reduce(factor)


def _has_black_edge(small: Image.Image) -> bool:
    """Whether a strip along one side is black: the lid of the scanner was open."""
    width, height = small.size
    if min(width, height) < 10 * _EDGE:
        return False
    strips = (
        (0, 0, width, _EDGE),
        (0, height - _EDGE, width, height),
        (0, 0, _EDGE, height),
        (width - _EDGE, 0, width, height),
    )
    return any(_is_black(small.crop(strip)) for strip in strips) and not _is_black(small)


def _is_black(strip: Image.Image) -> bool:
    histogram = strip.histogram()
    return sum(histogram[:_BLACK]) >= 0.95 * sum(histogram)
