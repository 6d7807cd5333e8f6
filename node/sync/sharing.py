"""Which records their archive shares, as the hub says with its answers to greetings.

A hint like the state of batches (protocol §1): nothing is decided by it. The greeting says how far
the hub has told of each audience's feed, its answer goes on from there. A cursor of before the
hub's restore brings everything anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from node.office.service import fonds_kept
from node.sync.models import SharedCursor, SharedRecord
from shared.kernel.bulk import put_rows, table_of
from shared.kernel.canonical import digest_of
from shared.kernel.identifiers import is_id

#: For whom records are shared, as the hub names them.
AUDIENCE_NAMES = {"public": "社会公众", "government": "省级共享平台"}
#: No hub tells of more at once.
_MOST = 5_000
_CURSOR_LENGTH = 40
_LAST_SECOND = 253_402_300_799  # of the year 9999


def known(session: Session) -> dict[str, str]:
    """How far the hub has told of each audience, for the greeting; nothing for none."""
    of_these = SharedCursor.fonds == _kept(session)
    told = {
        each.audience: each.cursor for each in session.scalars(select(SharedCursor).where(of_these))
    }
    return {audience: told.get(audience, "") for audience in AUDIENCE_NAMES}


def note_shared(session: Session, said: object) -> None:
    """Take in what was shared and what no longer is (`shared` in the answer to a greeting).

    `{audience: {cursor, anew, records: [[record_id, since], …]}}`, where `since` is in seconds
    since 1970, None for a record that is no longer shared; `anew` when all that was told before
    counts no more. What cannot be read is left out.
    """
    for audience in AUDIENCE_NAMES:
        told = said.get(audience) if isinstance(said, dict) else None
        if not isinstance(told, dict) or not isinstance(told.get("records"), list):
            continue
        cursor = told.get("cursor")
        if not isinstance(cursor, str) or len(cursor) > _CURSOR_LENGTH:
            continue
        of_audience = SharedRecord.audience == audience
        if told.get("anew"):
            session.execute(delete(SharedRecord).where(of_audience))
        shared, no_longer = _read(told["records"][:_MOST])
        session.execute(
            delete(SharedRecord).where(of_audience, SharedRecord.record_id.in_(no_longer))
        )
        rows = [
            {"record_id": record_id, "audience": audience, "since": since}
            for record_id, since in shared.items()
        ]
        put_rows(session, table_of(SharedRecord), rows, key=("record_id", "audience"))
        row = [{"audience": audience, "cursor": cursor, "fonds": _kept(session)}]
        put_rows(session, table_of(SharedCursor), row, key=("audience",))


def _kept(session: Session) -> str:
    return digest_of(sorted(each.id for each in fonds_kept(session)))


def _read(told: Sequence[Any]) -> tuple[dict[str, datetime], list[str]]:
    shared, no_longer = {}, []
    for each in told:
        match each:
            case [str(record_id), None] if is_id(record_id):
                no_longer.append(record_id)
            case [str(record_id), int(since)] if is_id(record_id) and 0 <= since <= _LAST_SECOND:
                shared[record_id] = datetime.fromtimestamp(since, UTC)
    return shared, no_longer


def shared_with(record_id: str, session: Session) -> Sequence[SharedRecord]:
    """With whom a record is shared, and since when; nothing when it is not."""
    return session.scalars(
        select(SharedRecord)
        .where(SharedRecord.record_id == record_id)
        .order_by(SharedRecord.audience)
    ).all()
