"""What batches wait for, on the home page 工作台 of whoever is to do it."""

from __future__ import annotations

from collections.abc import Collection

from flask import url_for
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from node.filing.desk import Task
from node.office.service import fonds_written
from node.transfer.models import Batch, BatchRecord
from shared.identity import current_actor
from shared.kernel.actor import Role
from shared.web import current_database

_WAITING = (
    ("preparing", Role.LEADER, "个移交批次检测合格，等您批准"),
    ("approved", Role.CLERK, "个移交批次已经批准，可以提交"),
    ("accepted", Role.LEADER, "个移交批次审核通过，等您签字"),
    ("corrected", Role.LEADER, "个移交批次部分接收，等您签字"),
)


def batch_tasks() -> list[Task]:
    """The batches that wait for the reader's approval, offer or signature."""
    actor = current_actor()
    with current_database().read() as session:
        written = {
            role: [each.id for each in fonds_written(actor, role, session=session)]
            for role in (Role.CLERK, Role.LEADER)
        }
        counts = {role: _counts(fonds, session) for role, fonds in written.items()}
    return [
        Task(counts[role][state], text, url_for("transfer.index", state=state), "green")
        for state, role, text in _WAITING
        if state in counts[role]
    ]


def _counts(fonds: Collection[str], session: Session) -> dict[str, int]:
    unsound = exists().where(BatchRecord.batch_id == Batch.id, BatchRecord.errors > 0)
    inspected = Batch.inspected_at.is_not(None) & ~unsound
    rows = session.execute(
        select(Batch.state, func.count())
        .where(Batch.fonds_id.in_(fonds), Batch.offering.is_(False))
        .where(or_(Batch.state != "preparing", inspected))
        .group_by(Batch.state)
    )
    return {row[0]: row[1] for row in rows}
