"""The two papers at the root of a form: description file 说明文件 and catalogue 目录, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from lxml import etree

from shared.kernel.canonical import strict_json
from shared.kernel.errors import Invalid
from shared.packaging.exchange.form import Catalogue, Column, Form
from shared.records.metadata import Node, read_any_xml, value_of
from shared.records.text import REMARK_LENGTH, clean_text
from shared.records.values import empty_like

#: Said where a form demands a line that nobody has filled in.
_ENVIRONMENT = "通用计算机和操作系统；阅读各计算机文件所需的软件见文件的扩展名：{extensions}"
_LINE = re.compile(r"\s*([^:：=]{1,40}?)\s*[:：=]\s*(.*?)\s*")
_NO_DAY = str.maketrans("", "", "-")


@dataclass(frozen=True)
class About:
    """What a description file says beside the records: what is handed over, and on what medium.

    Attributes:
        content: what it is, in words 内容描述.
        medium_number: number of the medium 载体编号; of several, each gets `-1`, `-2` … behind it.
        medium_kind: kind of medium 载体类型.
        medium_capacity: its capacity 载体容量.
        keeper: who keeps it 保管单位.
        maker: who made it 制作单位.
        checker: who checked it 检查单位.
        environment: hardware and software needed to read it 软硬件环境.
        remarks: anything else 其他说明.
    """

    content: str | None = None
    medium_number: str | None = None
    medium_kind: str | None = None
    medium_capacity: str | None = None
    keeper: str | None = None
    maker: str | None = None
    checker: str | None = None
    environment: str | None = None
    remarks: str | None = None

    @classmethod
    def from_json(cls, content: bytes) -> About:
        """Read a JSON object with some of the attributes as keys. Raises Invalid."""
        try:
            data = strict_json(content)
        except (ValueError, RecursionError):
            raise Invalid(
                "about", "说明不是一个 JSON 对象。", "写法见文档。", code="bad_about"
            ) from None
        known = [each.name for each in fields(cls)]
        for key in data:
            if key not in known:
                raise Invalid(
                    f"about.{key}",
                    f"说明中没有“{key}”这一项。",
                    f"可用：{'、'.join(known)}。",
                    code="bad_about",
                )
        return cls(
            **{
                key: clean_text(value, f"about.{key}", max_length=REMARK_LENGTH)
                for key, value in data.items()
            }
        )


def description_file(form: Form, values: Mapping[str, str]) -> bytes:
    """The description file: `键：值` lines, in UTF-8 that old editors recognise.

    Raises Invalid when a line that the form demands has no value.
    """
    lines = []
    for line in form.lines:
        value = values.get(line.holds, "")
        if not value and line.required:
            raise Invalid(
                line.holds,
                f"{form.description_file} 缺少“{line.name}”。",
                "请在说明（--about）中写明。",
                code="form_cannot_say",
            )
        if value:
            lines.append(f"{line.name}：{value}\r\n")
    return "".join(lines).encode("utf-8-sig")


def environment_for(extensions: Iterable[str]) -> str:
    """What to say of the environment when nobody has: which kinds of files there are."""
    return _ENVIRONMENT.format(extensions="、".join(sorted(set(extensions))) or "无")


def read_description(form: Form, content: bytes) -> dict[str, str]:
    """The lines by what they hold, 无 left out. Raises Invalid when it is no text."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            break
    else:
        raise Invalid(
            form.description_file,
            f"{form.description_file} 不是 UTF-8 或 GB18030 编码的文本。",
            "请由原单位另存为 UTF-8 后重新生成。",
            code="form_description_unreadable",
        )
    holds = {line.name: line.holds for line in form.lines}
    found: dict[str, str] = {}
    for each in text.splitlines():
        matched = _LINE.fullmatch(each)
        if matched and matched[1] in holds and empty_like(matched[2]) is not None:
            found.setdefault(holds[matched[1]], matched[2])
    return found


def row_values(
    catalogue: Catalogue, tree: Node, *, place: int, folder: str, remark: str | None
) -> dict[str, str]:
    """A row of the catalogue: what a record's metadata say, column by column."""
    held = {"place": str(place), "folder": folder, "remark": remark or ""}
    return {
        each.name: held[each.holds] if each.holds else element_value(each, tree)
        for each in catalogue.columns
    }


def element_value(column: Column, tree: Node) -> str:
    """What the metadata say for a column; a day in eight digits."""
    said = value_of(tree, str(column.element)) or ""
    return said.translate(_NO_DAY) if column.name == "日期" else said


def catalogue_file(catalogue: Catalogue, rows: Iterable[Mapping[str, str]]) -> bytes:
    """The catalogue as UTF-8 XML."""
    root = etree.Element(catalogue.root)
    for row in rows:
        element = etree.SubElement(root, catalogue.row)
        for name, value in row.items():
            etree.SubElement(element, name).text = value
    etree.indent(root, " ")
    text: Any = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return bytes(text) + b"\n"


def read_catalogue(catalogue: Catalogue, content: bytes) -> list[dict[str, str]]:
    """Its rows, as they stand. Raises Invalid for another structure, DTD, or too much."""
    tree = read_any_xml(content)
    if tree.name != catalogue.root:
        raise _malformed(catalogue, f"根元素应为“{catalogue.root}”")
    rows = []
    for number, row in enumerate(tree.children, 1):
        if row.name != catalogue.row:
            raise _malformed(catalogue, f"第 {number} 个元素应为“{catalogue.row}”")
        names = [cell.name for cell in row.children]
        if len(set(names)) != len(names) or any(cell.children for cell in row.children):
            raise _malformed(catalogue, f"第 {number} 行有重复的项或多出的层次")
        rows.append({cell.name: cell.value or "" for cell in row.children})
    return rows


def _malformed(catalogue: Catalogue, problem: str) -> Invalid:
    return Invalid(
        catalogue.file,
        f"{catalogue.file} 的结构不对：{problem}。",
        "请由原单位重新生成目录。",
        code="form_catalogue_malformed",
    )
