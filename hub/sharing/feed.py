"""Reading an audience's feed: entries after a cursor, and the proof of all that they make.

A cursor is a position of one generation of the hub. What was read before a restore is worth nothing
after it: its cursor is refused, and the reader begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.models import FeedEntry, FeedMark, FeedTally
from hub.sharing.policies import Audience
from shared.kernel.bulk import among, table_of
from shared.kernel.canonical import canonical_json, sum_of_digests
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, Invalid

LARGEST_PAGE = 1000
_EXPORTED_AT_ONCE = 2000
_CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,18})")


class CursorOutdated(DanglianError):
    """A cursor of a time before this hub was restored."""

    code = "cursor_outdated"
    status: ClassVar[int] = 410


@dataclass(frozen=True)
class Cursor:
    """How far a reader is."""

    generation: int
    position: int

    @property
    def text(self) -> str:
        """As it travels."""
        return f"{self.generation}-{self.position}"


@dataclass(frozen=True)
class FeedPage:
    """Some entries, each as its JSON text, and where to read on."""

    entries: list[str]
    cursor: Cursor
    more: bool


@dataclass(frozen=True)
class Scope:
    """Of which part of a feed a reader is: what these archives keep, of these fonds; all for none.

    A record is of the archive that keeps it, wherever its fonds belongs now: who moves a fonds
    moves what will be received, never what was.
    """

    archives: tuple[str, ...] = ()
    fonds: tuple[str, ...] = ()

    def of(self, table: Table, session: Session) -> list[ColumnElement[bool]]:
        """The conditions on a table with the columns `archive` and `fonds_id`."""
        asked = (("archive", self.archives), ("fonds_id", self.fonds))
        return [among(session, table.c[name], wanted) for name, wanted in asked if wanted]


ALL = Scope()


class Ration(Protocol):
    """How many entries a reader may still take."""

    @property
    def rows_left(self) -> int:
        """So many."""

    def took(self, rows: int, /) -> None:
        """Count what was given out."""


class Unrationed:
    """A reader without a ration."""

    rows_left = 1 << 62

    def took(self, rows: int, /) -> None:
        """Nothing is counted."""


def begin(text: str | None, audience: Audience, session: Session) -> tuple[Cursor, Cursor]:
    """Where a reader stands, and the end of the feed. Raises Invalid, CursorOutdated."""
    end = mark_of(audience, session)
    return read_cursor(text or "", end), end


def read_cursor(text: str, end: Cursor) -> Cursor:
    """A place in a feed that ends there; its beginning for no text.

    Raises Invalid, CursorOutdated.
    """
    if not text:
        return Cursor(end.generation, 0)
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Invalid("cursor", "游标不能识别。", "请原样使用上次返回的 cursor；第一次读取时不填。")
    at = Cursor(int(found[1]), int(found[2]))
    if at.generation != end.generation or at.position > end.position:
        raise CursorOutdated(
            "这个游标是平台恢复以前的，已经失效。",
            "请不带游标从头读取，并删去这次没有读到的记录。",
            field="cursor",
        )
    return at


def mark_of(audience: Audience, session: Session) -> Cursor:
    """The end of an audience's feed: nothing behind it is read."""
    return marks(session)[audience]


def marks(session: Session) -> dict[Audience, Cursor]:
    """The end of each audience's feed."""
    rows = session.execute(select(FeedMark.audience, FeedMark.position))
    positions = {row.audience: row.position for row in rows}
    generation = federation.hub_of(session).generation
    return {each: Cursor(generation, positions.get(str(each), 0)) for each in Audience}


def read_page(
    audience: Audience,
    at: Cursor,
    end: Cursor,
    limit: int,
    session: Session,
    *,
    scope: Scope = ALL,
) -> FeedPage:
    """The entries after a place, up to the end of the feed as it was when asked."""
    table = table_of(FeedEntry)
    wanted = (
        select(
            table.c.position,
            table.c.record_id,
            table.c.kind,
            table.c.reason,
            table.c.digest,
            table.c.body,
        )
        .where(table.c.audience == str(audience))
        .where(table.c.position > at.position, table.c.position <= end.position)
        .where(*scope.of(table, session))
    )
    rows = session.execute(wanted.order_by(table.c.position).limit(limit)).all()
    more = len(rows) == limit and rows[-1].position < end.position
    # Positions that records have left for later ones are passed over.
    cursor = Cursor(end.generation, rows[-1].position) if more else end
    return FeedPage([_entry(row) for row in rows], cursor, more)


def _entry(row: Any) -> str:
    """An entry as JSON; ids, kinds, reasons and digests need no escaping, bodies are canonical."""
    head = f'{{"position":{row.position},"kind":"{row.kind}","id":"{row.record_id}",'
    if row.kind == "tombstone":
        return f'{head}"reason":"{row.reason}"}}'
    return f'{head}"digest":"{row.digest}","record":{row.body}}}'


def export(
    database: Database,
    audience: Audience,
    text: str | None,
    *,
    scope: Scope = ALL,
    ration: Ration | None = None,
) -> Iterator[bytes]:
    """All entries after a cursor as lines of JSON; the last line has the cursor to go on from.

    Each chunk is a short transaction of its own, so a slow reader holds up nothing. Where a ration
    is used up the lines end, and that cursor is before the end of the feed. Raises as `begin`
    does, before the first line.
    """
    with database.read() as session:
        at, end = begin(text, audience, session)
    ration = ration or Unrationed()

    def lines(at: Cursor) -> Iterator[bytes]:
        more = True
        while more and (limit := min(_EXPORTED_AT_ONCE, ration.rows_left)):
            with database.read() as session:
                page = read_page(audience, at, end, limit, session, scope=scope)
            if page.entries:
                yield ("\n".join(page.entries) + "\n").encode()
            ration.took(len(page.entries))
            at, more = page.cursor, page.more
        yield canonical_json({"cursor": at.text, "kind": "end"}) + b"\n"

    return lines(at)


def proof(audience: Audience, session: Session, *, scope: Scope = ALL) -> dict[str, Any]:
    """How many records of each fonds and year the audience sees at the end of the feed.

    `digest` of a group is the sum, modulo 2**256, of the SHA-256 over the canonical JSON of
    `[id, digest]` of its records; that of the whole is the sum over the groups.
    """
    end = mark_of(audience, session)
    rows = session.execute(
        select(FeedTally.fonds_id, FeedTally.year, FeedTally.records, FeedTally.sum)
        .where(FeedTally.audience == str(audience), *scope.of(table_of(FeedTally), session))
        .order_by(FeedTally.fonds_id, FeedTally.year)
    ).all()
    # A fonds that moved has a group at each archive that has received from it.
    groups: dict[tuple[str, int], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.fonds_id, row.year), []).append(row)
    return {
        "audience": str(audience),
        "cursor": end.text,
        "records": sum(row.records for row in rows),
        "digest": sum_of_digests(row.sum for row in rows),
        "groups": [
            {
                "fonds_id": fonds_id,
                "year": year,
                "records": sum(each.records for each in many),
                "digest": sum_of_digests(each.sum for each in many),
            }
            for (fonds_id, year), many in groups.items()
        ],
    }
