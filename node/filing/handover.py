"""What hand-over 移交 asks of filing: records that can be offered, and the moves of their state.

`node.transfer` decides and authorises; here the records move, whole volumes with their items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.history import changed, note_events
from node.filing.models import Objection, Record
from node.filing.wire import chunked
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotFound
from shared.records.record import RecordLevel
from shared.records.states import RECORD
from shared.records.values import REASON_LENGTH, REMARK_LENGTH, repair_text


def records_for_transfer(
    fonds_id: str,
    *,
    class_code: str | None = None,
    year: int | None = None,
    retention: str | None = None,
    session: Session,
) -> list[Record]:
    """The filed records of a fonds that can be handed over, in the order of their codes.

    Volumes appear with their items behind them; offering one offers all of them.
    """
    query = select(Record).where(Record.fonds_id == fonds_id, Record.state == "filed")
    for column, value in (
        (Record.class_code, class_code),
        (Record.year, year),
        (Record.retention, retention),
    ):
        if value is not None:
            query = query.where(column == value)
    return list(session.scalars(query.order_by(Record.code, Record.id)))


def records_named(record_ids: Sequence[str], *, session: Session) -> list[Record]:
    """The records of these ids, in this order. Raises NotFound."""
    found: dict[str, Record] = {}
    for some in chunked(list(record_ids)):
        for record in session.scalars(select(Record).where(Record.id.in_(some))):
            found[record.id] = record
    if missing := [each for each in record_ids if each not in found]:
        raise NotFound(f"有 {len(missing)} 件档案已不存在。", "请刷新后重新选择。")
    return [found[each] for each in record_ids]


def with_whole_volumes(record_ids: Sequence[str], *, session: Session) -> list[str]:
    """The ids with all that belongs to a named volume or project, and the volume of a named item.

    Hand-over is by whole volume (DA/T 22, 按卷整理). Projects are not drawn in by their volumes.
    """
    found: dict[str, None] = {}
    for record in records_named(list(dict.fromkeys(record_ids)), session=session):
        top = record
        if record.level == RecordLevel.ITEM and record.parent_id:
            top = session.get_one(Record, record.parent_id)
        _add_below(top, found, session)
    return list(found)


def _add_below(record: Record, found: dict[str, None], session: Session) -> None:
    if record.state == "void" or record.id in found:
        return
    found[record.id] = None
    if record.level in (RecordLevel.VOLUME, RecordLevel.PROJECT):
        for child in session.scalars(
            select(Record).where(Record.parent_id == record.id).order_by(Record.number, Record.id)
        ):
            _add_below(child, found, session)


def mark_offered(
    actor: Actor, record_ids: Sequence[str], *, session: Session, basis: str | None = None
) -> list[Record]:
    """Freeze records that are offered: next version, event 移交, told to the hub.

    Raises WrongState for one that is not filed, Invalid for a part of a volume. Earlier
    objections count as settled.
    """
    records = records_named(record_ids, session=session)
    chosen = set(record_ids)
    for record in records:
        if record.level == RecordLevel.ITEM and record.parent_id not in chosen:
            raise Invalid(
                "records",
                f"《{record.title[:30]}》是卷内文件，须整卷移交。",
                "请把它所在的案卷和卷内文件一起加入批次。",
            )
        record.state = RECORD.after("offer", record.state)
    _settle(record_ids, session)
    changed(records, "移交", actor, session=session, basis=basis)
    return records


def mark_withdrawn(
    actor: Actor, record_ids: Sequence[str], *, session: Session, reason: str | None = None
) -> list[Record]:
    """Give back offered records after the hub granted the withdrawal: filed again, event 撤回."""
    return _give_back(actor, record_ids, "撤回", session, reason)


def mark_returned(
    actor: Actor,
    reasons: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    session: Session,
    basis: str | None = None,
) -> list[Record]:
    """Give back records that the archive returned: filed again, event 退回, reasons beside them.

    `reasons` maps record id to `[{field, problem, remedy, code}]`; empty for a record that came
    back only because its batch did.
    """
    records = _give_back(actor, list(reasons), "退回", session, basis)
    for record in records:
        for reason in reasons[record.id]:
            session.add(objection_from("returned", record.id, reason))
    session.flush()
    return records


def _give_back(
    actor: Actor, record_ids: Sequence[str], action: str, session: Session, basis: str | None
) -> list[Record]:
    records = records_named(record_ids, session=session)
    for record in records:
        record.state = RECORD.after("return", record.state)
    changed(records, action, actor, session=session, unit=actor.name, basis=basis)
    return records


def mark_received(
    actor: Actor,
    record_ids: Sequence[str],
    receipt: Mapping[str, Any] | None = None,
    *,
    session: Session,
) -> list[Record]:
    """Custody moved to the archive: the records here become its read-only mirror.

    The version stays: from now on the archive alone makes new ones.
    """
    records = records_named(record_ids, session=session)
    for record in records:
        record.state = RECORD.after("receive", record.state)
        record.changed_at = now()
    session.flush()
    basis = f"接收凭证 {receipt['receipt_id']}" if receipt else None
    unit = _archive_of(receipt) if receipt else None
    note_events(record_ids, "接收", actor, session=session, basis=basis, unit=unit)
    _settle(record_ids, session)
    return records


def _archive_of(receipt: Mapping[str, Any]) -> str:
    """The name of the archive that gave the receipt; its code when the form names none."""
    form = receipt.get("form")
    archive = form.get("archive") if isinstance(form, Mapping) else None
    name = archive.get("name") if isinstance(archive, Mapping) else None
    return str(name or receipt.get("archive"))


def objection_from(
    source: str, record_id: str | None, said: Mapping[str, Any], *, seq: int | None = None
) -> Objection:
    """An objection from what a message says; long or unclean texts are made fit."""

    def text(name: str, most: int) -> str | None:
        return repair_text(said.get(name))[:most].strip() or None

    return Objection(
        record_id=record_id,
        source=source,
        code=text("code", 50),
        field=text("field", 50),
        problem=text("problem", REMARK_LENGTH) or "未说明原因",
        remedy=text("remedy", REASON_LENGTH),
        seq=seq,
    )


def note_refusal(session: Session, body: Mapping[str, Any]) -> bool:
    """Show a refusal of the hub (entry `refused`) at its record; False when it names none."""
    subject = str(body.get("subject") or "")
    record = session.get(Record, subject) if subject else None
    seq = body.get("seq")
    session.add(
        objection_from(
            "refused",
            record.id if record else None,
            body,
            seq=seq if isinstance(seq, int) else None,
        )
    )
    session.flush()
    return record is not None


def _settle(record_ids: Sequence[str], session: Session) -> None:
    moment = now()
    for some in chunked(list(record_ids)):
        for objection in session.scalars(
            select(Objection).where(Objection.record_id.in_(some), Objection.settled_at.is_(None))
        ):
            objection.settled_at = moment
    session.flush()
