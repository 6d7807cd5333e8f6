"""Pages 导出: choose a form for a selection of the catalogue, follow it, fetch what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, ValidationError
from sqlalchemy.orm import Session

from hub.catalogue.query import Filters
from hub.catalogue.schemas import FiltersSchema
from hub.exporting import jobs
from hub.exporting.bulk import propose_export
from hub.exporting.folder import ExportFolder, report_in
from hub.exporting.forms import FORMS, OWN
from hub.exporting.plan import Plan, count_selected, narrowed_to
from hub.exporting.service import draft
from hub.exporting.zipped import zipped
from hub.federation import service as federation
from hub.federation.edge import current_folder
from shared.identity import current_actor, current_actor_or_none, with_roles
from shared.identity.models import Account
from shared.kernel.actor import Actor, Role
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.kernel.jobs import Job, JobState
from shared.records.classes import class_name
from shared.records.record import LEVEL_NAMES
from shared.records.retention import retention_name
from shared.records.states import RECORD
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import stream_out
from shared.web.filters import JOB_STATE_NAMES

blueprint = Blueprint("exports", __name__, url_prefix="/exports", template_folder="templates")

#: So many of those that were left out stand on the page; all are in the list of the export.
_SHOWN = 50
#: What each form is good for, as the page tells it.
HINTS = {
    "own": "每件一个目录：收到的信息包原样，加接收凭证和以后的更正。可以再转成别的形式。",
    "eep": "每件一个 .eep 文件，由本馆印章签名。",
    "dat93": "很多件在一个目录，有目录文件和说明文件，带移交单位的印章。",
    "medium": "同上，按载体存储结构，可以刻盘。",
    "bagit": "每件一个目录，国际通用，很多软件能核对。",
    "eark": "每件一个目录，按 E-ARK 的样子分元数据和内容，用普通清单代替 METS。",
    "ocfl": "馆藏里的样子，连同各次更正；不写条件时，本馆的凭证、登记也在里面。",
}


@blueprint.app_template_global()
def may_export() -> bool:
    """Whether whoever looks may export."""
    actor = current_actor_or_none()
    return actor is not None and actor.has(Role.ARCHIVIST)


@blueprint.get("/")
@with_roles(Role.ARCHIVIST)
def index() -> ResponseReturnValue:
    """The exports of whoever looks, newest first."""
    listing = Listing.from_request(
        request.args,
        sorts={"title": Job.title, "begun": Job.created_at},
        default_sort="-begun",
        search=(Job.title,),
        filters={"state": Filter("状态", Job.state, JOB_STATE_NAMES)},
    )
    with current_database().read() as session:
        page = listing.apply(jobs.exports_of(current_actor()), session=session)
        return render_template("exporting/index.html", page=page, is_removed=jobs.is_removed)


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def new() -> ResponseReturnValue:
    """Choose a form for what the catalogue is narrowed to, and begin."""
    actor, filters = current_actor(), _filters()
    form = Form(request.form, defaults={"form": OWN})
    if request.method == "POST":
        with form.catching():
            with current_database().read() as session:
                plan, which = draft(
                    actor, current_folder().settings.hub_id, form["form"], filters, session=session
                )
            with current_database().write() as session:
                locked(session, Account, actor.id)  # two at once count each other
                if which.count > _alone(actor, session):
                    propose_export(actor, plan, which, form["reason"], session=session)
                    flash(
                        "已提交，请安全保密管理员在“待双人确认”确认；确认后就开始导出。", "success"
                    )
                    return redirect(url_for("acts.index"))
                job = jobs.start(actor, plan, which, session=session)
            return redirect(url_for(".show", job_id=job.id))
    with current_database().read() as session:
        count = count_selected(actor, filters, session=session)
        chosen = _told(filters, session)
        most_alone = _alone(actor, session)
    return form.answer(
        "exporting/new.html", count=count, chosen=chosen, forms=FORMS, hints=HINTS,
        most_alone=most_alone, most_a_day=current_folder().settings.export_alone,
    )  # fmt: skip


def _alone(actor: Actor, session: Session) -> int:
    """How many records the actor may still export alone today: not bit by bit what two must do."""
    most = current_folder().settings.export_alone
    return max(0, most - jobs.exported_alone(actor, most, session=session))


@blueprint.get("/<job_id>")
@with_roles(Role.ARCHIVIST)
def show(job_id: str) -> ResponseReturnValue:
    """How far one is, what was left out, and what to do with it."""
    with current_database().read() as session:
        job = jobs.export_of(current_actor(), job_id, session=session)
        plan = Plan.from_wire(job.arguments)
        chosen = _told(plan.filters, session)
    path = jobs.folder_of(current_folder(), job)
    return render_template(
        "exporting/show.html",
        job=job,
        plan=plan,
        chosen=chosen,
        form_name=FORMS[plan.form],
        path=path,
        is_whole=job.state == JobState.DONE and not jobs.is_removed(job),
        may_go_on=job.state in (JobState.STOPPED, JobState.FAILED) and not jobs.is_removed(job),
        left_out=_left_out(job, path),
    )


@blueprint.post("/<job_id>/go-on")
@with_roles(Role.ARCHIVIST)
def go_on(job_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        jobs.go_on(current_actor(), job_id, session=session)
    return redirect(url_for(".show", job_id=job_id))


@blueprint.post("/<job_id>/remove")
@with_roles(Role.ARCHIVIST)
def remove(job_id: str) -> ResponseReturnValue:
    jobs.remove(current_actor(), current_folder(), job_id)
    flash("已删除导出的内容，馆藏不受影响。", "success")
    return redirect(url_for(".index"))


@blueprint.get("/<job_id>/zip")
@with_roles(Role.ARCHIVIST)
def fetch(job_id: str) -> ResponseReturnValue:
    """The folder as a ZIP, made while it goes out."""
    with current_database().read() as session:
        job = jobs.export_of(current_actor(), job_id, session=session)
    path = jobs.folder_of(current_folder(), job)
    if job.state != JobState.DONE or jobs.is_removed(job):
        raise WrongState("导出还没有做完，或已经删除。", "请等它做完再下载。")
    if report_in(path) is None:
        raise NotFound(
            "导出的内容不在这台服务器上，或已被移走。",
            "请系统管理员从平台数据目录的 exports 里拷出。",
        )
    return stream_out(zipped(path), f"导出-{job.created_at:%Y%m%d}-{job.id[-6:]}.zip")


def _left_out(job: Job, path: Path) -> list[dict[str, Any]]:
    """The first of what was left out."""
    if job.is_open or jobs.is_removed(job) or not job.result.get("left_out"):
        return []
    return ExportFolder(path).left_out[:_SHOWN]


def _filters() -> Filters:
    """What the address narrows to, as on the page of the catalogue. Raises Invalid."""
    given = {name: value for name, value in request.args.items() if value}
    try:
        loaded: dict[str, Any] = FiltersSchema(unknown=EXCLUDE).load(given)
    except ValidationError as error:
        raise Invalid("filters", "导出的条件写得不对。", "请回到目录重新选择。") from error
    return Filters(text=loaded.pop("q"), **loaded)


def _told(filters: Filters, session: Session) -> list[tuple[str, str]]:
    """The filters, for people."""
    said = narrowed_to(filters)
    found: list[tuple[str, str]] = []
    if "text" in said:
        found.append(("查找", said["text"]))
    if "division" in said:
        names = federation.division_names([said["division"]], session)
        found.append(("区划", names.get(said["division"], said["division"])))
    if "archive" in said:
        found.append(("档案馆", federation.archive_of(said["archive"], session).name))
    if "fonds" in said:
        fonds = federation.fonds_named([said["fonds"]], session)
        found += [("全宗", each.name) for each in fonds.values()]
    if "year" in said:
        found.append(("年度", f"{said['year']}年"))
    if "class_code" in said:
        found.append(("门类", class_name(said["class_code"])))
    if "retention" in said:
        found.append(("保管期限", retention_name(said["retention"])))
    if "state" in said:
        found.append(("状态", RECORD.states.get(said["state"], said["state"])))
    if "level" in said:
        found.append(("层次", dict(LEVEL_NAMES).get(said["level"], said["level"])))
    return found
