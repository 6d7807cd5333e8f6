"""After the class is closed: late finds take the next number, removed records leave a void one.

What stands in the wrong class leaves a void number there, and is filed anew where it belongs.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.access import SEEING, records_to_change, require_held
from node.filing.categories import Categories, closed_class, values_of
from node.filing.history import changed, note_events
from node.filing.models import ComputerFile, Document, Record
from node.filing.numbering import code_for, free_drafted
from node.filing.values import PLACE_FIELDS, check_values
from node.office.service import fonds_of, require_grant
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotAllowed, WrongState
from shared.records.classes import class_name
from shared.records.fonds import Fonds
from shared.records.record import VOID_TITLE, RecordLevel
from shared.records.states import DRAFT_STATES, RECORD
from shared.records.values import REASON_LENGTH, required_text


def file_late(actor: Actor, record: Record, *, session: Session) -> Record:
    """File a late find 补充归档 after its class was closed: it takes the next number at once."""
    records_to_change(actor, [record.id], session=session)
    if record.state != "arranging" or record.year is None:
        RECORD.after("file", record.state)
        raise WrongState("年度或保管期限还没有设定。", "请先设定门类、年度和保管期限。")
    _volume_goes_whole(record, session)
    if closed_class(record.fonds_id, record.class_code, record.year, session=session) is None:
        raise WrongState(
            f"{record.year}年度{class_name(record.class_code)}还没有定号。",
            "请随整个门类一起定号，不需补充归档。",
        )
    take_late_number(actor, record, session=session)
    audit.record(session, actor, "record.filed_late", record, code=record.code)
    return record


def take_late_number(actor: Actor, record: Record, *, session: Session) -> None:
    """Give a record (a volume with its items) the next number of its closed class; tell the hub."""
    if actor.system:
        raise NotAllowed("补充归档须由具名的人办理。", "请用本人账号登录后再办理。")
    require_grant(session)
    fonds = fonds_of(record.fonds_id, session)
    if record.date is None:
        raise Invalid("date", "没有日期，不能归档。", "请先补上日期。", code="required")
    filed = [record]
    _take_next_number(record, fonds, session)
    if record.level == RecordLevel.VOLUME:
        items = list(
            session.scalars(
                select(Record)
                .where(Record.parent_id == record.id, Record.state == "arranging")
                .order_by(Record.position, Record.id)
            )
        )
        if not items:
            raise WrongState("案卷是空的。", "请先放入文件。")
        for item in items:
            item.volume_number = record.number
            _take_next_number(item, fonds, session)
        filed += items
    require_held(actor, filed, *SEEING)
    changed(filed, "归档", actor, session=session, description="补充归档")


def _volume_goes_whole(record: Record, session: Session) -> None:
    if record.level != RecordLevel.ITEM:
        return
    volume = session.get_one(Record, record.parent_id)
    if volume.state == "arranging":
        raise WrongState("卷内文件随案卷归档。", "请对所在案卷办理补充归档。")
    if volume.state != "filed":
        raise WrongState(
            f"所在案卷现为“{RECORD.label(volume.state)}”，不能再加文件。", "请另立案卷。"
        )
    record.volume_number = volume.number


def _take_next_number(record: Record, fonds: Fonds, session: Session) -> None:
    category = Categories(session).of(values_of(record))
    if category is not None:
        number = category.highest + 1
        # The draft that holds the number may be this very record, while it is still a draft.
        free_drafted(category, number, session=session)
        record.number = number
        record.number_given = False
        category.highest = number
        if category.closed_at is None:
            category.closed_at = now()
            category.closed_by = "补充归档"
    record.state = RECORD.after("file", record.state)
    record.code = code_for(
        fonds,
        {**values_of(record), "number": record.number, "volume_number": record.volume_number},
    )
    if record.code is None:
        raise WrongState("本全宗还没有全宗号，不能形成档号。", "请先向档案馆申请全宗号。")
    session.flush()


def remove_filed(
    actor: Actor, record: Record, reason: str, *, erase: bool = False, session: Session
) -> Record:
    """Take a filed record away 作废: its number stays as a void one, with the reason.

    With `erase` the title and all description go too (it should never have been here). A volume
    goes with its items.
    """
    records_to_change(actor, [record.id], session=session)
    text = required_text(reason, "void_reason", max_length=REASON_LENGTH)
    if record.state in DRAFT_STATES:
        raise WrongState("还没有定号的文件可以直接删除。", "请用“删除”，不需留空号。")
    _make_void(actor, record, text, session, erase=erase)
    audit.record(session, actor, "record.voided", record, code=record.code, reason=text)
    return record


def _make_void(
    actor: Actor, record: Record, reason: str, session: Session, *, erase: bool = False
) -> None:
    RECORD.after("void", record.state)
    gone = [record]
    if record.level in (RecordLevel.VOLUME, RecordLevel.PROJECT):
        gone += session.scalars(
            select(Record)
            .where(Record.parent_id == record.id, Record.state == "filed")
            .order_by(Record.number)
        )
    for each in gone:
        each.state = RECORD.after("void", each.state)
        each.void_reason = reason
        if erase:
            _erase(each, session)
    require_held(actor, gone, *SEEING)
    changed(gone, "作废", actor, session=session, basis=reason)


_DESCRIPTION = (
    "doc_no",
    "author",
    "date",
    "pages",
    "remark",
    "security_change",
    "box_id",
    "place_id",
)


def _erase(record: Record, session: Session) -> None:
    record.title = VOID_TITLE
    record.security = "none"
    for name in _DESCRIPTION:
        setattr(record, name, None)
    for model in (ComputerFile, Document):
        for row in session.scalars(select(model).where(model.record_id == record.id)):
            session.delete(row)
        session.flush()


def move_filed(
    actor: Actor,
    record: Record,
    values: dict[str, Any],
    reason: str,
    *,
    session: Session,
) -> Record:
    """Put a filed record into another class, year or retention 改归他类.

    Its old number stays as a void one; the record is filed anew in the right place, at once where
    that class is closed already, and keeps its old code as a former one. Returns the new record.
    """
    records_to_change(actor, [record.id], session=session)
    if record.state in DRAFT_STATES:
        raise WrongState("还没有定号，可以直接整理。", "请直接修改门类、年度或期限。")
    text = required_text(reason, "void_reason", max_length=REASON_LENGTH)
    copy = file_anew(
        actor, record, check_values(values), text, ("收集", "改归他类"), session=session
    )
    audit.record(session, actor, "record.moved_class", copy, former=record.id, reason=text)
    return copy


def file_anew(
    actor: Actor,
    record: Record,
    found: dict[str, Any],
    reason: str,
    event: tuple[str, str],
    *,
    session: Session,
) -> Record:
    """File a record where `found` says; its old number stays as a void one, with the reason.

    The code says class, year, retention and organ (DA/T 22-2015): who changes one of them needs
    another number. Returns the new record, which keeps the old code as a former one; its history
    begins with `event`, an action and its description.
    """
    if record.level in (RecordLevel.VOLUME, RecordLevel.ITEM, RecordLevel.PROJECT):
        raise WrongState("案卷须整卷处理。", "请把整卷作废后重新组卷。")
    copy = _copy_of(record, actor, session)
    for name in PLACE_FIELDS:
        if name in found and (found[name] is not None or name != "class_code"):
            setattr(copy, name, found[name])
    if all(getattr(copy, name) == getattr(record, name) for name in PLACE_FIELDS):
        raise Invalid("class_code", "新的类目与原来的相同。", "请选择正确的门类、年度或期限。")
    if record.code:
        copy.former_codes = [*record.former_codes, record.code]
    _make_void(actor, record, reason, session)
    category = Categories(session).of(values_of(copy))
    copy.category_id = category.id if category else None
    copy.position = Categories(session).next_position(category.id) if category else 0
    copy.state = "arranging" if category else "collected"
    session.flush()
    require_held(actor, [copy], *SEEING)
    action, description = event
    note_events([copy.id], action, actor, session=session, basis=reason, description=description)
    if copy.year and closed_class(copy.fonds_id, copy.class_code, copy.year, session=session):
        take_late_number(actor, copy, session=session)
    return copy


def _copy_of(record: Record, actor: Actor, session: Session) -> Record:
    left_out = {"id", "version", "state", "category_id", "position", "number", "number_given"}
    left_out |= {"code", "former_codes", "source_key", "created_at", "created_by", "changed_at"}
    names = [column.key for column in Record.__table__.columns if column.key not in left_out]
    copy = Record(**{name: getattr(record, name) for name in names}, created_by=actor.name)
    copy.former_codes = []
    session.add(copy)
    session.flush()
    for document in session.scalars(select(Document).where(Document.record_id == record.id)):
        twin = Document(
            record_id=copy.id, role=document.role, title=document.title, order=document.order
        )
        session.add(twin)
        session.flush()
        for file in session.scalars(
            select(ComputerFile).where(ComputerFile.document_id == document.id)
        ):
            kept = ("name", "size", "sha256", "format", "kind", "order")
            values = {name: getattr(file, name) for name in kept}
            session.add(ComputerFile(document_id=twin.id, record_id=copy.id, **values))
    session.flush()
    return copy
