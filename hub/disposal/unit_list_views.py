"""Pages 单位销毁清册: what units destroyed by their own decision, for them and their archive."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from hub.disposal.models import UnitList
from hub.disposal.unit_lists import SEAL, SEEING, list_seen, lists_seen
from hub.federation import service as federation
from shared.identity import current_actor, with_roles
from shared.kernel.canonical import canonical_json
from shared.packaging.disposal_pdf import list_pdf
from shared.records.retention import retention_name
from shared.web import Filter, Listing, current_database
from shared.web.downloads import PDF, download

blueprint = Blueprint(
    "unit_lists", __name__, url_prefix="/disposal/unit-lists", template_folder="templates"
)

#: So many units are offered as a filter; the search finds the others' lists.
_MOST_UNITS = 300


@blueprint.get("/")
@with_roles(*SEEING)
def index() -> ResponseReturnValue:
    """The lists of the reader's units, newest first."""
    actor = current_actor()
    with current_database().read() as session:
        units = session.scalars(
            lists_seen(actor).with_only_columns(UnitList.fonds_id).distinct().limit(_MOST_UNITS)
        ).all()
        names = {each.id: each.name for each in federation.fonds_named(units, session).values()}
        listing = Listing.from_request(
            request.args,
            sorts={"title": UnitList.title, "destroyed": UnitList.destroyed, "at": UnitList.at},
            default_sort="-at",
            search=(UnitList.title,),
            filters={"fonds": Filter("全宗", UnitList.fonds_id, names)},
        )
        page = listing.apply(lists_seen(actor), session=session)
        fonds = federation.fonds_named({each.fonds_id for each in page.items}, session)
        return render_template("disposal/unit_lists.html", page=page, fonds=fonds)


@blueprint.get("/<list_id>")
@with_roles(*SEEING)
def show(list_id: str) -> ResponseReturnValue:
    """One list, line by line."""
    with current_database().read() as session:
        found = list_seen(current_actor(), list_id, session=session)
        listing = Listing.from_request(
            request.args,
            sorts={"code": lambda line: line["code"] or "", "title": lambda line: line["title"]},
            default_sort="code",
            search=lambda rows, text: [
                row for row in rows if text in row["title"] or text in (row["code"] or "")
            ],
        )
        return render_template(
            "disposal/unit_list.html",
            found=found,
            page=listing.apply_to(found.document["lines"]),
            fonds=federation.fonds_of(found.fonds_id, session).name,
            retention_name=retention_name,
        )


@blueprint.get("/<list_id>/pdf")
@with_roles(*SEEING)
def print_list(list_id: str) -> ResponseReturnValue:
    """The list as PDF."""
    with current_database().read() as session:
        found = list_seen(current_actor(), list_id, session=session)
        keeper = federation.fonds_of(found.fonds_id, session).name
    content = list_pdf(found.document, found.document[SEAL], keeper=keeper)
    name = f"销毁清册-{list_id[-6:]}.pdf"
    return download(content, name, PDF, inline="save" not in request.args)


@blueprint.get("/<list_id>/json")
@with_roles(*SEEING)
def paper(list_id: str) -> ResponseReturnValue:
    """The list as the unit has sealed it: canonical JSON, as the store has it."""
    with current_database().read() as session:
        found = list_seen(current_actor(), list_id, session=session)
    return download(canonical_json(found.document), f"{list_id}.json", "application/json")
