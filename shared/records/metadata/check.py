"""What breaks the scheme in a tree of metadata: one finding for each element concerned.

Mandatory elements, structure, repetition, types and value lists, as DA/T 46-2009 and its data say
(DA/T 70 items 1-2 to 1-4, 2-3 and 2-4 build on this).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from shared.records.metadata.scheme import Element, by_name, load_scheme
from shared.records.metadata.tree import AGENT, BUSINESS, ENTITIES, RECORD, RELATION, Node

_ENTITY_OF = {"文件实体": RECORD, "机构人员实体": AGENT, "业务实体": BUSINESS, "实体关系": RELATION}


@dataclass(frozen=True)
class MetadataProblem:
    """One finding: the element's number and name, what is wrong, what to do."""

    element: str
    name: str
    problem: str
    remedy: str


def check_metadata(tree: Node) -> list[MetadataProblem]:
    """All that is wrong in the tree, in document order; an empty list when it keeps the scheme."""
    found = list(_entities(tree))
    for entity in tree.children:
        if entity.name in ENTITIES:
            found.extend(_entity(entity))
    return found


def _entities(tree: Node) -> Iterator[MetadataProblem]:
    counts = Counter(entity.name for entity in tree.children)
    for name in counts:
        if name not in ENTITIES:
            yield MetadataProblem("", name, "不是方案中的实体。", "请删去该元素。")
    if counts[RECORD] != 1:
        yield MetadataProblem("M1", RECORD, "文件实体应恰有一个。", "请由原系统重新生成元数据。")
    if not counts[BUSINESS]:
        for number, name in (("M80", "业务状态"), ("M81", "业务行为"), ("M82", "行为时间")):
            yield _missing(number, name)
    if not counts[AGENT]:
        yield _missing("M77", "机构人员名称")


def _missing(number: str, name: str) -> MetadataProblem:
    return MetadataProblem(number, name, f"缺少必选元素“{name}”。", f"请补充{name}。")


def _entity(entity: Node) -> Iterator[MetadataProblem]:
    seen = {node.name for node in entity.walk() if node is not entity and _filled(node)}
    for element in _mandatory(entity.name):
        if element.name not in seen:
            yield _missing(element.number, element.name)
    yield from _children(entity, None)


@cache
def _mandatory(entity: str) -> tuple[Element, ...]:
    """The elements that an entity of the scheme must have."""
    return tuple(
        element
        for element in load_scheme()
        if element.obligation == "M" and _ENTITY_OF.get(element.entity, entity) == entity
    )


def _filled(node: Node) -> bool:
    return bool(node.value) or any(_filled(child) for child in node.children)


def _children(parent: Node, container: Element | None) -> Iterator[MetadataProblem]:
    known = by_name()
    counts = Counter(child.name for child in parent.children)
    for name, count in counts.items():
        element = known.get(name)
        # 电子属性 and 数字化属性 come once for each computer file, told apart by attributes.
        per_file = name in ("电子属性", "数字化属性")
        if element and count > 1 and not element.repeatable and not per_file:
            yield MetadataProblem(
                element.number, name, f"“{name}”出现{count}次，只能有一次。", "请只保留一个值。"
            )
    for child in parent.children:
        element = known.get(child.name)
        if element is None:
            yield MetadataProblem("", child.name, "不是方案中的元素。", "请删去该元素。")
            continue
        if element.parent != (container.number if container else None):
            yield MetadataProblem(
                element.number, child.name, "所在的位置不对。", "请由原系统重新生成元数据。"
            )
        if element.is_container:
            yield from _container(child, element)
        else:
            yield from _value(child, element)


def _container(node: Node, element: Element) -> Iterator[MetadataProblem]:
    if not any(_filled(child) for child in node.children):
        yield MetadataProblem(
            element.number, node.name, f"“{node.name}”没有任何内容。", "请至少填写其中一项。"
        )
    yield from _children(node, element)


def _value(node: Node, element: Element) -> Iterator[MetadataProblem]:
    if node.children:
        yield MetadataProblem(element.number, node.name, "不应有下级元素。", "请只填写值。")
        return
    value = node.value
    if not value:
        yield MetadataProblem(element.number, node.name, "没有填写。", f"请填写{node.name}。")
        return
    if problem := _TYPES[element.type](value):
        yield MetadataProblem(
            element.number, node.name, f"“{value[:50]}”{problem}。", "请按要求的格式改正。"
        )
    if element.values and not element.values_open and value not in element.values:
        yield MetadataProblem(
            element.number,
            node.name,
            f"“{value[:50]}”不在值域内。",
            f"可用的值：{'、'.join(element.values)}。",
        )


def _text(_value: str) -> str | None:
    return None


def _year(value: str) -> str | None:
    return None if re.fullmatch(r"[0-9]{4}", value) else "不是四位年份"


def _positive(value: str) -> str | None:
    return None if re.fullmatch(r"[1-9][0-9]{0,14}", value) else "不是大于0的整数"


def _count(value: str) -> str | None:
    return None if re.fullmatch(r"0|[1-9][0-9]{0,17}", value) else "不是整数"


def _date(value: str) -> str | None:
    try:
        for part in value.split("/"):
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", part):
                return "不是日期（应如 2024-03-05）"
            date.fromisoformat(part)
    except ValueError:
        return "不是真实的日期"
    return None


def _datetime(value: str) -> str | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return "不是时间（应如 2024-06-01T02:03:04Z）"
    return None if moment.tzinfo else "没有写明时区"


_TYPES = {
    "text": _text,
    "year": _year,
    "positive": _positive,
    "count": _count,
    "date": _date,
    "datetime": _datetime,
}
