"""Draft numbers: planned category by category, freely rearranged, until the class is closed.

A plan is what the numbers would be; it writes nothing, so pages show it before anything happens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from node.filing.access import require_clerk
from node.filing.models import Category, Record
from node.filing.wire import chunked
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.errors import Conflict, Invalid
from shared.records import record as records
from shared.records.archival_code import build
from shared.records.fonds import Fonds
from shared.records.numbering import Gap, gaps
from shared.records.record import RecordLevel
from shared.records.record_code import code_of

_DRAFT = "arranging"
_TABLE = cast(Table, Record.__table__)


@dataclass
class Planned:
    """One record with the number and code that it would have."""

    id: str
    level: str
    title: str
    category_id: str | None
    parent_id: str | None
    was: tuple[int | None, str | None, int | None]
    state: str
    year: int
    date: str | None
    number: int | None = None
    code: str | None = None
    volume_number: int | None = None

    @property
    def moved(self) -> bool:
        """Whether number or code differ from what the row has now."""
        return self.was != (self.number, self.code, self.volume_number)


@dataclass
class Plan:
    """What closing the class of a year would freeze, or drafting would write."""

    rows: list[Planned] = field(default_factory=list)
    missing: dict[str, list[int]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    categories: dict[str, Category] = field(default_factory=dict)


def plan_numbers(
    fonds: Fonds, class_code: str, year: int, *, keep_given: bool = True, session: Session
) -> Plan:
    """Numbers for everything that is being arranged in the class of a year.

    Within a category records take the numbers after the last final one, in their order; numbers
    that came with a record stay (unless `keep_given` is False), and the others fill what is free.
    """
    session.flush()
    plan = Plan()
    columns = Record.__table__.columns
    wanted = (
        select(*columns)
        .where(Record.fonds_id == fonds.id, Record.class_code == class_code)
        .where(Record.year == year, Record.state == _DRAFT)
        .order_by(Record.position, Record.id)
    )
    by_category: dict[str | None, list[Any]] = defaultdict(list)
    for row in session.execute(wanted).mappings():
        by_category[row["category_id"]].append(row)
    planner = _Planner(plan, fonds, keep_given, session)
    for level in (RecordLevel.PROJECT, RecordLevel.RECORD, RecordLevel.VOLUME, RecordLevel.ITEM):
        for category_id, rows in by_category.items():
            if rows[0]["level"] == level:
                planner.add(category_id, rows)
    return plan


@dataclass
class _Planner:
    """Plans category by category; volumes before their items, whose codes name the volume."""

    plan: Plan
    fonds: Fonds
    keep_given: bool
    session: Session
    volumes: dict[str, int] = field(default_factory=dict)

    def add(self, category_id: str | None, rows: Sequence[Any]) -> None:
        if category_id is None:
            self.plan.rows += [self._planned(row, None) for row in rows]
            return
        category = self.session.get_one(Category, category_id)
        self.plan.categories[category_id] = category
        start = category.highest + 1
        given = {row["number"] for row in rows if self.keep_given and row["number_given"]}
        most = start + len(rows) + len(given)
        free = (number for number in range(start, most) if number not in given)
        numbers: list[tuple[int, str]] = []
        for row in rows:
            kept = self.keep_given and row["number_given"]
            number = row["number"] if kept else next(free)
            numbers.append((number, row["state"]))
            self.plan.rows.append(self._planned(row, number))
        for gap in gaps(numbers, start):
            if gap.kind == "missing":
                self.plan.missing.setdefault(category_id, []).append(gap.number)
            else:
                self.plan.problems.append((rows[0]["id"], gap.problem))

    def _planned(self, row: Any, number: int | None) -> Planned:
        planned = Planned(
            id=row["id"],
            level=row["level"],
            title=row["title"],
            category_id=row["category_id"],
            parent_id=row["parent_id"],
            was=(row["number"], row["code"], row["volume_number"]),
            state=row["state"],
            year=row["year"],
            date=row["date"],
            number=number,
        )
        if planned.level == RecordLevel.VOLUME and number is not None:
            self.volumes[planned.id] = number
        if planned.level == RecordLevel.ITEM:
            planned.volume_number = self.volumes.get(row["parent_id"]) or row["volume_number"]
        values = {**row, "number": number, "volume_number": planned.volume_number}
        try:
            planned.code = code_for(self.fonds, values)
        except Invalid as error:
            self.plan.problems.append((planned.id, f"{error.message}{error.remedy}"))
        return planned


def code_for(fonds: Fonds, values: Any) -> str | None:
    """The archival code of a record's values; None while fonds number or own number are missing.

    Raises Invalid when the parts make no readable code.
    """
    level, number = values["level"], values["number"]
    if fonds.number is None:
        return None
    volume_number = number if level == RecordLevel.VOLUME else values["volume_number"]
    if level != RecordLevel.PROJECT and number is None:
        return None
    if level == RecordLevel.ITEM and volume_number is None:
        return None
    parts = records.Record(
        id=values["id"],
        fonds_id=fonds.id,
        class_code=values["class_code"],
        year=values["year"],
        retention=values["retention"],
        title="",
        level=RecordLevel(level),
        parent_id=values["parent_id"],
        subclass=values["subclass"],
        organ=values["organ"],
        catalogue_number=values["catalogue_number"],
        project_number=values["project_number"],
        volume_number=volume_number,
        number=None if level == RecordLevel.VOLUME else number,
    )
    return build(code_of(parts, fonds.number))


def write_numbers(rows: Iterable[Planned], *, session: Session, **more: Any) -> int:
    """Write planned numbers and codes, with `more` columns, in bulk; says how many rows moved.

    Numbers that change are first given up, so that two records can exchange theirs.
    """
    table = _TABLE
    rows = list(rows)
    moved = [row.id for row in rows if row.moved]
    connection = session.connection()
    _give_up_other_years(rows, session)
    for some in chunked(moved):
        connection.execute(update(table).where(table.c.id.in_(some)).values(number=None, code=None))
    written = rows if more else [row for row in rows if row.moved]
    if written:
        connection.execute(
            update(table)
            .where(table.c.id == bindparam("row_id"))
            .values(
                number=bindparam("row_number"),
                code=bindparam("row_code"),
                volume_number=bindparam("row_volume"),
                **more,
            ),
            [
                {
                    "row_id": row.id,
                    "row_number": row.number,
                    "row_code": row.code,
                    "row_volume": row.volume_number,
                }
                for row in written
            ],
        )
    session.expire_all()
    return len(moved)


def _give_up_other_years(rows: Sequence[Planned], session: Session) -> None:
    """Volumes of a project are numbered across years: drafts of other years make room."""
    shared_ids = {row.category_id for row in rows if row.level == RecordLevel.VOLUME}
    mine = {row.id for row in rows}
    for category_id in shared_ids - {None}:
        others = [
            each
            for each in session.scalars(
                select(Record.id)
                .where(Record.category_id == category_id, Record.state == _DRAFT)
                .where(Record.number.is_not(None), Record.number_given.is_(False))
            )
            if each not in mine
        ]
        for some in chunked(others):
            for column in (Record.id, Record.parent_id):
                session.connection().execute(
                    update(_TABLE)
                    .where(column.in_(some), Record.state == _DRAFT)
                    .values(code=None, **({"number": None} if column is Record.id else {}))
                )


def free_drafted(category: Category, number: int, *, session: Session) -> None:
    """Let a draft give up the number that a final record takes. Raises Conflict for a final one."""
    holder = session.scalar(
        select(Record).where(Record.category_id == category.id, Record.number == number)
    )
    if holder is None:
        return
    if holder.state != _DRAFT:
        raise Conflict(
            f"件号 {number} 已被占用。", "请刷新后重试；如仍出现，请联系系统管理员检查编号。"
        )
    holder.number = holder.code = None
    session.flush()


def draft_numbers(
    actor: Actor,
    fonds_id: str,
    class_code: str,
    year: int,
    *,
    keep_given: bool = True,
    session: Session,
) -> Plan:
    """Write draft numbers for all that is being arranged in the class of a year.

    Drafts can be made anew at any time; nothing is told to the hub. With `keep_given` False also
    the numbers that came with records are given up.
    """
    fonds = require_clerk(actor, fonds_id, class_code, session=session)
    plan = plan_numbers(fonds, class_code, year, keep_given=keep_given, session=session)
    more = {} if keep_given else {"number_given": False}
    write_numbers(plan.rows, session=session, **more)
    moved = [each for each in plan.rows if each.moved]
    act = audit.Act(
        was={each.id: each.was for each in moved},
        became={each.id: (each.number, each.code, each.volume_number) for each in moved},
        each=[each.id for each in moved],
    )
    audit.record(
        session, actor, "class.numbers_drafted", f"fonds:{fonds_id}", act,
        class_code=class_code, year=year, records=len(plan.rows),
    )  # fmt: skip
    return plan


def clear_drafts(
    actor: Actor, fonds_id: str, class_code: str, year: int, *, session: Session
) -> int:
    """Take all draft numbers of the class of a year away again; says how many there were."""
    require_clerk(actor, fonds_id, class_code, session=session)
    session.flush()
    cleared = session.scalars(
        update(_TABLE)
        .where(Record.fonds_id == fonds_id, Record.class_code == class_code)
        .where(Record.year == year, Record.state == _DRAFT, Record.number_given.is_(False))
        .where(Record.number.is_not(None) | Record.code.is_not(None))
        .values(number=None, code=None)
        .returning(_TABLE.c.id)
    ).all()
    session.expire_all()
    audit.record(
        session, actor, "class.drafts_cleared", f"fonds:{fonds_id}", audit.Act(each=cleared),
        class_code=class_code, year=year, records=len(cleared),
    )  # fmt: skip
    return len(cleared)


@dataclass(frozen=True)
class CategoryGaps:
    """What the gap check found in one category."""

    category: Category
    gaps: list[Gap]


def check_gaps(
    fonds_id: str, class_code: str | None = None, year: int | None = None, *, session: Session
) -> list[CategoryGaps]:
    """Missing and repeated final numbers, by category; a void number fills its place.

    With a class or year only the categories that hold records of it are checked, each as a whole.
    """
    numbers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    held = select(Record.category_id).where(Record.fonds_id == fonds_id)
    if class_code is not None:
        held = held.where(Record.class_code == class_code)
    if year is not None:
        held = held.where(Record.year == year)
    rows = session.execute(
        select(Record.category_id, Record.number, Record.state)
        .where(Record.fonds_id == fonds_id, Record.category_id.is_not(None))
        .where(Record.number.is_not(None), Record.state != _DRAFT)
        .where(Record.category_id.in_(held))
    )
    for category_id, number, state in rows:
        numbers[str(category_id)].append((int(number or 0), state))
    found = []
    for category_id, given in numbers.items():
        category = session.get_one(Category, category_id)
        wrong = gaps(given)
        most = max(number for number, _state in given)
        wrong += [Gap("missing", each) for each in range(most + 1, category.highest + 1)]
        if wrong:
            found.append(CategoryGaps(category, wrong))
    return found
