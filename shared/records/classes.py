"""Classes of archives 门类: thirteen of the first level, and how each is arranged.

DA/T 13-2022 (first-level category code 档案门类代码); the list follows the practice of offices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from shared.kernel.errors import Invalid
from shared.records.resources import load_json


class Arrangement(StrEnum):
    """Whether a class is arranged by record 按件, by volume 按卷, or either."""

    ITEM = "item"
    VOLUME = "volume"
    BOTH = "both"


@dataclass(frozen=True)
class Subclass:
    """A class of the second level, such as KU·01 凭证."""

    code: str
    name: str


@dataclass(frozen=True)
class ArchivalClass:
    """A class of the first level, such as WS 文书."""

    code: str
    name: str
    arrangement: Arrangement
    layer: int
    subclasses: tuple[Subclass, ...]


@cache
def load_classes() -> dict[str, ArchivalClass]:
    """All classes by code, in the customary order."""
    return {
        each["code"]: ArchivalClass(
            each["code"],
            each["name"],
            Arrangement(each["arrangement"]),
            each["layer"],
            tuple(Subclass(sub["code"], sub["name"]) for sub in each["subclasses"]),
        )
        for each in load_json("classes.json")["classes"]
    }


def class_name(code: str, subclass: str | None = None) -> str:
    """`文书`, or `会计·凭证`; an unknown code is its own name."""
    found = load_classes().get(code)
    if found is None:
        return code if subclass is None else f"{code}·{subclass}"
    if subclass is None:
        return found.name
    names = {each.code: each.name for each in found.subclasses}
    return f"{found.name}·{names.get(subclass, subclass)}"


def read_class(value: object, field: str = "class_code") -> str:
    """The code of a class named by code or by Chinese name (`WS`, `文书`, `文书档案`)."""
    text = str(value or "").strip().upper()
    classes = load_classes()
    if text in classes:
        return text
    name = text.removesuffix("档案").removesuffix("类")
    for each in classes.values():
        if each.name == name:
            return each.code
    known = "、".join(f"{each.name}（{each.code}）" for each in classes.values())
    raise Invalid(field, "不认识这个档案门类。", f"可用的门类：{known}。", code="unknown_class")
