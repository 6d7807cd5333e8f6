"""The skeleton of a package back as the tree of DA/T 46 that it came from, and its documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.packaging.eep.contents import is_digest_only
from shared.packaging.eep.encoded import Content
from shared.packaging.eep.form import ENCODED, ENCODED_ID, RECORD_ELEMENTS, REFERENCE
from shared.packaging.eep.skeleton import Element, Layer, below, child, children, name_of, value
from shared.records.metadata import AGENT, BUSINESS, RECORD, RELATION, ROOT, Node

_AFTER_FILES = ("存储位置", "权限管理", "附注")


@dataclass(frozen=True)
class EepFile:
    """One computer file 计算机文件 of a package.

    `encoded` is the 编码数据ID that holds its bytes, maybe in a package inside; None when only a
    digest is there.
    """

    identifier: str
    name: str
    size: int
    sha256: str
    encoded: str | None


@dataclass(frozen=True)
class EepDocument:
    """One document 文档: its drafts 文档数据, each in one or several formats 编码."""

    identifier: str
    number: int
    is_main: bool
    title: str | None
    drafts: tuple[tuple[EepFile, ...], ...]

    @property
    def files(self) -> tuple[EepFile, ...]:
        """All files, draft by draft."""
        return tuple(file for draft in self.drafts for file in draft)


def documents(layer: Layer, held: Mapping[str | None, Content]) -> tuple[EepDocument, ...]:
    """The documents of a layer; `held` has the contents of all layers by 编码数据ID."""
    return tuple(
        EepDocument(
            value(each, "文档标识符") or "",
            number,
            value(each, "文档主从声明") != "附属文档",
            value(each, "题名"),
            tuple(
                tuple(_file(encoding, held) for encoding in children(draft, "编码"))
                for draft in children(each, "文档数据")
            ),
        )
        for number, each in enumerate(layer.documents, 1)
    )


def _file(encoding: Element, held: Mapping[str | None, Content]) -> EepFile:
    encoded = child(encoding, ENCODED)
    wanted = (encoded.get(REFERENCE) or encoded.get(ENCODED_ID)) if encoded is not None else None
    content = held.get(wanted)
    is_inside = content is not None and not is_digest_only(encoding)
    return EepFile(
        encoding.get("编码ID") or "",
        value(encoding, "电子属性/计算机文件名") or "",
        content.size if content and is_inside else 0,
        content.sha256 if content and is_inside else "",
        wanted if is_inside else None,
    )


def metadata(layer: Layer, documents: Iterable[EepDocument]) -> Node:
    """The metadata of a layer as DA/T 46 has them, for `check_metadata` and `to_xml`."""
    files = {file.identifier: (document, file) for document in documents for file in document.files}
    entities = [
        _record(layer, files),
        *(_entity(each, BUSINESS, "业务标识符") for each in below(layer.blocks, BUSINESS)),
        *(_entity(each, AGENT, "机构人员标识符") for each in below(layer.blocks, AGENT)),
        *_relations(layer),
    ]
    return Node(ROOT, None, tuple(entities))


def _record(layer: Layer, files: Mapping[str, tuple[EepDocument, EepFile]]) -> Node:
    record = layer.record
    found = [Node("实体标识符", value(record, "电子文件号"))]
    for name in RECORD_ELEMENTS:
        if name == _AFTER_FILES[0]:
            found.extend(_of_files(layer, files))
        if name != "信息系统描述":
            found.extend(_node(each) for each in children(record, name))
    return Node(RECORD, None, tuple(found))


def _of_files(layer: Layer, files: Mapping[str, tuple[EepDocument, EepFile]]) -> Iterator[Node]:
    systems = tuple(_node(each) for each in children(layer.record, "信息系统描述"))
    for encoding in layer.encodings:
        identifier = encoding.get("编码ID") or ""
        document, file = files[identifier]
        for name, more in (("电子属性", systems), ("数字化属性", ())):
            for each in children(encoding, name):
                about = [("文件标识符", identifier)]
                if name == "电子属性":
                    about = [("文档序号", str(document.number)), *about]
                    about += [("SHA-256", file.sha256)] if file.sha256 else []
                node = _node(each)
                yield Node(name, node.value, (*node.children, *more), tuple(about))


def _entity(element: Element, name: str, identifier: str) -> Node:
    own = Node("实体标识符", value(element, identifier))
    others = (each for each in element if not name_of(each).endswith("标识符"))
    return Node(name, None, (own, *(_node(each) for each in others)))


def _relations(layer: Layer) -> Iterator[Node]:
    for name, first, second in (
        ("文件实体关系", "文件标识符", "被关联文件标识符"),
        ("机构人员实体关系", "机构人员标识符", "被关联机构人员标识符"),
    ):
        for each in below(layer.blocks, name):
            said = tuple(_node(part) for part in each if not name_of(part).endswith("标识符"))
            yield _relation(value(each, first), value(each, second), said)
    for each in below(layer.blocks, BUSINESS):
        business = value(each, "业务标识符")
        for subject, target, kind, name in (
            (value(each, "文件标识符"), business, "文件-业务", "经历"),
            (business, value(each, "机构人员标识符"), "业务-人员", "行为人"),
        ):
            yield _relation(subject, target, (Node("关系类型", kind), Node("关系", name)))


def _relation(subject: str | None, target: str | None, said: tuple[Node, ...]) -> Node:
    return Node(
        RELATION,
        None,
        (Node("实体标识符", subject), *said),
        (("关联实体标识符", target or ""),),
    )


def _node(element: Element) -> Node:
    """An element with all below it; white space between elements is no value."""
    below_it: list[Node] = []
    for each in element:
        if name_of(each) == "授权":  # pairs here, single elements in DA/T 46
            below_it.extend(_node(part) for part in each)
        else:
            below_it.append(_node(each))
    text = element.text
    if below_it and text is not None:
        text = text.strip() or None
    return Node(name_of(element), text, tuple(below_it))
