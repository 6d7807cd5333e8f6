"""The archivist's pages: what units ask to have corrected, and correcting without being asked."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import row_for
from hub.correcting import service as correcting
from hub.correcting.models import Correction
from hub.federation import service as federation
from hub.federation.edge import current_folder
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.records.corrections import CORRECTABLE, described, shown
from shared.records.record import OPENING_NAMES, PUBLICITY_NAMES
from shared.records.security import SecurityClass
from shared.records.states import CORRECTION
from shared.web import Filter, Form, Listing, current_database

blueprint = Blueprint(
    "correcting", __name__, url_prefix="/corrections", template_folder="templates"
)

#: The tabs of the list: name, label, states (all when empty), and what an empty list says.
TABS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "asked",
        "待答复",
        ("asked",),
        "没有等待答复的更正申请。单位请求更正已接收的档案时，会出现在这里。",
    ),
    (
        "done",
        "已答复",
        ("making", "made", "declined"),
        "还没有更正过。也可以在“目录”中打开一件已接收的档案，点“更正著录”。",
    ),
)
COLOURS = {"asked": "yellow", "making": "blue", "made": "green", "declined": "secondary"}
NAMES: dict[str, Any] = {
    "CORRECTABLE": CORRECTABLE,
    "OPENINGS": OPENING_NAMES,
    "PUBLICITIES": PUBLICITY_NAMES,
    "STATES": CORRECTION.states,
    "COLOURS": COLOURS,
    "shown": shown,
}


@blueprint.app_template_global()
def corrections_of(record: CatalogueRecord) -> list[Correction]:
    """For the page of a record: its corrections, as far as the reader may see them."""
    with current_database().read() as session:
        return correcting.corrections_of(current_actor(), record.id, session=session)


@blueprint.app_template_global()
def may_correct(record: CatalogueRecord) -> bool:
    """For the page of a record: whether the reader may correct it."""
    return record.archive is not None and current_actor().may(
        Role.ARCHIVIST, archive=record.archive, **record.scope
    )


@blueprint.app_template_global()
def may_declassify(record: CatalogueRecord) -> bool:
    """For the page of a record: whether the reader may propose that it is declassified."""
    return record.security != SecurityClass.NONE and may_correct(record)


@blueprint.app_template_global()
def correction_state(correction: Correction) -> tuple[str, str]:
    """The state of a correction as a badge shows it: words and colour."""
    return CORRECTION.label(correction.state), COLOURS[correction.state]


@blueprint.get("/")
@with_roles(Role.ARCHIVIST)
def index() -> ResponseReturnValue:
    chosen = next((tab for tab in TABS if tab[0] == request.args.get("tab")), TABS[0])
    mine = correcting.corrections_seen_by(current_actor())
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={
                "code": Correction.code,
                "began": Correction.began_at,
                "decided": Correction.decided_at,
            },
            default_sort="began" if chosen[0] == "asked" else "-decided",
            search=(Correction.code,),
            filters={"fonds": Filter("全宗", Correction.fonds_id, _fonds_in(mine, session))},
        )
        page = listing.apply(mine.where(Correction.state.in_(chosen[2])), session=session)
        records = catalogue.records_of({each.record_id for each in page.items}, session)
        return render_template(
            "correcting/index.html",
            page=page,
            tabs=TABS,
            chosen=chosen,
            rows={key: row_for(current_actor(), each) for key, each in records.items()},
            fonds=federation.fonds_named({each.fonds_id for each in page.items}, session),
            **NAMES,
        )


def _fonds_in(mine: Any, session: Session) -> list[tuple[str, str]]:
    ids = session.scalars(mine.with_only_columns(Correction.fonds_id).distinct()).all()
    named = federation.fonds_named(ids, session)
    return sorted(((each.id, each.name) for each in named.values()), key=lambda pair: pair[1])


@blueprint.get("/<correction_id>")
@with_roles(Role.ARCHIVIST)
def show(correction_id: str) -> ResponseReturnValue:
    return _page(correction_id, None)


def _page(correction_id: str, sent: Form | None) -> ResponseReturnValue:
    """One correction; also after a decision that could not be made, with what was typed."""
    with current_database().read() as session:
        correction = correcting.correction_seen_by(current_actor(), correction_id, session=session)
        look = catalogue.look_at(current_actor(), correction.record_id, session=session)
        fonds = federation.fonds_of(correction.fonds_id, session)
    wanted = {each["field"]: each["value"] for each in correction.changes}
    asked_for = correction.request["reason"] if correction.request else ""
    form = sent or Form(request.form, defaults={**wanted, "reason": asked_for})
    return form.answer(
        "correcting/show.html",
        correction=correction,
        wire=look.wire,
        record=look.record,
        now=described(look.wire),
        fonds=fonds,
        open=correction.state == "asked",
        moved=correction.state == "asked" and look.record.version != _version_in(correction),
        **NAMES,
    )


def _version_in(correction: Correction) -> int | None:
    """The version of the record that the unit knew when it asked."""
    return correction.request["record_version"] if correction.request else None


@blueprint.post("/<correction_id>/make")
@with_roles(Role.ARCHIVIST)
def make(correction_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        correction = correcting.correction_seen_by(current_actor(), correction_id, session=session)
    form = Form(request.form)
    with form.catching():
        correcting.make(
            current_folder(),
            current_actor(),
            correction.record_id,
            {each["field"]: form[each["field"]] for each in correction.changes},
            form["reason"],
            correction_id=correction.id,
        )
        flash("已更正，正在写入馆藏库；完成后自动告知单位。", "success")
        return redirect(url_for(".index"))
    return _page(correction_id, form)


@blueprint.post("/<correction_id>/decline")
@with_roles(Role.ARCHIVIST)
def decline(correction_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        correcting.correction_seen_by(current_actor(), correction_id, session=session)
    correcting.decline(
        current_folder(), current_actor(), correction_id, request.form.get("reason", "")
    )
    flash("已答复“不予更正”，理由已发给单位。", "success")
    return redirect(url_for(".index"))


@blueprint.route("/records/<record_id>", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def correct(record_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        look = catalogue.look_at(current_actor(), record_id, session=session)
    form = Form(request.form, defaults=described(look.wire))
    if request.method == "POST":
        with form.catching():
            values = {name: form[name] for name in CORRECTABLE}
            correcting.make(current_folder(), current_actor(), record_id, values, form["reason"])
            flash("已更正，正在写入馆藏库；完成后自动告知单位。", "success")
            return redirect(url_for("catalogue.show", record_id=record_id))
    return form.answer("correcting/correct.html", record=look.record, wire=look.wire, **NAMES)


@blueprint.post("/records/<record_id>/declassify")
@with_roles(Role.ARCHIVIST)
def declassify(record_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        correcting.propose_declassification(
            current_actor(), record_id, request.form.get("reason", ""), session=session
        )
    flash("已提交解密，等本馆负责人在“待双人确认”里确认。", "success")
    return redirect(url_for("catalogue.show", record_id=record_id))
