"""The resource catalogue as files: the guide's spreadsheet form, XML, JSON. DCAT is in `dcat`."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from hub.sharing.resources.scheme import load_scheme
from shared.kernel.canonical import canonical_json
from shared.records.text import neutral

FORM = "danglian-resource-catalogue/1"
NAMESPACE = "urn:danglian:resource-catalogue:1"
_TITLE = "政务信息资源目录"

Documents = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Catalogue:
    """What is exported: the documents in force, by code, of whom, and where they can be seen.

    `name` is that of the archive, or of the platform for all; `base` the address under which the
    pages of the resources are.
    """

    name: str
    base: str
    made_at: str
    documents: Documents


# ---- the spreadsheet form 政务信息资源目录 of the guide


@dataclass(frozen=True)
class _Column:
    group: str
    name: str
    width: int


#: The form's columns: the item, where it has parts the part, width in characters.
_COLUMNS = (
    _Column("信息资源分类", "类", 12),
    _Column("信息资源分类", "项", 16),
    _Column("信息资源分类", "目", 14),
    _Column("信息资源分类", "细目", 14),
    _Column("信息资源名称", "", 28),
    _Column("信息资源代码", "", 20),
    _Column("信息资源提供方", "", 24),
    _Column("信息资源提供方代码", "", 22),
    _Column("信息资源摘要", "", 40),
    _Column("信息资源格式", "信息资源格式分类", 12),
    _Column("信息资源格式", "信息资源格式类型", 12),
    _Column("信息项信息", "信息项名称", 18),
    _Column("信息项信息", "数据类型", 10),
    _Column("信息项信息", "数据长度", 8),
    _Column("共享属性", "共享类型", 12),
    _Column("共享属性", "共享条件", 28),
    _Column("共享属性", "共享方式分类", 12),
    _Column("共享属性", "共享方式类型", 14),
    _Column("开放属性", "是否向社会开放", 10),
    _Column("开放属性", "开放条件", 24),
    _Column("更新周期", "", 10),
    _Column("发布日期", "", 12),
    _Column("关联资源代码", "", 24),
)
_ITEM_COLUMNS = range(11, 14)
_HEADING_ROWS = 3


def xlsx(catalogue: Catalogue) -> bytes:
    """The form: a line per information item, what is the resource's merged over its lines."""
    import xlsxwriter  # few ask for a spreadsheet, and no start need wait for it

    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet(_TITLE)
        look = {"border": 1, "text_wrap": True, "valign": "vcenter"}
        head = book.add_format({**look, "bold": True, "align": "center", "bg_color": "#eef2f6"})
        cell = book.add_format(look)
        title = book.add_format({"bold": True, "font_size": 14})
        sheet.write_string(0, 0, f"{catalogue.name}{_TITLE}", title)
        for first, last, column in _groups():
            if not column.name:
                sheet.merge_range(1, first, 2, last, column.group, head)
                continue
            sheet.merge_range(1, first, 1, last, column.group, head)
            for place in range(first, last + 1):
                sheet.write_string(2, place, _COLUMNS[place].name, head)
        for place, column in enumerate(_COLUMNS):
            sheet.set_column(place, place, column.width)
        sheet.freeze_panes(_HEADING_ROWS, 0)
        row = _HEADING_ROWS
        for document in catalogue.documents:
            row = _write_resource(sheet, row, document, cell)
    return target.getvalue()


def _groups() -> Iterator[tuple[int, int, _Column]]:
    """First and last place of each item of the heading, with its first column."""
    first = 0
    for place, column in enumerate(_COLUMNS):
        if place + 1 == len(_COLUMNS) or _COLUMNS[place + 1].group != column.group:
            yield first, place, _COLUMNS[first]
            first = place + 1


def _write_resource(sheet: Any, row: int, document: Mapping[str, Any], cell: Any) -> int:
    """Write one resource; returns the row after it."""
    lines = [
        (each["name"], load_scheme().data_types[each["type"]], str(each["length"] or ""))
        for each in document["items"]["items"]
    ] or [("", "", "")]
    for place, text in enumerate(map(neutral, _cells(document))):
        if place in _ITEM_COLUMNS:
            continue
        if len(lines) == 1:
            sheet.write_string(row, place, text, cell)
        else:
            sheet.merge_range(row, place, row + len(lines) - 1, place, text, cell)
    for number, line in enumerate(lines):
        for place, text in zip(_ITEM_COLUMNS, line, strict=True):
            sheet.write_string(row + number, place, neutral(text), cell)
    return row + len(lines)


