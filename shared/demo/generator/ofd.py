"""Letters as OFD (GB/T 33190): the smallest well-formed package with text on A4 pages."""

from __future__ import annotations

import hashlib
import math
import random
import zipfile
from collections.abc import Sequence
from io import BytesIO
from xml.sax.saxutils import escape

from shared.demo.generator.papers import Kind, Paper
from shared.demo.generator.text import ADDRESSEE, broken, paragraphs, written_day

_SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
#: No clock in the bytes: every entry bears the oldest time that a ZIP can say.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_PER_LINE = 30
#: Millimetres: size of a character, left edge, first line, distance of lines.
_SIZE, _LEFT, _TOP, _STEP = 5.0, 28.0, 37.0, 9.5
_FONT = 2
_RED, _SEAL = '<ofd:FillColor Value="204 13 13"/>', 42.0


def letter(paper: Paper, chance: random.Random) -> bytes:
    """The paper as an OFD with one text object to a line, of as many pages as it has."""
    is_letter = paper.kind is not Kind.INTERNAL
    lines = [f"{paper.author[:20]}文件"] if is_letter else []
    lines += [paper.doc_no or "", *broken(paper.title, _PER_LINE), ADDRESSEE if is_letter else ""]
    lines += [line for each in paragraphs(paper, chance) for line in broken(each, _PER_LINE)]
    lines += ["", paper.author, written_day(paper)]
    share = math.ceil(len(lines) / paper.pages)
    pages = [lines[at : at + share] for at in range(0, len(lines), share)]
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        _put(package, "OFD.xml", _root(paper))
        _put(package, "Doc_0/PublicRes.xml", _resources())
        unit_id = 100
        for number, page in enumerate(pages):
            is_last = number == len(pages) - 1
            content, unit_id = _page(
                page, unit_id, red_head=is_letter and not number, sealed=is_letter and is_last
            )
            _put(package, f"Doc_0/Pages/Page_{number}/Content.xml", content)
        _put(package, "Doc_0/Document.xml", _document(len(pages), unit_id))
    return target.getvalue()


def _put(package: zipfile.ZipFile, name: str, content: str) -> None:
    info = zipfile.ZipInfo(name, _MOMENT)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o100644 << 16
    package.writestr(info, _DECLARATION + content)


def _root(paper: Paper) -> str:
    doc_id = hashlib.sha256(f"{paper.title}{paper.doc_no}{paper.day}".encode()).hexdigest()[:32]
    return (
        f'<ofd:OFD {_SPACE} Version="1.1" DocType="OFD"><ofd:DocBody><ofd:DocInfo>'
        f"<ofd:DocID>{doc_id}</ofd:DocID><ofd:Title>{escape(paper.title)}</ofd:Title>"
        f"<ofd:Author>{escape(paper.author)}</ofd:Author>"
        f"<ofd:CreationDate>{paper.day.isoformat()}</ofd:CreationDate>"
        "<ofd:Creator>Danglian</ofd:Creator></ofd:DocInfo>"
        "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
    )


def _resources() -> str:
    return (
        f'<ofd:Res {_SPACE} BaseLoc="Res"><ofd:Fonts>'
        f'<ofd:Font ID="{_FONT}" FontName="仿宋" FamilyName="仿宋"/></ofd:Fonts></ofd:Res>'
    )


def _document(pages: int, most_id: int) -> str:
    listed = "".join(
        f'<ofd:Page ID="{10 + number}" BaseLoc="Pages/Page_{number}/Content.xml"/>'
        for number in range(pages)
    )
    return (
        f"<ofd:Document {_SPACE}><ofd:CommonData><ofd:MaxUnitID>{most_id}</ofd:MaxUnitID>"
        "<ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
        "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes></ofd:CommonData>"
        f"<ofd:Pages>{listed}</ofd:Pages></ofd:Document>"
    )


def _page(lines: Sequence[str], unit_id: int, *, red_head: bool, sealed: bool) -> tuple[str, int]:
    """One page's content, and the last id given on it."""
    layer = unit_id + 1
    objects = []
    unit_id = layer
    for row, line in enumerate(lines):
        if not line:
            continue
        unit_id += 1
        top = _TOP + row * _STEP
        deltas = " ".join([f"{_SIZE:g}"] * (len(line) - 1))
        delta = f' DeltaX="{deltas}"' if deltas else ""
        objects.append(
            f'<ofd:TextObject ID="{unit_id}" Font="{_FONT}" Size="{_SIZE:g}" '
            f'Boundary="{_LEFT:g} {top:g} {len(line) * _SIZE:g} {_STEP:g}">'
            f"{_RED if red_head and not row else ''}"
            f'<ofd:TextCode X="0" Y="{_SIZE:g}"{delta}>{escape(line)}</ofd:TextCode>'
            "</ofd:TextObject>"
        )
    if sealed:
        unit_id += 1
        top = _TOP + (len(lines) - 1) * _STEP - _SEAL / 2
        objects.append(_seal(unit_id, _LEFT, top))
    content = (
        f'<ofd:Page {_SPACE}><ofd:Content><ofd:Layer ID="{layer}" Type="Body">'
        f"{''.join(objects)}</ofd:Layer></ofd:Content></ofd:Page>"
    )
    return content, unit_id


def _seal(unit_id: int, left: float, top: float) -> str:
    """A round seal, with no name in it: no more than a picture of one."""
    radius = _SEAL / 2
    return (
        f'<ofd:PathObject ID="{unit_id}" Boundary="{left:g} {top:g} {_SEAL:g} {_SEAL:g}" '
        f'LineWidth="1">{_RED.replace("Fill", "Stroke")}<ofd:AbbreviatedData>M 0 {radius:g} '
        f"A {radius:g} {radius:g} 0 1 1 {_SEAL:g} {radius:g} "
        f"A {radius:g} {radius:g} 0 1 1 0 {radius:g}</ofd:AbbreviatedData></ofd:PathObject>"
    )
