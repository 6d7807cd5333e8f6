"""A record recognised from its elements of DA/T 46-2009: the way back from `describe`.

DA/T 46 does not say everything that a record holds (its version, its box, the titles of its
documents), and others say less than we do. What is not there stays empty or is derived; nothing
is guessed that could be wrong unseen, and whoever needs to know compares the two records.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.kernel.clock import SHANGHAI, format_utc
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import is_id
from shared.records.archival_code import ArchivalCode, parse, with_middle
from shared.records.archives import Archive
from shared.records.classes import class_name, load_classes, read_class
from shared.records.dates import parse_date
from shared.records.divisions import Level
from shared.records.fonds import Fonds, FondsName
from shared.records.holdings import HOLDING_NAMES, FileKind, Holding
from shared.records.metadata.tree import AGENT, BUSINESS, RECORD, RELATION, Node, find, value_of
from shared.records.model import PUBLICITY_NAMES, Record, RecordLevel
from shared.records.record_wire import record_from_wire
from shared.records.retention import read_retention
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import SecurityClass, read_security

#: Ids for what comes without one: the same thing gets the same id each time.
_NAMES = uuid.UUID("5b6d5f0e-6f0a-5b8e-9a55-2f3b8f6c1d46")
#: Stands for an archive that has given the fonds its number and is not named.
SOME_ARCHIVE = "000000"
_FORMATS = (
    re.compile(r"格式注册系统名称：PRONOM，注册ID：(.+)"),
    re.compile(r"MIME媒体类型：(.+)"),
    re.compile(r"格式名称：(.+)"),
)
_NOT_SAID = ("脱机载体编号为", "控制标识为", "密级为")


@dataclass(frozen=True)
class Recognised:
    """A record with what its metadata say of its fonds and archive.

    Of the fonds only names and number are known: good for describing and packing, not for
    registering it.
    """

    record: Record
    fonds: Fonds
    archive: Archive | None


def recognise(tree: Node, documents: Sequence[dict[str, Any]] | None = None) -> Recognised:
    """The record that a tree of metadata speaks of.

    Args:
        tree: what `describe` has made, or another's elements under the names of DA/T 46.
        documents: the documents as wire objects; taken from the tree when not given.

    Raises Invalid, by field, for what makes no record, and Classified.
    """
    entity = find(tree, RECORD) or tree
    fonds, archive = _fonds(entity)
    wire = _wire(tree, entity, fonds)
    wire["documents"] = list(documents_of(tree) if documents is None else documents)
    kinds = {file["kind"] for each in wire["documents"] for file in each["files"]}
    if wire["holding"] is None:
        wire["holding"] = str(_holding(kinds))
    record = record_from_wire(wire)
    return Recognised(record, fonds, archive)


def named_id(*names: object) -> str:
    """The id of a thing that came without one, by what tells it from others."""
    return str(uuid.uuid5(_NAMES, "\n".join(map(str, names))))


def _fonds(entity: Node) -> tuple[Fonds, Archive | None]:
    unit = value_of(entity, "立档单位名称") or value_of(entity, "全宗名称") or "未注明"
    name = value_of(entity, "全宗名称") or unit
    number = value_of(entity, "全宗号") or _parts(_code(entity), None).fonds
    code, kept_by = value_of(entity, "档案馆代码"), value_of(entity, "档案馆名称")
    archive = Archive(code, kept_by or code, f"{code[:6]:0<12}") if code else None
    giver = archive.code if archive else SOME_ARCHIVE
    fonds = Fonds(
        named_id("fonds", number or "", name),
        (FondsName(name),),
        unit,
        "",
        Level.COUNTY,
        {giver: number} if number else {},
        receiving_archive=giver,
    )
    return fonds, archive


def _wire(tree: Node, entity: Node, fonds: Fonds) -> dict[str, Any]:
    """The record's wire object; `holding` is None where the notes do not name it."""
    code = _code(entity)
    parts = _parts(code, value_of(entity, "目录号"))
    given = _given_id(entity)
    parent = _parent(tree, given)
    notes = _Notes(each.value for each in entity.walk() if each.name == "附注" and each.value)
    date = value_of(entity, "日期")
    organ = value_of(entity, "机构或问题")
    level = _level(entity, parent)
    in_volume = level in (RecordLevel.VOLUME, RecordLevel.PROJECT)
    class_code, subclass = _class(value_of(entity, "类别号"), parts, notes)
    events = list(_events(tree))
    wire: dict[str, Any] = {
        "id": _record_id(entity),
        "version": 1,
        "fonds_id": fonds.id,
        "level": str(level),
        "parent_id": parent,
        "class_code": class_code,
        "subclass": subclass,
        "year": _number(value_of(entity, "年度")) or parts.year or _number((date or "")[:4]),
        "retention": read_retention(value_of(entity, "保管期限") or parts.retention),
        "organ": parts.organ,
        "organ_name": organ if organ != parts.organ else None,
        "catalogue_number": value_of(entity, "目录号") or parts.catalogue_number,
        "project_number": parts.project_number,
        "volume_number": _number(value_of(entity, "室编案卷号")) or parts.volume,
        "number": None if in_volume else _number(value_of(entity, "室编件号")) or parts.number,
        "code": code,
        "former_codes": notes.all("曾用档号"),
        "title": value_of(entity, "题名"),
        "doc_no": value_of(entity, "文件编号"),
        "author": value_of(entity, "责任者"),
        "date": _day(date),
        "security": str(_security(value_of(entity, "密级"), notes)),
        "pages": _number(value_of(entity, "页数")),
        "remark": None,
        "holding": notes.holding(),
        "box": None,
        "location": value_of(entity, "当前位置"),
        "opening": _opening(value_of(entity, "控制标识"), notes),
        "publicity": notes.publicity(),
        "security_change": notes.one("密级变更"),
        "state": "collected",
        "void_reason": notes.one("空号原因"),
        "documents": [],
        "events": events,
    }
    if wire["void_reason"] is not None:
        wire["state"] = "void"
    elif events and wire["code"] and wire["date"]:
        wire["state"] = "filed"
    wire["remark"] = notes.rest()
    return wire


