"""The gap list of a fonds as its own node sees it: what the archive has not got, and why."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.models import Category
from node.transfer.models import Batch, BatchRecord
from node.transfer.questions import SEEING
from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound
from shared.records.gaps import Run, Series, Standing, is_kept_elsewhere, lacking
from shared.records.states import DRAFT_STATES

_RECORD = filing.Record


def gaps_of(actor: Actor, fonds_id: str, *, session: Session) -> list[Run]:
    """What the archive lacks of a fonds, with what fills a number without being there, in order.

    Numbers that were given and that no record bears any more are told too. Raises NotFound.
    """
    if not actor.may(*SEEING, fonds=fonds_id):
        raise NotFound("没有这个全宗，或您无权查看。", "请回到移交页面。")
    runs = runs_of(fonds_id, session=session)
    return lacking(runs) + _given_and_gone(runs, session)


def runs_of(fonds_id: str, *, batch_id: str | None = None, session: Session) -> list[Run]:
    """All final numbers of a fonds as runs that stand alike; those of a batch as if offered."""
    known = _known(fonds_id, batch_id).subquery()
    rank = func.dense_rank().over(
        partition_by=(known.c.category_id, known.c.standing, known.c.void_reason),
        order_by=known.c.number,
    )
    ranked = select(known, (known.c.number - rank).label("island")).subquery()
    rows = session.execute(
        select(
            ranked.c.category_id,
            ranked.c.standing,
            ranked.c.void_reason,
            func.min(ranked.c.number).label("first"),
            func.max(ranked.c.number).label("last"),
            func.min(ranked.c.class_code).label("class_code"),
            func.min(ranked.c.year).label("year"),
            func.max(ranked.c.year).label("last_year"),
            func.min(ranked.c.retention).label("retention"),
            func.max(ranked.c.retention).label("other_retention"),
            func.min(ranked.c.organ).label("organ"),
        ).group_by(ranked.c.category_id, ranked.c.standing, ranked.c.void_reason, ranked.c.island)
    )
    return [_run(row) for row in rows]


def _known(fonds_id: str, batch_id: str | None) -> Select[Any]:
    inside = select(BatchRecord.record_id).where(BatchRecord.batch_id == batch_id)
    last = (
        select(case((Batch.state == "withdrawn", "withdrawn"), else_=BatchRecord.outcome))
        .join(Batch, Batch.id == BatchRecord.batch_id)
        .where(BatchRecord.record_id == _RECORD.id, BatchRecord.told.is_(True))
        .order_by(Batch.created_at.desc(), Batch.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    standing = case(
        (_RECORD.state.in_(("void", "disposed", "offered")), _RECORD.state),
        (_RECORD.state == "received", Standing.HELD.value),
        (_RECORD.id.in_(inside), Standing.OFFERED.value),
        (last.in_((Standing.RETURNED.value, Standing.WITHDRAWN.value)), last),
        else_=Standing.UNSENT.value,
    )
    reason = case((_RECORD.state == "void", _RECORD.void_reason), else_=None)
    return (
        filing.listing(filing.Filter(fonds_id=fonds_id), [fonds_id])
        .where(_RECORD.state.not_in(sorted(DRAFT_STATES)))
        .where(_RECORD.category_id.is_not(None), _RECORD.number.is_not(None))
        .with_only_columns(
            *(_RECORD.category_id, _RECORD.number, standing.label("standing")),
            *(reason.label("void_reason"), _RECORD.class_code, _RECORD.year, _RECORD.retention),
            _RECORD.organ,
        )
    )


def _run(row: Any) -> Run:
    series = Series(
        row.category_id,
        row.class_code,
        row.year if row.year == row.last_year else None,
        row.retention if row.retention == row.other_retention else None,
        row.organ,
    )
    standing = Standing(row.standing)
    if standing is Standing.VOID and is_kept_elsewhere(row.void_reason):
        standing = Standing.ELSEWHERE
    return Run(series, row.first, row.last, standing, row.void_reason or "")


def _given_and_gone(runs: Collection[Run], session: Session) -> list[Run]:
    """Numbers above all that are known, up to the highest that was given for good."""
    found = []
    ordered = sorted(runs, key=lambda run: run.series.key)
    for key, each in groupby(ordered, key=lambda run: run.series.key):
        known = list(each)
        most = max(run.last for run in known)
        category = session.get(Category, key)
        if category is not None and category.highest > most:
            found.append(Run(known[0].series, most + 1, category.highest, Standing.UNKNOWN))
    return found
