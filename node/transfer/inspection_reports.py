"""The report 四性检测报告 of a unit's own inspection of a batch, signed with its seal."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.models import Record
from node.office.places import NodeFolder
from node.office.service import fonds_of
from node.transfer.inspections import OCCASION, inspection_of, runs_of
from node.transfer.models import Batch, BatchRecord
from node.transfer.questions import batch_of, records_of
from node.transfer.sets import report_on
from shared.inspection.finding import Finding
from shared.inspection.scheme import load_scheme
from shared.kernel.actor import Actor
from shared.kernel.clock import format_utc
from shared.kernel.errors import WrongState
from shared.kernel.keys import sign_document
from shared.packaging.inspection_report import Inspected, inspection_report


def signed_report(folder: NodeFolder, actor: Actor, batch_id: str) -> dict[str, Any]:
    """The report of the last inspection of a batch, with the unit's signature over it.

    Raises NotFound, and WrongState before the batch was inspected to the end.
    """
    with folder.database().read() as session:
        report = _draft(batch_of(actor, batch_id, session=session), session)
    return {**report, "signature": sign_document(folder.keys.seal(), report)}


def _draft(batch: Batch, session: Session) -> dict[str, Any]:
    verdict = inspection_of(batch, session=session)
    run = next(iter(runs_of(batch, session=session)), None)
    if verdict is None or run is None or run.ended_at is None:
        raise WrongState("这批还没有检测完。", "检测完以后再下载检测报告。")
    listed = records_of(batch.id, session=session)
    ids = [each.record_id for each in listed]
    records = {each.id: each for each in filing.records_named(ids, session=session)}
    fonds = fonds_of(batch.fonds_id, session)
    number = fonds.number_in(fonds.receiving_archive)
    about = Inspected(
        batch={"id": batch.id, "title": batch.title, "round": 1},
        unit=fonds.forming_unit,
        archive=fonds.forming_unit,
        fonds=f"{number or '（未编号）'}　{fonds.name}",
        occasion={"occasion": str(OCCASION), "name": load_scheme().occasions[OCCASION]["name"]},
        counted={"records": len(listed), **filing.content_totals(ids, session=session)},
        tool=run.tool,
        scanner="",
        inspected_by=run.made_by,
        reviewed_by="",
        begun_at=format_utc(run.at),
        ended_at=format_utc(run.ended_at),
        found=[
            *((_called(records[each.record_id]), _found(each)) for each in listed),
            ("整批", report_on(batch, session=session).findings),
        ],
        unit_scheme=run.scheme,
    )
    return inspection_report(about, verdict)


def _called(record: Record) -> str:
    return record.code or record.title


def _found(record: BatchRecord) -> tuple[Finding, ...]:
    return tuple(Finding.from_wire(each) for each in record.findings)
