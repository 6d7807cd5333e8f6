"""The fonds 全宗: everything that one unit forms, under one id for ever.

Its number belongs to an archive and may come later; its names are dated, since a renaming keeps
the fonds, while a merger closes it and opens another (predecessors, successors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shared.kernel.errors import Invalid
from shared.records import wire
from shared.records.divisions import Level
from shared.records.text import CODE_LENGTH, NAME_LENGTH, SHORT_LENGTH

#: Levels that a unit can have; no unit of the province is served.
UNIT_LEVELS = (Level.CITY, Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE)
FONDS_NUMBER = r"[A-Z0-9]{4}"
MOST_NAMES = 100
MOST_LINKS = 100


@dataclass(frozen=True)
class FondsName:
    """A name and the days on which it held; no end means until today."""

    name: str
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class RetentionScheduleRef:
    """The approved 归档范围与保管期限表 of a unit; `id` is its name or the number of approval."""

    id: str
    version: str
    approved_on: date | None = None

    def __str__(self) -> str:
        """As people read it: its name, version, and the day of its approval."""
        approved = f"，{self.approved_on.isoformat()} 批准" if self.approved_on else ""
        return f"{self.id}（{self.version}{approved}）"


@dataclass(frozen=True)
class Fonds:
    """One fonds, as the hub assigns it and everyone else reads it."""

    id: str
    names: tuple[FondsName, ...]
    forming_unit: str
    division_code: str
    level: Level
    numbers: dict[str, str] = field(default_factory=dict)
    predecessors: tuple[str, ...] = ()
    successors: tuple[str, ...] = ()
    reviewing_archive: str | None = None
    receiving_archive: str | None = None
    keeping_node: str | None = None
    retention_schedule: RetentionScheduleRef | None = None

    @property
    def name(self) -> str:
        """The latest name."""
        return self.names[-1].name

    @property
    def number(self) -> str | None:
        """The number 全宗号 in the receiving archive, else in the reviewing one."""
        return self.number_in(self.receiving_archive) or self.number_in(self.reviewing_archive)

    def number_in(self, archive: str | None) -> str | None:
        """The number that one archive has given."""
        return self.numbers.get(archive) if archive else None

    def name_on(self, day: date) -> str:
        """The name that held on a day; before the first one, the first."""
        for each in reversed(self.names):
            if (each.since is None or each.since <= day) and (
                each.until is None or day <= each.until
            ):
                return each.name
        earlier = [each for each in self.names if each.since is not None and each.since <= day]
        return (earlier[-1] if earlier else self.names[0]).name

    def to_wire(self) -> dict[str, Any]:
        """The fonds as it travels in a `fonds` entry."""
        schedule = self.retention_schedule
        return {
            "id": self.id,
            "numbers": dict(self.numbers),
            "names": [
                {"name": each.name, "since": _day(each.since), "until": _day(each.until)}
                for each in self.names
            ],
            "forming_unit": self.forming_unit,
            "division_code": self.division_code,
            "level": str(self.level),
            "predecessors": list(self.predecessors),
            "successors": list(self.successors),
            "reviewing_archive": self.reviewing_archive,
            "receiving_archive": self.receiving_archive,
            "keeping_node": self.keeping_node,
            "retention_schedule": None
            if schedule is None
            else {
                "id": schedule.id,
                "version": schedule.version,
                "approved_on": _day(schedule.approved_on),
            },
        }

    @classmethod
    def from_wire(cls, data: object) -> Fonds:
        """Read what `to_wire` wrote. Raises Invalid with the path of the field."""
        loaded = wire.load(_SCHEMA, data)
        return cls(
            **{
                **loaded,
                "names": tuple(FondsName(**each) for each in loaded["names"]),
                "predecessors": tuple(loaded["predecessors"]),
                "successors": tuple(loaded["successors"]),
                "retention_schedule": RetentionScheduleRef(**loaded["retention_schedule"])
                if loaded["retention_schedule"]
                else None,
            }
        )


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def check_fonds_number(value: object, field: str = "fonds_number") -> str:
    """A fonds number 全宗号: four capital letters or digits (DA/T 13-2022)."""
    text = str(value or "").strip().upper()
    if not re.fullmatch(FONDS_NUMBER, text):
        raise Invalid(
            field,
            "全宗号应为4位大写字母或数字。",
            "请按档案馆给定的全宗号填写，例如 J001；还没有的可先不填。",
            code="bad_fonds_number",
        )
    return text


class _NameSchema(wire.WireSchema):
    name = wire.Text(NAME_LENGTH, required=True)
    since = wire.Day(required=True, allow_none=True)
    until = wire.Day(required=True, allow_none=True)


class _ScheduleSchema(wire.WireSchema):
    id = wire.Text(CODE_LENGTH, required=True)
    version = wire.Text(SHORT_LENGTH, required=True)
    approved_on = wire.Day(required=True, allow_none=True)


class FondsSchema(wire.WireSchema):
    """The shape of a fonds on the wire."""

    id = wire.Id(required=True)
    numbers = wire.Map(
        wire.Text(SHORT_LENGTH),
        wire.Text(4, pattern=FONDS_NUMBER, problem="全宗号应为4位大写字母或数字。"),
        most=MOST_LINKS,
        required=True,
    )
    names = wire.List(wire.Nested(_NameSchema), least=1, most=MOST_NAMES, required=True)
    forming_unit = wire.Text(NAME_LENGTH, required=True)
    division_code = wire.Text(
        12, pattern=r"\d{12}", problem="区划代码应为12位数字。", required=True
    )
    level = wire.Choice([str(level) for level in UNIT_LEVELS], Level, required=True)
    predecessors = wire.List(wire.Id(), most=MOST_LINKS, required=True)
    successors = wire.List(wire.Id(), most=MOST_LINKS, required=True)
    reviewing_archive = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    receiving_archive = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    keeping_node = wire.Text(SHORT_LENGTH, required=True, allow_none=True)
    retention_schedule = wire.Nested(_ScheduleSchema, required=True, allow_none=True)


_SCHEMA = FondsSchema()
