"""What stands out in the log: many downloads, sign-ins at night, tries that were refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Label,
    String,
    case,
    desc,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.audit.models import AuditEvent, Outcome
from shared.kernel.clock import SHANGHAI, now
from shared.kernel.errors import Invalid

#: Acts that give away what is kept.
DISCLOSING = ("file.disclosed", "export.begun", "parcel.written", "audit.exported")
_NIGHT = re.compile(r"([01]?\d|2[0-3])-([01]?\d|2[0-3])")
_MOST = 200


_Text = ColumnElement[str] | InstrumentedAttribute[str]


@dataclass(frozen=True)
class Thresholds:
    """From where on something is named: see the settings `audit_downloads` and so on."""

    downloads: int = 100
    refusals: int = 10
    night: str = "22-6"

    @property
    def night_hours(self) -> frozenset[int]:
        """The hours of the night in local time. Raises Invalid."""
        if not self.night:
            return frozenset()
        found = _NIGHT.fullmatch(self.night)
        if found is None:
            raise Invalid(
                "audit_night", f"设置项“audit_night”的值“{self.night}”不对。", "应如 22-6。"
            )
        begin, end = int(found[1]), int(found[2])
        return frozenset((begin + hour) % 24 for hour in range((end - begin) % 24))


def thresholds_of(settings: Any) -> Thresholds:
    """The thresholds as a hub's or node's settings say."""
    return Thresholds(
        downloads=settings.audit_downloads,
        refusals=settings.audit_refusals,
        night=settings.audit_night,
    )


@dataclass(frozen=True)
class Unusual:
    """Something that somebody should ask about."""

    kind: str
    day: str
    actor_id: str
    actor_name: str
    count: int


@dataclass(frozen=True)
class Tally:
    """How many events there were of one kind."""

    what: str
    name: str
    count: int
    refused: int


def unusual(session: Session, thresholds: Thresholds, *, days: int = 30) -> list[Unusual]:
    """What stands out in the last days, newest first; at most 200 of each kind."""
    since = now() - timedelta(days=days)
    found = [
        *_many(
            session, "downloads", AuditEvent.action.in_(DISCLOSING), thresholds.downloads, since
        ),
        *_many(
            session, "refusals", AuditEvent.outcome == Outcome.REFUSED, thresholds.refusals, since
        ),
        *_at_night(session, thresholds.night_hours, since),
    ]
    return sorted(found, key=lambda each: (each.day, each.count), reverse=True)


def statistics(session: Session, *, days: int = 30) -> tuple[list[Tally], list[Tally]]:
    """What was done in the last days, by action and by person, the most frequent first."""
    since = now() - timedelta(days=days)
    by_action = _tallies(session, AuditEvent.action, AuditEvent.action, since)
    by_actor = _tallies(session, AuditEvent.actor_id, func.max(AuditEvent.actor_name), since)
    return by_action, by_actor


def _tallies(session: Session, of: _Text, name: _Text, since: datetime) -> list[Tally]:
    refused = func.count().filter(AuditEvent.outcome != Outcome.DONE)
    rows = session.execute(
        select(of, name, func.count(), refused)
        .where(AuditEvent.time >= since)
        .group_by(of)
        .order_by(func.count().desc(), of)
        .limit(_MOST)
    )
    return [Tally(*row) for row in rows]


def _many(
    session: Session, kind: str, what: ColumnElement[bool], least: int, since: datetime
) -> Iterator[Unusual]:
    """Who did something more often than that in one day (Asia/Shanghai)."""
    rows = session.execute(
        select(_day(since), AuditEvent.actor_id, func.max(AuditEvent.actor_name), func.count())
        .where(what, AuditEvent.time >= since)
        .group_by("day", AuditEvent.actor_id)
        .having(func.count() >= max(1, least))
        .order_by(desc("day"), func.count().desc())
        .limit(_MOST)
    )
    for row in rows:
        yield Unusual(kind, *row)


def _day(since: datetime) -> Label[str]:
    """The day of an event in Asia/Shanghai, of those since a moment.

    Times are kept as text in UTC: where each day ends is told to the database, which has no way
    to add hours that SQLite and PostgreSQL share.
    """
    today = now().astimezone(SHANGHAI).date()
    day = since.astimezone(SHANGHAI).date()
    ends = []
    while day < today:
        end = datetime.combine(day + timedelta(days=1), time.min, SHANGHAI)
        ends.append((AuditEvent.time < end, day.isoformat()))
        day += timedelta(days=1)
    last = literal(today.isoformat())
    return (case(*ends, else_=last) if ends else last).label("day")


def _at_night(session: Session, hours: frozenset[int], since: datetime) -> Iterator[Unusual]:
    """Who signed in at night, each day (Asia/Shanghai) once."""
    if not hours:
        return
    offset = int(SHANGHAI.utcoffset(None).total_seconds() // 3600)
    in_utc = sorted(f"{(hour - offset) % 24:02d}" for hour in hours)
    moment = type_coerce(AuditEvent.time, String)
    rows = session.execute(
        select(_day(since), AuditEvent.actor_id, func.max(AuditEvent.actor_name), func.count())
        .where(AuditEvent.action == "sign_in.done", AuditEvent.time >= since)
        .where(func.substr(moment, 12, 2).in_(in_utc))
        .group_by("day", AuditEvent.actor_id)
        .order_by(desc("day"))
        .limit(_MOST)
    )
    for row in rows:
        yield Unusual("night", *row)
