"""Closing the class of a year 定号: a named person freezes its numbers, in one transaction.

Afterwards a late find takes the next number, and a removed record leaves a void one with its
reason: no number is ever skipped or given twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from node.filing.access import Within, require_clerk, within
from node.filing.categories import closed_class
from node.filing.history import note_events, tell
from node.filing.models import Category, ClosedClass, Record
from node.filing.numbering import Plan, code_for, plan_numbers, write_numbers
from node.office.service import require_grant
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import NotAllowed, WrongState
from shared.kernel.identifiers import new_id
from shared.records.classes import class_name
from shared.records.fonds import Fonds
from shared.records.record import VOID_TITLE, RecordLevel

_TABLE = cast(Table, Record.__table__)


@dataclass
class Preview:
    """What closing would freeze, and what stands in its way."""

    fonds: Fonds
    class_code: str
    year: int
    plan: Plan
    incomplete: int
    hindrances: list[str] = field(default_factory=list)

    @property
    def gaps(self) -> int:
        """Numbers that nothing has, below numbers that came with records."""
        return sum(len(numbers) for numbers in self.plan.missing.values())

    def spans(self) -> list[tuple[Category, int, int, int]]:
        """Category by category: how many records, the first number, the last."""
        numbers: dict[str, list[int]] = {}
        for row in self.plan.rows:
            if row.category_id is not None and row.number is not None:
                numbers.setdefault(row.category_id, []).append(row.number)
        return [
            (self.plan.categories[each], len(found), min(found), max(found))
            for each, found in numbers.items()
        ]


def preview_closing(
    actor: Actor, fonds_id: str, class_code: str, year: int, *, session: Session
) -> Preview:
    """What `close_class` would freeze now; writes nothing."""
    fonds = require_clerk(actor, fonds_id, class_code, session=session)
    return _preview(fonds, class_code, year, session)


def _preview(fonds: Fonds, class_code: str, year: int, session: Session) -> Preview:
    plan = plan_numbers(fonds, class_code, year, session=session)
    incomplete = session.scalar(
        select(func.count())
        .select_from(Record)
        .where(Record.fonds_id == fonds.id, Record.class_code == class_code)
        .where(Record.state == "collected", (Record.year == year) | Record.year.is_(None))
    )
    preview = Preview(fonds, class_code, year, plan, incomplete or 0)
    said = preview.hindrances
    if fonds.number is None:
        said.append("本全宗还没有全宗号，不能形成档号；请先向档案馆申请全宗号。")
    undated = [row for row in plan.rows if row.date is None]
    if undated:
        names = "、".join(f"《{row.title[:20]}》" for row in undated[:3])
        said.append(f"有 {len(undated)} 件没有日期（{names}等）；请先补上日期。")
    if plan.problems:
        said.append(f"有 {len(plan.problems)} 件的档号不能形成：{plan.problems[0][1]}")
    if not plan.rows:
        said.append("该门类该年度没有整理好的文件；请先设定门类、年度和保管期限。")
    empty = _empty_volumes(plan, session)
    if empty:
        said.append(f"有 {empty} 个案卷是空的；请放入文件，或删去空案卷。")
    return preview


def _empty_volumes(plan: Plan, session: Session) -> int:
    filled = {row.parent_id for row in plan.rows}
    volumes = [row.id for row in plan.rows if row.level == RecordLevel.VOLUME]
    return sum(volume not in filled for volume in volumes)


def close_class(
    actor: Actor,
    fonds_id: str,
    class_code: str,
    year: int,
    *,
    gap_reason: str | None = None,
    session: Session,
) -> ClosedClass:
    """Close the class of a year 定号: freeze the numbers of all its categories, for good.

    Everything that is being arranged there becomes filed, gets an event 归档 and its first told
    version. Gaps below numbers that came with records need a reason, and become void numbers.
    Raises NotAllowed for anything but a person, WrongState when it is closed already or something
    stands in the way.
    """
    fonds = require_clerk(actor, fonds_id, class_code, session=session)
    if actor.system:
        raise NotAllowed("定号须由具名的档案员办理。", "请用本人账号登录后再定号。")
    require_grant(session)
    if closed := closed_class(fonds_id, class_code, year, session=session):
        raise WrongState(
            f"{year}年度{class_name(class_code)}已由{closed.closed_by}定号。",
            "补充的文件请用“补充归档”，取得下一个件号。",
            code="class_closed",
        )
    preview = _preview(fonds, class_code, year, session)
    if preview.hindrances:
        raise WrongState(f"暂不能定号：{preview.hindrances[0]}", "处理后再定号。")
    if preview.gaps and not gap_reason:
        first = [n for numbers in preview.plan.missing.values() for n in numbers][:5]
        raise WrongState(
            f"件号不连续，缺 {preview.gaps} 个号（{'、'.join(map(str, first))}等）。",
            "请重新编号，或写明断号原因，断号将作为空号保留。",
            code="number_gaps",
        )
    ids = _freeze(actor, preview, gap_reason, session)
    closed = ClosedClass(
        fonds_id=fonds_id, class_code=class_code, year=year, closed_at=now(),
        closed_by=actor.name, closed_by_id=actor.id, records=len(ids),
    )  # fmt: skip
    session.add(closed)
    audit.record(
        session, actor, "class.class_closed", f"fonds:{fonds_id}", audit.Act(each=ids),
        class_code=class_code, year=year, records=len(ids), void=preview.gaps,
    )  # fmt: skip
    tell(ids, session=session)
    return closed


def _freeze(actor: Actor, preview: Preview, gap_reason: str | None, session: Session) -> list[str]:
    """Make everything in the plan filed; returns the ids in the order of their codes."""
    rows = preview.plan.rows
    moment = now()
    write_numbers(rows, session=session)
    session.connection().execute(
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("row_id"))
        .values(state="filed", version=_TABLE.c.version + 1, changed_at=moment),
        [{"row_id": row.id} for row in rows],
    )
    note_events((row.id for row in rows), "归档", actor, session=session, time=moment)
    voids = _void_gaps(actor, preview, gap_reason, session)
    for category, _count, _first, last in preview.spans():
        category.highest = max(category.highest, last)
        category.closed_at = moment
        category.closed_by = actor.name
    session.flush()
    session.expire_all()
    return [row.id for row in rows] + voids


def _void_gaps(actor: Actor, preview: Preview, reason: str | None, session: Session) -> list[str]:
    made: list[dict[str, Any]] = []
    for category_id, numbers in preview.plan.missing.items():
        like = session.scalar(
            select(Record)
            .where(Record.category_id == category_id, Record.state == "filed")
            .limit(1)
        )
        if like is None:  # pragma: no cover - a category with gaps has records
            continue
        for number in numbers:
            made.append(_void_like(like, number, str(reason), actor, preview.fonds))
    if made:
        session.execute(insert(Record), made)
        note_events((each["id"] for each in made), "作废", actor, session=session, basis=reason)
    return [each["id"] for each in made]


def _void_like(
    like: Record, number: int, reason: str, actor: Actor, fonds: Fonds
) -> dict[str, Any]:
    names = (
        *("fonds_id", "level", "parent_id", "class_code", "subclass", "year", "retention"),
        *("organ", "organ_name", "project_number", "catalogue_number", "volume_number"),
        *("category_id", "holding"),
    )
    values: dict[str, Any] = {name: getattr(like, name) for name in names}
    values |= {"id": new_id(), "number": number, "state": "void", "version": 1}
    values |= {"title": VOID_TITLE, "void_reason": reason, "former_codes": []}
    values |= {"created_by": actor.name, "created_at": now(), "changed_at": now()}
    values["code"] = code_for(fonds, values)
    return values


def is_closed(fonds_id: str, class_code: str, year: int, *, session: Session) -> bool:
    """Whether the class of a year is closed, so that what comes late takes its number at once."""
    return closed_class(fonds_id, class_code, year, session=session) is not None


def closed_classes(seen: Within, *, session: Session) -> list[ClosedClass]:
    """The classes of years that were closed."""
    return list(session.scalars(closed_listing(seen)))


def closed_listing(seen: Within) -> Select[ClosedClass]:
    """The classes of years that were closed, as a statement to page through."""
    return select(ClosedClass).where(within(seen, ClosedClass))


def open_classes(seen: Within, *, session: Session) -> list[tuple[str, str, int, int]]:
    """What waits to be closed: fonds, class, year, and how many records are being arranged."""
    rows = session.execute(
        select(Record.fonds_id, Record.class_code, Record.year, func.count())
        .where(within(seen), Record.state == "arranging")
        .group_by(Record.fonds_id, Record.class_code, Record.year)
        .order_by(Record.fonds_id, Record.class_code, Record.year)
    )
    return [(fonds, code, year or 0, count) for fonds, code, year, count in rows]
