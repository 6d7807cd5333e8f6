"""The gap list of a fonds: one query over the catalogue, whatever its batches and years."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select
from sqlalchemy.orm import Session, undefer

from hub.catalogue.models import CatalogueRecord as Record
from hub.federation import service as federation
from hub.federation.visibility import Sight, sight
from hub.receiving.models import Offer
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import NotAllowed
from shared.records.gaps import Run, Series, Standing, is_kept_elsewhere, lacking, split_code
from shared.records.record import RecordLevel

#: Who is asked for what is missing, and who asks.
SEEING = (Role.REVIEWER, Role.ARCHIVIST, Role.LEADER, Role.AUTHORITY)
#: Digits of a number at most; more are no number of a series (and no number of the database).
_MOST_DIGITS = 9
_DIGITS = "0123456789"


def gaps_of(actor: Actor, fonds_id: str, *, session: Session) -> list[Run]:
    """What the archives lack of a fonds, with what fills a number without being here, in order.

    For those who review or receive in an archive of the fonds; why a number is void is said where
    they see the record in full. Raises NotFound, NotAllowed.
    """
    fonds = federation.fonds_shown_to(actor, fonds_id, session)
    archives = (fonds.reviewing_archive, fonds.receiving_archive)
    if not any(actor.may(*SEEING, archive=each, fonds=fonds.id) for each in archives):
        raise NotAllowed("断号表只供审核和接收这个全宗的档案馆查看。", "请联系该馆。")
    return lacking(runs_of(fonds_id, session=session, actor=actor))


def runs_of(
    fonds_id: str,
    *,
    session: Session,
    years: Collection[int] | None = None,
    classes: Collection[str] | None = None,
    actor: Actor | None = None,
) -> list[Run]:
    """All numbers of a fonds as runs that stand alike; only of some years and classes if named.

    The reasons of void numbers as the actor may see them; none without one.
    """
    known = _known(fonds_id, years, classes).subquery()
    rank = func.dense_rank().over(
        partition_by=(known.c.key, known.c.standing), order_by=known.c.number
    )
    # Consecutive numbers of one kind all differ from their rank by the same.
    ranked = select(known, (known.c.number - rank).label("island")).subquery()
    rows = session.execute(
        select(
            ranked.c.key,
            ranked.c.standing,
            func.min(ranked.c.number).label("first"),
            func.max(ranked.c.number).label("last"),
            func.min(ranked.c.class_code).label("class_code"),
            func.min(ranked.c.year).label("year"),
            func.max(ranked.c.year).label("last_year"),
            func.min(ranked.c.retention).label("retention"),
            func.max(ranked.c.retention).label("other_retention"),
            func.min(ranked.c.organ).label("organ"),
        ).group_by(ranked.c.key, ranked.c.standing, ranked.c.island)
    ).all()
    runs = [_run(row) for row in rows]
    if not any(run.standing is Standing.VOID for run in runs):
        return runs
    rest = [run for run in runs if run.standing is not Standing.VOID]
    series = {run.series.key: run.series for run in runs}
    return rest + _voids(actor, _numbered(fonds_id, years, classes), series, session)


def _known(
    fonds_id: str, years: Collection[int] | None, classes: Collection[str] | None
) -> Select[Any]:
    """Every number of the fonds: its series, itself, and where it stands."""
    code = Record.code_key
    # A part ·001 of a record takes no number of its own.
    whole = case(
        (func.substr(code, func.length(code) - 3, 1) == "·", func.substr(code, 1, _less(code, 4))),
        else_=code,
    )
    key = func.rtrim(whole, _DIGITS)
    last_offer = (
        select(Offer.state)
        .where(Offer.record_id == Record.id)
        .order_by(Offer.offered_at.desc(), Offer.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    standing = case(
        (Record.state.in_(("void", "disposed")), Record.state),
        (Record.received, Standing.HELD.value),
        (Record.state == "offered", Standing.OFFERED.value),
        (last_offer.in_((Standing.RETURNED.value, Standing.WITHDRAWN.value)), last_offer),
        else_=Standing.UNSENT.value,
    )
    return (
        _numbered(fonds_id, years, classes)
        .with_only_columns(
            key.label("key"),
            cast(func.substr(whole, func.length(key) + 1), BigInteger).label("number"),
            standing.label("standing"),
            Record.class_code,
            Record.year,
            Record.retention,
            Record.organ,
        )
        .where(func.length(whole).between(func.length(key) + 1, func.length(key) + _MOST_DIGITS))
    )


def _less(text: Any, count: int) -> ColumnElement[int]:
    return func.length(text) - count


def _numbered(
    fonds_id: str, years: Collection[int] | None, classes: Collection[str] | None
) -> Select[Any]:
    """The records that have a number in a series; a project 项目 bears a name of its own."""
    statement = select(Record).where(
        Record.fonds_id == fonds_id,
        Record.code_key.is_not(None),
        Record.level != str(RecordLevel.PROJECT),
    )
    if years is not None:
        statement = statement.where(Record.year.in_(sorted(years)))
    if classes is not None:
        statement = statement.where(Record.class_code.in_(sorted(classes)))
    return statement


def _run(row: Any) -> Run:
    series = Series(
        row.key,
        row.class_code,
        row.year if row.year == row.last_year else None,
        row.retention if row.retention == row.other_retention else None,
        row.organ,
    )
    return Run(series, row.first, row.last, Standing(row.standing))


def _voids(
    actor: Actor | None, numbered: Select[Any], series: dict[str, Series], session: Session
) -> list[Run]:
    """The void numbers with their reasons, which stand in the records; there are few."""
    statement = numbered.where(Record.state == "void").options(undefer(Record.wire))
    found = []
    for record in session.scalars(statement):
        key, number = split_code(record.code_key or "")
        if number is None or key not in series:
            continue
        reason = str(record.wire.get("void_reason") or "")
        standing = Standing.ELSEWHERE if is_kept_elsewhere(reason) else Standing.VOID
        seen = actor is not None and sight(actor, record) is Sight.FULL
        found.append(Run(series[key], number, number, standing, reason if seen else ""))
    found.sort(key=lambda run: (run.series.key, run.standing, run.reason, run.first))
    return [_joined(list(each)) for _, each in groupby(enumerate(found), key=_together)]


def _together(place: tuple[int, Run]) -> tuple[str, str, str, int]:
    at, run = place
    return run.series.key, run.standing, run.reason, run.first - at


def _joined(placed: list[tuple[int, Run]]) -> Run:
    first, last = placed[0][1], placed[-1][1]
    return Run(first.series, first.first, last.last, first.standing, first.reason)
