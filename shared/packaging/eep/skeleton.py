"""Finding one's way in the skeleton of a package: children by name, layers, places for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from shared.packaging.eep.form import LOCK, NAMESPACE, SIGNATURES, SIGNED

Element = etree._Element

_SAME_BEFORE = etree.XPath("count(preceding-sibling::*[local-name() = $name])")


def qualified(path: str) -> str:
    """A path of names, `文件实体块/文件实体`, as lxml wants it."""
    return "/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))


def child(element: Element | None, path: str) -> Element | None:
    """The first element under this path of names."""
    return None if element is None else element.find(qualified(path))


def children(element: Element | None, path: str) -> list[Element]:
    """All elements under this path of names."""
    return [] if element is None else element.findall(qualified(path))


def below(element: Element | None, name: str) -> Iterator[Element]:
    """All elements of this name below."""
    return iter(()) if element is None else element.iter(qualified(name))


def value(element: Element | None, path: str = "") -> str | None:
    """The text of the element, or of the first one under a path; None for none."""
    found = child(element, path) if path else element
    return found.text if found is not None else None


def name_of(element: Element) -> str:
    """Its name without the namespace."""
    return etree.QName(element).localname


def place(element: Element) -> str:
    """Where it is, from below the root: `被签名对象/封装内容/…/文档[2]/题名`."""
    steps = []
    while (parent := element.getparent()) is not None:
        # Counted in C: siblings may be many.
        before = int(str(_SAME_BEFORE(element, name=name_of(element))).removesuffix(".0"))
        is_one_of_many = before or next(element.itersiblings(element.tag), None) is not None
        steps.append(name_of(element) + (f"[{before + 1}]" if is_one_of_many else ""))
        element = parent
    return "/".join(reversed(steps)) or name_of(element)


@dataclass(frozen=True)
class Layer:
    """One package of the onion: what it signs, its three blocks, its signatures and lock."""

    revision: int
    signed: Element
    blocks: Element | None
    signatures: Element | None
    lock: Element | None

    @property
    def record(self) -> Element | None:
        """Its 文件实体."""
        return child(self.blocks, "文件实体块/文件实体")

    @property
    def documents(self) -> list[Element]:
        """Each 文档."""
        return children(self.record, "文件数据/文档")

    @property
    def encodings(self) -> list[Element]:
        """Each 编码 of all its documents."""
        return children(self.record, "文件数据/文档/文档数据/编码")


def layers(root: Element) -> list[Layer]:
    """The layers of a package, the outermost and newest first, the original last."""
    found: list[tuple[Element, Element]] = []
    holder: Element | None = root
    while (signed := child(holder, SIGNED)) is not None and holder is not None:
        found.append((holder, signed))
        holder = child(signed, "修改封装内容/原封装包")
    return [
        Layer(
            len(found) - 1 - at,
            signed,
            child(signed, "修改封装内容/修订内容")
            if child(signed, "修改封装内容") is not None
            else child(signed, "封装内容"),
            child(holder, SIGNATURES),
            child(holder, LOCK),
        )
        for at, (holder, signed) in enumerate(found)
    ]
