"""Who may see what of a record: the one rule (design, rules 6 and 7), in two notations.

Before receipt a catalogue is the unit's own: its receiving archive and its supervising department
see it at the level that the unit sets for the class, the reviewing archive while the record is
under review; all others see counts. The 档案主管部门 over either archive sees it at that level.
After receipt appraiser, readers and other systems see it as far as their grants reach. What is
内部 or 工作秘密 only the unit and its receiving archive see, and the reviewing archive while it
reviews.

`sight` decides on one record; `seen_fully` and `seen_masked` say the same as conditions for a
query (a test compares them). `counted_for` says which records are in a number that somebody reads.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, false, func, or_, true

from hub.federation.models import Disclosure
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.reach import Held, covered, together

_ARCHIVE = (Role.REVIEWER, Role.ARCHIVIST, Role.LEADER)
#: Who sees what an archive has received; all but the appraiser nothing that is not public.
_KEPT = (Role.APPRAISER, Role.READER, Role.INTEGRATOR)

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
    class_code: Any
    opening: Any
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
    # A clerk of a hundred fonds has a hundred grants: only those that could say anything are asked.
    about = (None, record.fonds_id, record.supervisor)
    found = {_sight_by(grant, record) for grant in actor.grants if grant.fonds_id in about}
    return next((each for each in (Sight.FULL, Sight.MASKED) if each in found), Sight.COUNTS)


def _sight_by(grant: Grant, record: Seen) -> Sight:
    def reaches(archive: str | None, fonds_id: str | None = record.fonds_id) -> bool:
        return archive is not None and grant.covers(
            archive, fonds_id, record.class_code, record.opening
        )

    by_level = _BY_DISCLOSURE[Disclosure(record.disclosure)]
    receives, public = reaches(record.receiving_archive), record.security == "none"
    under_review = record.state == UNDER_REVIEW and not record.received
    if _is_unit(grant):
        if grant.covers(
            record.receiving_archive, record.fonds_id, record.class_code, record.opening
        ):
            return Sight.FULL
        supervises = (
            grant.fonds_id is not None
            and grant.archive_code is None
            and grant.fonds_id == record.supervisor
            and replace(grant, fonds_id=None).covers(None, None, record.class_code, record.opening)
        )
        return by_level if supervises and public else Sight.COUNTS
    if grant.role in _ARCHIVE:
        if receives:
            return Sight.FULL if under_review or record.received else by_level
        reviews = reaches(record.reviewing_archive)
        return Sight.FULL if reviews and under_review else Sight.COUNTS
    if grant.role in _KEPT:
        open_to = public or grant.role == Role.APPRAISER
        return Sight.FULL if receives and record.received and open_to else Sight.COUNTS
    if grant.role == Role.AUTHORITY and public and (receives or reaches(record.reviewing_archive)):
        return Sight.FULL if record.received else by_level
    return Sight.COUNTS


def seen_fully(actor: Actor, columns: Any) -> ColumnElement[bool]:
    """The condition that a row's record is seen in full; `columns` is the table's class."""
    return _seen(actor, columns, Disclosure.FULL)


def seen_masked(actor: Actor, columns: Any) -> ColumnElement[bool]:
    """The condition that a row's record is seen at least without its title."""
    return _seen(actor, columns, Disclosure.FULL, Disclosure.MASKED)


def counted_for(actor: Actor, columns: Any) -> ColumnElement[bool]:
    """The condition that a row's record is in the numbers that the actor reads.

    Everybody may know how many records there are (design, rule 7); how many of them are 内部 or
    工作秘密 only those whom the unit could show them.
    """
    shown = _seen(actor, columns, *Disclosure)
    return or_(columns.security == "none", func.coalesce(shown, false()))


def _seen(actor: Actor, columns: Any, *levels: Disclosure) -> ColumnElement[bool]:
    if actor.system:
        return true()
    return or_(false(), *(_condition(held, columns, levels) for held in together(actor.grants)))


def _condition(held: Held, columns: Any, levels: Collection[Disclosure]) -> ColumnElement[bool]:
    """The condition under which grants show a record, by right or at one of these levels."""

    def covers(archive: Any, fonds: Any = columns.fonds_id) -> ColumnElement[bool]:
        return covered(held, archive, fonds, columns.class_code, columns.opening)

    def reaches(archive: Any) -> ColumnElement[bool]:
        return and_(archive.is_not(None), covers(archive))

    at_level, public = columns.disclosure.in_(levels), columns.security == "none"
    under_review = and_(columns.state == UNDER_REVIEW, columns.received.is_(False))
    if _is_unit(held):
        own = covers(columns.receiving_archive)
        if not held.fonds_ids or held.archive_code is not None:
            return own
        supervised = covers(columns.receiving_archive, columns.supervisor)
        return or_(own, and_(supervised, public, at_level))
    if held.role in _ARCHIVE:
        here = or_(under_review, columns.received.is_(True), at_level)
        return or_(
            and_(reaches(columns.receiving_archive), here),
            and_(reaches(columns.reviewing_archive), under_review),
        )
    if held.role in _KEPT:
        kept = and_(reaches(columns.receiving_archive), columns.received.is_(True))
        return kept if held.role == Role.APPRAISER else and_(kept, public)
    if held.role == Role.AUTHORITY:
        over = or_(reaches(columns.receiving_archive), reaches(columns.reviewing_archive))
        return and_(over, public, or_(columns.received.is_(True), at_level))
    return false()


def _is_unit(grant: Grant) -> bool:
    """Whether it is a unit's own; a leader without a fonds is one of an archive."""
    return grant.role == Role.CLERK or (grant.role == Role.LEADER and grant.fonds_id is not None)
