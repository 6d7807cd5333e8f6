"""The unit's copy after receipt 副本: kept for years, then a leader may let its bytes go 释放.

How many years the archive says in its ruleset, five at least 《电子档案移交与接收办法》.
Descriptions, history, papers and the receipt stay; the archive has the bytes.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from node.filing.models import Record
from node.office.rules import mirror_years
from node.transfer.batches import batch_to_change
from node.transfer.models import Batch, BatchRecord, Paper
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import local_text, now, today
from shared.kernel.errors import NotAllowed, WrongState
from shared.records.values import REASON_LENGTH, required_text


def kept_until(batch: Batch, *, session: Session) -> date | None:
    """The first day on which the copies of a received batch may go; None while they are to stay."""
    paper = session.get(Paper, batch.receipt_id) if batch.receipt_id else None
    if batch.received_at is None or paper is None:
        return None
    years = mirror_years(str(paper.document["archive"]), session)
    if years is None:
        return None
    day = date.fromisoformat(local_text(batch.received_at)[:10])
    if (day.month, day.day) == (2, 29):
        day = day.replace(month=3, day=1)
    return day.replace(year=day.year + years)


def count_kept(batch: Batch, *, session: Session) -> int:
    """How many records of a batch are mirrors here that nobody has let go."""
    return len(_kept(batch, session))


def release(actor: Actor, batch_id: str, reason: str, *, session: Session) -> int:
    """Let the bytes of the mirrors of a received batch go, by a leader and with the reason.

    `erasing` removes them. Returns of how many records. Raises WrongState before their time, and
    where nothing is left.
    """
    batch = batch_to_change(actor, batch_id, session, Role.LEADER, "received")
    if actor.system:
        raise NotAllowed("副本须由单位负责人本人决定释放。", "请用负责人的账号登录后办理。")
    why = required_text(reason, "reason", max_length=REASON_LENGTH)
    until = kept_until(batch, session=session)
    if until is None or today() < until.isoformat():
        raise WrongState(
            "接收的档案馆要求本单位一直保存副本。"
            if until is None
            else f"本机副本须保存到 {until.isoformat()}，还不能释放。",
            "留存年限由接收的档案馆在检测规则中规定，不少于五年。",
            code="mirror_kept",
        )
    ids = _kept(batch, session)
    if not ids:
        raise WrongState("这个批次没有可以释放的副本。", "请刷新后查看。")
    session.execute(update(Record).where(Record.id.in_(ids)).values(released_at=now()))
    session.flush()
    audit.record(
        session, actor, "batch.mirrors_released", f"batch:{batch_id}", audit.Act(each=ids),
        count=len(ids), receipt=batch.receipt_id, reason=why,
    )  # fmt: skip
    return len(ids)


def _kept(batch: Batch, session: Session) -> list[str]:
    return list(
        session.scalars(
            select(Record.id)
            .join(BatchRecord, BatchRecord.record_id == Record.id)
            .where(BatchRecord.batch_id == batch.id, BatchRecord.outcome == "received")
            .where(Record.state == "received", Record.released_at.is_(None))
        )
    )
