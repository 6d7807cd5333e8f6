"""All that intake holds of one fonds, for when the fonds moves to another node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from node.intake.models import Intake, IntakeFile, IntakeRow, IntakeSheet, IntakeState


def rows_of_fonds(fonds_id: str) -> list[Select[Any]]:
    """One statement for each table, in the order in which rows can be written again."""
    ids = select(Intake.id).where(Intake.fonds_id == fonds_id)
    return [
        select(Intake).where(Intake.fonds_id == fonds_id),
        *(select(model).where(model.intake_id.in_(ids)) for model in (IntakeSheet, IntakeFile)),
        select(IntakeRow).where(IntakeRow.fonds_id == fonds_id),
    ]


def unfinished(fonds_id: str, *, session: Session) -> int:
    """How many imports of a fonds are neither taken nor given up."""
    ended = (IntakeState.TAKEN, IntakeState.DISCARDED)
    return (
        session.scalar(
            select(func.count())
            .select_from(Intake)
            .where(Intake.fonds_id == fonds_id, Intake.state.not_in(ended))
        )
        or 0
    )
