"""The record 件: the thing that is filed, offered, received and kept, and everything it carries.

Values only: nothing in here changes in place. `record` reads and writes the form that
travels; its shape stands in `docs/architecture.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shared.kernel.errors import Invalid
from shared.records.holdings import FileKind, Holding, check_holding
from shared.records.security import SecurityClass, refuse_classified, says_declassified
from shared.records.states import NUMBERED_STATES, RECORD

MOST_DOCUMENTS = 200
MOST_FILES = 500
MOST_EVENTS = 2000
MOST_FORMER_CODES = 50

#: Title of a number that is kept free, where no title may be kept.
VOID_TITLE = "（空号）"

RECORD_STATES = tuple(RECORD.states)


class RecordLevel(StrEnum):
    """What a record is in its class: 件 by itself, or project, volume and item."""

    RECORD = "record"
    PROJECT = "project"
    VOLUME = "volume"
    ITEM = "item"


LEVEL_NAMES = {
    RecordLevel.RECORD: "件",
    RecordLevel.PROJECT: "项目",
    RecordLevel.VOLUME: "案卷",
    RecordLevel.ITEM: "卷内文件",
}

#: Names of the fields, as people see them, for forms, tables and findings.
FIELD_NAMES = {
    "fonds_id": "全宗",
    "fonds_number": "全宗号",
    "level": "层次",
    "parent_id": "所属案卷",
    "class_code": "门类",
    "subclass": "二级门类",
    "year": "年度",
    "retention": "保管期限",
    "organ": "机构（问题）代码",
    "organ_name": "机构（问题）",
    "catalogue_number": "目录号",
    "project_number": "项目号",
    "volume_number": "案卷号",
    "number": "件号",
    "sub_number": "子件号",
    "code": "档号",
    "former_codes": "曾用档号",
    "title": "题名",
    "doc_no": "文号",
    "author": "责任者",
    "date": "日期",
    "security": "密级",
    "pages": "页数",
    "remark": "备注",
    "holding": "载体",
    "box": "盒号",
    "location": "存放位置",
    "opening": "开放意见",
    "publicity": "公开属性",
    "security_change": "密级变更",
    "state": "状态",
    "void_reason": "空号原因",
    "documents": "文档",
    "events": "经过",
}

#: The same for where a record is kept flat, with a column for each part of an opinion.
COLUMN_NAMES = {
    **FIELD_NAMES,
    "box_id": "盒号",
    "place_id": "存放位置",
    "opening_opinion": "开放意见",
    "opening_reason": "开放意见的理由",
    "publicity_attribute": "公开属性",
    "publicity_basis": "公开属性的依据",
}

#: What happens to a record, in the words of M81 业务行为; offices' systems may bring their own.
ACTIONS = (
    *("起草", "审核", "签发", "复核", "登记", "用印", "核发"),
    *("签收", "初审", "承办", "传阅", "催办", "答复", "办结"),
    *("收集", "导入", "扫描", "整理", "归档", "修改", "续存", "作废"),
    *("鉴定", "批准", "移交", "撤回", "检验", "退回", "更正", "签字"),
    *("接收", "入库", "检测", "转换", "迁移", "备份", "开放", "解密", "销毁"),
)


@dataclass(frozen=True)
class ComputerFile:
    """One computer file 计算机文件: its name for people, its bytes by digest."""

    id: str
    name: str
    size: int
    sha256: str
    format: str | None
    kind: FileKind


@dataclass(frozen=True)
class Document:
    """One document 文档 of a record: its role, and the files that hold it."""

    id: str
    role: str
    title: str | None
    order: int
    files: tuple[ComputerFile, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something that was done to the record, by whom and when."""

    id: str
    action: str
    time: datetime
    agent: str
    agent_unit: str
    basis: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Opening:
    """Whether the unit thinks that the record can be opened 开放, and why not."""

    opinion: str
    reason: str | None = None


@dataclass(frozen=True)
class Publicity:
    """The 公开属性 that a government document was given."""

    attribute: str
    basis: str | None = None


OPENING_NAMES = {"open": "开放", "controlled": "控制"}
PUBLICITY_NAMES = {"active": "主动公开", "on_request": "依申请公开", "none": "不予公开"}


