"""The tables of `docs/inspection.md`, as the scheme has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import shared.inspection.checks  # noqa: F401 - importing registers the functions
from shared.inspection.registry import functions
from shared.inspection.report import Stage
from shared.inspection.scheme import Item, Occasion, load_scheme

Table = tuple[Sequence[str], Iterator[Sequence[str]]]
SCHEME = load_scheme()
_OCCASIONS = {each: Occasion.of_stage(each) for each in Stage}
_IN_STAGE = ("name", "subject", "method", "rule")


def _items() -> dict[str, dict[Stage, Item]]:
    """Every item by number, in each link that has it."""
    found: dict[str, dict[Stage, Item]] = {}
    for stage, occasion in _OCCASIONS.items():
        for item in SCHEME.items(occasion):
            found.setdefault(item.number, {})[stage] = item
    return found


def items() -> Table:
    """Number, name, links with their sources, who does it, and whether a function examines it."""
    return (
        ("item", "name", "property", "links", "by", "counts", "function"),
        (
            (
                number,
                first.name,
                f"{first.property.label}·{first.group}",
                " ".join(f"{stage}{item.source.label}" for stage, item in of.items()),
                first.mode.label,
                ("*" if first.mandatory else "") + ("!" if first.veto else ""),
                "yes" if number in functions() else (first.without or ("", ""))[1],
            )
            for number, of in _items().items()
            for first in [next(iter(of.values()))]
        ),
    )


def rules() -> Table:
    """What is looked at, how, and when it is passed; with what a link says otherwise."""
    return (
        ("item", "what", "how", "passed when", "otherwise in a link"),
        (
            (number, first.subject, first.method, first.rule, "；".join(_otherwise(of)))
            for number, of in _items().items()
            for first in [next(iter(of.values()))]
        ),
    )


def _otherwise(of: dict[Stage, Item]) -> Iterator[str]:
    first, *rest = of.values()
    for item in rest:
        values = [(getattr(item, each), getattr(first, each)) for each in _IN_STAGE]
        other = [value for value, usual in values if value != usual]
        if other:
            yield f"{item.stage}：{'，'.join(other)}"


def limits() -> Table:
    """What a person is asked, and what no machine can tell."""
    return (
        ("item", "name", "no machine can tell", "what a person is asked"),
        (
            (number, first.name, first.beyond or "无", first.ask)
            for number, of in _items().items()
            for first in [next(iter(of.values()))]
        ),
    )


TABLES: dict[str, Callable[[], Table]] = {"items": items, "rules": rules, "limits": limits}
