"""How far each batch is brought: everywhere to its end, or so that no page is empty."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum

from shared.demo.city import FondsPlan

#: Marks a batch that offers again what came back.
CORRECTED_MARK = "更正"
_NUMBER = re.compile(r"第(\d+)批")
_MOST_IN_BATCH = 250
#: From so many records on there are batches for every station.
_ENOUGH = 12
#: Offices whose first batch stays returned in the first round; those whose third one the unit has
#: signed already; the one that gets a corrected form instead of a return.
_STAY_RETURNED = ("0308", "0215")
_SIGN_THIRD = ("0231", "0215")
_CORRECTED_FORM = ("0231",)


class Goal(IntEnum):
    """The stations of a batch, in their order."""

    PREPARING = 0
    UNDER_REVIEW = 1
    CONCLUDED = 2
    SIGNED = 3
    RECEIVED = 4


def number_in(title: str) -> int:
    """Which batch of its fonds this is, by its title."""
    found = _NUMBER.search(title)
    return int(found[1]) if found else 0


#: How far a batch is to come, by its title and its fonds.
Goals = Callable[[str, FondsPlan], Goal]


def to_the_end(title: str, fonds: FondsPlan) -> Goal:
    """Every batch comes to its end."""
    return Goal.RECEIVED


def first_round(title: str, fonds: FondsPlan) -> Goal:
    """Batches stop at every station, so that no page is empty."""
    number = number_in(title)
    if number == 1:
        return Goal.CONCLUDED if fonds.number in _STAY_RETURNED else Goal.RECEIVED
    if number == 2:
        return Goal.RECEIVED
    if number == 3:
        return Goal.SIGNED if fonds.number in _SIGN_THIRD else Goal.CONCLUDED
    return Goal.UNDER_REVIEW if number == 4 else Goal.PREPARING


def verdict_on(title: str, fonds: FondsPlan, count: int) -> str:
    """What the reviewer decides: the first batch of each fonds, a tenth of it all, comes back."""
    if number_in(title) != 1 or CORRECTED_MARK in title:
        return "accepted"
    return "corrected" if fonds.number in _CORRECTED_FORM and count > 1 else "returned"


def batch_sizes(due: int) -> list[int]:
    """A tenth, and the rest in batches of at most 250; in five batches when there is enough."""
    if due < 2:
        return [due] if due else []
    tenth = min(_MOST_IN_BATCH, max(1, due // 10))
    if due < _ENOUGH:
        return [tenth, due - tenth]
    second = max(2, tenth)  # one is corrected after receipt, one is not
    rest = due - tenth - second
    parts = max(3, -(-rest // _MOST_IN_BATCH))
    return [tenth, second, *(rest // parts + (at < rest % parts) for at in range(parts))]
