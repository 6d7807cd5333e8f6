"""What a node hears of sharing: which of its records its archive shares, and with whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.feed import Cursor, CursorOutdated, marks, read_cursor
from hub.sharing.models import FeedEntry
from hub.sharing.policies import Audience
from shared.kernel.bulk import among, table_of
from shared.kernel.errors import Invalid

#: So much of a feed is told with one answer to a greeting.
_MOST = 1_000


def news_of(node_id: str, hello: Mapping[str, Any], session: Session) -> dict[str, Any]:
    """What is new in the feeds of the fonds that a node keeps, for the answer to its greeting.

    The greeting says in `shared` how far it knows each; a node of 0.1 does not, and hears nothing.
    `{"shared": {audience: {cursor, anew, records}}}`, see `node.sync.sharing`; nothing of a feed
    that it knows to its end.
    """
    known = hello.get("shared")
    if not isinstance(known, dict):
        return {}
    ends = marks(session)
    behind = [each for each in Audience if known.get(each) != ends[each].text]
    if not behind:
        return {}
    fonds = [each.id for each in federation.kept_by(node_id, session)]
    told = {str(each): _told(each, known.get(each), ends[each], fonds, session) for each in behind}
    return {"shared": told}


def _told(
    audience: Audience, text: object, end: Cursor, fonds: list[str], session: Session
) -> dict[str, Any]:
    at = _known(text, end)
    table = table_of(FeedEntry)
    rows = session.execute(
        select(table.c.position, table.c.record_id, table.c.kind, table.c.stamped)
        .where(table.c.audience == str(audience), among(session, table.c.fonds_id, fonds))
        .where(table.c.position > at.position, table.c.position <= end.position)
        .order_by(table.c.position)
        .limit(_MOST)
    ).all()
    cursor = Cursor(end.generation, rows[-1].position) if len(rows) == _MOST else end
    return {
        "cursor": cursor.text,
        "anew": at.position == 0,
        "records": [[row.record_id, row.stamped if row.kind == "upsert" else None] for row in rows],
    }


def _known(text: object, end: Cursor) -> Cursor:
    """How far a node knows a feed; from its beginning when it is of before a restore."""
    try:
        return read_cursor(text if isinstance(text, str) else "", end)
    except (CursorOutdated, Invalid):  # of before a restore of ours, or of its own
        return Cursor(end.generation, 0)
