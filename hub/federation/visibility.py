"""Who may see what of a record: the one rule (design, rules 6 and 7), in two notations.

Before receipt a catalogue is the unit's own: its receiving archive and its supervising department
see it at the level that the unit sets for the class, the reviewing archive while the record is
under review; all others see counts. What is 内部 or 工作秘密 the unit and its receiving archive
see, and the reviewing archive while it reviews.

`sight` decides on one record; `seen_fully` and `seen_masked` say the same as conditions for a
query (a test compares them).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, false, or_, true

from hub.federation.models import Disclosure
from shared.kernel.actor import Actor, Grant, Role

_UNIT = (Role.CLERK, Role.LEADER)
_ARCHIVE = (Role.REVIEWER, Role.ARCHIVIST)

#: The state in which a record lies before an archive for review.
UNDER_REVIEW = "offered"


class Sight(StrEnum):
    """How much of a record someone sees."""

    FULL = "full"
    MASKED = "masked"
    COUNTS = "counts"


_BY_DISCLOSURE = {
    Disclosure.FULL: Sight.FULL,
    Disclosure.MASKED: Sight.MASKED,
    Disclosure.COUNTS: Sight.COUNTS,
}


class Seen(Protocol):
    """What the rule needs to know of a record."""

    fonds_id: Any
    receiving_archive: Any
    reviewing_archive: Any
    supervisor: Any
    disclosure: Any
    security: Any
    state: Any
    received: Any


def sight(actor: Actor, record: Seen) -> Sight:
    """How much this actor sees of this record."""
    if actor.system:
        return Sight.FULL
    found = {_sight_by(grant, record) for grant in actor.grants}
    return next((each for each in (Sight.FULL, Sight.MASKED) if each in found), Sight.COUNTS)


def _sight_by(grant: Grant, record: Seen) -> Sight:
    by_level = _BY_DISCLOSURE[Disclosure(record.disclosure)]
    if grant.role in _UNIT:
        if grant.covers(record.receiving_archive, record.fonds_id):
            return Sight.FULL
        supervises = grant.fonds_id is not None and grant.fonds_id == record.supervisor
        if supervises and grant.archive_code is None and record.security == "none":
            return by_level
        return Sight.COUNTS
    if grant.role not in _ARCHIVE:
        return Sight.COUNTS
    under_review = record.state == UNDER_REVIEW and not record.received
    receives = record.receiving_archive is not None and grant.covers(
        record.receiving_archive, record.fonds_id
    )
    if receives:
        return Sight.FULL if under_review or record.received else by_level
    reviews = record.reviewing_archive is not None and grant.covers(
        record.reviewing_archive, record.fonds_id
    )
    return Sight.FULL if reviews and under_review else Sight.COUNTS


def seen_fully(actor: Actor, columns: Any) -> ColumnElement[bool]:
    """The condition that a row's record is seen in full; `columns` is the table's class."""
    if actor.system:
        return true()
    return or_(false(), *(_condition(grant, columns, Disclosure.FULL) for grant in actor.grants))


def seen_masked(actor: Actor, columns: Any) -> ColumnElement[bool]:
    """The condition that a row's record is seen at least without its title."""
    if actor.system:
        return true()
    masked = (_condition(grant, columns, Disclosure.MASKED) for grant in actor.grants)
    return or_(seen_fully(actor, columns), *masked)


def _condition(grant: Grant, columns: Any, level: Disclosure) -> ColumnElement[bool]:
    """The condition under which this grant shows a record, by right or at this level."""
    at_level = columns.disclosure == level
    if grant.role in _UNIT:
        own = _covers(grant, columns.receiving_archive, columns.fonds_id)
        if grant.fonds_id is None or grant.archive_code is not None:
            return own
        supervised = and_(
            columns.supervisor == grant.fonds_id, columns.security == "none", at_level
        )
        return or_(own, supervised)
    if grant.role not in _ARCHIVE:
        return false()
    under_review = and_(columns.state == UNDER_REVIEW, columns.received.is_(False))
    receives = and_(
        columns.receiving_archive.is_not(None),
        _covers(grant, columns.receiving_archive, columns.fonds_id),
        or_(under_review, columns.received.is_(True), at_level),
    )
    reviews = and_(
        columns.reviewing_archive.is_not(None),
        _covers(grant, columns.reviewing_archive, columns.fonds_id),
        under_review,
    )
    return or_(receives, reviews)


def within_reach(
    actor: Actor, roles: Collection[Role], fonds: Any, *archives: Any
) -> ColumnElement[bool]:
    """The condition that the actor holds one of the roles for a row's fonds and its archives.

    `fonds` and `archives` are the row's columns; being the archive of any of these is enough.
    """
    if actor.system:
        return true()
    return or_(
        false(),
        *(
            or_(*(_covers(grant, archive, fonds) for archive in archives))
            for grant in actor.grants
            if grant.role in roles
        ),
    )


def _covers(grant: Grant, archive: Any, fonds: Any) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if grant.archive_code is not None:
        conditions.append(archive == grant.archive_code)
    if grant.fonds_id is not None:
        conditions.append(fonds == grant.fonds_id)
    return and_(*conditions)
