"""What breaks the shape of a record, sorted by the items of the standard (DA/T 70, 1-2 to 1-6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import Schema

from shared.records import wire
from shared.records.record import FIELD_NAMES, RecordSchema
from shared.records.text import text_problem

_ENDLESS = 1 << 40


class Kind(StrEnum):
    """Which rule a value breaks."""

    LENGTH = "length"
    TYPE = "type"
    VALUE = "value"
    CHARACTERS = "characters"
    MISSING = "missing"


@dataclass(frozen=True)
class ShapeProblem:
    """One value that the record's schema refuses."""

    kind: Kind
    path: str
    name: str
    problem: str
    remedy: str
    value: Any


_INNER_NAMES = {
    "files": "计算机文件",
    "role": "文档类型",
    "sha256": "摘要",
    "size": "大小",
    "format": "格式",
    "kind": "文件性质",
    "action": "业务行为",
    "time": "时间",
    "agent": "办理人",
    "agent_unit": "办理单位",
    "basis": "依据",
    "description": "说明",
    "reason": "理由",
    "opinion": "意见",
    "attribute": "属性",
    "order": "顺序",
    "version": "版本",
    "id": "标识",
}
_ABSENT = object()
#: One schema for all records: making one costs more than using it.
_SCHEMA = RecordSchema()


def shape_problems(record: object) -> list[ShapeProblem]:
    """Every value of a wire object that its schema refuses."""
    messages = _SCHEMA.validate(record)  # type: ignore[arg-type]
    return [_sorted(_SCHEMA, record, path, message) for path, message in _leaves(messages, ())]


def name_of(path: str) -> str:
    """A path of fields in words: `文档·计算机文件·名称`."""
    parts = [part for part in path.split(".") if not part.isdecimal()]
    words = [FIELD_NAMES.get(parts[0], _INNER_NAMES.get(parts[0], parts[0]))] if parts else []
    words.extend(_INNER_NAMES.get(part, FIELD_NAMES.get(part, part)) for part in parts[1:])
    return "·".join(words) or "档案"


def _leaves(messages: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _leaves(inner, path if key == "_schema" else (*path, str(key)))
    elif isinstance(messages, list):
        for message in messages:
            yield path, message


def _sorted(schema: Schema, record: object, path: tuple[str, ...], message: str) -> ShapeProblem:
    value = _value_at(record, path)
    field = _field_at(schema, path)
    dotted = ".".join(path)
    remedy = getattr(message, "remedy", "请改正后重新提交。")
    kind = Kind.TYPE
    if value is _ABSENT or value in (None, ""):
        kind = Kind.MISSING
    elif isinstance(field, wire.Choice):
        kind = Kind.VALUE
    elif isinstance(value, str) and isinstance(field, wire.Text):
        if text_problem(value, _ENDLESS):
            kind = Kind.CHARACTERS
        elif text_problem(value, field.most):
            kind = Kind.LENGTH
    elif isinstance(value, list) and isinstance(field, wire.List) and len(value) > field.most:
        kind = Kind.LENGTH
    shown_value = None if value is _ABSENT else value
    return ShapeProblem(kind, dotted, name_of(dotted), str(message), remedy, shown_value)


def _value_at(record: object, path: tuple[str, ...]) -> Any:
    value: Any = record
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(key, _ABSENT)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _ABSENT
    return value


def _field_at(schema: Schema, path: tuple[str, ...]) -> Any:
    field: Any = None
    inside: Any = schema
    for key in path:
        if isinstance(field, wire.List):
            field = field.inner
            inside = field.schema if isinstance(field, wire.Nested) else None
            continue
        if inside is None:
            return None
        field = inside.fields.get(key)
        inside = field.schema if isinstance(field, wire.Nested) else None
    return field
