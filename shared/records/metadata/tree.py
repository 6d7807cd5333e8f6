"""The tree of elements: plain values, between a record and its XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ROOT = "电子文件元数据"
RECORD = "文件实体"
BUSINESS = "业务实体"
AGENT = "机构人员实体"
RELATION = "实体关系"

#: The four entities, in the order in which a document has them.
ENTITIES = (RECORD, BUSINESS, AGENT, RELATION)


@dataclass(frozen=True)
class Node:
    """One element: its value, its children, and attributes that tell which thing it is about."""

    name: str
    value: str | None = None
    children: tuple[Node, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    def attribute(self, name: str) -> str | None:
        """The value of an attribute."""
        return dict(self.attributes).get(name)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in document order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def leaf(name: str, value: object) -> Iterable[Node]:
    """The element with its value; nothing when there is no value."""
    if value is None or value == "":
        return ()
    return (Node(name, str(value)),)


def group(name: str, *parts: Iterable[Node], value: str | None = None) -> Iterable[Node]:
    """The container with what it holds; nothing when it would be empty."""
    children = tuple(node for part in parts for node in part)
    if not children and value is None:
        return ()
    return (Node(name, value, children),)


def find_all(tree: Node, name: str) -> list[Node]:
    """All elements of a name, in document order."""
    return [node for node in tree.walk() if node.name == name]


def find(tree: Node, name: str) -> Node | None:
    """The first element of a name."""
    return next((node for node in tree.walk() if node.name == name), None)


def value_of(tree: Node, name: str) -> str | None:
    """The value of the first element of a name."""
    node = find(tree, name)
    return node.value if node else None
