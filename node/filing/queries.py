"""Looking into filing: the list with its filters, counts for the desk, parts of a record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from node.filing.access import Within, within
from node.filing.models import Category, ComputerFile, Event, Objection, Record
from node.filing.wire import chunked
from node.office.models import OfficeFonds, Standing


@dataclass(frozen=True)
class Filter:
    """What the list shows; None leaves a field open."""

    fonds_id: str | None = None
    class_code: str | None = None
    year: int | None = None
    retention: str | None = None
    organ: str | None = None
    state: str | None = None
    level: str | None = None
    parent_id: str | None = None
    category_id: str | None = None
    objected: bool = False
    text: str | None = None


_EQUAL = (
    *("fonds_id", "class_code", "year", "retention", "organ", "state", "level"),
    *("parent_id", "category_id"),
)


def listing(wanted: Filter, seen: Within) -> Select[Record]:
    """The records that fit, within what may be seen; unordered."""
    query = select(Record).where(within(seen))
    for name in _EQUAL:
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(Record, name) == value)
    if wanted.objected:
        query = query.where(
            Record.id.in_(
                select(Objection.record_id).where(
                    Objection.settled_at.is_(None), Objection.record_id.is_not(None)
                )
            )
        )
    for word in (wanted.text or "").split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where(
            or_(
                *(
                    column.like(pattern, escape="\\")
                    for column in (Record.title, Record.code, Record.doc_no, Record.author)
                )
            )
        )
    return query


def counts_by_state(seen: Within, *, session: Session) -> dict[str, int]:
    """How many records are in each state."""
    rows = session.execute(
        select(Record.state, func.count()).where(within(seen)).group_by(Record.state)
    )
    return {row[0]: row[1] for row in rows}


def open_objection_counts(seen: Within, *, session: Session) -> dict[str, int]:
    """How many records have something said about them, by who said it (returned, refused)."""
    rows = session.execute(
        select(Objection.source, func.count(func.distinct(Objection.record_id)))
        .join(Record, Record.id == Objection.record_id)
        .where(Objection.settled_at.is_(None), within(seen))
        .group_by(Objection.source)
    )
    return {row[0]: row[1] for row in rows}


def objected(record_ids: Collection[str], *, session: Session) -> set[str]:
    """Which of these records have something said about them that is not settled."""
    return {
        str(record_id)
        for record_id in session.scalars(
            select(Objection.record_id)
            .where(Objection.record_id.in_(record_ids), Objection.settled_at.is_(None))
            .distinct()
        )
    }


def objected_by(source: str, *conditions: Any) -> Select[Any]:
    """The ids of records with an objection of this source that fits, as a subquery."""
    return select(Objection.record_id).where(
        Objection.source == source, Objection.record_id.is_not(None), *conditions
    )


def refusals_open() -> Any:
    """How much the hub did not take of records, not dealt with yet, as a scalar subquery.

    In a fonds that is written elsewhere nobody here can deal with it.
    """
    return (
        select(func.count())
        .select_from(Objection)
        .join(Record, Record.id == Objection.record_id)
        .join(OfficeFonds, OfficeFonds.fonds_id == Record.fonds_id)
        .where(Objection.source == "refused", Objection.settled_at.is_(None))
        .where(OfficeFonds.kept, OfficeFonds.standing == Standing.OPEN)
        .scalar_subquery()
    )


def distinct_values(column: str, seen: Within, *, session: Session) -> list[Any]:
    """The values that a column has, for a filter's choices."""
    found = getattr(Record, column)
    return [
        value
        for value in session.scalars(select(found).where(within(seen)).distinct().order_by(found))
        if value is not None
    ]


def organs(seen: Within, *, session: Session) -> dict[str, str]:
    """The organ codes in use with their latest name."""
    rows = session.execute(
        select(Record.organ, func.max(Record.organ_name))
        .where(within(seen), Record.organ.is_not(None))
        .group_by(Record.organ)
        .order_by(Record.organ)
    )
    return {str(code): name or str(code) for code, name in rows}


def categories(
    seen: Within, *, state: str | None = None, session: Session
) -> list[tuple[Category, int]]:
    """The categories that hold records, with how many."""
    query = (
        select(Category, func.count(Record.id))
        .join(Record, Record.category_id == Category.id)
        .where(within(seen))
        .group_by(Category.id)
        .order_by(
            Category.fonds_id,
            Category.year.desc(),
            Category.class_code,
            Category.retention,
            Category.organ,
        )
    )
    if state is not None:
        query = query.where(Record.state == state)
    return [(category, count) for category, count in session.execute(query)]


def history_listing(record_id: str) -> Select[Event]:
    """What happened to a record; unordered."""
    return select(Event).where(Event.record_id == record_id)


def inside(record_id: str, *, session: Session) -> list[Record]:
    """The items of a volume, or the volumes of a project, in their order."""
    return list(
        session.scalars(
            select(Record)
            .where(Record.parent_id == record_id)
            .order_by(Record.number.is_(None), Record.number, Record.position, Record.id)
        )
    )


def ids_in(fonds_id: str, *, session: Session) -> Sequence[str]:
    """The ids of all records of a fonds, whatever their state."""
    return session.scalars(select(Record.id).where(Record.fonds_id == fonds_id)).all()


def content_totals(record_ids: Sequence[str], *, session: Session) -> dict[str, int]:
    """How many computer files these records have, and how many bytes."""
    totals = {"files": 0, "bytes": 0}
    for some in chunked(record_ids):
        files, size = session.execute(
            select(func.count(), func.coalesce(func.sum(ComputerFile.size), 0)).where(
                ComputerFile.record_id.in_(some)
            )
        ).one()
        totals = {"files": totals["files"] + files, "bytes": totals["bytes"] + size}
    return totals


def referenced_digests(session: Session) -> Iterator[str]:
    """The digests of all computer files that a record has."""
    yield from session.scalars(select(ComputerFile.sha256).distinct())
