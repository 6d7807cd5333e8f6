"""A row of a catalogue with the folder that bears its code, held against the metadata there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.inspection.finding import Finding, Property, shown
from shared.kernel.errors import Invalid
from shared.packaging.exchange.form import Catalogue
from shared.packaging.exchange.papers import element_value
from shared.packaging.exchange.tree import shown_name
from shared.records.metadata import RECORD, Node, find, value_of
from shared.records.retention import read_retention
from shared.records.security import read_security

AGAIN = "请由原单位改正后重新生成。"


@dataclass
class Row:
    """One row of a catalogue, with the folder that bears its archival code."""

    catalogue: Catalogue
    place: int
    values: dict[str, str]
    folder: str | None = None
    files: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.values.get("档号", "")


def structural(code: str, problem: str, where: str | None) -> Finding:
    """A finding about what is there and what is not."""
    place = shown_name(where) if where else None
    return Finding(code, problem, AGAIN, where=place, property=Property.INTEGRITY)


def surplus(row: Row, name: str) -> Finding:
    """A file in a record's folder that nothing speaks of."""
    return structural(
        "form_file_not_described", "目录中有元数据没有提到的文件。", f"{row.folder}/{name}"
    )


def differences(row: Row, tree: Node, remark: str | None) -> Iterator[Finding]:
    """Where the row of the catalogue says something else than the metadata."""
    for column in row.catalogue.columns:
        said = row.values.get(column.name, "")
        if column.element:
            meant = element_value(column, tree)
        elif column.holds == "remark":
            meant = remark or ""
        else:
            continue
        if said and meant and _plain(column.name, said) != _plain(column.name, meant):
            yield Finding(
                "form_row_differs",
                f"目录与元数据的{column.name}不一致。",
                AGAIN,
                expected=shown(meant),
                actual=shown(said),
                where=row.code,
            )


def completed(tree: Node, row: Row) -> Node:
    """The tree with what only the catalogue says, so that a poor description makes a record."""
    more = tuple(
        Node(column.element, row.values[column.name])
        for column in row.catalogue.columns
        if column.element and row.values.get(column.name) and not value_of(tree, column.element)
    )
    entity = find(tree, RECORD)
    if not more:
        return tree
    if entity is None:
        return Node(tree.name, tree.value, (*tree.children, *more), tree.attributes)
    return _with_child(tree, entity, more)


def _with_child(node: Node, entity: Node, more: tuple[Node, ...]) -> Node:
    if node is entity:
        return Node(node.name, node.value, (*node.children, *more), node.attributes)
    children = tuple(_with_child(each, entity, more) for each in node.children)
    return Node(node.name, node.value, children, node.attributes)


def _plain(name: str, said: str) -> str:
    """A value as it is compared: other spellings of the same are the same."""
    try:
        if name == "保管期限":
            return read_retention(said)
        if name == "密级":
            return str(read_security(said))
    except Invalid:
        return said
    return said.replace("-", "") if name == "日期" else said
