"""The policy of `shared.kernel.actor` as conditions: lists are filtered in the query."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

from shared.kernel.actor import Actor, Grant, Openness, Role


def within_reach(
    actor: Actor,
    roles: Collection[Role],
    fonds: Any,
    *archives: Any,
    class_code: Any = None,
    opening: Any = None,
) -> ColumnElement[bool]:
    """The condition that the actor holds one of the roles for a row, as `Actor.may` says it.

    `fonds`, `class_code` and `opening` are the row's columns, `archives` those of its archives:
    being one of any of these is enough. What a row has no column for (None), a grant that is
    limited to one of it does not reach.
    """
    if actor.system:
        return true()
    held = together(grant for grant in actor.grants if grant.role in roles)
    return or_(
        false(),
        *(
            or_(*(covered(grant, archive, fonds, class_code, opening) for archive in archives))
            for grant in held
        ),
    )


@dataclass(frozen=True)
class Held(Grant):
    """Several grants that differ in nothing but their fonds, as one condition can say them."""

    fonds_ids: tuple[str, ...] = ()


def together(grants: Iterable[Grant]) -> list[Held]:
    """Grants as few conditions: forty fonds of one township are one list, not forty terms."""
    found: dict[Grant, list[str]] = {}
    for grant in dict.fromkeys(grants):
        alike = replace(grant, fonds_id=None if grant.fonds_id is None else "", until=None)
        found.setdefault(alike, []).extend([grant.fonds_id] if grant.fonds_id else [])
    return [Held(**vars(alike), fonds_ids=tuple(ids)) for alike, ids in found.items()]


def covered(
    held: Held, archive: Any, fonds: Any, class_code: Any = None, opening: Any = None
) -> ColumnElement[bool]:
    """The condition that one of the grants reaches a row with these columns, as `Grant.covers`."""
    limits = (
        (archive, held.archive_code),
        (class_code, held.class_code),
        (opening, Openness.OPEN if held.openness == Openness.OPEN else None),
    )
    conditions: list[ColumnElement[bool]] = [true()]
    if held.fonds_ids:
        conditions.append(fonds.in_(held.fonds_ids))
    for column, value in limits:
        if value is not None:
            conditions.append(false() if column is None else column == value)
    return and_(*conditions)
