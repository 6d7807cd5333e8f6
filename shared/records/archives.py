"""The archives 档案馆 that a hub hosts: one of the city, one of each county."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.records.divisions import Division, Level


@dataclass(frozen=True)
class Archive:
    """One archive; its code is the first six digits of its division's code."""

    code: str
    name: str
    division_code: str


def archives_of(divisions: Mapping[str, Division]) -> list[Archive]:
    """One archive for the city and each county, the city's first: 宜昌市档案馆, 夷陵区档案馆 …"""
    places = [each for each in divisions.values() if each.level in (Level.CITY, Level.COUNTY)]
    places.sort(key=lambda each: (each.level is not Level.CITY, each.code))
    return [Archive(each.code[:6], f"{each.name}档案馆", each.code) for each in places]
