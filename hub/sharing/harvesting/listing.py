"""What is in a feed for harvesters: windows of time, pages, one record, and the sets.

A datestamp is the second in which the sequencer gave an entry its position; it never goes back. Who
begins a list holds the audience's mark for a moment: what is stamped later is stamped with that
second at the earliest, so "from" the time of an answer leaves nothing out and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.models import FeedEntry, FeedMark, FeedTally
from hub.sharing.policies import Audience
from hub.sharing.sequencing import moment_of
from shared.kernel.bulk import among, table_of
from shared.kernel.database import locked

#: Records of one answer.
PAGE = 200
FONDS, DIVISION = "fonds", "division"


@dataclass(frozen=True)
class Entry:
    """One record in the feed, or what is left of it; `body` is JSON, empty for a deleted one."""

    position: int
    record_id: str
    fonds_id: str
    stamped: int
    body: str | None


@dataclass(frozen=True)
class Window:
    """Positions after `after`, up to `end`."""

    after: int
    end: int


def begin_list(audience: Audience, session: Session) -> int:
    """The second that this list is of: entries stamped earlier belong to it, none comes to them.

    Takes a writing session.
    """
    mark = locked(session, FeedMark, str(audience))
    if mark is None:
        mark = FeedMark(audience=str(audience), position=0)
        session.add(mark)
    mark.stamped = moment_of(mark)
    session.flush()
    return mark.stamped


def window(
    audience: Audience, since: int | None, until: int | None, now: int, session: Session
) -> Window:
    """The positions of the entries that are stamped from and until, both included."""
    table = table_of(FeedEntry)
    last = now - 1 if until is None else min(until, now - 1)
    ordered = select(table.c.position).where(table.c.audience == str(audience))
    end = session.scalar(
        ordered.where(table.c.stamped <= last)
        .order_by(table.c.stamped.desc(), table.c.position.desc())
        .limit(1)
    )
    first = None
    if since is not None:
        first = session.scalar(
            ordered.where(table.c.stamped >= since)
            .order_by(table.c.stamped, table.c.position)
            .limit(1)
        )
        if first is None:
            return Window(0, 0)
    return Window((first or 1) - 1, end or 0)


def page(
    audience: Audience,
    window: Window,
    fonds: Collection[str] | None,
    session: Session,
) -> list[Entry]:
    """The next entries of a window, of these fonds when they are given; one more than `PAGE`."""
    table = table_of(FeedEntry)
    wanted = _entries(audience).where(
        table.c.position > window.after, table.c.position <= window.end
    )
    if fonds is not None:
        wanted = wanted.where(among(session, table.c.fonds_id, fonds))
    rows = session.execute(wanted.order_by(table.c.position).limit(PAGE + 1))
    return [Entry(*row) for row in rows]


def entry_of(audience: Audience, record_id: str, session: Session) -> Entry | None:
    """The entry of one record; None where this audience never saw any."""
    table = table_of(FeedEntry)
    row = session.execute(_entries(audience).where(table.c.record_id == record_id)).first()
    return None if row is None else Entry(*row)


def earliest(audience: Audience, session: Session) -> int | None:
    """The first datestamp that there is."""
    table = table_of(FeedEntry)
    stamped: int | None = session.scalar(
        select(table.c.stamped)
        .where(table.c.audience == str(audience))
        .order_by(table.c.stamped)
        .limit(1)
    )
    return stamped


def _entries(audience: Audience) -> Select[Any]:
    table = table_of(FeedEntry)
    return select(
        *(table.c[name] for name in ("position", "record_id", "fonds_id", "stamped", "body"))
    ).where(table.c.audience == str(audience))


# ---- sets


@dataclass(frozen=True)
class Sets:
    """The sets by specification, and in which ones each fonds is."""

    names: Mapping[str, str]
    of_fonds: Mapping[str, tuple[str, ...]]


def shared_fonds(audience: Audience, session: Session) -> Collection[str]:
    """The fonds of which this audience sees something."""
    return session.scalars(
        select(FeedTally.fonds_id).where(FeedTally.audience == str(audience)).distinct()
    ).all()


def sets(fonds_ids: Collection[str], session: Session) -> Sets:
    """A set for each of these fonds, and for the divisions that they belong to.

    A division lies in the one above it: `division:420000000000:420500000000`.
    """
    found = federation.fonds_named(fonds_ids, session)
    paths = federation.division_paths({each.division_code for each in found.values()}, session)
    known = sorted({code for path in paths.values() for code in path})
    called = federation.division_names(known, session)
    names: dict[str, str] = {}
    of_fonds: dict[str, tuple[str, ...]] = {}
    for fonds in sorted(found.values(), key=lambda each: (each.division_code, each.id)):
        path = paths[fonds.division_code]
        for depth in range(1, len(path) + 1):
            names.setdefault(":".join((DIVISION, *path[:depth])), called[path[depth - 1]])
        names[f"{FONDS}:{fonds.id}"] = fonds.name
        of_fonds[fonds.id] = (f"{FONDS}:{fonds.id}", ":".join((DIVISION, *path)))
    return Sets(names, of_fonds)


def fonds_in(spec: str, session: Session) -> Collection[str]:
    """The fonds of a set; none for one that there is not."""
    kind, _, rest = spec.partition(":")
    if kind == FONDS:
        return [rest]
    code = rest.rpartition(":")[2]
    paths = federation.division_paths({code}, session)
    if kind != DIVISION or paths.get(code) != tuple(rest.split(":")):
        return []
    return [each.id for each in federation.all_fonds(session, division=code)]
