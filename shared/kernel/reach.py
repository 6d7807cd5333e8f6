"""The policy of `shared.kernel.actor` as conditions: lists are filtered in the query."""

from __future__ import annotations

from collections.abc import Collection
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
    return or_(
        false(),
        *(
            or_(*(covered(grant, archive, fonds, class_code, opening) for archive in archives))
            for grant in actor.grants
            if grant.role in roles
        ),
    )


def covered(
    grant: Grant, archive: Any, fonds: Any, class_code: Any = None, opening: Any = None
) -> ColumnElement[bool]:
    """The condition that a grant reaches a row with these columns, as `Grant.covers` says it."""
    limits = (
        (archive, grant.archive_code),
        (fonds, grant.fonds_id),
        (class_code, grant.class_code),
        (opening, Openness.OPEN if grant.openness == Openness.OPEN else None),
    )
    conditions: list[ColumnElement[bool]] = [true()]
    for column, value in limits:
        if value is not None:
            conditions.append(false() if column is None else column == value)
    return and_(*conditions)
