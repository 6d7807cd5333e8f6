"""What the hub says of how far our things are there: acknowledgements, and the state of batches."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from node.sync.models import Acknowledgement, BatchProgress
from node.transfer import service as transfer
from shared.kernel.clock import now, parse_utc
from shared.records.states import HUB_BATCH

_MOST = 50


def note_acknowledgement(session: Session, epoch: int, seq: int) -> None:
    """Write down that the hub has applied our stream as far as `seq`.

    After its restore it may say less than before: what it lost counts again only when it says so.
    """
    session.execute(
        delete(Acknowledgement).where(Acknowledgement.epoch == epoch, Acknowledgement.seq >= seq)
    )
    session.add(Acknowledgement(epoch=epoch, seq=seq))
    session.flush()


def acknowledged_at(session: Session, epoch: int, seq: int) -> datetime | None:
    """Since when the hub has the entry with this seq; None when it has not, or it was not noted."""
    return session.scalar(
        select(func.min(Acknowledgement.at)).where(
            Acknowledgement.epoch == epoch, Acknowledgement.seq >= seq
        )
    )


def note_batches(session: Session, said: object) -> None:
    """Take in how far the hub is with our batches (`batches` in its answer to a greeting).

    A list of `{batch_id, listed, state, count, checked, arrived_at, reviewable_at}`. Only a hint:
    what cannot be read, or is about an earlier round, is left out, and nothing is decided by it.
    """
    for each in said[:_MOST] if isinstance(said, list) else ():
        if not isinstance(each, dict) or each.get("state") not in HUB_BATCH.states:
            continue
        batch_id, listed = each.get("batch_id"), each.get("listed")
        if not isinstance(batch_id, str) or not transfer.is_round(batch_id, listed, session):
            continue
        row = session.get(BatchProgress, batch_id)
        if row is None:
            row = BatchProgress(batch_id=batch_id, state="")
            session.add(row)
        row.state = str(each["state"])
        row.count, row.checked = _count(each.get("count")), _count(each.get("checked"))
        row.arrived_at = _moment(each.get("arrived_at"))
        row.reviewable_at = _moment(each.get("reviewable_at"))
        row.heard_at = now()
    session.flush()


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 1 << 31 else 0


def _moment(value: object) -> datetime | None:
    try:
        return parse_utc(value) if isinstance(value, str) else None
    except ValueError:
        return None
