"""Pages of the registry."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from node.office.service import fonds_here, fonds_written, may_write
from node.registry import service as registry
from node.registry.edge import (
    MOST_UPLOAD,
    chosen_files,
    current_folder,
    refuse_early,
    require_files,
    send_stored,
)
from node.registry.files import Keeping
from node.registry.models import Registered
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.clock import today
from shared.kernel.errors import NotFound
from shared.records.holdings import FILE_KIND_NAMES
from shared.records.roles import DOCUMENT_ROLES
from shared.records.security import SECURITY_NAMES, says_declassified
from shared.records.states import DOCUMENT
from shared.web import Filter, Form, Listing, accepts_upload, current_database

blueprint = Blueprint("registry", __name__, url_prefix="/registry", template_folder="templates")

SEEING = (Role.CLERK, Role.LEADER)
STATE_COLOURS = {
    "registered": "blue",
    "in_hand": "yellow",
    "closed": "green",
    "to_file": "purple",
    "not_kept": "secondary",
    "returned_to_issuer": "secondary",
    "kept_elsewhere": "secondary",
}
NAMES = {
    "DIRECTIONS": registry.DIRECTIONS,
    "URGENCIES": registry.URGENCIES,
    "SECURITIES": {str(each): name for each, name in SECURITY_NAMES.items()},
    "STATES": DOCUMENT.states,
    "STATE_COLOURS": STATE_COLOURS,
    "ROLES": [(role, role) for role in DOCUMENT_ROLES],
    "KINDS": {str(kind): name for kind, name in FILE_KIND_NAMES.items()},
    "REASONS": registry.NOT_KEPT_REASONS,
}


def _fonds(session: Any, *roles: Role) -> dict[str, str]:
    """The fonds that the reader may see (or write into in one of the roles), by id."""
    actor = current_actor()
    if roles:
        return {each.id: each.name for each in fonds_written(actor, *roles, session=session)}
    return {each.id: each.name for each in fonds_here(session) if actor.may(*SEEING, fonds=each.id)}


@blueprint.get("/")
@with_roles(*SEEING)
def index() -> str:
    with current_database().read() as session:
        fonds = _fonds(session)
        filters = {
            "direction": Filter("登记簿", Registered.direction, registry.DIRECTIONS),
            "state": Filter("状态", Registered.state, DOCUMENT.states),
        }
        if len(fonds) > 1:
            filters["fonds"] = Filter("全宗", Registered.fonds_id, fonds)
        listing = Listing.from_request(
            request.args,
            sorts={
                "number": Registered.serial,
                "title": Registered.title,
                "date": Registered.date,
                "registered": Registered.registered_on,
                "entered": Registered.created_at,
            },
            default_sort="-entered",
            search=(Registered.title, Registered.doc_no, Registered.author),
            filters=filters,
        )
        page = listing.apply(registry.listing(current_actor(), session=session), session=session)
        return render_template(
            "registry/index.html",
            page=page,
            fonds=fonds,
            may_register=bool(_fonds(session, Role.CLERK)),
            **NAMES,
        )


def _values(form: Form) -> dict[str, str]:
    return {name: form[name] for name in registry.FIELDS}


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.CLERK)
@accepts_upload(MOST_UPLOAD)
def new() -> ResponseReturnValue:
    with current_database().read() as session:
        fonds = _fonds(session, Role.CLERK)
    direction = request.args.get("direction", "incoming")
    form = Form(
        request.form,
        defaults={
            "direction": direction if direction in registry.DIRECTIONS else "incoming",
            "registered_on": today(),
            "fonds_id": next(iter(fonds), ""),
            "security": "none",
            "urgency": "normal",
            "role": "正本",
        },
    )
    if request.method == "POST":
        with form.catching():
            registry.check_values(_values(form))
            cleared = says_declassified(form.get("remark"))
            with Keeping(current_folder().files, declassified=cleared) as files:
                stored = [files.keep(each.stream, each.filename or "") for each in chosen_files()]
                with current_database().write() as session:
                    document = registry.register(
                        current_actor(),
                        form["fonds_id"],
                        form["direction"],
                        _values(form),
                        state="closed" if form.checked("closed") else "registered",
                        session=session,
                    )
                    for each in stored:
                        registry.attach_file(
                            current_actor(), document, form["role"], each, session=session
                        )
            flash(f"已登记，编号 {document.number}。", "success")
            return redirect(url_for(".show", document_id=document.id))
    return form.answer("registry/new.html", fonds=fonds, **NAMES)


@blueprint.get("/<document_id>")
@with_roles(*SEEING)
def show(document_id: str) -> str:
    with current_database().read() as session:
        document = registry.document_of(current_actor(), document_id, session=session)
        return render_template(
            "registry/show.html",
            document=document,
            files=registry.files_of(document.id, session=session),
            fonds=_fonds(session).get(document.fonds_id, ""),
            may_change=may_write(current_actor(), document.fonds_id, Role.CLERK, session=session),
            possible=DOCUMENT.possible(document.state),
            **NAMES,
        )


@blueprint.route("/<document_id>/edit", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def edit(document_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        document = registry.document_of(current_actor(), document_id, session=session)
        refuse_early(document.fonds_id, session)
    form = Form(request.form, defaults={name: getattr(document, name) for name in registry.FIELDS})
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                found = registry.document_of(current_actor(), document_id, session=session)
                registry.edit(current_actor(), found, _values(form), session=session)
            flash("已保存。", "success")
            return redirect(url_for(".show", document_id=document_id))
    return form.answer("registry/edit.html", document=document, **NAMES)


@blueprint.route("/<document_id>/upload", methods=["GET", "POST"])
@with_roles(Role.CLERK)
@accepts_upload(MOST_UPLOAD)
def upload(document_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        document = registry.document_of(current_actor(), document_id, session=session)
        refuse_early(document.fonds_id, session)
    form = Form(request.form, defaults={"role": "正本", "kind": "born_digital"})
    if request.method == "POST":
        with form.catching():
            cleared = says_declassified(document.remark)
            with Keeping(current_folder().files, declassified=cleared) as files:
                stored = [files.keep(each.stream, each.filename or "") for each in require_files()]
                with current_database().write() as session:
                    found = registry.document_of(current_actor(), document_id, session=session)
                    for each in stored:
                        registry.attach_file(
                            current_actor(), found, form["role"], each, form["kind"],
                            session=session,
                        )  # fmt: skip
            flash(f"已上传 {len(stored)} 个文件。", "success")
            return redirect(url_for(".show", document_id=document_id))
    return form.answer("registry/upload.html", document=document, **NAMES)


@blueprint.get("/<document_id>/files/<file_id>")
@with_roles(*SEEING)
def file(document_id: str, file_id: str) -> Response:
    with current_database().read() as session:
        document = registry.document_of(current_actor(), document_id, session=session)
        for each in registry.files_of(document.id, session=session):
            if each.id == file_id:
                return send_stored(each.sha256, each.name)
    raise NotFound("没有这个文件。", "它可能已被移除，请刷新后查看。")


@blueprint.post("/<document_id>/files/<file_id>/remove")
@with_roles(Role.CLERK)
def remove_file(document_id: str, file_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        document = registry.document_of(current_actor(), document_id, session=session)
        registry.remove_file(current_actor(), document, file_id, session=session)
    flash("已移除。", "success")
    return redirect(url_for(".show", document_id=document_id))


_SIMPLE = {
    "close": registry.close,
    "reopen": registry.reopen,
    "reconsider": registry.reconsider,
}
_WITH_REASON = {
    "not_keep": registry.keep_not,
    "return_to_issuer": registry.return_to_issuer,
    "keep_elsewhere": registry.keep_elsewhere,
}


@blueprint.post("/<document_id>/<verb>")
@with_roles(Role.CLERK)
def act(document_id: str, verb: str) -> ResponseReturnValue:
    if verb not in (*_SIMPLE, *_WITH_REASON, "take_in_hand"):
        raise NotFound("没有这项操作。", "请回到文件页面重新选择。")
    with current_database().write() as session:
        actor = current_actor()
        document = registry.document_of(actor, document_id, session=session)
        if verb in _SIMPLE:
            _SIMPLE[verb](actor, document, session=session)
        elif verb in _WITH_REASON:
            _WITH_REASON[verb](actor, document, request.form.get("reason", ""), session=session)
        else:
            handler = request.form.get("handler")
            registry.take_in_hand(actor, document, handler=handler, session=session)
    flash(f"文件现为“{DOCUMENT.label(document.state)}”。", "success")
    return redirect(url_for(".show", document_id=document_id))
