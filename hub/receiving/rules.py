"""By which rules a batch is inspected, and where that comes to another verdict than its unit's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.receiving.models import Batch, InspectionRun
from shared.inspection.comparing import Difference, Inspected, differences
from shared.inspection.report import decoder_of
from shared.inspection.ruleset import Rules
from shared.inspection.scheme import Occasion
from shared.inspection.verdict import Tally
from shared.kernel.clock import SHANGHAI
from shared.kernel.errors import Invalid


def program() -> str:
    """The version of this program, as reports name it."""
    return version("danglian")


def rules_of(batch: Batch, *, session: Session) -> Rules:
    """The rules that the batch names; for one that names none, those of the day it arrived on.

    A version that this hub does not have falls to the latter as well; the comparison then says so.
    Raises Unavailable when the ruleset lacks the table that it names.
    """
    if batch.scheme:
        named = federation.rules_named(batch.scheme, batch.fonds_id, session)
        if named is not None:
            return named
    day = batch.arrived_at.astimezone(SHANGHAI).date().isoformat()
    return federation.rules_on(federation.fonds_of(batch.fonds_id, session), session, day)


@dataclass(frozen=True)
class Compared:
    """A batch as its unit and as the archive have inspected it.

    Attributes:
        unit_scheme: by which version the unit says that it has; None when it does not.
        told: whether the unit has told what it found, item by item (release 0.1 does not).
        differences: the items on which both differ, with the reasons.
    """

    unit_scheme: str | None
    told: bool
    differences: Sequence[Difference] = ()


def compared(batch: Batch, *, session: Session) -> Compared:
    """Where the unit's own inspection of a batch and the last one here differ, and why."""
    theirs = _told_by(batch)
    run = session.scalar(
        select(InspectionRun)
        .where(InspectionRun.batch_id == batch.id)
        .order_by(InspectionRun.at.desc(), InspectionRun.id.desc())
        .limit(1)
    )
    unit_scheme = theirs.scheme if theirs is not None and theirs.scheme else batch.scheme
    return Compared(unit_scheme, theirs is not None, _differences(batch, run, theirs, session))


def _differences(
    batch: Batch, run: InspectionRun | None, theirs: Inspected | None, session: Session
) -> Sequence[Difference]:
    if run is None or theirs is None:
        return ()
    rules = federation.rules_named(run.scheme, batch.fonds_id, session)
    if rules is None:
        return ()
    ours = Inspected(
        *(run.scheme, run.program, run.scanner, Tally.from_wire(run.tally)),
        decoder=decoder_of(run.tool),
    )
    return differences(theirs, ours, rules.scheme, Occasion(run.occasion))


def _told_by(batch: Batch) -> Inspected | None:
    check = (batch.listed or {}).get("self_check")
    told: Any = check.get("inspected") if isinstance(check, Mapping) else None
    if not isinstance(check, Mapping) or not isinstance(told, Mapping):
        return None
    try:
        return Inspected.from_wire(str(check.get("scheme", "")), told)
    except Invalid:
        return None  # not the words of a node of ours: it has told nothing that can be compared
