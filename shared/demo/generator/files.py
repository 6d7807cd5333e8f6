"""Which computer files a paper has, and how heavy they are.

Most are letters of 8 to 40 KB; about one in twenty is above 64 KiB, the size up to which a package
rides inside a message; a few are of 1 to 2 MB, so that they go up in several parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.demo.generator import drafts, ofd, pdf, scans
from shared.demo.generator.papers import Kind, Paper

#: Of a thousand papers: very heavy ones, and heavy ones.
_VERY_HEAVY, _HEAVY = 5, 45


@dataclass(frozen=True)
class Attachment:
    """One computer file of a paper: its role and where it lies."""

    role: str
    path: Path


def write_files(paper: Paper, folder: Path, name: str, seed: int) -> list[Attachment]:
    """Write the files of a paper into a folder; their names begin with `name`. The text is first.

    Writes only what is not there yet with the same size, so that a second run costs little.
    """
    chance = random.Random(f"files/{seed}/{name}/{paper.title}/{paper.doc_no}")
    made = []
    for role, ending, content in _contents(paper, chance):
        path = folder / f"{name}_{role}.{ending}"
        if not path.exists() or path.stat().st_size != len(content):
            path.write_bytes(content)
        made.append(Attachment(role, path))
    return made


def _contents(paper: Paper, chance: random.Random) -> list[tuple[str, str, bytes]]:
    weight = chance.randrange(1000)
    if weight < _VERY_HEAVY and paper.pages > 1:
        return [("正文", "pdf", _scanned_book(paper, chance))]
    if weight < _VERY_HEAVY + _HEAVY:
        return [
            ("正文", "pdf", pdf.letter(paper, chance)),
            ("附件", "jpg", _scan(paper, chance, strength=60, quality=65)),
        ]
    made = [("正文", *_letter(paper, chance))]
    if paper.kind is Kind.OUTGOING and chance.random() < 0.3:
        made.append(("定稿", *chance.choice(_DRAFTS)(paper, chance)))
    if chance.random() < 0.08:
        made.append(("附件", *chance.choice(_PICTURES)(paper, chance)))
    return made


_Made = Callable[[Paper, random.Random], tuple[str, bytes]]


def _letter(paper: Paper, chance: random.Random) -> tuple[str, bytes]:
    share = chance.random()
    if share < 0.25:
        return "ofd", ofd.letter(paper, chance)
    if share < 0.30 and paper.pages == 1:
        return "tif", scans.tiff(scans.page(paper, chance, dpi=scans.LARGE), dpi=scans.LARGE)
    return "pdf", pdf.letter(paper, chance)


def _scan(paper: Paper, chance: random.Random, *, strength: int, quality: int) -> bytes:
    picture = scans.page(paper, chance, dpi=scans.USUAL)
    picture = scans.grainy(picture, chance, strength=strength)
    return scans.jpeg(picture, dpi=scans.USUAL, quality=quality)


def _scanned_book(paper: Paper, chance: random.Random) -> bytes:
    pages = []
    for _ in range(paper.pages):
        picture = scans.page(paper, chance, dpi=scans.LARGE)
        picture = scans.grainy(picture, chance, strength=90)
        pages.append(scans.jpeg(picture, dpi=scans.LARGE, quality=65))
    return pdf.bound(paper, pages)


_DRAFTS: tuple[_Made, ...] = (
    lambda paper, chance: ("txt", drafts.plain(paper, chance)),
    lambda paper, chance: ("rtf", drafts.rtf(paper, chance)),
)
_PICTURES: tuple[_Made, ...] = (
    lambda paper, chance: (
        "png", scans.png(scans.page(paper, chance, dpi=scans.SMALL), dpi=scans.SMALL)
    ),
    lambda paper, chance: (
        "jpg", scans.jpeg(scans.page(paper, chance, dpi=scans.SMALL), dpi=scans.SMALL)
    ),
    lambda paper, chance: (
        "tif", scans.tiff(scans.page(paper, chance, dpi=scans.LARGE), dpi=scans.LARGE)
    ),
)  # fmt: skip
