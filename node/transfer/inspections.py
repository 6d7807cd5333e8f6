"""The history of a batch's inspections 四性检测 by its unit, and what the last of them came to."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.office.rules import rules_named, rules_on
from node.office.service import fonds_of
from node.transfer.models import Batch, InspectionRun
from shared.inspection.comparing import Inspected
from shared.inspection.profile import FOLDER, FORM_NAMES
from shared.inspection.report import TOOL, CheckResult, decoder_of
from shared.inspection.ruleset import Rules
from shared.inspection.scheme import Occasion, load_scheme
from shared.inspection.verdict import BatchVerdict, Tally, judge
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import NotFound, Unavailable

OCCASION = Occasion.TRANSFER


def begin_run(actor: Actor, batch: Batch, *, session: Session) -> None:
    """Write down that somebody has a batch inspected, and by which rules: those in force today.

    The job counts what it finds. Raises Unavailable while the fonds' own table has not come.
    """
    rules = rules_on(fonds_of(batch.fonds_id, session), session)
    session.add(
        InspectionRun(
            batch_id=batch.id,
            made_by=actor.name,
            scheme=rules.scheme.version,
            tool=TOOL,
            tally=Tally().to_wire(),
        )
    )
    session.flush()


def add_to_run(
    batch: Batch, inspected: Iterable[Iterable[CheckResult]], *, tool: str, session: Session
) -> None:
    """Count what some records of a batch have shown, in the transaction that writes it down.

    `tool` is what their reports say they were inspected with; empty where there are none.
    """
    run = _last(batch, session)
    if run is None:
        return  # begun by a version of the program that kept no history
    tally = Tally.from_wire(run.tally)
    for results in inspected:
        tally.add_results(results)
    run.tally = tally.to_wire()
    run.tool = tool or run.tool


def end_run(batch: Batch, of_set: Iterable[CheckResult], *, session: Session) -> None:
    """All records are inspected, and the batch as a whole: say what it came to."""
    run = _last(batch, session)
    if run is not None and run.ended_at is None:
        tally = Tally.from_wire(run.tally)
        tally.add_of_set(of_set)
        run.tally = tally.to_wire()
        run.verdict = str(_judged(run, batch, session).verdict)
        run.ended_at = now()


def rules_of(batch: Batch, *, session: Session) -> Rules:
    """The rules by which the last inspection of a batch was begun: all of it goes by the same."""
    run = _last(batch, session)
    fonds = fonds_of(batch.fonds_id, session)
    return rules_on(fonds, session) if run is None else rules_named(run.scheme, fonds, session)


def runs_of(batch: Batch, *, session: Session) -> list[InspectionRun]:
    """Every inspection of a batch, newest first."""
    return list(session.scalars(_runs(batch)))


def inspection_of(batch: Batch, *, session: Session) -> BatchVerdict | None:
    """What the last inspection of a batch came to; None before there was one."""
    run = _last(batch, session)
    return None if run is None or run.ended_at is None else _judged(run, batch, session)


def inspection_wire(batch: Batch, *, session: Session) -> dict[str, Any]:
    """What the entry `batch` says of it: scheme, verdict, and what was found item by item."""
    run, found = _last(batch, session), inspection_of(batch, session=session)
    if found is None or run is None:
        return {}
    inspected = Inspected(
        *(run.scheme, version("danglian"), "", Tally.from_wire(run.tally)),
        decoder=decoder_of(run.tool),
    )
    return {
        "scheme": found.scheme,
        "verdict": str(found.verdict),
        "open": [each.item.number for each in found.items if each.is_open],
        "inspected": inspected.to_wire(),
    }


def scheme_named(batch: Batch, *, session: Session) -> str | None:
    """The version by which a batch was inspected, as its offers name it to the archive."""
    run = _last(batch, session)
    return None if run is None else run.scheme


def form_asked(batch: Batch, *, session: Session) -> str:
    """In which form the archive takes the packages of a batch, for people; empty for folders."""
    try:
        profile = rules_of(batch, session=session).profile
    except (NotFound, Unavailable):
        return ""  # the inspection, and the offering, say so
    return "" if profile.form == FOLDER else FORM_NAMES[profile.form]


def _judged(run: InspectionRun, batch: Batch, session: Session) -> BatchVerdict:
    try:
        scheme = rules_named(run.scheme, fonds_of(batch.fonds_id, session), session).scheme
    except (NotFound, Unavailable):
        # Of a database that was restored: what was found still counts, by what is here.
        scheme = load_scheme()
    return judge(scheme, OCCASION, Tally.from_wire(run.tally))


def _last(batch: Batch, session: Session) -> InspectionRun | None:
    return session.scalar(_runs(batch).limit(1))


def _runs(batch: Batch) -> Any:
    return (
        select(InspectionRun)
        .where(InspectionRun.batch_id == batch.id)
        .order_by(InspectionRun.at.desc(), InspectionRun.id.desc())
    )
