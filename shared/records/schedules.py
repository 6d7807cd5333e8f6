"""Retention schedules 归档范围与保管期限表, as versioned data.

Seeds after the three orders of the National Archives (offices, townships, villages). They carry
marks of confidence, and a unit replaces them with its own approved table before real use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from shared.kernel.errors import NotFound
from shared.records.resources import DATA, load_json

#: The status of a fonds' own table that its archive has put into its ruleset.
APPROVED = "approved"


@dataclass(frozen=True)
class ScheduleItem:
    """One row: what is kept, for how long, and how sure the source is (源, 知)."""

    number: str
    section: str
    scope: str
    retention: str
    alternatives: tuple[str, ...]
    confidence: str

    @property
    def seen(self) -> bool:
        """Whether the row was seen in its source; a reconstructed one is no quotation."""
        return self.confidence == "源"


@dataclass(frozen=True)
class RetentionSchedule:
    """One version of one table."""

    id: str
    version: str
    name: str
    standard: str
    effective_from: str
    levels: tuple[str, ...]
    status: str
    note: str
    items: tuple[ScheduleItem, ...]


@cache
def load_schedules() -> dict[str, RetentionSchedule]:
    """All tables that come with the program, by id."""
    return {
        schedule.id: schedule
        for schedule in (
            _read(f"retention_schedules/{path.name}")
            for path in sorted((DATA / "retention_schedules").glob("*.json"))
        )
    }


def _read(name: str) -> RetentionSchedule:
    data = load_json(name)
    return RetentionSchedule(
        data["id"],
        data["version"],
        data["name"],
        data["standard"],
        data["effective_from"],
        tuple(data["levels"]),
        data["status"],
        data["note"],
        tuple(
            ScheduleItem(
                item["no"],
                item["section"],
                item["scope"],
                item["retention"],
                tuple(item["alternatives"]),
                item["confidence"],
            )
            for item in data["items"]
        ),
    )


def schedule(schedule_id: str) -> RetentionSchedule:
    """One table. Raises NotFound."""
    found = load_schedules().get(schedule_id)
    if found is None:
        raise NotFound("没有这份归档范围与保管期限表。", "请从列表中选择。")
    return found


def schedule_for_level(level: str) -> RetentionSchedule | None:
    """The seed table for units of a level (city, county, township, village)."""
    return next((each for each in load_schedules().values() if level in each.levels), None)
