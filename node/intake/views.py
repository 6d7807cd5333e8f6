"""Pages of intake: upload → columns and preview → check → confirm → result."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.intake import service as intake
from node.intake.columns import vocabulary
from node.intake.models import (
    ROW_LABELS,
    STATE_LABELS,
    Intake,
    IntakeRow,
    IntakeState,
    RowState,
)
from node.intake.reading import Defaults
from node.intake.rejected import CLASSIFIED_SENTENCE, reason_of
from node.intake.sheets import MOST_BYTES
from node.intake.spool import Spool
from node.office.service import fonds_here, fonds_kept
from node.registry.edge import current_folder
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import DanglianError, NotFound
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from shared.records.classes import load_classes
from shared.records.retention import retention_periods
from shared.web import (
    Filter,
    Form,
    Listing,
    accepts_upload,
    current_database,
    download,
    uploaded,
)
from shared.web.downloads import XLSX

blueprint = Blueprint("intake", __name__, url_prefix="/intake", template_folder="templates")

_DEFAULTS = ("class_code", "year", "retention", "organ", "organ_name", "holding")
_HOLDINGS = {
    "electronic": "电子（单套）",
    "both": "电子和纸质（双套）",
    "paper": "纸质",
    "paper_with_copy": "纸质（有数字化副本）",
}
_COLOURS = {
    IntakeState.UPLOADED: "yellow",
    IntakeState.CHECKING: "blue",
    IntakeState.CHECKED: "yellow",
    IntakeState.TAKING: "blue",
    IntakeState.TAKEN: "green",
    IntakeState.DISCARDED: "secondary",
}
STEPS = ["上传表格", "核对列名", "逐行检查", "确认导入"]


def _names() -> dict[str, Any]:
    return {
        "CLASSES": {code: f"{each.name}（{code}）" for code, each in load_classes().items()},
        "RETENTIONS": {each.code: each.name for each in retention_periods()},
        "HOLDINGS": _HOLDINGS,
        "STATES": STATE_LABELS,
        "COLOURS": _COLOURS,
        "ROW_STATES": ROW_LABELS,
        "STEPS": STEPS,
        "FIELDS": [("", "不导入"), *((each.field, each.name) for each in vocabulary().fields)],
    }


def _spool() -> Spool:
    return Spool(current_folder().path)


def _fonds(session: Session) -> dict[str, str]:
    actor = current_actor()
    return {
        each.id: each.name for each in fonds_kept(session) if actor.may(Role.CLERK, fonds=each.id)
    }


@blueprint.get("/")
@with_roles(*intake.SEEING)
def index() -> str:
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"created": Intake.created_at, "file": Intake.file_name},
            default_sort="-created",
            search=(Intake.file_name,),
            filters={"state": Filter("状态", Intake.state, STATE_LABELS)},
        )
        page = listing.apply(intake.listing(current_actor(), session=session), session=session)
        counts = {each.id: intake.counts_of(each.id, session=session) for each in page.items}
        fonds = {each.id: each.name for each in fonds_here(session)}
        return render_template(
            "intake/index.html", page=page, counts=counts, fonds=fonds, **_names()
        )


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.CLERK)
@accepts_upload(MOST_BYTES + 1024**2)
def new() -> ResponseReturnValue:
    with current_database().read() as session:
        fonds = _fonds(session)
    form = Form(
        request.form,
        defaults={"fonds_id": next(iter(fonds), ""), "class_code": "WS", "retention": ""},
    )
    if request.method == "POST":
        with form.catching():
            return redirect(url_for(".columns", intake_id=_receive(form)))
    return form.answer("intake/new.html", fonds=fonds, **_names())


def _receive(form: Form) -> str:
    """Keep the sheet that came, look into it, and begin its import; returns the id."""
    defaults = _defaults(form)
    file = uploaded("file")
    intake_id, spool = new_id(), _spool()
    path = spool.keep(intake_id, file.stream)
    try:
        look = intake.look_into(path, file.filename or "")
        with current_database().write() as session:
            intake.begin(
                current_actor(),
                intake_id,
                form["fonds_id"],
                look,
                session=session,
                defaults=defaults,
            )
    except BaseException:
        spool.erase(intake_id)
        raise
    return intake_id


def _defaults(form: Form) -> Defaults:
    return Defaults.read({name: form[name] for name in _DEFAULTS})


@blueprint.route("/<intake_id>/columns", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def columns(intake_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        found = intake.intake_of(actor, intake_id, session=session)
    if found.state != IntakeState.UPLOADED:
        return redirect(url_for(".show", intake_id=intake_id))
    form = Form(request.form, defaults=_shown(found))
    if request.method == "POST":
        with form.catching():
            chosen = {
                index: form[f"column-{index}"]
                for index in range(len(found.columns))
                if form[f"column-{index}"]
            }
            with current_database().write() as session:
                intake.set_mapping(actor, intake_id, chosen, _defaults(form), session=session)
                if form["then"] == "check":
                    intake.check(actor, intake_id, session=session)
            if form["then"] == "check":
                return redirect(url_for(".show", intake_id=intake_id))
            return redirect(url_for(".columns", intake_id=intake_id))
    return form.answer("intake/columns.html", intake=found, **_preview(intake_id), **_names())


def _shown(found: Intake) -> dict[str, Any]:
    defaults = {**found.defaults, "year": found.defaults.get("year") or ""}
    return {**defaults, **{f"column-{at}": field for at, field in found.mapping.items()}}


def _preview(intake_id: str) -> dict[str, Any]:
    """The first rows with their problems; what cannot be read says so instead."""
    path = _spool().path(intake_id)
    try:
        if not path.exists():
            raise NotFound("上传的表格已不在本机。", "请放弃这次导入，重新上传表格。")
        with current_database().read() as session:
            found = intake.intake_of(current_actor(), intake_id, session=session)
            rows = intake.preview(current_actor(), intake_id, path, session=session)
            sheets = intake.sheets_of(path, found)
    except DanglianError as error:
        return {"rows": [], "sheets": [], "problem": error}
    return {"rows": rows, "sheets": sheets, "problem": None}


@blueprint.post("/<intake_id>/sheet")
@with_roles(Role.CLERK)
def choose_sheet(intake_id: str) -> ResponseReturnValue:
    actor, form = current_actor(), Form(request.form)
    with current_database().read() as session:
        found = intake.intake_of(actor, intake_id, session=session)
    look = intake.look_into(_spool().path(intake_id), found.file_name, form.number("sheet"))
    with current_database().write() as session:
        intake.choose_sheet(actor, intake_id, look, session=session)
    return redirect(url_for(".columns", intake_id=intake_id))


@blueprint.get("/<intake_id>")
@with_roles(*intake.SEEING)
def show(intake_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        found = intake.intake_of(actor, intake_id, session=session)
        may_change = actor.may(Role.CLERK, fonds=found.fonds_id)
        if found.state == IntakeState.UPLOADED and may_change:
            return redirect(url_for(".columns", intake_id=intake_id))
        counts = intake.counts_of(intake_id, session=session)
        shown = {state: ROW_LABELS[state] for state in RowState if counts[state]}
        listing = Listing.from_request(
            request.args,
            sorts={"number": IntakeRow.number},
            default_sort="number",
            filters={
                "state": Filter("显示", choices=shown, apply=_of_state),
            },
        )
        rows = intake.row_listing(actor, intake_id, session=session)
        if not listing.filter_value("state"):
            rows = rows.where(IntakeRow.state.in_([RowState.BAD, RowState.CLASSIFIED]))
        return render_template(
            "intake/show.html",
            intake=found,
            counts=counts,
            page=listing.apply(rows, session=session),
            job=session.get(Job, found.job_id) if found.job_id else None,
            may_change=may_change,
            fonds={each.id: each.name for each in fonds_here(session)}.get(found.fonds_id, ""),
            reason_of=_reason,
            actor=actor,
            **_names(),
        )


def _of_state(statement: Any, value: str) -> Any:
    return statement.where(IntakeRow.state == value)


def _reason(row: IntakeRow) -> str:
    if row.state == RowState.CLASSIFIED:
        return CLASSIFIED_SENTENCE.format(number=row.number)
    if row.state == RowState.THERE:
        return f"与第 {row.same_as} 行相同" if row.same_as else "以前已经导入或登记过"
    return reason_of(row)


@blueprint.post("/<intake_id>/take")
@with_roles(Role.CLERK)
def take(intake_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        intake.take(current_actor(), intake_id, session=session)
    return redirect(url_for(".show", intake_id=intake_id))


@blueprint.post("/<intake_id>/stop")
@with_roles(Role.CLERK)
def stop(intake_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        intake.stop(current_actor(), intake_id, session=session)
    flash("已停止。已导入的行保留，其余的可以以后继续。", "info")
    return redirect(url_for(".show", intake_id=intake_id))


@blueprint.post("/<intake_id>/resume")
@with_roles(Role.CLERK)
def resume(intake_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        intake.resume(current_actor(), intake_id, session=session)
    return redirect(url_for(".show", intake_id=intake_id))


@blueprint.post("/<intake_id>/discard")
@with_roles(Role.CLERK)
def discard(intake_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        intake.discard(current_actor(), intake_id, session=session)
    _spool().erase(intake_id)
    flash("已放弃这次导入，上传的表格已删除。", "info")
    return redirect(url_for(".index"))


@blueprint.get("/<intake_id>/rejected.xlsx")
@with_roles(*intake.SEEING)
def rejected(intake_id: str) -> Response:
    with current_database().read() as session:
        content = intake.rejected(current_actor(), intake_id, session=session)
    return download(content, "未导入的行.xlsx", XLSX)
