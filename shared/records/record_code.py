"""A record beside its archival code 档号: what its fields make, and where they disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.records.archival_code import ArchivalCode, with_middle
from shared.records.model import Record

#: A volume's number is its 案卷号, a project has only its 项目号.
_NUMBERED_ELSEWHERE = ("volume", "project")


@dataclass(frozen=True)
class Difference:
    """A part of the code that says something else than the record's own field."""

    field: str
    name: str
    in_code: str
    in_record: str


def code_of(record: Record, fonds_number: str) -> ArchivalCode:
    """The code that a record's own fields make, by the scheme of its level and parts.

    Record, project, volume and item alike; a volume's own number stands in its `volume_number`.
    """
    project = record.project_number is not None or record.catalogue_number is not None
    in_volume = record.volume_number is not None
    code = ArchivalCode(
        "project" if project else "volume" if in_volume else "item",
        fonds_number,
        class_code=record.class_code,
        subclass=record.subclass,
        volume=record.volume_number,
        number=None if record.level in _NUMBERED_ELSEWHERE else record.number,
    )
    more: dict[str, Any] = (
        {"project_number": record.project_number, "catalogue_number": record.catalogue_number}
        if project
        else {"year": record.year, "retention": record.retention, "organ": record.organ}
    )
    return ArchivalCode(**{**code.__dict__, **more})


_COMPARED = (
    ("class_code", "class_code", "门类"),
    ("subclass", "subclass", "二级门类"),
    ("year", "year", "年度"),
    ("retention", "retention", "保管期限"),
    ("organ", "organ", "机构（问题）代码"),
    ("project_number", "project_number", "项目号"),
    ("catalogue_number", "catalogue_number", "目录号"),
    ("volume", "volume_number", "案卷号"),
    ("number", "number", "件号"),
)
_ABSENT = {
    "old": {"class_code", "subclass", "year", "retention", "organ", "project_number"},
    "project": {"year", "retention", "organ"},
}


def differences(
    code: ArchivalCode, record: Record, fonds_number: str | None = None
) -> list[Difference]:
    """Where a code and the fields of its record disagree, part by part.

    Parts that the scheme lacks are not asked. A volume's own number stands in its `volume_number`.
    """
    code = with_middle(code, record.project_number, record.catalogue_number)
    found = []
    if fonds_number is not None and code.fonds not in ("", fonds_number):
        found.append(Difference("fonds_number", "全宗号", code.fonds, fonds_number))
    for part, field, name in _COMPARED:
        if part in _ABSENT.get(code.scheme, ()):
            continue
        if part == "number" and record.level in _NUMBERED_ELSEWHERE:
            continue
        in_code, in_record = getattr(code, part), getattr(record, field)
        if in_code != in_record:
            found.append(Difference(field, name, _shown(in_code), _shown(in_record)))
    return found


def _shown(value: object) -> str:
    return "无" if value is None else str(value)
