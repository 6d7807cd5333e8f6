"""The archives 档案馆 that a hub hosts: one of the city, one of each county."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.records.divisions import Division, Level, lineage


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


def archive_for(
    division_code: str, divisions: Mapping[str, Division], archives: Iterable[Archive]
) -> Archive | None:
    """The archive of a unit's own level: the city's, or that of the county it lies in.

    City units belong to the city archive; county units, townships and villages to the county's.
    Whether a village hands over at all is an agreement of its own (design, rule 2).
    """
    known = {each.division_code: each for each in archives}
    for place in lineage(division_code, divisions):
        if place.code in known:
            return known[place.code]
    return None
