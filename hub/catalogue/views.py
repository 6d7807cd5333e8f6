"""Pages of the catalogue 目录: the list, one record, and the counts that the reader may know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import (
    COUNT_LIMIT,
    Filters,
    containing,
    counted,
    default_sort,
    look_at,
    narrowing,
    row_for,
    sorts_for,
    visible,
    years,
)
from hub.catalogue.record_lists import files_in, history_in, parts_of
from hub.federation import service as federation
from hub.federation.models import Fonds
from hub.federation.visibility import Sight
from shared.identity import current_actor
from shared.kernel.actor import Actor
from shared.records.classes import class_name, load_classes
from shared.records.holdings import FILE_KIND_NAMES, HOLDING_NAMES
from shared.records.record import FIELD_NAMES, LEVEL_NAMES, OPENING_NAMES, PUBLICITY_NAMES
from shared.records.retention import retention_name, retention_periods
from shared.records.security import SECURITY_NAMES
from shared.records.states import RECORD
from shared.web import Filter, Listing, current_database

blueprint = Blueprint("catalogue", __name__, url_prefix="/catalogue", template_folder="templates")

#: States that a record in the catalogue can be in.
_SHOWN = ("filed", "offered", "received", "void", "disposed")
STATES = {name: RECORD.states[name] for name in _SHOWN}
GROUPS = {
    "fonds_id": "全宗",
    "year": "年度",
    "class_code": "门类",
    "retention": "保管期限",
    "state": "状态",
}
_MOST_FONDS = 300


@blueprint.app_template_filter("class_name")
def _class_name(code: str, subclass: str | None = None) -> str:
    return class_name(code, subclass)


@blueprint.app_template_filter("retention_name")
def _retention_name(code: str) -> str:
    return retention_name(code)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts=sorts_for(actor, session),
            default_sort=default_sort(request.args.get("q", "")),
            search=lambda statement, text: containing(actor, statement, text),
            filters=_filters(actor, session),
        )
        page = listing.apply(visible(actor), session=session, count_limit=COUNT_LIMIT)
        shown = replace(page, items=[row_for(actor, record) for record in page.items])
        return render_template(
            "catalogue/index.html",
            page=shown,
            fonds=federation.fonds_named({row.fonds_id for row in shown.items}, session),
            all_records=sum(
                row["records"] for row in counted(actor, Filters(), session=session, by=())
            ),
            states=RECORD.states,
            levels=LEVEL_NAMES,
        )


def _filters(actor: Actor, session: Session) -> dict[str, Filter]:
    def narrowed(name: str) -> Any:
        def apply(statement: Any, value: str) -> Any:
            given: Any = int(value) if name == "year" else value
            return statement.where(*narrowing(Filters(**{name: given}), session))

        return apply

    choices: dict[str, tuple[str, Any]] = {
        "division": ("区划", federation.places_to_choose(session)),
        "archive": ("档案馆", [(each.code, each.name) for each in federation.archives(session)]),
        "fonds": ("全宗", _fonds_choices(actor, session)),
        "year": ("年度", [(year, f"{year}年") for year in years(actor, session)]),
        "class_code": ("门类", [(each.code, each.name) for each in load_classes().values()]),
        "retention": ("保管期限", [(each.code, each.name) for each in retention_periods()]),
        "state": ("状态", STATES),
    }
    return {
        name: Filter(label, choices=offered, apply=narrowed(name))
        for name, (label, offered) in choices.items()
    }


def _fonds_choices(actor: Actor, session: Session) -> list[tuple[str, str]]:
    """The actor's fonds; only the chosen one when there are very many."""
    seen = federation.fonds_seen_by(actor)
    rows = session.scalars(seen.limit(_MOST_FONDS + 1)).all()
    if len(rows) > _MOST_FONDS:
        chosen = request.args.get("fonds", "")
        rows = list(federation.fonds_named([chosen], session).values())
    return sorted(((row.id, row.name) for row in rows), key=lambda pair: pair[1])


@blueprint.get("/records/<record_id>")
def show(record_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        look = look_at(actor, record_id, session=session)
        record = look.record
        return render_template(
            "catalogue/show.html",
            record=record,
            wire=look.wire,
            masked=look.sight is Sight.MASKED,
            fonds=federation.fonds_of(record.fonds_id, session),
            keeper=_keeper(record, session),
            parts=parts_of(actor, record, session=session),
            files=files_in(look.wire),
            history=history_in(look.wire),
            fields=FIELD_NAMES,
            states=RECORD.states,
            levels=LEVEL_NAMES,
            holdings=HOLDING_NAMES,
            securities=SECURITY_NAMES,
            openings=OPENING_NAMES,
            publicities=PUBLICITY_NAMES,
            kinds=FILE_KIND_NAMES,
        )


def _keeper(record: CatalogueRecord, session: Session) -> str:
    if record.archive is not None:
        return federation.archive_of(record.archive, session).name
    return federation.node_of(record.node_id, session).name


@blueprint.get("/counts")
def counts() -> ResponseReturnValue:
    by = request.args.get("by", "fonds_id")
    by = by if by in GROUPS else "fonds_id"
    with current_database().read() as session:
        offered = _filters(current_actor(), session)
        listing = Listing.from_request(
            request.args,
            sorts={"name": lambda row: row["name"], "records": lambda row: row["records"]},
            default_sort="-records",
            # The counting itself narrows.
            filters={
                name: Filter(each.label, choices=each.choices, apply=lambda rows, _value: rows)
                for name, each in offered.items()
                if name in ("division", "archive", "year")
            },
        )
        year = listing.filter_value("year")
        narrowed = Filters(
            division=listing.filter_value("division") or None,
            archive=listing.filter_value("archive") or None,
            year=int(year) if year else None,
        )
        rows = counted(current_actor(), narrowed, session=session, by=(by,))
        named = [{"name": name, **row} for row, name in _with_names(rows, by, session)]
        return render_template(
            "catalogue/counts.html",
            page=listing.apply_to(named),
            by=by,
            mine=_shown_fonds(rows, by, session),
            groups=GROUPS,
            total=sum(row["records"] for row in rows),
        )


def _shown_fonds(rows: list[dict[str, Any]], by: str, session: Session) -> set[str]:
    """The fonds among the rows whose records the reader may look for."""
    if by != "fonds_id":
        return set()
    seen = federation.fonds_seen_by(current_actor()).with_only_columns(Fonds.id)
    return set(session.scalars(seen)) & {row[by] for row in rows}


def _with_names(
    rows: list[dict[str, Any]], by: str, session: Session
) -> list[tuple[dict[str, Any], str]]:
    if by == "fonds_id":
        fonds = federation.fonds_named([row[by] for row in rows], session)
        return [(row, fonds[row[by]].name if row[by] in fonds else "") for row in rows]
    names = {"class_code": class_name, "retention": retention_name, "state": RECORD.label}
    return [(row, names.get(by, str)(row[by])) for row in rows]
