"""What passes from one form to another: a record with its files, and what gets lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.inspection.finding import Finding, shown
from shared.packaging.build import Sealed
from shared.packaging.eep.report import Verdict
from shared.records.archives import Archive
from shared.records.fonds import Fonds
from shared.records.record import FIELD_NAMES, Record, record_to_wire

_NAMES = {
    **FIELD_NAMES,
    "id": "档案标识",
    "fonds_id": "全宗标识",
    "version": "档案版本",
    "documents.number": "文档和文件的数目",
    "documents.id": "文档标识",
    "documents.role": "文档的类型（正本、附件等）",
    "documents.title": "文档的题名",
    "documents.order": "文档的顺序号",
    "documents.files.id": "计算机文件标识",
    "documents.files.name": "计算机文件名",
    "documents.files.size": "计算机文件大小",
    "documents.files.sha256": "计算机文件摘要",
    "documents.files.format": "计算机文件格式",
    "documents.files.kind": "原生电子文件或数字化副本",
    "events.number": "经过的条数",
    "events.id": "经过标识",
    "events.action": "经过的行为",
    "events.time": "经过的时间",
    "events.agent": "经过的行为人",
    "events.agent_unit": "行为人的单位",
    "events.basis": "经过的依据",
    "events.description": "经过的描述",
    "seal": "移交单位印章对信息包的签名",
    "signatures": "封装包的电子签名",
    "layers": "封装包里面的原封装包",
    "later": "接收以后增加的版本（如格式迁移后的文件）",
}


@dataclass(frozen=True)
class Loss:
    """Something that a form cannot carry: its field, its name for people, its value."""

    field: str
    value: str = ""
    instead: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return _NAMES[self.field]

    def to_wire(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "field": self.field,
            "name": self.name,
            "value": self.value,
            "instead": self.instead,
        }


@dataclass(frozen=True)
class Carried:
    """A record on its way from one form into another.

    Attributes:
        record: as the source says it.
        fonds: its fonds; of one known from metadata alone only names and number.
        archive: the archive that keeps it, where the source names one.
        files: where the bytes of each computer file lie, by file id.
        sealed: the parts of Danglian's own package, with the unit's seal over them.
        proofs: proofs of the source that no other form takes along.
        where: the source, for messages.
    """

    record: Record
    fonds: Fonds
    archive: Archive | None
    files: Mapping[str, Path]
    sealed: Sealed | None = None
    proofs: tuple[Loss, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Found:
    """One record of a package or form: what is wrong with it, what proves it, maybe itself.

    `is_damaged` says that bytes are missing or altered: then it is not taken at all.
    """

    code: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    is_damaged: bool
    carried: Carried | None = None


def losses(record: Record, again: Record) -> tuple[Loss, ...]:
    """What of a record is not in the one that was read back from a form, field by field."""
    return tuple(_losses(record_to_wire(record), record_to_wire(again)))


def _losses(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Loss]:
    for field, value in before.items():
        if field not in ("documents", "events") and value != after[field]:
            yield Loss(field, _said(value), _said(after[field]))
    documents = (before["documents"], after["documents"])
    yield from _of_list("documents", *documents)
    files = [[file for each in side for file in each["files"]] for side in documents]
    counts = [[len(each["files"]) for each in side] for side in documents]
    if len(documents[0]) == len(documents[1]) and counts[0] != counts[1]:
        yield Loss("documents.number", str(counts[0]), str(counts[1]))
    yield from _of_list("documents.files", *files)
    yield from _of_list("events", before["events"], after["events"])


def _of_list(
    name: str, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> Iterator[Loss]:
    if len(before) != len(after):
        yield Loss(f"{name.partition('.')[0]}.number", str(len(before)), str(len(after)))
        return
    for key in before[0] if before else ():
        if key == "files":
            continue
        pairs = [(one[key], two[key]) for one, two in zip(before, after, strict=True)]
        differing = [(one, two) for one, two in pairs if one != two]
        if differing:
            yield Loss(
                f"{name}.{key}",
                shown("；".join(_said(one) for one, _two in differing)),
                shown("；".join(_said(two) for _one, two in differing)),
            )


def _said(value: Any) -> str:
    return shown(
        "；".join(f"{each}" for each in value.values()) if isinstance(value, dict) else value
    )
