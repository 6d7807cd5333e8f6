"""Arranging 整理: class, year, retention and organ of a selection, and the order within a category.

Freely, until the class of the year is closed. Draft numbers follow the order by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.access import fonds_subject, records_to_change, sees
from node.filing.categories import Categories, is_complete, values_of
from node.filing.models import Category, Record
from node.filing.numbering import plan_numbers, write_numbers
from node.filing.undoing import undoable
from node.filing.values import PLACE_FIELDS, check_values
from node.office.service import fonds_of
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.records.numbering import doc_no_key
from shared.records.record import FIELD_NAMES, RecordLevel
from shared.records.states import DRAFT_STATES, RECORD


def arrange(
    actor: Actor, record_ids: Sequence[str], values: Mapping[str, Any], *, session: Session
) -> list[Record]:
    """Set class, year, retention, organ (only the keys given) for a selection of records.

    What is complete then is being arranged 整理中; the rest stays 待整理. Items go with their
    volume, and are not arranged by themselves. Raises WrongState for what is filed.
    """
    records = records_to_change(actor, record_ids, session=session)
    found = check_values({name: value for name, value in values.items() if name != "confirm"})
    if odd := set(found) - set(PLACE_FIELDS):
        name = FIELD_NAMES.get(min(odd), min(odd))
        raise Invalid(min(odd), f"“{name}”不在整理的各项之内。", "请在该件的页面上修改。")
    chosen = {record.id for record in records}
    for record in records:
        _may_be_arranged(record)
        if record.level == RecordLevel.ITEM and record.parent_id not in chosen:
            raise WrongState(
                f"《{short(record.title)}》是卷内文件，随案卷整理。", "请选择它所在的案卷。"
            )
    categories = Categories(session)
    # What comes into a category together stands there by date, whatever the list was sorted by.
    ordered = [record for record in records if record.level != RecordLevel.ITEM]
    with undoable(actor, "整理", with_content(ordered, session), session=session):
        for record in sorted(ordered, key=lambda each: _by_date(each)[:2]):
            for name, value in found.items():
                if value is None and name == "class_code":
                    continue
                setattr(record, name, value)
            take_place(record, categories)
            if record.level in (RecordLevel.VOLUME, RecordLevel.PROJECT):
                arrange_inside(record, categories, session)
    audit.record(
        session, actor, "record.arranged", fonds_subject(records),
        audit.Act(each=[each.id for each in records]),
        records=len(records), **found,
    )  # fmt: skip
    return records


def _may_be_arranged(record: Record) -> None:
    if record.state in DRAFT_STATES:
        return
    raise WrongState(
        f"《{short(record.title)}》现为“{RECORD.label(record.state)}”，档号已定，不能再改门类、年度和期限。",
        "归错类的，请用“改归他类”：原号留作空号，在正确的门类中取得新号。",
    )


def short(title: str) -> str:
    """A title for a sentence."""
    return title if len(title) <= 30 else title[:30] + "…"


def take_place(record: Record, categories: Categories) -> None:
    """Put a record at the end of the category that its values name, or back to 待整理."""
    values = values_of(record)
    complete = is_complete(values)
    record.state = RECORD.after("arrange", record.state) if complete else "collected"
    category = categories.of(values) if complete else None
    category_id = category.id if category else None
    if category_id != record.category_id:
        record.category_id = category_id
        record.number = None
        record.number_given = False
        record.position = categories.next_position(category_id) if category_id else 0
    record.code = None
    record.changed_at = now()


def arrange_inside(record: Record, categories: Categories, session: Session) -> None:
    """Carry a volume's values to its items; a project's class and number to its volumes."""
    volume = record.level == RecordLevel.VOLUME
    names = ["class_code", "subclass", "project_number", "catalogue_number"]
    names += ["year", "retention", "organ", "organ_name"] if volume else []
    for child in _content(record, session):
        for name in names:
            setattr(child, name, getattr(record, name))
        take_place(child, categories)
        if not volume:
            arrange_inside(child, categories, session)


def with_content(records: Iterable[Record], session: Session) -> list[Record]:
    """The records, each with the drafts that are inside it, at any depth; none twice."""
    found: dict[str, Record] = {}
    for record in records:
        found[record.id] = record
        if record.level in (RecordLevel.VOLUME, RecordLevel.PROJECT):
            found.update(
                (each.id, each) for each in with_content(_content(record, session), session)
            )
    return list(found.values())


def _content(record: Record, session: Session) -> list[Record]:
    return list(
        session.scalars(
            select(Record)
            .where(Record.parent_id == record.id, Record.state.in_(DRAFT_STATES))
            .order_by(Record.position, Record.id)
        )
    )


def reorder(actor: Actor, record_ids: Sequence[str], *, session: Session) -> list[Record]:
    """Give records of one category, in the order named, the places that they hold together.

    Names all records of a category to order it whole, or some of them to exchange their places.
    """
    records = records_to_change(actor, record_ids, session=session)
    category_id = _one_category(records)
    places = sorted(record.position for record in records)
    if len(set(places)) < len(places):
        _number_places(category_id, session)
        places = sorted(record.position for record in records)
    with undoable(actor, "调整顺序", records, session=session):
        for record, place in zip(records, places, strict=True):
            record.position = place
    _follow(records, session)
    audit.record(
        session, actor, "category.reordered", f"category:{category_id}",
        audit.Act(each=[each.id for each in records]), records=len(records),
    )  # fmt: skip
    return records


def move(actor: Actor, record: Record, to: int, *, session: Session) -> int:
    """Move one record to the place `to` (from 1) of its category; returns where it ended up."""
    records_to_change(actor, [record.id], session=session)
    category_id = _one_category([record])
    found = _in_order(category_id, session)
    place = min(max(1, to), len(found))
    others = [each for each in found if each.id != record.id]
    others.insert(place - 1, record)
    with undoable(actor, f"移动《{short(record.title)}》", found, session=session):
        for position, each in enumerate(others, 1):
            if each.position != position:
                each.position = position
    _follow([record], session)
    audit.record(session, actor, "record.moved", record, to=place)
    return place


def sort_category(actor: Actor, category_id: str, *, session: Session) -> int:
    """Order a category by date, then document number, then title (按时间结合事由)."""
    records = _in_order(category_id, session)
    if not records or not all(sees(actor, each) for each in records):
        raise NotFound("这一类目没有可排序的文件。", "请刷新后重试。")
    records_to_change(actor, [record.id for record in records], session=session)
    records.sort(key=_by_date)
    with undoable(actor, "按日期排列", records, session=session):
        for position, record in enumerate(records, 1):
            record.position = position
    _follow(records, session)
    audit.record(
        session, actor, "category.sorted", f"category:{category_id}",
        audit.Act(each=[each.id for each in records]), records=len(records),
    )  # fmt: skip
    return len(records)


def _by_date(record: Record) -> tuple[Any, ...]:
    return (record.date or "9999", doc_no_key(record.doc_no), record.title, record.id)


def in_category(category_id: str, *, session: Session) -> list[Record]:
    """What is being arranged in a category, in its order."""
    return _in_order(category_id, session)


def category_of(category_id: str, *, session: Session) -> Category:
    """One category. Raises NotFound."""
    category = session.get(Category, category_id)
    if category is None:
        raise NotFound("没有这个类目。", "请回到归档列表重新选择。")
    return category


def _in_order(category_id: str, session: Session) -> list[Record]:
    return list(
        session.scalars(
            select(Record)
            .where(Record.category_id == category_id, Record.state == "arranging")
            .order_by(Record.position, Record.id)
        )
    )


def _number_places(category_id: str, session: Session) -> None:
    for position, record in enumerate(_in_order(category_id, session), 1):
        record.position = position
    session.flush()


def _one_category(records: Sequence[Record]) -> str:
    for record in records:
        _may_be_arranged(record)
    found = {record.category_id for record in records}
    category_id = found.pop() if len(found) == 1 else None
    if category_id is None:
        raise Invalid(
            "order",
            "只能在同一类目（门类、年度、期限、机构相同）之内调整顺序。",
            "请先按类目筛选；还没有设定年度和期限的，请先设定。",
        )
    return category_id


def _follow(records: Sequence[Record], session: Session) -> None:
    """Let draft numbers follow a new order, where there are any."""
    session.flush()
    record = records[0]
    drafted = session.scalar(
        select(Record.id)
        .where(Record.category_id == record.category_id, Record.number.is_not(None))
        .where(Record.state == "arranging")
        .limit(1)
    )
    if drafted and record.year is not None:
        fonds = fonds_of(record.fonds_id, session)
        plan = plan_numbers(fonds, record.class_code, record.year, session=session)
        write_numbers(plan.rows, session=session)
