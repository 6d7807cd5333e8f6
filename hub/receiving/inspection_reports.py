"""The report 四性检测报告 of a batch: put together from what is here, signed by the hub."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.receiving.inspections import inspection_of, runs_of
from hub.receiving.models import Batch, Offer, Verdict
from hub.receiving.progress import offers_of
from hub.receiving.rules import compared
from shared.inspection.finding import Finding
from shared.inspection.report import Report
from shared.inspection.scheme import Occasion, load_scheme
from shared.kernel.clock import format_utc
from shared.kernel.errors import WrongState
from shared.kernel.keys import sign_document
from shared.packaging.inspection_report import Inspected, inspection_report


def signed_report(folder: HubFolder, batch: Batch) -> dict[str, Any]:
    """The report of a batch, with the hub's signature over it.

    It names codes, and quotes what was found: only for who sees the records in full. Raises
    WrongState before the batch was inspected.
    """
    with folder.database().read() as session:
        report = _draft(batch, session)
    return {**report, "signature": sign_document(folder.keys.hub(), report)}


def _draft(batch: Batch, session: Session) -> dict[str, Any]:
    run = next(
        (each for each in runs_of(batch, session=session) if each.batch_id == batch.id), None
    )
    if run is None:
        raise WrongState("这批移交还没有检测完。", "检测完以后再下载检测报告。")
    offers = offers_of(batch.id, session=session, with_reports=True)
    records = catalogue.records_of([offer.record_id for offer in offers], session)
    files = [
        file
        for record in records.values()
        for document in record.wire.get("documents", ())
        for file in document["files"]
    ]
    fonds = federation.fonds_of(batch.fonds_id, session)
    number = fonds.shape.number_in(batch.receiving_archive)
    occasion, beside = Occasion(run.occasion), compared(batch, session=session)
    reviewed_by = session.scalar(select(Verdict.made_by).where(Verdict.batch_id == batch.id))
    about = Inspected(
        batch={"id": batch.batch_id, "title": batch.title, "round": batch.round},
        unit=fonds.forming_unit,
        archive=federation.archive_of(batch.reviewing_archive, session).name,
        fonds=f"{number or '（未编号）'}　{fonds.name}",
        occasion={"occasion": str(occasion), "name": load_scheme().occasions[occasion]["name"]},
        counted={
            "records": len(offers),
            "files": len(files),
            "bytes": sum(file["size"] for file in files),
        },
        tool=f"{run.tool}（程序 {run.program}）" if run.program else run.tool,
        scanner=run.scanner,
        inspected_by=run.made_by,
        reviewed_by=reviewed_by or "",
        begun_at=format_utc(batch.arrived_at),
        ended_at=format_utc(run.at),
        found=[(offer.code or offer.title, _found(offer)) for offer in offers],
        unit_scheme=beside.unit_scheme,
        differences=[each.to_wire() for each in beside.differences],
    )
    return inspection_report(about, inspection_of(batch, session=session))


def _found(offer: Offer) -> tuple[Finding, ...]:
    return Report.from_wire(offer.report).findings if offer.report is not None else ()
