"""Office Open XML (docx, xlsx, pptx): parts well-formed, relations resolved, nothing runs."""

from __future__ import annotations

from typing import BinaryIO

import python_calamine

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import ACTIVE, DAMAGED, LOCKED, SHORT_LIVED
from shared.inspection.formats.zips import Parts, opened, part_path

_TYPES = "[Content_Types].xml"
_MOST_TEXT = 200_000
#: Relations that people follow when they click; all others are fetched when the file is opened.
_CLICKED = "hyperlink"


def examine_word(stream: BinaryIO, _size: int, look: Look) -> None:
    """A DOCX: its parts, and its text."""
    with opened(stream, look) as parts:
        if parts is None or not _package(parts, "word/document.xml", look):
            return
        document = parts.xml("word/document.xml")
        length = 0
        for each in document.iter("{*}t") if document is not None else ():
            if each.text:
                look.text.append(each.text)
                length += len(each.text)
            if length > _MOST_TEXT:
                break


def examine_sheets(stream: BinaryIO, _size: int, look: Look) -> None:
    """An XLSX: its parts, and every sheet read."""
    with opened(stream, look) as parts:
        if parts is None or not _package(parts, "xl/workbook.xml", look):
            return
    read_sheets(stream, look)


def examine_slides(stream: BinaryIO, _size: int, look: Look) -> None:
    """A PPTX: its parts."""
    with opened(stream, look) as parts:
        if parts is not None:
            _package(parts, "ppt/presentation.xml", look)


def read_sheets(stream: BinaryIO, look: Look) -> None:
    """Read every sheet of a workbook, of either age."""
    stream.seek(0)
    try:
        with python_calamine.load_workbook(stream) as book:
            look.facts["sheets"] = len(book.sheet_names)
            for name in book.sheet_names:
                book.get_sheet_by_name(name)
    except python_calamine.PasswordError:
        look.trouble(LOCKED, "文件已加密或设有口令")
    except (python_calamine.CalamineError, OSError, ValueError):
        look.trouble(DAMAGED, "工作表不能读出")


def _package(parts: Parts, main: str, look: Look) -> bool:
    """Whether the package holds together (ECMA-376, part 2); notes what it carries."""
    for name in (_TYPES, main):
        if name not in parts.names:
            look.trouble(DAMAGED, f"文件缺少必有的部分 {name}")
    for name in sorted(parts.names):
        lowered = name.lower()
        if lowered.startswith("xl/macrosheets/"):
            look.trouble(ACTIVE, "文件含有宏（Excel 4.0 宏表）", name)
        if lowered.endswith((".xml", ".rels")):
            if parts.xml(name) is None:
                look.trouble(DAMAGED, "文件有一部分不是格式正确的 XML", name)
            elif lowered.endswith(".rels"):
                _relations(parts, name, look)
        elif lowered.endswith("vbaproject.bin"):
            look.trouble(ACTIVE, "文件含有宏（VBA）", name)
        elif "/embeddings/" in lowered or "/activex/" in lowered:
            look.trouble(ACTIVE, "文件含有嵌入的对象", name)
    return not look.has(DAMAGED)


def _relations(parts: Parts, name: str, look: Look) -> None:
    root = parts.xml(name)
    folder, _, file = name.rpartition("_rels/")
    for each in root.iter("{*}Relationship") if root is not None else ():
        target, kind = str(each.get("Target", "")), str(each.get("Type", ""))
        if each.get("TargetMode") == "External":
            if not kind.endswith(_CLICKED):
                part = file.removesuffix(".rels")
                look.trouble(SHORT_LIVED, "文件引用了外部的内容（图片、模板或数据）", part)
            continue
        if "#" in target or not target or target == "NULL":
            continue
        if part_path(folder, target) not in parts.names:
            look.trouble(DAMAGED, f"文件缺少所引用的部分 {target}", name)
