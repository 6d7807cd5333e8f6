"""Administrative divisions 行政区划: province, city, county, township, village.

Twelve-digit statistical codes, each with its parent; a code prefix says nothing about who may do
what.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from shared.kernel.errors import Invalid
from shared.records.resources import DATA


class Level(StrEnum):
    """The five levels, and their names."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"

    @property
    def label(self) -> str:
        """The name that people see."""
        return LEVEL_NAMES[self]


LEVEL_NAMES = {
    Level.PROVINCE: "省级",
    Level.CITY: "市级",
    Level.COUNTY: "县级",
    Level.TOWNSHIP: "乡镇级",
    Level.VILLAGE: "村级",
}


@dataclass(frozen=True)
class Division:
    """One division; only the province has no parent."""

    code: str
    name: str
    level: Level
    parent_code: str | None


def read_divisions(path: Path) -> dict[str, Division]:
    """Divisions from a CSV file with the columns code, name, level, parent_code.

    Raises Invalid for a code that occurs twice or a parent that is missing.
    """
    found: dict[str, Division] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            code = row["code"]
            if code in found:
                raise Invalid("code", f"区划代码 {code} 出现两次。", "请删去重复的一行。")
            parent = row["parent_code"] or None
            found[code] = Division(code, row["name"], Level(row["level"]), parent)
    for division in found.values():
        if division.parent_code is not None and division.parent_code not in found:
            raise Invalid(
                "parent_code",
                f"{division.name}的上级区划 {division.parent_code} 不在表中。",
                "请补上该上级区划。",
            )
    return found


@cache
def load_divisions() -> Mapping[str, Division]:
    """The divisions of Yichang that come with the program, by code."""
    return read_divisions(DATA / "divisions_yichang.csv")


def lineage(code: str, divisions: Mapping[str, Division] | None = None) -> Iterator[Division]:
    """The division itself, its parent, and so on up."""
    known = divisions or load_divisions()
    seen = set()
    current = known.get(code)
    while current is not None and current.code not in seen:
        seen.add(current.code)
        yield current
        current = known.get(current.parent_code) if current.parent_code else None
