"""Looking into the catalogue: filters, search, sorting, under the rule of sight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal_column, not_, or_, select
from sqlalchemy.orm import Session, undefer

from hub.catalogue import text
from hub.catalogue.models import CatalogueRecord
from hub.catalogue.tally import tallied
from hub.federation import service as federation
from hub.federation.visibility import Sight, counted_for, seen_fully, seen_masked, sight
from shared.kernel.actor import Actor
from shared.kernel.errors import Invalid, NotFound

#: Beyond this many a list says "more than"; counting ten million rows helps nobody.
COUNT_LIMIT = 10_000
MASKED_TITLE = "（题名未公开）"
LARGEST_PAGE = 200
_CHUNK = 500

#: What a masked record does not show: whatever could name its matter.
_HIDDEN = (
    "title",
    "doc_no",
    "author",
    "remark",
    "opening",
    "publicity",
    "security_change",
    "void_reason",
    "location",
)

#: By title nothing is sorted: the order would tell of titles that are masked.
SORTS = {
    "code": CatalogueRecord.code_key,
    "year": CatalogueRecord.year,
    "date": CatalogueRecord.date,
    "updated": CatalogueRecord.updated_at,
    "arrived": CatalogueRecord.row,
}


def sorts_for(actor: Actor, session: Session) -> dict[str, Any]:
    """`SORTS` for this actor's lists.

    An engine that walks an index of everybody's records for the first fifty of one unit may have
    to walk to its end. So whoever sees a few fonds sorts by an expression that no index has: the
    engine begins from these, while they hold no more than a list counts anyway.
    """
    own_fonds = {grant.fonds_id for grant in actor.grants}
    if actor.system or None in own_fonds:
        return dict(SORTS)
    (held,) = tallied(session, fonds_ids=sorted(filter(None, own_fonds)), by=())
    if (held["records"] or 0) > COUNT_LIMIT:
        return dict(SORTS)
    own = {name: func.coalesce(column, column) for name, column in SORTS.items()}
    # What a search finds comes by row, and stops as soon as a page is full.
    return {**own, "arrived": SORTS["arrived"]}


def default_sort(query: str) -> str:
    """In what order a list stands by itself; what a search finds comes newest first.

    Any other order has to look at all that was found, which for a frequent word is very much.
    """
    return "-arrived" if query.strip() else "code"


@dataclass(frozen=True)
class Filters:
    """What a list of the catalogue is narrowed to; None and what is empty narrow nothing.

    `records` are the only ones, by id.
    """

    text: str = ""
    division: str | None = None
    archive: str | None = None
    fonds: str | None = None
    year: int | None = None
    class_code: str | None = None
    retention: str | None = None
    state: str | None = None
    level: str | None = None
    parent: str | None = None
    records: tuple[str, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Whether anything is narrowed."""
        return any(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Row:
    """A line of a list: what the actor may see of a record, and nothing else."""

    id: str
    code: str | None
    title: str
    doc_no: str | None
    date: str | None
    fonds_id: str
    class_code: str
    subclass: str | None
    year: int
    retention: str
    level: str
    state: str
    security: str
    holding: str
    archive: str | None
    sight: Sight


@dataclass(frozen=True)
class Found:
    """A page of a list: its rows, and how many there are (at most `COUNT_LIMIT` are counted)."""

    rows: list[Row]
    total: int
    more: bool


@dataclass(frozen=True)
class Look:
    """A record as one actor sees it; `wire` is masked where it has to be."""

    record: CatalogueRecord
    wire: dict[str, Any]
    sight: Sight


def search(
    actor: Actor,
    filters: Filters,
    *,
    session: Session,
    sort: str | None = None,
    descending: bool = False,
    offset: int = 0,
    limit: int = 50,
) -> Found:
    """The records that the actor may see and the filters let through, one page of them.

    A title is searched only where it may be seen: what is masked is found by its code.
    """
    if sort is None:
        wanted = default_sort(filters.text)
        sort, descending = wanted.removeprefix("-"), wanted.startswith("-")
    if sort not in SORTS:
        raise Invalid("sort", f"不能按“{sort}”排序。", "请选择档号、年度、日期或更新时间。")
    statement = visible(actor).where(*narrowing(filters, session))
    if filters.text.strip():
        statement = containing(actor, statement, filters.text)
    counted = statement.with_only_columns(CatalogueRecord.row).limit(COUNT_LIMIT + 1).subquery()
    total = session.scalar(select(func.count()).select_from(counted)) or 0
    ordered = statement.order_by(
        *(
            each.desc() if descending else each.asc()
            for each in (sorts_for(actor, session)[sort], CatalogueRecord.row)
        )
    )
    records = session.scalars(ordered.offset(offset).limit(min(limit, LARGEST_PAGE)))
    rows = [row_for(actor, record) for record in records]
    return Found(rows, min(total, COUNT_LIMIT), total > COUNT_LIMIT)


def visible(actor: Actor) -> Select[Any]:
    """The records of which the actor may see more than their number."""
    return select(CatalogueRecord).where(seen_masked(actor, CatalogueRecord))


def containing(actor: Actor, statement: Any, query: str) -> Any:
    """Those of the records that the query finds: by text only where the text may be seen."""
    by_code = text.code_begins(query)
    seen = seen_fully(actor, CatalogueRecord)
    if by_code is not None:
        seen = or_(seen, by_code)
    return statement.where(text.found_by(query), seen)


def seen_among(actor: Actor, record_ids: Iterable[str], *, session: Session) -> set[str]:
    """Which of these records the actor sees in full."""
    wanted, found = sorted(set(record_ids)), set[str]()
    for start in range(0, len(wanted), _CHUNK):
        some = CatalogueRecord.id.in_(wanted[start : start + _CHUNK])
        seen = select(CatalogueRecord.id).where(some, seen_fully(actor, CatalogueRecord))
        found.update(session.scalars(seen))
    return found


def kept_from(actor: Actor, record_id: Any) -> ColumnElement[bool]:
    """The condition that the record of this column is 内部 or 工作秘密 and not the actor's to know.

    Lists leave it out, as the numbers do.
    """
    return exists().where(
        CatalogueRecord.id == record_id, not_(counted_for(actor, CatalogueRecord))
    )


def look_at(actor: Actor, record_id: str, *, session: Session) -> Look:
    """A record as the actor sees it. Raises NotFound when only its number may be known."""
    record = session.scalar(_whole().where(CatalogueRecord.id == record_id))
    seen = sight(actor, record) if record is not None else Sight.COUNTS
    if record is None or seen is Sight.COUNTS:
        raise NotFound("没有这条目录，或您无权查看。", "请回到目录重新查找。")
    return Look(record, shown(record.wire, seen), seen)


def shown(wire: dict[str, Any], seen: Sight) -> dict[str, Any]:
    """What of a record's wire may be shown at this sight; never more."""
    if seen is Sight.FULL:
        return wire
    if seen is Sight.COUNTS:
        return {}
    masked = {
        **wire,
        **dict.fromkeys(_HIDDEN),
        "title": MASKED_TITLE,
        "documents": [],
        "events": [],
    }
    return {name: value for name, value in masked.items() if name in wire}


def counted(
    actor: Actor, filters: Filters, *, session: Session, by: tuple[str, ...] = ("year",)
) -> list[dict[str, Any]]:
    """How many records there are, grouped, as `counted_for` lets the actor know.

    `by` names columns of the tally: fonds_id, year, class_code, retention, state, level. A group
    of which the actor may know nothing is not there.
    """
    fonds_ids, columns = _fonds_ids(filters, session), _grouped(filters, by)
    rows = [(row, 1) for row in tallied(session, fonds_ids=fonds_ids, by=columns)]
    if not actor.system:
        rows += [(row, -1) for row in _left_out(actor, fonds_ids, columns, session)]
    groups: dict[tuple[Any, ...], int] = {}
    for row, sign in rows:
        if _passes(row, filters):
            key = tuple(row[name] for name in by)
            # A sum of no rows is NULL.
            groups[key] = groups.get(key, 0) + sign * (row["records"] or 0)
    return [
        {**dict(zip(by, key, strict=True)), "records": count}
        for key, count in sorted(groups.items())
        if count or not by
    ]


def years(actor: Actor, session: Session) -> list[int]:
    """The years of which the actor may know that there are records, the newest first."""
    rows = counted(actor, Filters(), session=session, by=("year",))
    return [row["year"] for row in reversed(rows)]


def _left_out(
    actor: Actor, fonds_ids: list[str] | None, by: tuple[str, ...], session: Session
) -> list[dict[str, Any]]:
    """How many records the tally counts and the actor may not know of."""
    columns = [getattr(CatalogueRecord, name) for name in by]
    query = select(*columns, func.count().label("records")).where(
        _INTERNAL, not_(counted_for(actor, CatalogueRecord))
    )
    if fonds_ids is not None:
        query = query.where(CatalogueRecord.fonds_id.in_(fonds_ids))
    return [dict(row._mapping) for row in session.execute(query.group_by(*columns))]


def _whole() -> Select[Any]:
    return select(CatalogueRecord).options(undefer(CatalogueRecord.wire))


#: As the partial index says it; a bound value would not be recognised there.
_INTERNAL = CatalogueRecord.security != literal_column("'none'")

_TALLIED = ("year", "class_code", "retention", "state", "level")


def _grouped(filters: Filters, by: tuple[str, ...]) -> tuple[str, ...]:
    asked = (name for name in _TALLIED if getattr(filters, name) and name not in by)
    return (*by, *asked)


def _passes(row: dict[str, Any], filters: Filters) -> bool:
    return all(row[name] == getattr(filters, name) for name in _TALLIED if getattr(filters, name))


def _fonds_ids(filters: Filters, session: Session) -> list[str] | None:
    if filters.fonds:
        return [filters.fonds]
    if not (filters.division or filters.archive):
        return None
    many = federation.all_fonds(session, division=filters.division, archive=filters.archive)
    return [fonds.id for fonds in many]


def narrowing(filters: Filters, session: Session) -> list[ColumnElement[bool]]:
    """The filters as conditions, but for the text."""
    conditions: list[ColumnElement[bool]] = []
    if filters.division:
        # By fonds, of which there are few, so that the index on fonds and year serves.
        below = federation.all_fonds(session, division=filters.division)
        conditions.append(CatalogueRecord.fonds_id.in_([fonds.id for fonds in below]))
    if filters.archive:
        conditions.append(
            or_(
                CatalogueRecord.receiving_archive == filters.archive,
                CatalogueRecord.reviewing_archive == filters.archive,
            )
        )
    for column, value in (
        (CatalogueRecord.fonds_id, filters.fonds),
        (CatalogueRecord.year, filters.year),
        (CatalogueRecord.class_code, filters.class_code),
        (CatalogueRecord.retention, filters.retention),
        (CatalogueRecord.state, filters.state),
        (CatalogueRecord.level, filters.level),
        (CatalogueRecord.parent_id, filters.parent),
    ):
        if value:
            conditions.append(column == value)
    if filters.records:
        conditions.append(CatalogueRecord.id.in_(filters.records))
    return conditions


def row_for(actor: Actor, record: CatalogueRecord) -> Row:
    """The line of a list for a record, as the actor may see it."""
    seen = sight(actor, record)
    full = seen is Sight.FULL
    return Row(
        id=record.id,
        code=record.code,
        title=record.title if full else MASKED_TITLE,
        doc_no=record.doc_no if full else None,
        date=record.date,
        fonds_id=record.fonds_id,
        class_code=record.class_code,
        subclass=record.subclass,
        year=record.year,
        retention=record.retention,
        level=record.level,
        state=record.state,
        security=record.security,
        holding=record.holding,
        archive=record.archive,
        sight=seen,
    )
