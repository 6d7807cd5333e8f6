"""Proof that hub and node hold the same (protocol §7): one sum per fonds and year.

The sum is over (record id, content digest, state) of the last version that both have: told by this
node, or, once an archive has received the record, told by the archive. It does not depend on order;
the hub keeps the same sums up to date in each change's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.filing.history import tell
from node.filing.models import Record, RecordVersion
from node.office.service import fonds_kept
from shared.kernel.canonical import digest_of, sum_of_digests

_TOLD = ("filed", "offered", "void", "received", "disposed")


def told_sums(session: Session, *, fonds_ids: Sequence[str] | None = None) -> dict[str, str]:
    """The sum of each fonds and year, under `<fonds_id>/<year>`.

    Of all fonds that this node tells of, or of just these.
    """
    wanted = _kept(session) if fonds_ids is None else fonds_ids
    newest = (
        select(RecordVersion.record_id, func.max(RecordVersion.version).label("version"))
        .group_by(RecordVersion.record_id)
        .subquery()
    )
    rows = session.execute(
        select(Record.id, Record.fonds_id, Record.year, RecordVersion.digest, RecordVersion.state)
        .join(newest, newest.c.record_id == Record.id)
        .join(
            RecordVersion,
            (RecordVersion.record_id == Record.id) & (RecordVersion.version == newest.c.version),
        )
        .where(Record.state.in_(_TOLD), Record.fonds_id.in_(wanted))
    )
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        item = digest_of([row.id, row.digest, row.state])
        found[f"{row.fonds_id}/{row.year}"].append(item)
    return {name: sum_of_digests(items) for name, items in sorted(found.items())}


def tell_again(names: Iterable[str], *, session: Session) -> int:
    """Tell the hub every record of these fonds and years once more; returns how many.

    What the hub holds already changes nothing there; only what differs is repaired.
    """
    ids: list[str] = []
    for name in names:
        fonds_id, _, year = name.partition("/")
        ids += session.scalars(
            select(Record.id)
            .where(Record.fonds_id == fonds_id, Record.year == int(year))
            .where(Record.state.in_(["filed", "offered", "void", "disposed"]))
            .where(Record.fonds_id.in_(_kept(session)))
            .order_by(Record.id)
        )
    tell(ids, session=session)
    return len(ids)


def _kept(session: Session) -> list[str]:
    """A mirror of what was handed over is told by its new keeper, not from here."""
    return [fonds.id for fonds in fonds_kept(session)]
