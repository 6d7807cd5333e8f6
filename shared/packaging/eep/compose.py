"""A record in the elements of DA/T 48: the three blocks of 封装内容, with places for the files.

The values are those of `shared.records.metadata.describe`, put where DA/T 48 wants them; nothing is
mapped from the record a second time but its documents 文档 and computer files, which only a package
has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.kernel.errors import Invalid
from shared.packaging.build import distinct_names
from shared.packaging.eep.form import (
    ENCODED,
    ENCODED_ID,
    ENCODING_DESCRIPTION,
    KEYWORD_PREFIX,
    RECORD_ELEMENTS,
    REFERENCE,
    identifier,
)
from shared.records.archives import Archive
from shared.records.fonds import Fonds
from shared.records.metadata import (
    AGENT,
    BUSINESS,
    RECORD,
    RELATION,
    Node,
    describe,
    find,
    find_all,
    value_of,
)
from shared.records.record import ComputerFile, Document, Record, RecordLevel
from shared.records.roles import MAIN_ROLES

_OF_BUSINESS = ("业务状态", "业务行为", "行为时间", "行为依据", "行为描述")
_OF_AGENT = ("机构人员类型", "机构人员名称", "组织机构代码", "个人职位")
_OF_RELATION = ("关系类型", "关系", "关系描述")


@dataclass(frozen=True)
class Composed:
    """The three blocks, and which file each 编码数据 without a reference is for, by 编码数据ID."""

    blocks: tuple[Node, ...]
    contents: Mapping[str, ComputerFile]


def compose(
    record: Record,
    fonds: Fonds,
    *,
    revision: int,
    archive: Archive | None = None,
    kept: Mapping[str, str] | None = None,
) -> Composed:
    """The record in the elements of a package.

    Args:
        record: a filed record 件 or item 卷内文件, with its documents and history.
        fonds: its fonds.
        revision: 0 for an original package, and one more for each modification (R).
        archive: the archive that keeps the record, once it does.
        kept: of a modified package: the 编码数据ID in the packages inside of every content that is
            there, by its SHA-256; such a file is referred to, not repeated.

    Raises Invalid for what DA/T 48 cannot say: a volume or project, no author, no document or file.
    """
    require_sayable(record)
    tree = describe(record, fonds, archive=archive)
    contents: dict[str, ComputerFile] = {}
    documents = tuple(_documents(record, tree, revision, kept or {}, contents))
    blocks = (
        Node("文件实体块", None, (_record_entity(tree, documents), *_record_relations(tree))),
        Node("业务实体块", None, tuple(_business(record.id, tree))),
        Node("机构人员实体块", None, tuple(_agents(tree))),
    )
    return Composed(blocks, contents)


def require_sayable(record: Record) -> None:
    """Raise Invalid, naming the field, for a record that DA/T 48 cannot say."""
    if record.level in (RecordLevel.PROJECT, RecordLevel.VOLUME) or record.number is None:
        raise Invalid(
            "number",
            "DA/T 48 的封装包只装一件文件，须有件号。",
            "请封装件或卷内文件。",
            code="eep_cannot_say",
        )
    if not record.author:
        raise Invalid(
            "author",
            "DA/T 48 要求写明责任者。",
            "请先补上责任者，再封装。",
            code="eep_cannot_say",
        )
    if not record.date or not record.code or not record.events:
        raise Invalid(
            "state",
            "档案还没有归档（缺日期、档号或经过）。",
            "请先归档，再封装。",
            code="eep_cannot_say",
        )
    if not record.documents or not all(document.files for document in record.documents):
        raise Invalid(
            "documents",
            "DA/T 48 要求每个文档至少有一个计算机文件。",
            "请先补上文件，再封装。",
            code="eep_cannot_say",
        )


def _record_entity(tree: Node, documents: tuple[Node, ...]) -> Node:
    entity = next(each for each in tree.children if each.name == RECORD)
    # M51 stands with each computer file in DA/T 46, with the record in DA/T 48.
    systems = dict.fromkeys(each.value for each in find_all(entity, "信息系统描述"))
    children = (*entity.children, *(Node("信息系统描述", each) for each in systems))
    ordered = [each for name in RECORD_ELEMENTS for each in children if each.name == name]
    return Node(RECORD, None, (*ordered, Node("文件数据", None, documents)))


def _documents(
    record: Record,
    tree: Node,
    revision: int,
    kept: Mapping[str, str],
    contents: dict[str, ComputerFile],
) -> Iterator[Node]:
    described = {each.attribute("文件标识符"): each for each in find_all(tree, "电子属性")}
    layer = identifier("revision", revision=revision)
    for place, document in enumerate(sorted(record.documents, key=lambda each: each.order), 1):
        name = identifier("document", revision=layer, number=place)
        children = [
            Node("文档标识符", name),
            Node("文档序号", str(place)),
            Node("文档主从声明", "主文档" if document.role in MAIN_ROLES else "附属文档"),
            Node("题名", document.title or document.role),
        ]
        distinct = distinct_names(file.name for file in document.files)
        names = dict(zip((file.id for file in document.files), distinct, strict=True))
        for number, renditions in enumerate(_renditions(document), 1):
            data = identifier("document_data", document=name, number=number)
            encodings = []
            for count, file in enumerate(renditions, 1):
                encoding = identifier("encoding", document_data=data, number=count)
                about = _about(described[file.id], names[file.id])
                encodings.append(_encoding(encoding, file, about, kept, contents))
            children.append(Node("文档数据", None, tuple(encodings), (("文档数据ID", data),)))
        yield Node("文档", None, tuple(children))


def _renditions(document: Document) -> Iterable[list[ComputerFile]]:
    """Files that differ by their extension alone are one draft in several formats."""
    found: list[tuple[str, list[ComputerFile]]] = []
    for file in document.files:
        stem, extension = _split(file.name)
        for known, files in found:
            taken = {_split(each.name)[1].lower() for each in files}
            if known == stem and extension.lower() not in taken:
                files.append(file)
                break
        else:
            found.append((stem, [file]))
    return (files for _stem, files in found)


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot else (name, "")


def _encoding(
    name: str,
    file: ComputerFile,
    about: Node,
    kept: Mapping[str, str],
    contents: dict[str, ComputerFile],
) -> Node:
    encoded = identifier("encoded", encoding=name)
    attributes = [(ENCODED_ID, encoded)]
    if (there := kept.get(file.sha256)) is not None:
        attributes.append((REFERENCE, there))
    else:
        contents[encoded] = file
    children = (
        about,
        Node("编码描述", ENCODING_DESCRIPTION),
        Node("反编码关键字", keyword(file.name)),
        Node(ENCODED, None, (), tuple(attributes)),
    )
    return Node("编码", None, children, (("编码ID", name),))


def _about(described: Node, name: str) -> Node:
    """The file's 电子属性: M51 stands elsewhere here, and within a document names differ."""
    return Node(
        described.name,
        None,
        tuple(
            Node(each.name, name if each.name == "计算机文件名" else each.value)
            for each in described.children
            if each.name != "信息系统描述"
        ),
    )