class _Notes:
    """The notes 附注: `describe` writes them as `名称：内容`, and the remark as it is."""

    def __init__(self, notes: Iterator[str]) -> None:
        self._notes = list(notes)
        self._known: set[int] = set()

    def all(self, name: str) -> list[str]:
        found = []
        for at, note in enumerate(self._notes):
            if note.startswith(f"{name}："):
                self._known.add(at)
                found.append(note[len(name) + 1 :])
        return found

    def one(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    def holding(self) -> str | None:
        named = {name: str(holding) for holding, name in HOLDING_NAMES.items()}
        return named.get(self.one("载体") or "")

    def publicity(self) -> dict[str, Any] | None:
        said = self.one("公开属性")
        if said is None:
            return None
        name, _, basis = said.partition("，依据：")
        named = {each: attribute for attribute, each in PUBLICITY_NAMES.items()}
        return {"attribute": named.get(name, name), "basis": basis or None}

    def is_work_secret(self) -> bool:
        return any(note.startswith("密级为“限制”：工作秘密") for note in self._notes)

    def rest(self) -> str | None:
        """What is none of the known notes: the remark."""
        self.all("门类")
        rest = [
            note
            for at, note in enumerate(self._notes)
            if at not in self._known and not note.startswith(_NOT_SAID)
        ]
        return "；".join(rest) or None


def _parts(code: str | None, catalogue: str | None) -> ArchivalCode:
    with suppress(Invalid):  # a code of another form has no parts; it stays in the record as it is
        found = parse(code or "")
        # A catalogue's number would stand in its element; so the middle segment is a project's.
        middle = found.project_number or found.catalogue_number
        return with_middle(found, None if catalogue else middle, catalogue)
    return ArchivalCode("", "")


def _parent(tree: Node, record_id: str | None) -> str | None:
    for each in tree.children:
        if each.name == RELATION and value_of(each, "关系类型") == "文件-文件":
            holder = value_of(each, "实体标识符")
            holds = value_of(each, "关系") == "包含"
            if holds and each.attribute("关联实体标识符") == record_id and is_id(holder):
                return holder
    return None


def _level(entity: Node, parent: str | None) -> RecordLevel:
    if value_of(entity, "聚合层次") == "案卷":
        in_row = value_of(entity, "室编案卷号") is not None
        return RecordLevel.VOLUME if in_row else RecordLevel.PROJECT
    return RecordLevel.RECORD if parent is None else RecordLevel.ITEM


def _class(said: str | None, parts: ArchivalCode, notes: _Notes) -> tuple[str | None, str | None]:
    code, _, subclass = (said or "").partition("·")
    if code in load_classes():
        return code, subclass or None
    if parts.class_code:
        return parts.class_code, parts.subclass
    name = (notes.one("门类") or said or "").partition("·")[0]
    found = next((each for each in load_classes() if class_name(each) == name), None)
    return found or read_class(name), None


def _security(said: str | None, notes: _Notes) -> SecurityClass:
    return SecurityClass.WORK_SECRET if notes.is_work_secret() else read_security(said)


def _opening(said: str | None, notes: _Notes) -> dict[str, Any] | None:
    opinion = {"开放": "open", "控制": "controlled"}.get(said or "")
    reason = notes.one("开放意见的理由")
    return {"opinion": opinion, "reason": reason} if opinion else None


def _holding(kinds: set[str]) -> Holding:
    if not kinds:
        return Holding.PAPER
    born = str(FileKind.BORN_DIGITAL) in kinds
    copied = str(FileKind.DIGITAL_COPY) in kinds
    if born:
        return Holding.BOTH if copied else Holding.ELECTRONIC
    return Holding.PAPER_WITH_COPY


def _day(said: str | None) -> str | None:
    """The day, or the first of a span; others write it in many ways."""
    first = (said or "").partition("/")[0]
    return parse_date(first).isoformat() if first else None


def _moment(said: str | None) -> str | None:
    """The moment in UTC; a time without a zone is Chinese time."""
    try:
        moment = datetime.fromisoformat(said or "")
    except ValueError:
        return said
    return format_utc(moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI))


