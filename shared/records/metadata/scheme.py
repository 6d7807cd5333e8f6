"""The 88 elements of DA/T 46-2009 as versioned data, each with its mark of confidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from shared.records.resources import load_json

_FILE = "dat46-2009.json"


@dataclass(frozen=True)
class Element:
    """One element M1–M88.

    `obligation` is M 必选, C 条件选 or O 可选; `type` is text, year, positive, count, date,
    datetime or container; `values_open` lets other values than the listed ones pass.
    """

    number: str
    name: str
    english: str
    obligation: str
    repeatable: bool
    kind: str
    parent: str | None
    entity: str
    type: str
    values: tuple[str, ...]
    values_open: bool
    default: str | None
    confidence: tuple[tuple[str, str | None], ...]
    note: str

    @property
    def is_container(self) -> bool:
        """Whether it holds other elements 容器型."""
        return self.kind == "container"


@cache
def load_scheme() -> tuple[Element, ...]:
    """All elements in the order of their numbers."""
    return tuple(
        Element(
            each["number"],
            each["name"],
            each["english"],
            each["obligation"],
            each["repeatable"],
            each["kind"],
            each["parent"],
            each["entity"],
            each["type"],
            tuple(each["values"]),
            each["values_open"],
            each["default"],
            tuple(each["confidence"].items()),
            each["note"],
        )
        for each in load_json(_FILE)["elements"]
    )


@cache
def by_number() -> dict[str, Element]:
    """Elements by number."""
    return {each.number: each for each in load_scheme()}


@cache
def by_name() -> dict[str, Element]:
    """Elements by Chinese name, which is also the name in XML."""
    return {each.name: each for each in load_scheme()}


def scheme_version() -> str:
    """`DA/T 46-2009` with the version of our data: what a document names in its root."""
    data = load_json(_FILE)
    return f"{data['standard']} {data['version']}"