def keyword(name: str) -> str:
    """The 反编码关键字 of a file: `base64-pdf`."""
    return KEYWORD_PREFIX + (_split(name)[1].lower() or "bin")


def _record_relations(tree: Node) -> Iterator[Node]:
    for each in _relations(tree, "文件-文件"):
        yield Node(
            "文件实体关系",
            None,
            (
                Node("文件标识符", value_of(each, "实体标识符")),
                Node("被关联文件标识符", each.attribute("关联实体标识符")),
                *_named(each, _OF_RELATION),
            ),
        )


def _business(record_id: str, tree: Node) -> Iterator[Node]:
    actors = {
        value_of(each, "实体标识符"): each.attribute("关联实体标识符")
        for each in _relations(tree, "业务-人员")
    }
    for each in tree.children:
        if each.name == BUSINESS:
            event = value_of(each, "实体标识符")
            children = (
                Node("业务标识符", event),
                Node("机构人员标识符", actors[event]),
                Node("文件标识符", record_id),
                *_named(each, _OF_BUSINESS),
            )
            yield Node(BUSINESS, None, children)


def _agents(tree: Node) -> Iterator[Node]:
    """Agents, the units that persons belong to, and then who belongs where."""
    agents = [each for each in tree.children if each.name == AGENT]
    units: dict[str | None, str | None] = {}
    for each in agents:
        if value_of(each, "机构人员类型") == "单位":
            units.setdefault(value_of(each, "机构人员名称"), value_of(each, "实体标识符"))
    relations = []
    for each in agents:
        own = value_of(each, "实体标识符")
        yield Node(AGENT, None, (Node("机构人员标识符", own), *_named(each, _OF_AGENT)))
        unit = each.attribute("所属单位")
        if unit is None or value_of(each, "机构人员类型") == "单位":
            continue
        if unit not in units:
            units[unit] = f"{own}-单位"
            yield Node(
                AGENT,
                None,
                (
                    Node("机构人员标识符", units[unit]),
                    Node("机构人员类型", "单位"),
                    Node("机构人员名称", unit),
                ),
            )
        relations.append((own, units[unit]))
    for own, unit in relations:
        yield Node(
            "机构人员实体关系",
            None,
            (
                Node("机构人员标识符", own),
                Node("被关联机构人员标识符", unit),
                Node("关系类型", "人员-人员"),
                Node("关系", "隶属于"),
            ),
        )


def _relations(tree: Node, kind: str) -> Iterator[Node]:
    return (
        each
        for each in tree.children
        if each.name == RELATION and value_of(each, "关系类型") == kind
    )


def _named(node: Node, names: Iterable[str]) -> Iterator[Node]:
    return (found for name in names if (found := find(node, name)) is not None)