def _number(said: str | None) -> int | None:
    return int(said) if said and re.fullmatch(r"\d{1,9}", said) and int(said) else None


def _code(entity: Node) -> str | None:
    return next((each.value for each in entity.walk() if each.name == "档号" and each.value), None)


def _given_id(entity: Node) -> str | None:
    return value_of(entity, "电子文件号") or value_of(entity, "实体标识符")


def _record_id(entity: Node) -> str:
    given = _given_id(entity)
    return str(given) if is_id(given) else named_id("record", given or _code(entity))


def documents_of(tree: Node) -> list[dict[str, Any]]:
    """The documents as wire objects, by the computer files that M46 name, in their order.

    What others leave out (size, SHA-256, role) is None or the likeliest; the caller knows better.
    """
    entity = find(tree, RECORD) or tree
    record_id = _record_id(entity)
    notes = _Notes(each.value for each in entity.walk() if each.name == "附注" and each.value)
    holding = notes.holding()
    copies = {each.attribute("文件标识符") for each in entity.walk() if each.name == "数字化属性"}
    found: dict[int, dict[str, Any]] = {}
    for place, each in enumerate((n for n in entity.walk() if n.name == "电子属性"), 1):
        order = _number(each.attribute("文档序号")) or 1
        role = each.attribute("文档") or ""
        document = found.setdefault(
            order,
            {
                "id": named_id("document", record_id, order),
                "role": role if role in DOCUMENT_ROLES else "正本" if not found else "附件",
                "title": role if role and role not in DOCUMENT_ROLES else None,
                "order": order,
                "files": [],
            },
        )
        name = value_of(each, "计算机文件名")
        given = each.attribute("文件标识符")
        document["files"].append(
            {
                "id": given if is_id(given) else named_id("file", record_id, place, name),
                "name": name,
                "size": _size(value_of(each, "计算机文件大小")),
                "sha256": each.attribute("SHA-256"),
                "format": format_of(value_of(each, "格式信息")),
                "kind": file_kind(holding, is_copy=given in copies),
            }
        )
    return [found[order] for order in sorted(found)]


def file_kind(holding: str | None, *, is_copy: bool) -> str:
    """What a file is of a record of this holding, when its own M52 may be missing."""
    copied = is_copy or holding == str(Holding.PAPER_WITH_COPY)
    return str(FileKind.DIGITAL_COPY if copied else FileKind.BORN_DIGITAL)


def format_of(said: str | None) -> str | None:
    """The format that the sentence of M47 格式信息 names; another's sentence as it is."""
    for pattern in _FORMATS:
        if found := pattern.fullmatch(said or ""):
            return found[1]
    return said or None


def _size(said: str | None) -> int | None:
    return int(said) if said and re.fullmatch(r"\d{1,18}", said) else None


def _events(tree: Node) -> Iterator[dict[str, Any]]:
    """The history: business entities with who acted, and in which unit."""
    agents = {value_of(each, "实体标识符"): each for each in tree.children if each.name == AGENT}
    actors: dict[str | None, str | None] = {}
    units: dict[str | None, str | None] = {}
    for each in tree.children:
        if each.name == RELATION:
            pair = (value_of(each, "实体标识符"), each.attribute("关联实体标识符"))
            if value_of(each, "关系类型") == "业务-人员":
                actors[pair[0]] = pair[1]
            elif value_of(each, "关系") == "隶属于":
                units[pair[0]] = pair[1]
    for place, each in enumerate((n for n in tree.children if n.name == BUSINESS), 1):
        given = value_of(each, "实体标识符")
        actor = agents.get(actors.get(given))
        name = value_of(actor, "机构人员名称") if actor else None
        unit = actor.attribute("所属单位") if actor else None
        if unit is None and actor is not None:
            above = agents.get(units.get(value_of(actor, "实体标识符")))
            unit = value_of(above, "机构人员名称") if above else name
        yield {
            "id": given if is_id(given) else named_id("event", given, place, name),
            "action": value_of(each, "业务行为"),
            "time": _moment(value_of(each, "行为时间")),
            "agent": name or "未注明",
            "agent_unit": unit or name or "未注明",
            "basis": value_of(each, "行为依据"),
            "description": value_of(each, "行为描述"),
        }
