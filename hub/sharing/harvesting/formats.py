"""The forms in which a record is given: unqualified Dublin Core, and elements of DA/T 46."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from shared.records.holdings import Holding
from shared.records.record import LEVEL_NAMES, RecordLevel
from shared.records.retention import retention_name

XSI = "http://www.w3.org/2001/XMLSchema-instance"
_OAI_DC = "http://www.openarchives.org/OAI/2.0/oai_dc/"
_DC = "http://purl.org/dc/elements/1.1/"
DAT46 = "urn:danglian:catalogue:dat46:1"
#: The schema of the second form, which the hub gives beside the endpoint.
DAT46_SCHEMA = Path(__file__).with_name("dat46.xsd")

Seen = Mapping[str, Any]


def element_in(namespace: str, name: str) -> etree._Element:
    """An element in a namespace that is the default one inside it."""
    inside: Any = {None: namespace, "xsi": XSI}
    return etree.Element(f"{{{namespace}}}{name}", nsmap=inside)


@dataclass(frozen=True)
class Format:
    """One form: its prefix, where its schema is, its namespace, and who writes it."""

    prefix: str
    schema: str
    namespace: str
    write: Callable[[Seen], etree._Element]


def _dublin_core(seen: Seen) -> etree._Element:
    """Unqualified Dublin Core; what is withheld is not there, and nothing in its place."""
    root = etree.Element(f"{{{_OAI_DC}}}dc", nsmap={"oai_dc": _OAI_DC, "dc": _DC, "xsi": XSI})
    root.set(f"{{{XSI}}}schemaLocation", f"{_OAI_DC} {_OAI_DC[:-1]}.xsd")
    told = (
        ("title", seen.get("title")),
        ("creator", seen.get("author")),
        ("date", seen.get("date") or str(seen["year"])),
        ("type", "Text"),
        ("identifier", seen.get("code")),
        ("identifier", seen.get("doc_no")),
        ("source", seen["fonds_name"]),
        ("language", "zh"),
        ("rights", "开放" if seen["opened"] else "未开放"),
    )
    for name, value in told:
        if value:
            etree.SubElement(root, f"{{{_DC}}}{name}").text = value
    return root


#: Elements of DA/T 46-2009 in their order: name, and field of what is seen.
_ELEMENTS = (
    ("聚合层次", "level"),
    ("档案馆代码", "archive"),
    ("全宗名称", "fonds_name"),
    ("电子文件号", "id"),
    ("档号", "code"),
    ("年度", "year"),
    ("保管期限", "retention"),
    ("机构或问题", "organ_name"),
    ("类别号", "class_code"),
    ("题名", "title"),
    ("文件编号", "doc_no"),
    ("责任者", "author"),
    ("日期", "date"),
    ("页数", "pages"),
    ("载体", "holding"),
)


def _dat46(seen: Seen) -> etree._Element:
    """The elements of DA/T 46-2009 that the catalogue has, and why others are withheld."""
    root = element_in(DAT46, "电子文件")
    for name, field in _ELEMENTS:
        value = _words(field, seen.get(field))
        if value:
            etree.SubElement(root, f"{{{DAT46}}}{name}").text = value
    for field, reason in sorted(seen["withheld"].items()):
        element = etree.SubElement(root, f"{{{DAT46}}}不提供")
        element.set("field", field)
        element.set("reason", reason)
    return root


def _words(field: str, value: Any) -> str:
    if value is None:
        return ""
    if field == "level":
        return LEVEL_NAMES[RecordLevel(value)]
    if field == "holding":
        return Holding(value).label
    return retention_name(value) if field == "retention" else str(value)


def formats(base: str) -> dict[str, Format]:
    """The forms by prefix; `base` is the address of the endpoint."""
    given = (
        Format("oai_dc", f"{_OAI_DC[:-1]}.xsd", _OAI_DC, _dublin_core),
        Format("dat46", f"{base}/dat46.xsd", DAT46, _dat46),
    )
    return {each.prefix: each for each in given}
