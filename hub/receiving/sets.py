"""The inspection of a batch as a whole, once each of its records is checked.

Totals against the 移交与接收登记表, gaps over all batches and years, what looks filed twice. A step
of its own, between two short transactions: it reads much of a fonds, and writes one report.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.receiving.models import Batch, Offer, OfferState
from hub.receiving.numbers import runs_of
from hub.receiving.progress import locked_batch, offers_of
from hub.receiving.rules import rules_of
from hub.receiving.twins import twins_of
from shared.inspection.report import Report, Stage
from shared.inspection.run import inspect_batch
from shared.inspection.subject import Batch as InspectedBatch
from shared.inspection.subject import Context
from shared.kernel.database import Database
from shared.records.gaps import Standing, gap_of, lacking, series_key
from shared.records.numbering import Gap

#: Of a fonds, what is here or on its way here.
_PRESENT = (Standing.HELD, Standing.OFFERED)


class SetChecking:
    """Inspects batches as a whole when they come to the desk (a step for `Background`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Inspect one batch; False when none waits. A kill only means that it is done again."""
        with self._database.read() as session:
            batch = session.scalar(
                select(Batch)
                .where(Batch.state == "under_review", Batch.set_report.is_(None))
                .order_by(Batch.reviewable_at, Batch.id)
                .limit(1)
            )
            if batch is None:
                return False
            report, number = report_on(batch, session=session), batch.inspection
        with self._database.write() as session:
            held = locked_batch(session, batch.id)
            if held.set_report is None and held.inspection == number:
                held.set_report = report.to_wire()
        return True


def report_on(batch: Batch, *, session: Session) -> Report:
    """What the batch as a whole shows now (2-1, 2-2, 2-6, DL-11)."""
    offers = [
        offer
        for offer in offers_of(batch.id, session=session, with_reports=True)
        if offer.state != OfferState.WITHDRAWN
    ]
    counted = [content["bytes"] for offer in offers if (content := _content(offer)) is not None]
    registered = _registered(batch)
    inspected = InspectedBatch(
        batch.batch_id,
        records=sum(offer.arrived for offer in offers),
        size=sum(counted),
        registered_records=registered.get("records"),
        registered_size=registered.get("bytes"),
        gaps=_gaps(batch, offers, session),
        uncounted=len(offers) - len(counted),
        twins=twins_of(batch.fonds_id, {offer.record_id for offer in offers}, session=session),
    )
    scheme = rules_of(batch, session=session).scheme
    return inspect_batch(inspected, Context(stage=Stage.TRANSFER, scheme=scheme))


def _content(offer: Offer) -> Mapping[str, int] | None:
    """What was counted in the package itself; None where it does not open, or nobody counted."""
    content = (offer.report or {}).get("content")
    return content if isinstance(content, dict) else None


def _registered(batch: Batch) -> dict[str, int]:
    """What the unit has registered for its batch; a node of before says only how many records."""
    listed = batch.listed or {}
    said = listed.get("registered")
    if not isinstance(said, dict):
        said = {"records": listed.get("count", len(listed.get("offers", ())))}
    return {name: value for name, value in said.items() if isinstance(value, int)}


def _gaps(batch: Batch, offers: Sequence[Offer], session: Session) -> dict[str, list[Gap]]:
    """What is lacking in the series that the batch touches, by series."""
    touched = {series_key(offer.code) for offer in offers if offer.code}
    runs = runs_of(
        batch.fonds_id,
        session=session,
        years={offer.year for offer in offers},
        classes={offer.class_code for offer in offers},
    )
    found: dict[str, list[Gap]] = defaultdict(list)
    for run in lacking((each for each in runs if each.series.key in touched), present=_PRESENT):
        if (gap := gap_of(run)) is not None:
            found[run.series.label].append(gap)
    return dict(found)


def set_findings(batch: Batch, code: str | None = None) -> list[dict[str, Any]]:
    """What the inspection as a whole has found; with a code only what is about that record."""
    findings: list[dict[str, Any]] = list((batch.set_report or {}).get("findings", []))
    return findings if code is None else [each for each in findings if each["where"] == code]
