"""Holds 暂缓处置: while one lasts, a record is not destroyed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.disposal.models import AppraisalLine, Hold
from hub.federation import service as federation
from hub.repository.models import DisposalList
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.records.corrections import read_reason
from shared.records.retention import Opinion

_HOLDING = (Role.APPRAISER, Role.ARCHIVIST, Role.LEADER)


def place_hold(actor: Actor, record_id: str, reason: str, *, session: Session) -> Hold:
    """Keep a record from being destroyed 暂缓处置 until the hold is lifted; with its reason.

    Raises NotAllowed outside the archive that keeps it, WrongState when it is under one already.
    """
    record = catalogue.record_of(record_id, session)
    _require(actor, record)
    federation.held_fonds([record.fonds_id], session)
    session.refresh(record)
    if record.archive is None or record.state == "disposed":
        raise WrongState("这件档案不在馆里。", "接收入库的档案才能暂缓处置。")
    if _is_decided(record_id, session):
        raise WrongState(
            "处置清册已经签章，这件档案正在销毁。", "请查看鉴定清册。", code="destroyed"
        )
    if holds_on([record_id], session=session):
        raise WrongState("这件档案已经暂缓处置。", "请查看原来的原因。", code="held")
    hold = Hold(
        id=new_id(), archive_code=record.archive, record_id=record_id,
        reason=read_reason(reason), placed_by=actor.name,
    )  # fmt: skip
    session.add(hold)
    session.flush()
    audit.record(session, actor, "hold.placed", f"record:{record_id}", reason=hold.reason)
    return hold


def lift_hold(actor: Actor, record_id: str, *, session: Session) -> Hold:
    """Lift the hold of a record. Raises NotFound when there is none."""
    record = catalogue.record_of(record_id, session)
    _require(actor, record)
    hold = holds_on([record_id], session=session).get(record_id)
    if hold is None:
        raise NotFound("这件档案没有暂缓处置。", "请刷新后查看。")
    hold.lifted_by, hold.lifted_at = actor.name, now()
    session.flush()
    audit.record(session, actor, "hold.lifted", f"record:{record_id}")
    return hold


def _require(actor: Actor, record: CatalogueRecord) -> None:
    require(
        actor, *_HOLDING, archive=record.archive, **record.scope, missing=catalogue.no_record()
    )  # fmt: skip


def holds_on(record_ids: Sequence[str], *, session: Session) -> dict[str, Hold]:
    """The holds that these records are under, by record."""
    found = session.scalars(
        select(Hold).where(Hold.record_id.in_(list(record_ids)), Hold.lifted_at.is_(None))
    )
    return {each.record_id: each for each in found}


def _is_decided(record_id: str, session: Session) -> bool:
    """Whether a sealed list says that a record is destroyed: from there nothing holds it."""
    query = (
        select(AppraisalLine.record_id)
        .join(DisposalList, DisposalList.id == AppraisalLine.appraisal_id)
        .where(AppraisalLine.record_id == record_id)
        .where(AppraisalLine.opinion == Opinion.DESTROY, AppraisalLine.problem.is_(None))
    )
    return session.scalar(query.limit(1)) is not None
