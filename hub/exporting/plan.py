"""What is exported: a selection of received records, in which form, for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord, archive_custody
from hub.catalogue.query import Filters, containing, narrowing
from hub.exporting.forms import FORMS, OCFL
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import parse_utc
from shared.kernel.errors import Invalid
from shared.kernel.reach import within_reach
from shared.packaging.exchange import About
from shared.records import archival_code

#: So many can be named one by one.
MOST_NAMED = 10_000
#: So many ids are in memory at once, of however many records.
_AT_ONCE = 10_000


@dataclass(frozen=True)
class Plan:
    """An export: everything that decides what is in it. Travels as JSON.

    Attributes:
        export_id: its id; one event of the audit bears it.
        hub_id: the hub that it comes from.
        form: one of `FORMS`.
        filters: which records, as the catalogue filters.
        by: who exports, for people.
        begun_at: RFC 3339; what was received later is not in it.
        about: what the description files of a form with many records say.
        tree_bytes: how much goes into one tree of such a form.
    """

    export_id: str
    hub_id: str
    form: str
    filters: Filters
    by: str
    begun_at: str
    about: About = field(default_factory=About)
    tree_bytes: int = 4_000_000_000

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole repository, of an archive or of all, not some of its records."""
        return self.form == OCFL and not narrowed_to(self.filters).keys() - {"archive"}

    def to_wire(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "filters": narrowed_to(self.filters),
            "about": {key: value for key, value in asdict(self.about).items() if value},
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Plan:
        """The plan that `to_wire` gave."""
        filters = {**wire["filters"]}
        if "records" in filters:
            filters["records"] = tuple(filters["records"])
        return cls(**{**wire, "filters": Filters(**filters), "about": About(**wire["about"])})


def narrowed_to(filters: Filters) -> dict[str, Any]:
    """What the filters narrow to, and nothing else, as plain values."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(filters).items()
        if value
    }


def selected(actor: Actor, filters: Filters, *, session: Session) -> Select[Any]:
    """The received records that the actor's archives keep and the filters let through."""
    query = select(CatalogueRecord).where(
        CatalogueRecord.received.is_(True),
        CatalogueRecord.state != "disposed",
        within_reach(
            actor,
            (Role.ARCHIVIST,),
            CatalogueRecord.fonds_id,
            CatalogueRecord.receiving_archive,
            class_code=CatalogueRecord.class_code,
            opening=CatalogueRecord.opening,
        ),
        *narrowing(filters, session),
    )
    if filters.archive:
        query = query.where(CatalogueRecord.custody == archive_custody(filters.archive))
    if filters.text.strip():
        query = containing(actor, query, filters.text)
    return query


def many_selected(actor: Actor, filters: Filters, *, session: Session) -> audit.Many:
    """The ids of these records, as an event names them."""
    query = selected(actor, filters, session=session).with_only_columns(CatalogueRecord.id)
    ids = session.scalars(query.order_by(CatalogueRecord.id).execution_options(yield_per=_AT_ONCE))
    return audit.Many.in_order(ids)


def count_selected(actor: Actor, filters: Filters, *, session: Session) -> int:
    """How many records that is."""
    query = selected(actor, filters, session=session).with_only_columns(CatalogueRecord.row)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def next_selected(
    actor: Actor, plan: Plan, row: int, limit: int, *, session: Session
) -> list[CatalogueRecord]:
    """The records after a row, in the order in which the catalogue got them."""
    query = selected(actor, plan.filters, session=session).where(CatalogueRecord.row > row)
    return list(session.scalars(query.order_by(CatalogueRecord.row).limit(limit)))


def began(plan: Plan) -> Any:
    """When it began."""
    return parse_utc(plan.begun_at)


def require_form(form: str) -> str:
    """The form, if there is one of this name. Raises Invalid."""
    if form not in FORMS:
        raise Invalid(
            "form",
            f"没有“{form}”这种形式。",
            f"可用：{'、'.join(FORMS)}。",
            code="unknown_export_form",
        )
    return form


def ids_of(actor: Actor, names: Iterable[str], *, session: Session) -> tuple[str, ...]:
    """The received records that somebody names by archival code or id.

    Raises Invalid for names of nothing that the actor may export, and for too many.
    """
    wanted = {name.strip().removeprefix("urn:uuid:") for name in names} - {""}
    if len(wanted) > MOST_NAMED:
        raise Invalid(
            "list", f"一次最多点名 {MOST_NAMED} 件。", "请分几次导出，或改用年度、门类等条件。"
        )
    keys = {archival_code.normalise(name) or name: name for name in wanted}
    found: set[str] = set()
    known: set[str] = set()
    ordered = sorted(keys)
    for start in range(0, len(ordered), 500):
        some = ordered[start : start + 500]
        rows = session.execute(
            selected(actor, Filters(), session=session)
            .with_only_columns(CatalogueRecord.id, CatalogueRecord.code_key)
            .where(
                or_(
                    CatalogueRecord.id.in_([keys[key] for key in some]),
                    CatalogueRecord.code_key.in_(some),
                )
            )
        )
        for record_id, key in rows:
            found.add(record_id)
            known |= {record_id, keys.get(key or "", "")}
    if missing := sorted(wanted - known):
        some_of_them = "、".join(missing[:5]) + ("……" if len(missing) > 5 else "")
        raise Invalid(
            "list",
            f"有 {len(missing)} 个档号或编号不在可以导出的馆藏里：{some_of_them}",
            "请核对档号，或确认是否已完成接收。",
            code="not_kept",
        )
    return tuple(sorted(found))
