"""The history of a batch's inspections 四性检测 by its unit, and what the last of them came to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.transfer.models import Batch, InspectionRun
from shared.inspection.report import TOOL, CheckResult
from shared.inspection.scheme import Occasion, load_scheme
from shared.inspection.verdict import BatchVerdict, Tally, judge
from shared.kernel.actor import Actor
from shared.kernel.clock import now

OCCASION = Occasion.TRANSFER


def begin_run(actor: Actor, batch: Batch, *, session: Session) -> None:
    """Write down that somebody has a batch inspected; the job counts what it finds."""
    session.add(
        InspectionRun(
            batch_id=batch.id,
            made_by=actor.name,
            scheme=load_scheme().version,
            tool=TOOL,
            tally=Tally().to_wire(),
        )
    )
    session.flush()


def add_to_run(
    batch: Batch, inspected: Iterable[Iterable[CheckResult]], *, session: Session
) -> None:
    """Count what some records of a batch have shown, in the transaction that writes it down."""
    run = _last(batch, session)
    if run is None:
        return  # begun by a version of the program that kept no history
    tally = Tally.from_wire(run.tally)
    for results in inspected:
        tally.add_results(results)
    run.tally = tally.to_wire()


def end_run(batch: Batch, *, session: Session) -> None:
    """All records are inspected: say what it came to."""
    run = _last(batch, session)
    if run is not None and run.ended_at is None:
        run.verdict = str(_judged(run).verdict)
        run.ended_at = now()


def runs_of(batch: Batch, *, session: Session) -> list[InspectionRun]:
    """Every inspection of a batch, newest first."""
    return list(session.scalars(_runs(batch)))


def inspection_of(batch: Batch, *, session: Session) -> BatchVerdict | None:
    """What the last inspection of a batch came to; None before there was one."""
    run = _last(batch, session)
    return None if run is None or run.ended_at is None else _judged(run)


def inspection_wire(batch: Batch, *, session: Session) -> dict[str, Any]:
    """What the entry `batch` says of it: scheme, verdict, and what is left to the archive."""
    found = inspection_of(batch, session=session)
    if found is None:
        return {}
    return {
        "scheme": found.scheme,
        "verdict": str(found.verdict),
        "open": [each.item.number for each in found.items if each.is_open],
    }


def _judged(run: InspectionRun) -> BatchVerdict:
    return judge(load_scheme(), OCCASION, Tally.from_wire(run.tally))


def _last(batch: Batch, session: Session) -> InspectionRun | None:
    return session.scalar(_runs(batch).limit(1))


def _runs(batch: Batch) -> Any:
    return (
        select(InspectionRun)
        .where(InspectionRun.batch_id == batch.id)
        .order_by(InspectionRun.at.desc(), InspectionRun.id.desc())
    )
