"""OFD (GB/T 33190-2016): every part that it refers to is there, every page parses, nothing else is.

The rules of OFD-A (GB/T 42133-2022) are in `ofd_a`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from lxml import etree

from shared.inspection.formats import letter, ofd_a, ofd_drawing
from shared.inspection.formats.examination import Look
from shared.inspection.formats.first_words import ofd_lines
from shared.inspection.formats.trouble import ACTIVE, DAMAGED, STRAY, UNSURE
from shared.inspection.formats.zips import Parts, opened, part_path

ROOT = "OFD.xml"
_MOST_PAGES = 5000
_MOST_TEXT = 200_000
#: Elements whose text is the place of another part, and those that have it in an attribute.
_PLACES_IN_TEXT = {
    "DocRoot", "PublicRes", "DocumentRes", "PageRes", "Annotations", "Attachments", "CustomTags",
    "Extensions", "Signatures", "FileLoc", "SchemaLoc", "MediaFile", "FontFile", "SignedValue",
    "File", "Thumbnail", "Cover",
}  # fmt: skip
_PLACES_IN_ATTRIBUTES = {
    "Page": "BaseLoc", "TemplatePage": "BaseLoc", "Signature": "BaseLoc", "Version": "BaseLoc",
    "ColorSpace": "Profile",
}  # fmt: skip
#: Parts that are bytes of something else; nothing in them is followed.
_LEAVES = {"MediaFile", "FontFile", "SignedValue", "Profile", "Seal", "Thumbnail", "Cover"}
#: Lists of resources: one that is empty may be left out, and what is needed of it is missed below.
_LISTS = {"PublicRes", "DocumentRes", "PageRes"}
_REFERENCES = ("ResourceID", "Font", "DrawParam", "ColorSpace")


@dataclass
class Graph:
    """What hangs together in an OFD.

    Attributes:
        reached: every part that something refers to, and what lies in the document's root.
        missing: places that lead nowhere, with the element and the part that name them.
        unparsed: parts that are referred to and are not well-formed XML.
        roots: the XML parts.
        leaves: the parts that are bytes of something else, by the element that names them.
    """

    reached: set[str] = field(default_factory=lambda: {ROOT})
    missing: list[tuple[str, str, str]] = field(default_factory=list)
    unparsed: list[str] = field(default_factory=list)
    roots: dict[str, etree._Element] = field(default_factory=dict)
    leaves: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def examine(stream: BinaryIO, _size: int, look: Look) -> None:
    """The container, the references, the pages, programs, stray parts and the rules of OFD-A."""
    with opened(stream, look) as parts:
        if parts is None:
            return
        root = parts.xml(ROOT)
        if root is None:
            look.trouble(DAMAGED, "OFD.xml 不是格式正确的 XML")
            return
        graph = follow(parts)
        _references(graph, look)
        _pages(graph, look)
        ofd_drawing.examine(graph, parts, look)
        if any(True for each in graph.roots.values() for _ in each.iter("{*}Attachment")):
            look.trouble(ACTIVE, "OFD 带有附件")
        strays = sorted(parts.names - graph.reached)
        if strays:
            look.trouble(STRAY, f"OFD 中有 {len(strays)} 个没有被引用的部分", "、".join(strays[:5]))
        ofd_a.examine(graph.roots, look)


def follow(parts: Parts) -> Graph:
    """Go from OFD.xml along every reference."""
    graph = Graph()
    waiting = [ROOT]
    while waiting:
        name = waiting.pop()
        root = parts.xml(name)
        if root is None:
            graph.unparsed.append(name)
            continue
        graph.roots[name] = root
        for local, place in _places(root):
            found = _at(parts, name, place)
            if found is not None and local in _LEAVES:
                graph.leaves[local].add(found)
            if found is None:
                graph.missing.append((place, local, name))
            elif found not in graph.reached:
                graph.reached.add(found)
                if local not in _LEAVES and found.lower().endswith(".xml"):
                    waiting.append(found)
    return graph


def _places(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Every place that a part names, after the element (or attribute) that names it."""
    base = str(root.get("BaseLoc", "")) if etree.QName(root).localname == "Res" else ""
    is_signature = etree.QName(root).localname == "Signature"
    for element in root.iter(etree.Element):
        local = etree.QName(element).localname
        text = (element.text or "").strip()
        if local in _PLACES_IN_TEXT and text and (not is_signature or local == "SignedValue"):
            inside = base if local in ("MediaFile", "FontFile") and not text.startswith("/") else ""
            yield local, (f"{base}/{text}" if inside else text)
        if is_signature and local == "BaseLoc" and text:
            yield "Seal", text
        attribute = _PLACES_IN_ATTRIBUTES.get(local)
        if attribute and element.get(attribute) and not (is_signature and element is root):
            yield (local if attribute == "BaseLoc" else attribute), str(element.get(attribute))


