"""A record as rows for people: each field with its value, and the findings about it beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.records.classes import class_name
from shared.records.holdings import HOLDING_NAMES
from shared.records.record import FIELD_NAMES, LEVEL_NAMES, OPENING_NAMES, PUBLICITY_NAMES
from shared.records.retention import retention_name
from shared.records.security import SECURITY_NAMES

#: The fields as the desk shows them; empty ones only where something was found about them.
SHOWN = (
    *("title", "code", "doc_no", "author", "date", "year", "retention", "class_code", "subclass"),
    *("organ_name", "level", "security", "security_change", "opening", "publicity"),
    *("holding", "pages", "box", "location", "former_codes", "remark"),
)
_ALWAYS = frozenset(
    ("title", "code", "doc_no", "author", "date", "retention", "security", "opening")
)


_NAMES: Mapping[str, Mapping[Any, str]] = {
    "security": SECURITY_NAMES,
    "holding": HOLDING_NAMES,
    "level": LEVEL_NAMES,
}


@dataclass(frozen=True)
class Row:
    """One field of a record."""

    name: str
    label: str
    value: str
    findings: list[Mapping[str, Any]] = field(default_factory=list)


def record_rows(
    wire: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]
) -> tuple[list[Row], list[Mapping[str, Any]]]:
    """The rows of a record, and the findings that are about no single one of them."""
    by_field: dict[str, list[Mapping[str, Any]]] = {}
    others = []
    for finding in findings:
        name = str(finding.get("field") or "").partition(".")[0]
        if name in SHOWN:
            by_field.setdefault(name, []).append(finding)
        else:
            others.append(finding)
    rows = [
        Row(name, FIELD_NAMES[name], _shown(name, wire.get(name)), by_field.get(name, []))
        for name in SHOWN
        if name in _ALWAYS or name in by_field or wire.get(name)
    ]
    return rows, others


def _shown(name: str, value: Any) -> str:
    if value is None or value == "":
        return "—"
    if name == "retention":
        return retention_name(value)
    if name == "class_code":
        return class_name(value)
    if name == "opening":
        text = OPENING_NAMES.get(value["opinion"], value["opinion"])
        return f"{text}（{value['reason']}）" if value.get("reason") else text
    if name == "publicity":
        return PUBLICITY_NAMES.get(value["attribute"], value["attribute"])
    if isinstance(value, list):
        return "、".join(str(each) for each in value) or "—"
    names = _NAMES.get(name, {})
    return names.get(value, str(value))
