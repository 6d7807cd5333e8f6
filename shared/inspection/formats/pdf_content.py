"""What a PDF is drawn with (ISO 32000-1, 7.8): operators that there are, names that lead on.

Readers pass over what they do not understand, and a part of the page is missing without a word.
Some programs write such things, and the page looks right: whether it does a person sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pikepdf

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import UNSURE

#: Every operator (annex A) with the least operands that it takes; INLINE is BI … EI to pikepdf.
_LEAST = {
    **dict.fromkeys(
        (
            "b", "B", "b*", "B*", "BT", "BX", "EMC", "ET", "EX", "f", "F", "f*", "h", "n", "q", "Q",
            "s", "S", "T*", "W", "W*", "INLINE", "SC", "sc", "SCN", "scn",
        ), 0,
    ),
    **dict.fromkeys(
        (
            "BMC", "CS", "cs", "Do", "g", "G", "gs", "i", "j", "J", "M", "MP", "ri", "sh", "Tc",
            "Tj", "TJ", "TL", "Tr", "Ts", "Tw", "Tz", "w", "'",
        ), 1,
    ),
    **dict.fromkeys(("BDC", "d", "d0", "DP", "l", "m", "Td", "TD", "Tf"), 2),
    **dict.fromkeys(("rg", "RG", '"'), 3),
    **dict.fromkeys(("k", "K", "re", "v", "y"), 4),
    **dict.fromkeys(("c", "cm", "d1", "Tm"), 6),
}  # fmt: skip
#: What the operands of an operator are, the last ones of those that there are.
_NUMBER, _NAME, _TEXT, _LIST = (int, float, Decimal), pikepdf.Name, pikepdf.String, pikepdf.Array
_KINDS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("g", "G", "i", "j", "J", "M", "w"), (_NUMBER,)),
    **dict.fromkeys(("Tc", "TL", "Tr", "Ts", "Tw", "Tz"), (_NUMBER,)),
    **dict.fromkeys(("d0", "l", "m", "Td", "TD"), (_NUMBER,) * 2),
    **dict.fromkeys(("rg", "RG"), (_NUMBER,) * 3),
    **dict.fromkeys(("k", "K", "re", "v", "y"), (_NUMBER,) * 4),
    **dict.fromkeys(("c", "cm", "d1", "Tm"), (_NUMBER,) * 6),
    **dict.fromkeys(("BMC", "CS", "cs", "Do", "gs", "ri", "sh"), (_NAME,)),
    **dict.fromkeys(("Tj", "'"), (_TEXT,)),
    "TJ": (_LIST,), "Tf": (_NAME, _NUMBER), "d": (_LIST, _NUMBER),
    '"': (_NUMBER, _NUMBER, _TEXT),
}  # fmt: skip
#: What begins and ends a text object (9.4), which may not stand in another.
_TEXT_OBJECT = {"BT": 1, "ET": -1}
#: What begins a path, what goes on with one, and what ends it (8.5.2, 8.5.3).
_BEGINNING, _GOING_ON = {"m", "re"}, {"l", "c", "v", "y", "h"}
_ENDING = {"S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n"}
#: Operators whose first operand is the name of a resource, and the list that it is in.
_NAMING = {"Tf": "/Font", "Do": "/XObject", "gs": "/ExtGState", "sh": "/Shading"}
#: What saves the state of drawing and brings it back (8.4.2).
_SAVING = {"q": 1, "Q": -1}
#: What `Do` draws (8.8).
_DRAWN = {"/Image", "/Form", "/PS"}
_VERTICAL_TAB = b"\x0b"


def examine(document: pikepdf.Pdf, look: Look) -> None:
    """Every page and what it includes, until the time is over (which showing the pages says)."""
    if document.Root.Pages.get("/Count") != len(document.pages):
        look.trouble(UNSURE, "PDF 登记的页数有误，有的软件可能打不开")
    for number, page in enumerate(document.pages, 1):
        for each, resources in _drawn(page):
            if look.is_late:
                return
            if not _is_understood(_spaced_by_rule(each, document), resources):
                look.trouble(
                    UNSURE, "PDF 的页面内容有误，可能有一部分不能正常显示", f"第 {number} 页"
                )
                return  # one page named is enough to have it looked at


def _drawn(page: pikepdf.Page) -> Iterator[tuple[Any, Any]]:
    """The page and the forms that it draws, with the resources of each."""
    yield page, page.resources
    for each in page.resources.get("/XObject", {}).values():
        if each.get("/Subtype") == "/Form":
            yield each, each.get("/Resources", page.resources)


def _spaced_by_rule(content: Any, document: pikepdf.Pdf) -> Any:
    """What is drawn; a vertical tab separates nothing in it (7.2.3), as it does to qpdf."""
    parts = content.get("/Contents", ()) if isinstance(content, pikepdf.Page) else content
    parts = parts if isinstance(parts, pikepdf.Array) else [parts]
    said = b"\n".join(each.read_bytes() for each in parts if isinstance(each, pikepdf.Stream))
    if _VERTICAL_TAB not in said:
        return content
    return pikepdf.Stream(document, said.replace(_VERTICAL_TAB, b"~"))


def _is_understood(content: Any, resources: Any) -> bool:
    is_right, has_point, saved, texts = True, False, 0, 0
    named: set[tuple[str, str]] = set()
    for said in pikepdf.parse_content_stream(content):
        operator = str(said.operator).partition(" ")[0]
        if operator == "BX":  # within BX … EX anything may stand
            return True
        if (
            operator not in _LEAST
            or len(said.operands) < _LEAST[operator]
            or not _are_of_kind(said.operands, _KINDS.get(operator, ()))
        ):
            is_right = False
        elif operator in _TEXT_OBJECT:
            texts += _TEXT_OBJECT[operator]
            is_right &= 0 <= texts <= 1
        elif operator in _NAMING:
            named.add((_NAMING[operator], str(said.operands[0])))
        elif operator in _GOING_ON:
            is_right &= has_point
        elif operator in _BEGINNING:
            has_point = True
        elif operator in _ENDING:
            has_point = False
        elif operator in _SAVING:
            saved += _SAVING[operator]
            is_right &= saved >= 0
    # A string that does not end swallows the rest, and with it the end of its text object.
    is_right &= not texts
    return is_right and all(_leads_on(resources.get(of, {}).get(name), of) for of, name in named)


def _are_of_kind(operands: Any, kinds: tuple[Any, ...]) -> bool:
    last = list(operands)[-len(kinds) :] if kinds else ()
    return all(isinstance(each, kind) for each, kind in zip(last, kinds, strict=True))


def _can_be_drawn(found: Any) -> bool:
    """Whether `Do` can draw it: a form has a box of four numbers (8.10.2)."""
    kind, box = str(found.get("/Subtype")), found.get("/BBox")
    if kind == "/Form":
        is_box = isinstance(box, pikepdf.Array) and len(box) == 4
        return is_box and all(isinstance(each, _NUMBER) for each in box)
    return kind in _DRAWN


def _leads_on(found: Any, of: str) -> bool:
    """Whether a name leads to a resource that can be used: a font bears a name, or is drawn."""
    if found is None or of == "/XObject":
        return found is not None and _can_be_drawn(found)
    if of != "/Font":
        return True
    if found.get("/Subtype") == "/Type3":  # each of its characters is a drawing (9.6.5)
        return isinstance(found.get("/CharProcs"), pikepdf.Dictionary)
    return "/BaseFont" in found
