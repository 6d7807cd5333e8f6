"""Metadata as XML: written the same way every time, read as if an enemy had written it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lxml import etree

from shared.kernel.errors import Invalid
from shared.records.metadata.tree import ROOT, Node
from shared.records.text import text_problem

#: A name only, after the way of DA/T 48; nothing needs to stand at this address.
NAMESPACE = "urn:danglian:metadata:dat46-2009"

MOST_BYTES = 32 * 1024 * 1024
MOST_DEPTH = 8
MOST_NODES = 400_000
MOST_TEXT = 20_000

#: What others' files may be in.
ENCODINGS = ("UTF-8", "GB18030", "GBK", "GB2312")

_ENCODING = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']"
)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def to_xml(tree: Node) -> bytes:
    """The tree as UTF-8 XML with Chinese element names; equal trees give equal bytes."""
    nsmap: Any = {None: NAMESPACE}  # lxml-stubs know no default namespace
    root = etree.Element(f"{{{NAMESPACE}}}{tree.name}", nsmap=nsmap)
    waiting: list[tuple[Node, etree._Element]] = [(tree, root)]
    while waiting:
        node, element = waiting.pop()
        for name, value in sorted(node.attributes):
            element.set(name, value)
        element.text = node.value
        for child in node.children:
            below = etree.SubElement(element, f"{{{NAMESPACE}}}{child.name}")
            waiting.append((child, below))
    _indent(root)
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"


def _indent(element: etree._Element, depth: int = 0) -> None:
    """Put each element on its own line, except inside one that has text of its own."""
    children = list(element)
    if not children or element.text:
        return
    element.text = "\n" + "  " * (depth + 1)
    for child in children:
        _indent(child, depth + 1)
        child.tail = "\n" + "  " * (depth + 1)
    children[-1].tail = "\n" + "  " * depth


def read_xml(content: bytes) -> Node:
    """The tree that `to_xml` wrote.

    Raises Invalid for anything else: DTD and entities, other encodings than UTF-8, foreign
    namespaces, too much, too deep, and texts outside the value domain.
    """
    tree = _read(_parsed(content, ("UTF-8",)), NAMESPACE)
    if tree.name != ROOT:
        raise _bad(f"元数据的根元素应为“{ROOT}”", "bad_root")
    return tree


def read_any_xml(content: bytes) -> Node:
    """The elements of somebody else's XML by their local names, whatever namespace they are in.

    In UTF-8, GB18030, GBK or GB2312. Raises Invalid as `read_xml` for what is hostile or broken.
    """
    return _read(_parsed(content, ENCODINGS), None)


def _parsed(content: bytes, encodings: Sequence[str]) -> etree._Element:
    if len(content) > MOST_BYTES:
        raise _bad(f"元数据超过{MOST_BYTES // 1024 // 1024}兆字节", "too_large")
    said = _ENCODING.match(content)
    encoding = said[1].decode().upper() if said else "UTF-8"
    if encoding not in encodings:
        raise _bad(f"元数据声明的编码不是{'、'.join(encodings)}", "bad_encoding")
    try:
        # GB18030 holds the two older ones.
        text = content.decode("utf-8-sig" if encoding == "UTF-8" else "gb18030")
    except UnicodeDecodeError:
        raise _bad(f"元数据不是{encoding}编码", "bad_encoding") from None
    # Looked for in the text, before any parser sees it; `<!` has no other use in our files.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _bad("元数据中有DTD或实体声明，可能是恶意文件", "dtd_refused")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(_DECLARATION.sub("", text, count=1).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise _bad("元数据不是格式正确的XML", "bad_xml") from None


class _Count:
    """How many elements were read."""

    def __init__(self) -> None:
        self.nodes = 0

    def one_more(self) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise _bad(f"元数据的元素超过{MOST_NODES}个", "too_large")


def _read(
    element: etree._Element, namespace: str | None, depth: int = 1, count: _Count | None = None
) -> Node:
    """The tree below an element; without a namespace, elements of any."""
    count = count or _Count()
    count.one_more()
    if depth > MOST_DEPTH:
        raise _bad(f"元数据的层次超过{MOST_DEPTH}层", "too_deep")
    around, _, name = str(element.tag).rpartition("}")
    if namespace is not None and around[1:] != namespace:
        raise _bad("元数据中有不属于本方案的元素", "foreign_element")
    children = []
    for child in element:
        children.append(_read(child, namespace, depth + 1, count))
        if child.tail and child.tail.strip():
            raise _bad(f"“{name}”的子元素之间有文字", "stray_text")
    value = element.text
    if value is not None and (children or namespace is None):
        value = value.strip() or None
    attributes = tuple(sorted((str(key), str(each)) for key, each in element.items()))
    for text in (value, *(each for _key, each in attributes)):
        if text and (problem := text_problem(text, MOST_TEXT)):
            raise _bad(f"“{name}”{problem}", "bad_text")
    return Node(name, value, tuple(children), attributes)


def _bad(problem: str, code: str) -> Invalid:
    return Invalid("metadata", f"{problem}。", "请由原系统重新生成元数据后提交。", code=code)
