"""Pages 档案复制件证明: issue a certified copy, print it, withdraw it, find it again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.reading_room import copies
from hub.reading_room.models import CertifiedCopy
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.identifiers import new_id
from shared.kernel.keys import sign_document
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import PDF, download

blueprint = Blueprint("copies", __name__, url_prefix="/copies", template_folder="templates")

NAMES: dict[str, Any] = {
    "STATES": copies.STATE_NAMES,
    "COLOURS": {"valid": "green", "withdrawn": "red"},
}


@blueprint.app_template_global()
def may_certify(record: CatalogueRecord) -> bool:
    """For the page of a record: whether the reader may issue a certified copy of it."""
    return copies.may_issue(current_actor(), record)


@blueprint.get("/")
@with_roles(Role.ARCHIVIST)
def index() -> ResponseReturnValue:
    """The copies that one's archives have issued, newest first."""
    seen = copies.copies_seen(current_actor())
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={
                "issued": CertifiedCopy.issued_at,
                "code": CertifiedCopy.code,
                "reader": CertifiedCopy.reader,
            },
            default_sort="-issued",
            search=(
                *(CertifiedCopy.id, CertifiedCopy.code, CertifiedCopy.title),
                *(CertifiedCopy.reader, CertifiedCopy.purpose),
            ),
            filters={
                "state": Filter("状态", CertifiedCopy.state, copies.STATE_NAMES),
                "archive": Filter("档案馆", CertifiedCopy.archive_code, _archives(seen, session)),
            },
        )
        page = listing.apply(seen, session=session)
        return render_template("reading_room/index.html", page=page, **NAMES)


def _archives(seen: Any, session: Session) -> dict[str, str]:
    codes = set(session.scalars(seen.with_only_columns(CertifiedCopy.archive_code).distinct()))
    return {each.code: each.name for each in federation.archives(session) if each.code in codes}


@blueprint.route("/new/<record_id>", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def issue(record_id: str) -> ResponseReturnValue:
    """Issue a certified copy of a record to a reader."""
    actor, database, folder = current_actor(), current_database(), current_folder()
    form = Form(request.form, defaults={"copy_id": new_id()})
    with database.read() as session:
        record = copies.record_for(actor, record_id, session=session)
        look = catalogue.look_at(actor, record_id, session=session)
        fonds = federation.fonds_of(record.fonds_id, session)
    if request.method == "POST":
        with form.catching():
            with database.read() as session:
                statement = copies.draft(
                    actor, record_id, form["copy_id"], reader=form["reader"],
                    purpose=form["purpose"], basis=form["basis"], session=session,
                )  # fmt: skip
            seal = folder.keys.seal(statement["archive"])
            sealed = copies.seal_copy(statement, seal, address=f"{folder.address}/verify/")
            with database.write() as session:
                made = copies.settle(actor, sealed, session=session)
                copy_id = made.id
            flash("已出具，请打印或把 PDF 交给利用者。", "success")
            return redirect(url_for(".show", copy_id=copy_id))
    return form.answer(
        "reading_room/issue.html", record=record, wire=look.wire, fonds=fonds,
        is_open=record.opening == copies.OPEN,
    )  # fmt: skip


@blueprint.get("/<copy_id>")
@with_roles(Role.ARCHIVIST)
def show(copy_id: str) -> ResponseReturnValue:
    """One copy."""
    with current_database().read() as session:
        found = copies.copy_seen(current_actor(), copy_id, session=session)
        archive = federation.archive_of(found.archive_code, session)
        return render_template("reading_room/show.html", found=found, archive=archive, **NAMES)


@blueprint.get("/<copy_id>/pdf")
@with_roles(Role.ARCHIVIST)
def pdf(copy_id: str) -> ResponseReturnValue:
    """The PDF, as it was issued."""
    database = current_database()
    with database.read() as session:
        found = copies.copy_seen(current_actor(), copy_id, session=session)
    content = copies.pdf_of(found, database=database, store=current_folder().store)
    name = f"档案复制件证明-{copy_id[-6:]}.pdf"
    return download(content, name, PDF, inline="save" not in request.args)


@blueprint.post("/<copy_id>/withdraw")
@with_roles(Role.ARCHIVIST)
def withdraw(copy_id: str) -> ResponseReturnValue:
    """Withdraw a copy, with the reason."""
    actor, database = current_actor(), current_database()
    with database.read() as session:
        said = copies.draft_withdrawal(
            actor, copy_id, request.form.get("reason", ""), session=session
        )
    seal = current_folder().keys.seal(said["archive"])
    sealed = {**said, copies.SEAL: sign_document(seal, said)}
    with database.write() as session:
        copies.settle_withdrawal(actor, sealed, session=session)
    flash("已撤回；核验时会显示已撤回。", "success")
    return redirect(url_for(".show", copy_id=copy_id))
