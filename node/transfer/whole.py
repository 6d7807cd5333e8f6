"""All that transfer holds of one fonds, for when the fonds moves to another node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from node.transfer.models import Batch, BatchRecord, InspectionRun, Notice, Paper
from shared.kernel.jobs import Job

#: A batch in one of these stays behind nothing on the way; an approval holds for its node alone.
_AT_REST = ("preparing", "returned", "received", "withdrawn")


def rows_of_fonds(fonds_id: str) -> list[Select[Any]]:
    """One statement for each table, in the order in which rows can be written again."""
    ids = select(Batch.id).where(Batch.fonds_id == fonds_id)
    return [
        select(Batch).where(Batch.fonds_id == fonds_id),
        *(
            select(model).where(model.batch_id.in_(ids))
            for model in (BatchRecord, InspectionRun, Paper, Notice)
        ),
    ]


def on_the_way(fonds_id: str, *, session: Session) -> list[Batch]:
    """The batches of a fonds that have not ended, or that a job is working on."""
    working = select(Job.id).where(Job.state.in_(("waiting", "running")))
    return list(
        session.scalars(
            select(Batch)
            .where(Batch.fonds_id == fonds_id)
            .where(
                Batch.state.not_in(_AT_REST) | Batch.offering.is_(True) | Batch.job_id.in_(working)
            )
            .order_by(Batch.created_at, Batch.id)
        )
    )
