"""A batch as a whole, as the archive will look at it: gaps, and what looks filed twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.transfer.inspections import rules_of
from node.transfer.models import Batch, BatchRecord
from node.transfer.numbers import runs_of
from node.transfer.questions import records_of
from shared.inspection.report import Outcome, Report, Stage
from shared.inspection.run import inspect_batch
from shared.inspection.subject import Batch as InspectedBatch
from shared.inspection.subject import Context
from shared.records.gaps import Run, Standing, gap_of, lacking
from shared.records.numbering import Gap

_TOTALS = {"2-1", "2-2"}


def report_on(batch: Batch, *, session: Session) -> Report:
    """What the batch as a whole shows now; the totals are the archive's to compare."""
    inside = [each.record_id for each in records_of(batch.id, session=session)]
    report = inspect_batch(
        InspectedBatch(
            batch.id,
            records=batch.count,
            size=0,
            gaps=_gaps(batch, session),
            twins=filing.twins_of(batch.fonds_id, inside, session=session),
        ),
        Context(stage=Stage.TRANSFER, scheme=rules_of(batch, session=session).scheme),
    )
    checks = tuple(
        replace(each, reason="总数由档案馆在接收时核对。", is_open=True)
        if each.number in _TOTALS and each.outcome is Outcome.NOT_RUN
        else each
        for each in report.checks
    )
    return replace(report, checks=checks)


def _gaps(batch: Batch, session: Session) -> dict[str, list[Gap]]:
    """What is lacking in the categories that the batch touches, once it will have arrived."""
    inside = select(BatchRecord.record_id).where(BatchRecord.batch_id == batch.id)
    runs = runs_of(batch.fonds_id, batch_id=batch.id, session=session)
    touched = set(
        session.scalars(
            filing.listing(filing.Filter(fonds_id=batch.fonds_id), [batch.fonds_id])
            .where(filing.Record.id.in_(inside))
            .with_only_columns(filing.Record.category_id)
        )
    )
    found: dict[str, list[Gap]] = defaultdict(list)
    for run in lacking(_touched(runs, touched), present=(Standing.HELD, Standing.OFFERED)):
        if (gap := gap_of(run)) is not None:
            found[run.series.label].append(gap)
    return dict(found)


def _touched(runs: list[Run], categories: set[str | None]) -> list[Run]:
    return [run for run in runs if run.series.key in categories]
