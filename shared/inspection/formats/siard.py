"""SIARD: a database as XML in a ZIP container; DA/T 57-2014 asks for much the same."""

from __future__ import annotations

from typing import BinaryIO

from lxml import etree

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import DAMAGED, UNSURE
from shared.inspection.formats.zips import Parts, opened

METADATA = "header/metadata.xml"


def examine(stream: BinaryIO, _size: int, look: Look) -> None:
    """As a container: header and content, a table file for each table, and as many rows as told."""
    with opened(stream, look) as parts:
        if parts is None:
            return
        metadata = parts.xml(METADATA)
        if metadata is None:
            look.trouble(DAMAGED, f"SIARD 的 {METADATA} 不是格式正确的 XML")
            return
        look.facts["version"] = str(metadata.get("version", ""))
        tables = 0
        for schema in metadata.iter("{*}schema"):
            folder = _text(schema, "folder")
            for table in schema.iter("{*}table"):
                tables += 1
                inner = _text(table, "folder")
                _table(parts, f"content/{folder}/{inner}/{inner}.xml", _text(table, "rows"), look)
        look.facts["tables"] = tables


def _table(parts: Parts, name: str, rows: str, look: Look) -> None:
    if name not in parts.names:
        look.trouble(DAMAGED, "SIARD 缺少一个表的数据", name)
        return
    if look.is_late:
        look.trouble(UNSURE, "SIARD 较大，没有逐行检测全部的表", name)
        return
    counted = 0
    try:
        with parts.open(name) as content:
            for _event, row in etree.iterparse(
                content, tag="{*}row", resolve_entities=False, no_network=True, load_dtd=False
            ):
                counted += 1
                row.clear()
                while row.getprevious() is not None:
                    del row.getparent()[0]
    except (etree.XMLSyntaxError, ValueError):
        look.trouble(DAMAGED, "SIARD 有一个表不是格式正确的 XML", name)
        return
    if rows.isdecimal() and int(rows) != counted:
        look.trouble(DAMAGED, f"SIARD 的一个表登记有 {rows} 行，实有 {counted} 行", name)


def _text(element: etree._Element, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return (found.text or "").strip() if found is not None else ""