def _cells(document: Mapping[str, Any]) -> list[str]:
    """What the form says of a resource, column by column; nothing of its information items."""
    scheme = load_scheme()
    category, sharing, opening = document["category"], document["sharing"], document["opening"]
    methods = [scheme.methods[each] for each in sharing["methods"]]
    return [
        *category_names(document)[:2],
        category["subject_name"],
        category["detail_name"] or "",
        document["name"],
        document["code"],
        provider_name(document),
        document["provider"]["code"],
        document["abstract"],
        scheme.formats[document["format"]["kind"]],
        document["format"]["type"],
        *("", "", ""),
        scheme.sharing_types[sharing["type"]],
        sharing["conditions"] or "",
        "、".join(dict.fromkeys(kind for kind, _name in methods)),
        "、".join(name for _kind, name in methods),
        "是" if opening["open"] else "否",
        opening["conditions"] or "",
        scheme.update_cycles[document["update_cycle"]],
        document["published_on"],
        "、".join(document["related"]),
    ]


def category_names(document: Mapping[str, Any]) -> list[str]:
    """类, 项, 目 and, where there is one, 细目, in words."""
    scheme, category = load_scheme(), document["category"]
    kind, item = category["item"][:1], category["item"][1:]
    names = [scheme.classes[kind], scheme.items[kind][item], category["subject_name"]]
    return names + ([category["detail_name"]] if category["detail_name"] else [])


def provider_name(document: Mapping[str, Any]) -> str:
    """The provider 提供方, down to the inner unit where one is named."""
    provider = document["provider"]
    return f"{provider['name']}{provider['unit'] or ''}"


def method_names(document: Mapping[str, Any]) -> str:
    """The ways of sharing 共享方式 in words."""
    methods = [load_scheme().methods[each] for each in document["sharing"]["methods"]]
    return "、".join(kind if kind == name else f"{kind}（{name}）" for kind, name in methods)


# ---- JSON and XML


def json(catalogue: Catalogue) -> bytes:
    """All documents as canonical JSON."""
    return canonical_json(
        {
            "form": FORM,
            "scheme": load_scheme().version,
            "name": catalogue.name,
            "made_at": catalogue.made_at,
            "resources": [dict(each) for each in catalogue.documents],
        }
    )


def xml(catalogue: Catalogue) -> bytes:
    """All documents as XML; its schema is `data/resource-catalogue-1.xsd`."""
    unprefixed: Any = {None: NAMESPACE}
    root = etree.Element(f"{{{NAMESPACE}}}catalogue", nsmap=unprefixed)
    root.set("scheme", load_scheme().version)
    root.set("name", catalogue.name)
    root.set("made_at", catalogue.made_at)
    for document in catalogue.documents:
        _resource_element(root, document)
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _resource_element(root: Any, document: Mapping[str, Any]) -> None:
    said, sharing, opening = document["category"], document["sharing"], document["opening"]
    resource = _add(root, "resource", code=document["code"], version=str(document["version"]))
    category = _add(resource, "category", item=said["item"], item_name=category_names(document)[1])
    _add(category, "subject", said["subject_name"], code=said["subject"])
    if said["detail"]:
        _add(category, "detail", said["detail_name"], code=said["detail"])
    _add(resource, "name", document["name"])
    provider = _add(resource, "provider", code=document["provider"]["code"])
    _add(provider, "name", document["provider"]["name"])
    _add(provider, "unit", document["provider"]["unit"])
    _add(resource, "abstract", document["abstract"])
    _add(resource, "format", document["format"]["type"], kind=document["format"]["kind"])
    listed = _add(resource, "items", structure=document["items"]["structure"])
    for each in document["items"]["items"]:
        length = {"length": str(each["length"])} if each["length"] else {}
        _add(listed, "item", each["name"], key=each["key"], type=each["type"], **length)
    shared = _add(resource, "sharing", type=sharing["type"], coverage=document["coverage"])
    _add(shared, "conditions", sharing["conditions"])
    for each in sharing["methods"]:
        _add(shared, "method", each)
    opened = _add(resource, "opening", open="true" if opening["open"] else "false")
    _add(opened, "conditions", opening["conditions"])
    _add(resource, "update_cycle", document["update_cycle"])
    _add(resource, "published_on", document["published_on"])
    for each in document["related"]:
        _add(resource, "related", each)


def _add(parent: Any, name: str, text: str | None = "", **attributes: str) -> Any:
    """A child with its text; none at all where the text is None."""
    if text is None:
        return None
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attrib=attributes)
    child.text = text or None
    return child


#: What a catalogue can be exported as: the end of the file's name, its media type, how it is made.
@dataclass(frozen=True)
class Kind:
    """One form of an export."""

    label: str
    suffix: str
    media_type: str
    make: Callable[[Catalogue], bytes]


def _dcat(syntax: str) -> Callable[[Catalogue], bytes]:
    def make(catalogue: Catalogue) -> bytes:
        from hub.sharing.resources import dcat  # rdflib takes long to load

        return dcat.write(catalogue, syntax)

    return make


KINDS = {
    "xlsx": Kind(
        "表格",
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        xlsx,
    ),
    "xml": Kind("XML", "xml", "application/xml", xml),
    "json": Kind("JSON", "json", "application/json", json),
    "dcat": Kind("DCAT（Turtle）", "ttl", "text/turtle", _dcat("turtle")),
    "dcat-xml": Kind("DCAT（RDF/XML）", "rdf", "application/rdf+xml", _dcat("xml")),
}
