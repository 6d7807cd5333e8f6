"""The information items 信息项 that a resource can have: the fields of the record, or DA/T 46.

They are read off the schema by which records are read, so that the catalogue cannot promise a
field that there is not. A published version keeps the items as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.records import metadata, wire
from shared.records.record import FIELD_NAMES, RecordSchema

#: From what the items are taken.
STRUCTURES = {
    "record": "著录项目（平台提供的记录）",
    "dat46": "文书类电子文件元数据（DA/T 46-2009）",
}
_ID_LENGTH, _DIGEST_LENGTH = 36, 64
_NAMES = {"id": "标识符", "version": "版本", **FIELD_NAMES}
_DAT46_TYPES = {"year": "I", "positive": "I", "count": "I", "date": "D", "datetime": "T"}


@dataclass(frozen=True)
class Item:
    """One item: its name in the interface, in Chinese, its data type and greatest length."""

    key: str
    name: str
    type: str
    length: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """The item as a resource's document has it."""
        return {"key": self.key, "name": self.name, "type": self.type, "length": self.length}


@cache
def items_of(structure: str) -> Mapping[str, Item]:
    """Every item of a structure, by key, in its order. Raises KeyError for an unknown one."""
    return {
        each.key: each for each in {"record": _record_items, "dat46": _dat46_items}[structure]()
    }


def chosen(structure: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The items with these keys, in the order of the structure."""
    wanted = set(keys)
    return [each.to_wire() for key, each in items_of(structure).items() if key in wanted]


def outdated(structure: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of items of a document that the structure has no more, or otherwise by now."""
    present = items_of(structure)
    return [
        each["name"]
        for each in items
        if each["key"] not in present or present[each["key"]].to_wire() != dict(each)
    ]


def _record_items() -> list[Item]:
    return [
        Item(key, _NAMES[key], *_type_of(field)) for key, field in RecordSchema().fields.items()
    ]


def _type_of(field: Any) -> tuple[str, int | None]:
    """Data type and length of a field of the record."""
    match field:
        case wire.Id():
            return "C", _ID_LENGTH
        case wire.Digest():
            return "C", _DIGEST_LENGTH
        case wire.Text():
            return "C", field.most
        case wire.Choice():
            return "C", max(map(len, field.made))
        case wire.Int():
            return "I", None
        case wire.Flag():
            return "L", None
        case wire.Day():
            return "D", None
        case wire.Moment():
            return "T", None
    return "G", None


def _dat46_items() -> list[Item]:
    return [
        Item(each.number, each.name, _DAT46_TYPES.get(each.type, "C"))
        for each in metadata.load_scheme()
        if not each.is_container
    ]
