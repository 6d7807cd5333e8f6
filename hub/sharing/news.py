"""What a node hears of sharing: which of its records its archive shares, and with whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.feed import Cursor, CursorOutdated, begin
from hub.sharing.models import FeedEntry
from hub.sharing.policies import Audience
from shared.kernel.bulk import among, table_of
from shared.kernel.errors import Invalid

#: So much of a feed is told with one answer to a greeting.
_MOST = 1_000


def news_of(node_id: str, hello: Mapping[str, Any], session: Session) -> dict[str, Any]:
    """What is new in the feeds of the fonds that a node keeps, for the answer to its greeting.

    The greeting says in `shared` how far it knows each; a node of 0.1 does not, and hears nothing.
    `{"shared": {audience: {cursor, anew, records}}}`, see `node.sync.sharing`.
    """
    known = hello.get("shared")
    if not isinstance(known, dict):
        return {}
    fonds = [each.id for each in federation.kept_by(node_id, session)]
    return {
        "shared": {
            str(audience): _told(audience, known.get(audience), fonds, session)
            for audience in Audience
        }
    }


def _told(audience: Audience, text: object, fonds: list[str], session: Session) -> dict[str, Any]:
    try:
        at, end = begin(text if isinstance(text, str) else None, audience, session)
        anew = not text
    except (CursorOutdated, Invalid):  # of before a restore of ours, or of its own
        at, end = begin(None, audience, session)
        anew = True
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
        "anew": anew,
        "records": [[row.record_id, row.stamped if row.kind == "upsert" else None] for row in rows],
    }
