"""Pages of corrections: asking for one from a record's page, and what became of each."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.corrections import service as corrections
from node.corrections.models import Correction
from node.filing import service as filing
from node.office.service import fonds_here, may_write
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.records.corrections import CORRECTABLE, described, shown
from shared.records.record import OPENING_NAMES, PUBLICITY_NAMES
from shared.records.states import CORRECTION
from shared.web import Filter, Form, Listing, current_database

blueprint = Blueprint(
    "corrections", __name__, url_prefix="/corrections", template_folder="templates"
)

SEEING = (Role.CLERK, Role.LEADER)
#: The states that a correction has at a unit.
STATES = {each: CORRECTION.states[each] for each in ("asked", "made", "declined", "refused")}
COLOURS = {"asked": "yellow", "made": "green", "declined": "secondary", "refused": "red"}
NAMES: dict[str, Any] = {
    "CORRECTABLE": CORRECTABLE,
    "OPENINGS": OPENING_NAMES,
    "PUBLICITIES": PUBLICITY_NAMES,
    "STATES": STATES,
    "COLOURS": COLOURS,
    "shown": shown,
}


@blueprint.app_template_global()
def corrections_of(record: filing.Record) -> list[Correction]:
    """For the page of a record: its corrections, newest first."""
    with current_database().read() as session:
        return corrections.of_record(record.id, session=session)


@blueprint.app_template_global()
def may_ask(record: filing.Record) -> bool:
    """For the page of a record: whether the reader may ask its archive for a correction."""
    if record.state not in corrections.MIRRORED:
        return False
    actor = current_actor()
    with current_database().read() as session:
        asked = [each.state for each in corrections.of_record(record.id, session=session)]
        return "asked" not in asked and may_write(
            actor,
            record.fonds_id,
            *corrections.ASKING,
            class_code=record.class_code,
            opening=record.opening_opinion,
            session=session,
        )


@blueprint.app_template_global()
def correction_state(correction: Correction) -> tuple[str, str]:
    """The state of a correction as a badge shows it: words and colour."""
    return CORRECTION.label(correction.state), COLOURS[correction.state]


@blueprint.get("/")
@with_roles(*SEEING)
def index() -> str:
    actor = current_actor()
    with current_database().read() as session:
        fonds = _fonds_names(session)
        filters = {"state": Filter("状态", Correction.state, STATES)}
        if len(fonds) > 1:
            filters["fonds"] = Filter("全宗", Correction.fonds_id, fonds)
        listing = Listing.from_request(
            request.args,
            sorts={
                "code": Correction.code,
                "began": Correction.began_at,
                "answered": Correction.answered_at,
            },
            default_sort="-began",
            search=(Correction.code,),
            filters=filters,
        )
        page = listing.apply(corrections.listing(actor, session=session), session=session)
        ids = list({each.record_id for each in page.items})
        records = {each.id: each for each in filing.records_named(ids, session=session)}
        return render_template("corrections/index.html", page=page, records=records, **NAMES)


def _fonds_names(session: Session) -> dict[str, str]:
    seen = filing.ids_seen(current_actor(), in_part=True, session=session)
    return {each.id: each.name for each in fonds_here(session) if each.id in seen}


@blueprint.get("/<correction_id>")
@with_roles(*SEEING)
def show(correction_id: str) -> str:
    actor = current_actor()
    with current_database().read() as session:
        correction = corrections.correction_of(actor, correction_id, session=session)
        record = filing.record_of(actor, correction.record_id, session=session)
        return render_template(
            "corrections/show.html", correction=correction, record=record, **NAMES
        )


@blueprint.route("/new/<record_id>", methods=["GET", "POST"])
@with_roles(*corrections.ASKING)
def new(record_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        find = corrections.to_ask_about if request.method == "GET" else filing.record_of
        record = find(actor, record_id, session=session)
        defaults = described(filing.wire(record, session=session))
    form = Form(request.form, defaults=defaults)
    if request.method == "POST":
        with form.catching():
            values = {name: form[name] for name in CORRECTABLE}
            with current_database().write() as session:
                asked = corrections.ask(actor, record_id, values, form["reason"], session=session)
            flash("已向档案馆请求更正。线路不通时会等到恢复后自动发出。", "success")
            return redirect(url_for(".show", correction_id=asked.id))
    return form.answer("corrections/new.html", record=record, **NAMES)
