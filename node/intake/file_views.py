"""Pages for the files that come with a sheet: upload several or one ZIP, see what they are for."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from node.intake import files as intake_files
from node.intake import service as intake
from node.intake.models import Intake, IntakeFile, IntakeState
from node.intake.pages import blueprint, names, spool
from node.intake.unpacking import entries_of
from node.office.service import may_write
from node.registry.edge import MOST_UPLOAD, require_files
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from shared.web import Filter, Form, Listing, accepts_upload, current_database

_SHOWN = {
    "wanted": "已对应到行",
    "unasked": "没有行要的",
    "refused": "没有保存",
}


@blueprint.route("/<intake_id>/files", methods=["GET", "POST"])
@with_roles(*intake.SEEING)
@accepts_upload(MOST_UPLOAD)
def files(intake_id: str) -> ResponseReturnValue:
    """The files that came, what each is for, and a place to bring more."""
    actor = current_actor()
    with current_database().read() as session:
        found = intake.intake_of(actor, intake_id, session=session)
        may_change = may_write(actor, found.fonds_id, Role.CLERK, session=session)
    open_for_more = may_change and found.state == IntakeState.UPLOADED
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            _take_in(found)
            return redirect(url_for(".files", intake_id=intake_id))
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"name": IntakeFile.name, "size": IntakeFile.size},
            default_sort="name",
            search=(IntakeFile.name,),
            filters={"shown": Filter("显示", choices=_SHOWN, apply=_of_fate)},
        )
        page = listing.apply(
            intake_files.listing(actor, intake_id, session=session), session=session
        )
        counts = intake_files.counts(intake_id, session=session)
        job = session.get(Job, found.job_id) if found.job_id else None
    return form.answer(
        "intake/files.html",
        intake=found,
        page=page,
        counts=counts,
        job=job if job is not None and job.kind == intake.UNPACK else None,
        may_change=open_for_more,
        actor=actor,
        **names(),
    )


def _of_fate(statement: Any, value: str) -> Any:
    if value == "refused":
        return statement.where(IntakeFile.problem.is_not(None))
    return statement.where(IntakeFile.problem.is_(None), IntakeFile.wanted.is_(value == "wanted"))


def _take_in(found: Intake) -> None:
    """Keep what was uploaded: single files, or one ZIP that a job unpacks."""
    came = require_files()
    packed = [each for each in came if (each.filename or "").lower().endswith(".zip")]
    if packed and len(came) > 1:
        raise Invalid(
            "file", "压缩包要单独上传。", "请一次只选一个 ZIP，或者只选几个文件。", code="zip_alone"
        )
    if packed:
        _take_zip(found, packed[0])
        flash("压缩包已上传，正在解开。", "info")
    else:
        _take_files(found, came)


def _take_files(found: Intake, came: list[FileStorage]) -> None:
    kept, written = spool(), []
    try:
        for each in came:
            file_id = new_id()
            size = kept.keep_file(found.id, file_id, each.stream)
            written.append((file_id, each.filename or "", size))
        with current_database().write() as session:
            rows = intake_files.add_files(current_actor(), found.id, written, session=session)
    except BaseException:
        for file_id, _, _ in written:
            kept.drop_file(found.id, file_id)
        raise
    refused = [row for row in rows if row.problem]
    for row in refused:
        kept.drop_file(found.id, row.id)
    flash(f"已上传 {len(rows) - len(refused)} 个文件。", "success")
    if refused:
        flash(f"有 {len(refused)} 个文件没有保存，原因见下表。", "warning")


def _take_zip(found: Intake, came: FileStorage) -> None:
    kept, spooled = spool(), new_id()
    kept.keep_file(found.id, spooled, came.stream)
    try:
        entries = entries_of(kept.files(found.id) / spooled)
        with current_database().write() as session:
            intake_files.unpack(
                current_actor(), found.id, spooled, came.filename or "", entries, session=session
            )
    except BaseException:
        kept.drop_file(found.id, spooled)
        raise


@blueprint.post("/<intake_id>/files/drop")
@with_roles(Role.CLERK)
def drop_files(intake_id: str) -> ResponseReturnValue:
    """Give up all files that came."""
    with current_database().write() as session:
        intake_files.drop_files(current_actor(), intake_id, session=session)
    spool().drop_files(intake_id)
    flash("已清空上传的文件。", "info")
    return redirect(url_for(".files", intake_id=intake_id))
