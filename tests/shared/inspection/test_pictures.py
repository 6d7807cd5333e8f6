"""Pictures: pages that are lacking, blank, edged; strips and codes that are wrong."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, TiffImagePlugin

from shared.inspection.formats import (
    images,
)
from shared.inspection.formats.looking import examine
from shared.inspection.formats.trouble import (
    DAMAGED,
    UNSURE,
)
from tests.shared.inspection.looks import SOUND, kinds, picture


def test_pictures_too_large_to_decode_are_left_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_MOST_PIXELS", 100)
    assert kinds(picture("PNG", (60, 60))) == [UNSURE]


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_that_lacks_its_second_page_is_damaged(big: bool) -> None:
    """The first page is whole, and names where the second one would be."""
    buffer = io.BytesIO()
    pages = [Image.new("L", (40, 30), shade) for shade in (90, 200)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    content = bytearray(buffer.getvalue())
    assert kinds(bytes(content)) == []
    at, place, count, row = (8, "<Q", "<Q", 20) if big else (4, "<I", "<H", 12)
    first = struct.unpack_from(place, content, at)[0]
    entries = struct.unpack_from(count, content, first)[0]
    following = first + struct.calcsize(count) + row * entries
    for outside in (len(content) + 100, len(content) - 1):
        struct.pack_into(place, content, following, outside)
        assert kinds(bytes(content)) == [DAMAGED]
    struct.pack_into(place, content, following, 0)
    assert kinds(bytes(content)) == []


def test_blank_pages_and_black_edges_of_scans_are_seen() -> None:
    def facts(picture: Image.Image) -> tuple[object, object]:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        found = examine(buffer, {}, 20).facts
        return found["blank_pages"], found["black_edged_pages"]

    page = Image.effect_noise((600, 800), 40)
    assert facts(page) == ([], [])
    assert facts(Image.new("L", (600, 800), 250)) == ([1], [])
    page.paste(0, (0, 0, 30, 800))
    assert facts(page) == ([], [1])


def test_a_tiff_that_names_too_few_strips_is_left_to_a_person() -> None:
    buffer = io.BytesIO()
    Image.new("L", (40, 30), 90).save(buffer, "TIFF", tiffinfo={278: 10}, strip_size=400)
    assert kinds(buffer.getvalue()) == []
    picture = Image.open(buffer)
    assert isinstance(picture, TiffImagePlugin.TiffImageFile)
    assert images._has_all_strips(picture)
    picture.tag_v2[279] = tuple(picture.tag_v2[279])[:-1]
    assert not images._has_all_strips(picture)


def test_a_picture_of_which_libjpeg_complains_is_left_to_a_person() -> None:
    content = SOUND["jpeg"]
    at = content.index(b"\xff\xda")
    assert UNSURE in kinds(content[:at] + b"junk between" + content[at:])
