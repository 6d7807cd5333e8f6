"""A record said in the elements of DA/T 46-2009: its contents, its context, its whole history.

Nothing is invented: what Danglian does not know is left out, and `check_metadata` says so where
the scheme requires it. Business entities M80–M84 follow the record's events one by one, so the
history of metadata is append-only as the events are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from shared.kernel.clock import format_utc
from shared.records.archives import Archive
from shared.records.classes import class_name
from shared.records.fonds import Fonds
from shared.records.holdings import HOLDING_NAMES, FileKind
from shared.records.metadata.scheme import scheme_version
from shared.records.metadata.tree import AGENT, BUSINESS, RECORD, RELATION, ROOT, Node, group, leaf
from shared.records.model import (
    PUBLICITY_NAMES,
    ComputerFile,
    Document,
    Event,
    Record,
    RecordLevel,
)
from shared.records.retention import retention_name
from shared.records.roles import MAIN_ROLES, MANUSCRIPT_TYPES
from shared.records.security import SecurityClass

_PRONOM = re.compile(r"(x-)?fmt/\d+")
_MEDIA_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+")
_SECURITY = {
    SecurityClass.NONE: "公开",
    SecurityClass.INTERNAL: "限制",
    SecurityClass.WORK_SECRET: "限制",
}
_CONTROL = {"open": "开放", "controlled": "控制"}
_UNIT_AGENT = "机构人员-0"


def describe(
    record: Record,
    fonds: Fonds,
    *,
    archive: Archive | None = None,
    system: str | None = "档联",
    location: str | None = None,
    medium: str | None = None,
) -> Node:
    """The record's metadata as an ordered tree of elements.

    Args:
        record: the record, with documents and history.
        fonds: its fonds, for the unit and the numbers.
        archive: the archive that keeps it, once it does (M3, M4).
        system: name of the information system (M51).
        location: where the electronic record is kept on line (M66).
        medium: number of the off-line medium (M67); 无 when it is on line only.
    """
    agents = _agents(record.events)
    entities = [
        _record_entity(
            record, fonds, archive=archive, system=system, location=location, medium=medium
        ),
        *(_business_entity(event) for event in record.events),
        *_agent_entities(fonds, record, agents),
        *_relations(record, agents),
    ]
    return Node(ROOT, None, tuple(entities), (("方案", scheme_version()),))


def _record_entity(
    record: Record,
    fonds: Fonds,
    *,
    archive: Archive | None,
    system: str | None,
    location: str | None,
    medium: str | None,
) -> Node:
    in_volume = record.level in (RecordLevel.VOLUME, RecordLevel.PROJECT)
    parts: list[Iterable[Node]] = [
        leaf("实体标识符", record.id),
        leaf("聚合层次", "案卷" if in_volume else "文件"),
        group(
            "来源",
            leaf("档案馆名称", archive.name if archive else None),
            leaf("档案馆代码", archive.code if archive else None),
            leaf("全宗名称", fonds.name_on(record.date) if record.date else fonds.name),
            leaf("立档单位名称", fonds.forming_unit),
        ),
        leaf("电子文件号", record.id),
        _archival_code(record, fonds.number_in(archive.code) if archive else fonds.number),
        _content(record),
        _form(record),
        *(
            _file(document, file, system)
            for document in record.documents
            for file in document.files
        ),
        group(
            "存储位置",
            leaf("当前位置", location or record.location),
            leaf("脱机载体编号", medium or "无"),
        ),
        group("权限管理", leaf("控制标识", _CONTROL[record.opening.opinion]))
        if record.opening
        else group("权限管理", leaf("控制标识", "未鉴定")),
        *(leaf("附注", note) for note in _notes(record, medium)),
    ]
    return Node(RECORD, None, tuple(node for part in parts for node in part))


def _archival_code(record: Record, fonds_number: str | None) -> Iterable[Node]:
    category = (
        record.class_code if not record.subclass else f"{record.class_code}·{record.subclass}"
    )
    return group(
        "档号",
        leaf("全宗号", fonds_number),
        leaf("目录号", record.catalogue_number),
        leaf("年度", record.year),
        leaf("保管期限", retention_name(record.retention)),
        leaf("机构或问题", record.organ_name or record.organ),
        leaf("类别号", category),
        leaf("室编案卷号", record.volume_number),
        leaf("室编件号", record.number),
        value=record.code,
    )


def _content(record: Record) -> Iterable[Node]:
    return group(
        "内容描述",
        leaf("题名", record.title),
        leaf("文件编号", record.doc_no),
        leaf("责任者", record.author),
        leaf("日期", record.date.isoformat() if record.date else None),
        leaf("密级", _SECURITY[record.security]),
    )


def _form(record: Record) -> Iterable[Node]:
    main = [document.role for document in record.documents if document.role in MAIN_ROLES]
    roles = main or [document.role for document in record.documents]
    manuscript = next((MANUSCRIPT_TYPES[role] for role in roles if role in MANUSCRIPT_TYPES), None)
    return group(
        "形式特征",
        leaf("文件组合类型", "组合文件" if len(record.documents) > 1 else "单件"),
        leaf("页数", record.pages),
        leaf("语种", "汉语"),
        leaf("稿本", manuscript),
    )


def _file(document: Document, file: ComputerFile, system: str | None) -> Iterator[Node]:
    """M46 for a computer file, and M52 beside it when the file is a digital copy of paper."""
    about = (
        ("文档序号", str(document.order)),
        ("文档", document.role),
        ("文件标识符", file.id),
        ("SHA-256", file.sha256),
    )
    children = (
        *leaf("格式信息", _format(file.format)),
        *leaf("计算机文件名", file.name),
        *leaf("计算机文件大小", file.size),
        *leaf("信息系统描述", system),
    )
    yield Node("电子属性", None, children, about)
    if file.kind is FileKind.DIGITAL_COPY:
        yield Node(
            "数字化属性", None, tuple(leaf("数字化对象形态", "纸质")), (("文件标识符", file.id),)
        )


def _format(name: str | None) -> str | None:
    if name is None:
        return None
    if _PRONOM.fullmatch(name):
        return f"格式注册系统名称：PRONOM，注册ID：{name}"
    if _MEDIA_TYPE.fullmatch(name):
        return f"MIME媒体类型：{name}"
    return f"格式名称：{name}"


def _notes(record: Record, medium: str | None) -> Iterator[str]:
    yield f"门类：{class_name(record.class_code, record.subclass)}"
    yield f"载体：{HOLDING_NAMES[record.holding]}"
    if medium is None:
        yield "脱机载体编号为“无”：在线保存，未使用脱机载体。"
    if record.opening is None:
        yield "控制标识为“未鉴定”：尚未作开放鉴定。"
    elif record.opening.reason:
        yield f"开放意见的理由：{record.opening.reason}"
    if record.security is SecurityClass.WORK_SECRET:
        yield "密级为“限制”：工作秘密。"
    if record.security_change:
        yield f"密级变更：{record.security_change}"
    if record.publicity:
        basis = f"，依据：{record.publicity.basis}" if record.publicity.basis else ""
        yield f"公开属性：{PUBLICITY_NAMES[record.publicity.attribute]}{basis}"
    for code in record.former_codes:
        yield f"曾用档号：{code}"
    if record.void_reason:
        yield f"空号原因：{record.void_reason}"
    if record.remark:
        yield record.remark


def _agents(events: Iterable[Event]) -> dict[tuple[str, str], str]:
    """Who acted, each with an identifier by the order of appearance, which never changes."""
    found: dict[tuple[str, str], str] = {}
    for event in events:
        found.setdefault((event.agent, event.agent_unit), f"机构人员-{len(found) + 1}")
    return found


def _business_entity(event: Event) -> Node:
    parts = (
        leaf("实体标识符", event.id),
        leaf("业务状态", "历史行为"),
        leaf("业务行为", event.action),
        leaf("行为时间", format_utc(event.time)),
        leaf("行为依据", event.basis),
        leaf("行为描述", event.description),
    )
    return Node(BUSINESS, None, tuple(node for part in parts for node in part))


def _agent_entities(
    fonds: Fonds, record: Record, agents: dict[tuple[str, str], str]
) -> Iterator[Node]:
    name = fonds.name_on(record.date) if record.date else fonds.name
    yield _agent(_UNIT_AGENT, "单位", name)
    for (person, unit), identifier in agents.items():
        # An agent that acts under its unit's own name is the unit, not a person in it.
        yield _agent(identifier, "单位" if person == unit else "个人", person, unit)


def _agent(identifier: str, kind: str, name: str, unit: str | None = None) -> Node:
    children = (
        *leaf("实体标识符", identifier),
        *leaf("机构人员类型", kind),
        *leaf("机构人员名称", name),
    )
    return Node(AGENT, None, children, (("所属单位", unit),) if unit else ())


def _relations(record: Record, agents: dict[tuple[str, str], str]) -> Iterator[Node]:
    if record.parent_id:
        yield _relation(record.parent_id, record.id, "文件-文件", "包含")
    for event in record.events:
        identifier = agents[(event.agent, event.agent_unit)]
        yield _relation(record.id, event.id, "文件-业务", "经历")
        yield _relation(event.id, identifier, "业务-人员", "行为人")


def _relation(subject: str, target: str, kind: str, name: str) -> Node:
    children = (*leaf("实体标识符", subject), *leaf("关系类型", kind), *leaf("关系", name))
    return Node(RELATION, None, children, (("关联实体标识符", target),))
