"""Pages of a record's computer files: put to it, handed out, taken off."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from node.filing import service as filing
from node.filing.pages import NAMES, SEEING, blueprint, record_for_form
from node.registry.edge import (
    MOST_UPLOAD,
    current_folder,
    require_files,
    send_stored,
)
from node.registry.files import Keeping
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import NotFound
from shared.records.security import says_declassified
from shared.web import Form, accepts_upload, current_database


@blueprint.route("/<record_id>/upload", methods=["GET", "POST"])
@with_roles(Role.CLERK)
@accepts_upload(MOST_UPLOAD)
def upload(record_id: str) -> ResponseReturnValue:
    """Put computer files to a record."""
    with current_database().read() as session:
        record = record_for_form(record_id, session)
        documents = filing.documents_of(record.id, session=session)
    copies = record.holding in ("paper", "paper_with_copy")
    kind = "digital_copy" if copies else "born_digital"
    form = Form(request.form, defaults={"role": "正本", "kind": kind})
    if request.method == "POST":
        with form.catching():
            cleared = says_declassified(record.security_change)
            with Keeping(current_folder().files, declassified=cleared) as files:
                stored = [files.keep(each.stream, each.filename or "") for each in require_files()]
                with current_database().write() as session:
                    actor = current_actor()
                    found = filing.record_of(actor, record_id, session=session)
                    for each in stored:
                        filing.attach(
                            actor, found, form["role"], each, form["kind"],
                            document_id=form.get("document_id"), session=session,
                        )  # fmt: skip
            flash(f"已上传 {len(stored)} 个文件。", "success")
            return redirect(url_for(".show", record_id=record_id))
    choices = [(each.id, f"{each.order}. {each.role} {each.title or ''}") for each in documents]
    return form.answer("filing/upload.html", record=record, documents=choices, **NAMES)


@blueprint.get("/<record_id>/files/<file_id>")
@with_roles(*SEEING)
def file(record_id: str, file_id: str) -> Response:
    """Hand out one computer file."""
    with current_database().read() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        for each in filing.files_of(record.id, session=session):
            if each.id == file_id and record.erased_at is None:
                return send_stored(each.sha256, each.name)
    if record.erased_at is not None:
        raise NotFound(
            "本机已没有这件档案的电子文件：已经销毁，或副本已经释放。",
            "副本已释放的，请到接收的档案馆查阅。",
            code="bytes_gone",
        )
    raise NotFound("没有这个文件。", "它可能已被移除，请刷新后查看。")


@blueprint.post("/<record_id>/files/<file_id>/remove")
@with_roles(Role.CLERK)
def detach(record_id: str, file_id: str) -> ResponseReturnValue:
    """Take a file off a record that is still open."""
    with current_database().write() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        filing.detach(current_actor(), record, file_id, session=session)
    flash("已移除。", "success")
    return redirect(url_for(".show", record_id=record_id))
