"""What a PDF is drawn with (ISO 32000-1, 7.8): operators that there are, names that lead on.

Readers pass over what they do not understand, and a part of the page is missing without a word.
Some programs write such things, and the page looks right: whether it does a person sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pikepdf

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import UNSURE

#: Every operator (annex A), and what pikepdf calls BI … EI.
_OPERATORS = {
    "b", "B", "b*", "B*", "BDC", "BMC", "BT", "BX", "c", "cm", "CS", "cs", "d", "d0", "d1", "Do",
    "DP", "EMC", "ET", "EX", "f", "F", "f*", "G", "g", "gs", "h", "i", "j", "J", "K", "k", "l",
    "m", "M", "MP", "n", "q", "Q", "re", "RG", "rg", "ri", "s", "S", "SC", "sc", "SCN", "scn",
    "sh", "T*", "Tc", "Td", "TD", "Tf", "Tj", "TJ", "TL", "Tm", "Tr", "Ts", "Tw", "Tz", "v", "w",
    "W", "W*", "y", "'", '"', "INLINE",
}  # fmt: skip
#: Operators whose first operand is the name of a resource, and the list that it is in.
_NAMING = {"Tf": "/Font", "Do": "/XObject", "gs": "/ExtGState", "sh": "/Shading"}


def examine(document: pikepdf.Pdf, look: Look) -> None:
    """Every page and what it includes, until the time is over (which showing the pages says)."""
    for number, page in enumerate(document.pages, 1):
        for each, resources in _drawn(page):
            if look.is_late:
                return
            if not _is_understood(each, resources):
                look.trouble(
                    UNSURE, "PDF 的页面内容有误，可能有一部分不能正常显示", f"第 {number} 页"
                )
                break


def _drawn(page: pikepdf.Page) -> Iterator[tuple[Any, Any]]:
    """The page and the forms that it draws, with the resources of each."""
    yield page, page.resources
    for each in page.resources.get("/XObject", {}).values():
        if each.get("/Subtype") == "/Form":
            yield each, each.get("/Resources", page.resources)


def _is_understood(content: Any, resources: Any) -> bool:
    used: set[str] = set()
    for said in pikepdf.parse_content_stream(content):
        operator = str(said.operator).partition(" ")[0]
        used.add(operator)
        if operator in _NAMING and said.operands:
            name = str(said.operands[0])
            used.add(f"{operator} {name}")
    if "BX" in used:  # within BX … EX anything may stand
        return True
    for each in used:
        operator, _, name = each.partition(" ")
        if operator not in _OPERATORS or (
            name and name not in resources.get(_NAMING[operator], {})
        ):
            return False
    return True
