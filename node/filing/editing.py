"""Changing what describes a record, before and after filing; never where it is numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.access import fonds_subject, records_to_change, require_held, sees
from node.filing.history import changed
from node.filing.holding import check_kinds
from node.filing.models import ComputerFile, Objection, Record
from node.filing.places import Shelf
from node.filing.values import DESCRIPTION_FIELDS, PLACE_FIELDS, check_values
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.records.record import COLUMN_NAMES, FIELD_NAMES
from shared.records.states import OPEN_STATES, RECORD


def edit(actor: Actor, record: Record, values: Mapping[str, Any], *, session: Session) -> Record:
    """Change the description of a record; only the keys that are given.

    After filing this makes the next version, with an event 修改 that names the fields, and the hub
    is told. Raises WrongState for an offered or received record, Invalid for a field that decides
    the number (see `arrange`, `move_filed`).
    """
    records_to_change(actor, [record.id], session=session)
    require_open(record)
    for name in values:
        if name in PLACE_FIELDS and name not in DESCRIPTION_FIELDS:
            raise Invalid(
                name,
                f"{FIELD_NAMES.get(name, name)}决定档号，不能在这里修改。",
                "定号之前请用“整理”；定号之后请用“改归他类”。",
            )
    found = check_values(values)
    Shelf(session).put(found, record.fonds_id)
    touched = [name for name, value in found.items() if getattr(record, name) != value]
    if not touched:
        return record
    before = {name: getattr(record, name) for name in touched}
    for name in touched:
        setattr(record, name, found[name])
    if "holding" in touched:
        kinds = session.scalars(
            select(ComputerFile.kind).where(ComputerFile.record_id == record.id)
        )
        check_kinds(record.holding, set(kinds))
    require_held(actor, [record], Role.CLERK)
    changed([record], "修改", actor, session=session, description=_named(touched))
    act = audit.Act(was=before, became={name: found[name] for name in touched})
    audit.record(session, actor, "record.edited", record, act, fields=touched)
    return record


def _named(fields: Sequence[str]) -> str:
    names = (COLUMN_NAMES.get(field, field) for field in fields)
    return f"修改了{'、'.join(names)}"


def edit_returned(
    actor: Actor, record: Record, values: Mapping[str, Any], *, session: Session
) -> Record:
    """Correct a record that came back; the objections to the corrected fields count as settled."""
    edit(actor, record, values, session=session)
    fields = set(values)
    for objection in open_objections(record.id, session=session):
        if objection.field in fields:
            objection.settled_at = now()
    session.flush()
    return record


def set_opinions(
    actor: Actor, record_ids: Sequence[str], values: Mapping[str, Any], *, session: Session
) -> list[Record]:
    """Set opening opinion 开放意见, 公开属性 and 密级变更 for a selection, before hand-over."""
    records, touched = put_opinions(actor, record_ids, values, session=session)
    audit.record(
        session, actor, "record.opinions_set", fonds_subject(records),
        audit.Act(each=[each.id for each in touched]), records=len(touched),
    )  # fmt: skip
    return records


def put_opinions(
    actor: Actor, record_ids: Sequence[str], values: Mapping[str, Any], *, session: Session
) -> tuple[list[Record], list[Record]]:
    """`set_opinions` as a part of a larger act, which writes the event: all, and who changed."""
    records = records_to_change(actor, record_ids, session=session)
    allowed = {"opening_opinion", "opening_reason", "publicity_attribute", "publicity_basis"}
    if odd := set(values) - allowed - {"security_change"}:
        raise Invalid(min(odd), "这一项不属于移交意见。", "请在该件的页面上修改。")
    found = check_values(values)
    touched = []
    for record in records:
        require_open(record)
        if any(getattr(record, name) != value for name, value in found.items()):
            for name, value in found.items():
                setattr(record, name, value)
            touched.append(record)
    require_held(actor, touched, Role.CLERK)
    changed(touched, "鉴定", actor, session=session, description=_named(list(found)))
    return records, touched


def require_open(record: Record) -> None:
    """Raise WrongState unless the node may still change this record."""
    if record.state in OPEN_STATES:
        return
    remedy = {
        "offered": "请先撤回所在的移交批次，再修改。",
        "disposed": "已销毁的档案只留目录和经过，不能再改。",
        "void": "空号不能再改；如需归档，请作为新的一件补充归档。",
    }.get(record.state, "档案已由档案馆保管；如有错误，请联系档案馆更正。")
    raise WrongState(f"档案现为“{RECORD.label(record.state)}”，不能修改。", remedy)


def open_objections(record_id: str, *, session: Session) -> list[Objection]:
    """What the archive or the hub said about a record and is not settled, oldest first."""
    return list(
        session.scalars(
            select(Objection)
            .where(Objection.record_id == record_id, Objection.settled_at.is_(None))
            .order_by(Objection.at, Objection.id)
        )
    )


def settle_objection(actor: Actor, objection_id: str, *, session: Session) -> Objection:
    """Put an objection aside as dealt with. Raises NotFound, also for another fonds'."""
    objection = session.get(Objection, objection_id)
    record = session.get(Record, objection.record_id or "") if objection else None
    foreign = record is not None and not sees(actor, record)
    if objection is None or foreign:
        raise NotFound("没有这条意见。", "它可能已经处理。")
    if objection.record_id is not None:
        records_to_change(actor, [objection.record_id], session=session)
    objection.settled_at = now()
    audit.record(session, actor, "record.objection_settled", f"record:{objection.record_id}")
    return objection
