"""Pages of intake: upload → columns and preview → check → confirm → result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.intake import files as intake_files
from node.intake import service as intake
from node.intake.columns import vocabulary
from node.intake.defaults import Defaults
from node.intake.looking import Look, look_into
from node.intake.models import (
    ROW_LABELS,
    STATE_LABELS,
    Intake,
    IntakeRow,
    IntakeSheet,
    IntakeState,
    RowState,
)
from node.intake.pages import blueprint, names, spool
from node.intake.rejected import CLASSIFIED_SENTENCE, reason_of
from node.office.service import fonds_here, fonds_written, may_write
from node.registry.edge import refuse_early
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import DanglianError, NotFound
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from shared.records.record import RecordLevel
from shared.records.sheets import MOST_BYTES
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

_DEFAULTS = ("class_code", "year", "retention", "organ", "organ_name", "holding")


def _fonds(session: Session) -> dict[str, str]:
    found = fonds_written(current_actor(), Role.CLERK, session=session)
    return {each.id: each.name for each in found}


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
            "intake/index.html",
            page=page,
            counts=counts,
            fonds=fonds,
            may_import=bool(_fonds(session)),
            **names(),
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
    return form.answer("intake/new.html", fonds=fonds, **names())


def _receive(form: Form) -> str:
    """Keep the sheet that came, look into it, and begin its import; returns the id."""
    defaults = _defaults(form)

    def begin(intake_id: str, look: Look, session: Session) -> None:
        actor, fonds_id = current_actor(), form["fonds_id"]
        intake.begin(actor, intake_id, fonds_id, look, session=session, defaults=defaults)

    return _keep_sheet(begin)


def _keep_sheet(then: Callable[[str, Look, Session], None]) -> str:
    """Keep the sheet that was uploaded, look into it, and note it; returns its spooled name."""
    file = uploaded("file")
    spooled, kept = new_id(), spool()
    path = kept.keep(spooled, file.stream)
    try:
        look = look_into(path, file.filename or "")
        with current_database().write() as session:
            then(spooled, look, session)
    except BaseException:
        kept.erase(spooled)
        raise
    return spooled


def _defaults(form: Form) -> Defaults:
    return Defaults.read({name: form[name] for name in _DEFAULTS})


@blueprint.route("/<intake_id>/columns", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def columns(intake_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        found = intake.intake_of(actor, intake_id, session=session)
        refuse_early(found.fonds_id, session)
        job = session.get(Job, found.job_id) if found.job_id else None
        files = intake_files.counts(intake_id, session=session)
    if found.state != IntakeState.UPLOADED:
        return redirect(url_for(".show", intake_id=intake_id))
    form = Form(request.form, defaults=_shown(found))
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                changed = _set_sheets(form, found, session)
                if form["then"] == "check" and not changed:
                    intake.check(actor, intake_id, session=session)
            if changed:
                flash("层次改了，列名已重新对应，请核对后再检查。", "info")
            return redirect(url_for(".columns", intake_id=intake_id))
    return form.answer(
        "intake/columns.html",
        intake=found,
        files=files,
        unpacking=job is not None and job.is_open,
        previews={each.part: _preview(found, each) for each in found.sheets},
        fields={each.part: _fields(each) for each in found.sheets},
        **names(),
    )


def _set_sheets(form: Form, found: Intake, session: Session) -> bool:
    """Take over levels, mappings and defaults; says whether a level changed."""
    actor, changed = current_actor(), False
    intake.set_defaults(actor, found.id, _defaults(form), session=session)
    for sheet in found.all_sheets:
        level = form.get(f"level-{sheet.part}")
        mapping = {
            index: form[f"column-{sheet.part}-{index}"]
            for index in range(len(sheet.columns))
            if form[f"column-{sheet.part}-{index}"]
        }
        changed = changed or level != sheet.level
        intake.set_sheet(actor, found.id, sheet.part, level, mapping, session=session)
    return changed


def _fields(sheet: IntakeSheet) -> list[tuple[str, str]]:
    fields = vocabulary().of_level(sheet.level or RecordLevel.RECORD)
    return [("", "不导入"), *((each.field, each.name) for each in fields)]


def _shown(found: Intake) -> dict[str, Any]:
    shown = {**found.defaults, "year": found.defaults.get("year") or ""}
    for sheet in found.all_sheets:
        shown[f"level-{sheet.part}"] = sheet.level or ""
        shown |= {f"column-{sheet.part}-{at}": field for at, field in sheet.fields.items()}
    return shown


def _preview(found: Intake, sheet: IntakeSheet) -> dict[str, Any]:
    """The first rows with their problems; what cannot be read says so instead."""
    path: Path = spool().path(sheet.spooled)
    try:
        if not path.exists():
            raise NotFound("上传的表格已不在本机。", "请放弃这次导入，重新上传表格。")
        with current_database().read() as session:
            rows = intake.preview(current_actor(), found.id, path, part=sheet.part, session=session)
    except DanglianError as error:
        return {"rows": [], "problem": error}
    return {"rows": rows, "problem": None}


@blueprint.post("/<intake_id>/sheet")
@with_roles(Role.CLERK)
@accepts_upload(MOST_BYTES + 1024**2)
def add_sheet(intake_id: str) -> ResponseReturnValue:
    def add(spooled: str, look: Look, session: Session) -> None:
        intake.add_sheets(current_actor(), intake_id, spooled, look, session=session)

    _keep_sheet(add)
    return redirect(url_for(".columns", intake_id=intake_id))


@blueprint.get("/<intake_id>")
@with_roles(*intake.SEEING)
def show(intake_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        found = intake.intake_of(actor, intake_id, session=session)
        may_change = may_write(actor, found.fonds_id, Role.CLERK, session=session)
        if found.state == IntakeState.UPLOADED and may_change:
            return redirect(url_for(".columns", intake_id=intake_id))
        counts = intake.counts_of(intake_id, session=session)
        shown = {state: ROW_LABELS[state] for state in RowState if counts[state]}
        listing = Listing.from_request(
            request.args,
            sorts={"number": IntakeRow.part if found.linked else IntakeRow.number},
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
            files=intake_files.counts(intake_id, session=session),
            with_files=intake_files.rows_with_files(intake_id, session=session),
            actor=actor,
            **names(),
        )


def _of_state(statement: Any, value: str) -> Any:
    return statement.where(IntakeRow.state == value)


def _reason(row: IntakeRow) -> str:
    if row.state == RowState.CLASSIFIED:
        return CLASSIFIED_SENTENCE.format(number=row.number)
    if row.state == RowState.THERE:
        return f"与{row.same_as}相同" if row.same_as else "以前已经导入或登记过"
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
    flash("已停止。已做完的保留，其余的可以以后继续。", "info")
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
        found = intake.discard(current_actor(), intake_id, session=session)
    kept = spool()
    for each in found.all_sheets:
        kept.erase(each.spooled)
    kept.drop_files(intake_id)
    flash("已放弃这次导入，上传的表格和文件已删除。", "info")
    return redirect(url_for(".index"))


@blueprint.get("/<intake_id>/rejected.xlsx")
@with_roles(*intake.SEEING)
def rejected(intake_id: str) -> Response:
    with current_database().read() as session:
        content = intake.rejected(current_actor(), intake_id, session=session)
    return download(content, "未导入的行.xlsx", XLSX)
