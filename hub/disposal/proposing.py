"""Which records may be appraised, and what stands in the way of destroying one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord, archive_custody
from hub.correcting import service as correcting
from hub.disposal.holds import holds_on
from hub.disposal.models import Appraisal, AppraisalLine
from hub.federation.events import RecordAnswered, RecordDestroyed, tell
from hub.receiving import service as receiving
from hub.repository.versions import writing_among
from shared.kernel.clock import today
from shared.kernel.errors import Conflict, DanglianError, WrongState
from shared.records.record import RecordLevel
from shared.records.retention import ended_before, last_year

#: The states in which an appraisal has its records for itself.
OPEN = ("drawing", "submitted", "approved", "executing")


def ran_out(record: CatalogueRecord) -> bool:
    """Whether the retention of a record is over today; never for 永久, 长期 and 短期."""
    last = last_year(record.retention, record.year)
    return last is not None and int(today()[:4]) > last


def due(archive_code: str) -> Select[CatalogueRecord]:
    """What an archive may appraise now: received, its retention over, in no open appraisal.

    Volumes and projects stand for all that is in them.
    """
    return select(CatalogueRecord).where(
        *in_custody(archive_code), _is_over(), ~_is_listed(), _stands_alone()
    )


def in_custody(archive_code: str) -> tuple[ColumnElement[bool], ...]:
    """That an archive keeps a record, and has not destroyed it."""
    return (
        CatalogueRecord.custody == archive_custody(archive_code),
        CatalogueRecord.received.is_(True),
        CatalogueRecord.state != "disposed",
    )


def _is_over() -> ColumnElement[bool]:
    return or_(
        *(
            and_(CatalogueRecord.retention == code, CatalogueRecord.year < year)
            for code, year in ended_before(int(today()[:4]))
        )
    )


def _is_listed() -> ColumnElement[bool]:
    return (
        exists()
        .where(AppraisalLine.record_id == CatalogueRecord.id)
        .where(Appraisal.id == AppraisalLine.appraisal_id, Appraisal.state.in_(OPEN))
    )


def _stands_alone() -> ColumnElement[bool]:
    return or_(
        CatalogueRecord.parent_id.is_(None), CatalogueRecord.level == RecordLevel.RECORD.value
    )


def parts_of(record_ids: Sequence[str], session: Session) -> list[CatalogueRecord]:
    """What lies in these volumes and projects, and has not been destroyed, all the way down."""
    found: list[CatalogueRecord] = []
    above = list(record_ids)
    while above:
        below = session.scalars(
            select(CatalogueRecord)
            .where(CatalogueRecord.parent_id.in_(above), CatalogueRecord.state != "disposed")
            .order_by(CatalogueRecord.code, CatalogueRecord.id)
        ).all()
        found += below
        above = [each.id for each in below]
    return found


def obstacles(
    record_ids: Sequence[str], archive_code: str, session: Session
) -> dict[str, DanglianError]:
    """Why records must not be destroyed now, by id; without those that nothing bars.

    It is asked when the list is submitted, when it is drafted and when it begins to count, and
    again in each transaction that destroys.
    """
    ids = list(record_ids)
    records = catalogue.records_of(ids, session)
    holds = holds_on(ids, session=session)
    unsettled = receiving.unsettled(ids, session=session)
    corrected = correcting.open_among(ids, session=session)
    written = writing_among(ids, session)
    found: dict[str, DanglianError] = {}
    for each in ids:
        record = records.get(each)
        if record is None or record.archive != archive_code or record.state == "disposed":
            found[each] = WrongState(
                "这件档案不在本馆，或已经销毁。", "请从清册中移去。", code="not_kept"
            )
        elif each in unsettled:
            found[each] = WrongState(
                "这件档案的接收还没有办结。",
                "请等接收办结、补全后再办理。",
                code="receipt_unsettled",
            )
        elif not ran_out(record):
            found[each] = WrongState(
                "这件档案的保管期限还没有届满。", "请从清册中移去。", code="retention_runs"
            )
        elif each in holds:
            found[each] = WrongState(
                f"这件档案暂缓处置：{holds[each].reason}",
                "请等暂缓解除，或从清册中移去。",
                code="held",
            )
        elif each in corrected:
            found[each] = WrongState(
                "这件档案的更正还没有办结。", "请先答复更正申请。", code="correction_open"
            )
        elif each in written:
            found[each] = Conflict(
                "这件档案的另一个版本正在写入馆藏。", "请过一分钟再试。", code="later"
            )
    return found


def require_at_rest(fonds_ids: Iterable[str], session: Session) -> None:
    """Raise while one of these fonds is handed over: the list waits, for that passes."""
    for each in sorted(set(fonds_ids)):
        tell(session, RecordAnswered(each))


def require_nowhere_needed(records: Iterable[Mapping[str, Any]], session: Session) -> None:
    """Let the rooms above refuse that these lines of a list are destroyed: then the list waits."""
    for each in records:
        tell(session, RecordDestroyed(each["record_id"], each["fonds_id"]))
