"""Which records may be appraised, and what stands in the way of destroying one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord, archive_custody
from hub.correcting import service as correcting
from hub.disposal.models import Appraisal, AppraisalLine, Hold
from hub.federation.events import RecordAnswered, RecordDestroyed, tell
from hub.receiving import service as receiving
from hub.repository.versions import is_writing
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


def held(record_id: str, *, session: Session) -> Hold | None:
    """The hold that a record is under."""
    return session.scalar(
        select(Hold).where(Hold.record_id == record_id, Hold.lifted_at.is_(None)).limit(1)
    )


def obstacle(record: CatalogueRecord, archive_code: str, session: Session) -> DanglianError | None:
    """Why this record must not be destroyed now; None when nothing stands in the way.

    It is asked when the list is submitted and when it is drafted, and again in the transaction
    that destroys (`require_destroyable`).
    """
    try:
        _require_free(record, archive_code, session)
    except DanglianError as error:
        return error
    return None


def _require_free(record: CatalogueRecord, archive_code: str, session: Session) -> None:
    if record.archive != archive_code or record.state == "disposed":
        raise WrongState("这件档案不在本馆，或已经销毁。", "请从清册中移去。", code="not_kept")
    if receiving.is_unsettled(record.id, session=session):
        raise WrongState(
            "这件档案的接收还没有办结。", "请等接收办结、补全后再办理。", code="receipt_unsettled"
        )
    if not ran_out(record):
        raise WrongState(
            "这件档案的保管期限还没有届满。", "请从清册中移去。", code="retention_runs"
        )
    if (hold := held(record.id, session=session)) is not None:
        raise WrongState(
            f"这件档案暂缓处置：{hold.reason}", "请等暂缓解除，或从清册中移去。", code="held"
        )
    if correcting.is_open(record.id, session=session):
        raise WrongState("这件档案的更正还没有办结。", "请先答复更正申请。", code="correction_open")
    if is_writing(record.id, session):
        raise Conflict("这件档案的另一个版本正在写入馆藏。", "请过一分钟再试。", code="later")


def require_destroyable(record: CatalogueRecord, archive_code: str, session: Session) -> None:
    """Raise what stands in the way of destroying a record in this (writing) transaction.

    The rooms above may refuse, too: then the list waits, for that passes.
    """
    _require_free(record, archive_code, session)
    tell(session, RecordAnswered(record.fonds_id))
    tell(session, RecordDestroyed(record.id, record.fonds_id))