def _at(parts: Parts, name: str, place: str) -> str | None:
    """The part that a place leads to; some programs write places from the root without a `/`."""
    for found in (part_path(name, place), place.strip().lstrip("/")):
        if found in parts.names:
            return found
    return None


def _references(graph: Graph, look: Look) -> None:
    for place, local, name in graph.missing[:10]:
        kind = UNSURE if local in _LISTS else DAMAGED
        look.trouble(kind, f"OFD 缺少所引用的部分 {place}", name)
    for name in graph.unparsed[:10]:
        look.trouble(DAMAGED, "OFD 有一部分不是格式正确的 XML", name)
    known = {
        str(each.get("ID"))
        for root in graph.roots.values()
        for each in root.iter(etree.Element)
        if each.get("ID")
    }
    for name, root in graph.roots.items():
        if etree.QName(root).localname not in ("Page", "PageAnnot"):
            continue
        for element in root.iter(etree.Element):
            for attribute in _REFERENCES:
                wanted = element.get(attribute)
                if wanted and str(wanted).isdecimal() and str(wanted) not in known:
                    kind = DAMAGED if attribute == "ResourceID" else UNSURE
                    look.trouble(kind, f"OFD 引用的资源（{attribute}）没有定义", name)


def _pages(graph: Graph, look: Look) -> None:
    root = graph.roots[ROOT]
    places = [each.text or "" for each in root.iter("{*}DocRoot")]
    if not places:
        look.trouble(DAMAGED, "OFD 没有文档（DocRoot）")
    count = length = 0
    shown: list[etree._Element | None] = []
    for place in places:
        path = part_path(ROOT, place)
        document = graph.roots.get(path)
        if document is None:
            look.trouble(DAMAGED, "OFD 缺少文档根文件，或该文件已损坏")
            continue
        pages = [page for each in document.iter("{*}Pages") for page in each.iter("{*}Page")]
        if not pages:
            look.trouble(DAMAGED, "OFD 没有页面")
        count += len(pages)
        for page in pages[:_MOST_PAGES]:
            content = graph.roots.get(part_path(path, str(page.get("BaseLoc", ""))))
            shown = [*shown[:1], content]  # the first and the last
            if content is not None and length < _MOST_TEXT:
                pieces = [each.text or "" for each in content.iter("{*}TextCode")]
                length += sum(map(len, pieces))
                look.text.extend(pieces)
    if contents := [each for each in shown if each is not None]:
        look.facts["letter"] = _letter(graph, contents)
    look.facts["pages"] = count
    look.facts["version"] = str(root.get("Version", ""))


def _letter(graph: Graph, contents: list[etree._Element]) -> dict[str, Any]:
    """How its first and last page look (`letter`), as far as places and colours are written."""
    boxes = (
        box for root in (contents[0], *graph.roots.values()) for box in root.iter("{*}PhysicalBox")
    )
    box = _numbers(next((each.text for each in boxes), None))
    first, last = (list(_objects(each)) for each in (contents[0], contents[-1]))
    text = "".join(ofd_lines(contents[0]))
    return {
        "page": box[2:] if len(box) == 4 else None,
        "addressee": letter.names_addressee(text),
        **letter.facts_of_objects(first, last),
    }


def _objects(page: etree._Element) -> Iterator[tuple[letter.Box, bool]]:
    """The box of each object that is drawn, and whether it is red."""
    for each in page.iter("{*}TextObject", "{*}PathObject", "{*}ImageObject"):
        box = _numbers(each.get("Boundary"))
        if len(box) == 4:
            x, y, width, height = box
            yield (x, y, x + width, y + height), _is_red(each)


def _is_red(element: etree._Element) -> bool:
    for each in element.iter("{*}FillColor", "{*}StrokeColor"):
        colour = _numbers(each.get("Value"), sixteen="#")
        if len(colour) == 3 and colour[0] - max(colour[1:]) > letter.rules()["red"]["value"]:
            return True
    return False


def _numbers(text: str | None, sixteen: str = "\0") -> list[float]:
    """The numbers of an attribute; colours may be written to the base 16: `#ee #20 #25`."""
    words = str(text or "").split()
    try:
        return [
            float(int(each[1:], 16)) if each.startswith(sixteen) else float(each) for each in words
        ]
    except ValueError:
        return []