@dataclass(frozen=True)
class Record:
    """One record, whatever its level, with its documents and its history."""

    id: str
    fonds_id: str
    class_code: str
    year: int
    retention: str
    title: str
    version: int = 1
    level: RecordLevel = RecordLevel.RECORD
    parent_id: str | None = None
    subclass: str | None = None
    organ: str | None = None
    organ_name: str | None = None
    catalogue_number: str | None = None
    project_number: str | None = None
    volume_number: int | None = None
    number: int | None = None
    code: str | None = None
    former_codes: tuple[str, ...] = ()
    doc_no: str | None = None
    author: str | None = None
    date: date | None = None
    security: SecurityClass = SecurityClass.NONE
    pages: int | None = None
    remark: str | None = None
    holding: Holding = Holding.ELECTRONIC
    box: str | None = None
    location: str | None = None
    opening: Opening | None = None
    publicity: Publicity | None = None
    security_change: str | None = None
    state: str = "collected"
    void_reason: str | None = None
    documents: tuple[Document, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def files(self) -> tuple[ComputerFile, ...]:
        """All computer files, document by document."""
        return tuple(file for document in self.documents for file in document.files)

    @property
    def size(self) -> int:
        """The size of all files together."""
        return sum(file.size for file in self.files)


def check_record(record: Record) -> Record:
    """The record itself, when its fields agree with each other. Raises Invalid or Classified."""
    _refuse_marks(record)
    _check_level(record)
    _check_state(record)
    _check_unique(record)
    check_holding(record)
    return record


def _refuse_marks(record: Record) -> None:
    refuse_classified(record.title, record.doc_no, record.author, record.remark)
    refuse_classified(record.void_reason, record.location, record.organ_name)
    if not says_declassified(record.security_change):
        refuse_classified(record.security_change)
    for document in record.documents:
        refuse_classified(document.title, *(file.name for file in document.files))
    for event in record.events:
        refuse_classified(event.basis, event.description)


def _check_level(record: Record) -> None:
    if record.level is RecordLevel.ITEM and record.parent_id is None:
        raise Invalid(
            "parent_id",
            "卷内文件没有指明所属案卷。",
            "请先建立案卷，再把文件放入案卷。",
            code="item_without_volume",
        )
    if record.level in (RecordLevel.RECORD, RecordLevel.PROJECT) and record.parent_id is not None:
        raise Invalid(
            "parent_id",
            f"“{LEVEL_NAMES[record.level]}”不能放在别的档案之下。",
            "请把层次改为“卷内文件”，或去掉所属案卷。",
            code="unexpected_parent",
        )
    if record.parent_id == record.id:
        raise Invalid("parent_id", "档案不能属于它自己。", "请选择所属的案卷。", code="own_parent")


def _check_state(record: Record) -> None:
    if record.state == "void":
        number = "volume_number" if record.level is RecordLevel.VOLUME else "number"
        for name in ("void_reason", number, "code"):
            if getattr(record, name) is None:
                raise Invalid(
                    name,
                    f"空号缺少{FIELD_NAMES[name]}。",
                    "空号须写明原因，并保留件号和档号。",
                    code="void_incomplete",
                )
        return
    if record.void_reason is not None:
        raise Invalid(
            "void_reason",
            "不是空号，却写了空号原因。",
            "请去掉空号原因，或作废此号。",
            code="reason_without_void",
        )
    if record.state not in NUMBERED_STATES:
        return
    for name in ("code", "date"):
        if getattr(record, name) is None:
            raise Invalid(
                name,
                f"已归档的档案缺少{FIELD_NAMES[name]}。",
                f"请补上{FIELD_NAMES[name]}。",
                code="filed_incomplete",
            )
    if not record.events:
        raise Invalid(
            "events",
            "已归档的档案没有经过记录。",
            "请至少记录归档人和归档时间。",
            code="filed_incomplete",
        )


def _check_unique(record: Record) -> None:
    if len(record.events) == 1 and not record.documents:
        return  # nothing that could occur twice, as in most of a catalogue
    for field, values in (
        ("documents", [document.id for document in record.documents]),
        ("documents", [document.order for document in record.documents]),
        ("documents", [file.id for file in record.files]),
        ("events", [event.id for event in record.events]),
    ):
        if len(set(values)) != len(values):
            raise Invalid(
                field, f"{FIELD_NAMES[field]}中有重复的编号。", "请重新提交。", code="duplicate"
            )
