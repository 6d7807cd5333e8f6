"""Pages of the archives 档案馆 and of the agreements on central keeping 集中保管."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.federation.models import Archive
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import today
from shared.kernel.errors import Invalid
from shared.web import Form, Listing, current_database

blueprint = Blueprint("archives", __name__, url_prefix="/archives", template_folder="templates")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The archives of the city and its counties, and the agreements between them."""
    actor = current_actor()
    listing = Listing.from_request(
        request.args,
        sorts={"position": Archive.position, "code": Archive.code, "name": Archive.name},
        default_sort="position",
        search=(Archive.name, Archive.code),
    )
    with current_database().read() as session:
        return render_template(
            "archives/index.html",
            page=listing.apply(federation.archives_listed(), session=session),
            names={each.code: each.name for each in federation.archives(session)},
            counts=federation.fonds_counts(session),
            agreements=[each for each in federation.agreements(session) if _concerns(actor, each)],
            administers=actor.may(Role.SYSTEM_ADMINISTRATOR),
        )


def _concerns(actor: Actor, agreement: federation.Agreement) -> bool:
    return any(
        actor.may(*Role, archive=code)
        for code in (agreement.reviewing_archive, agreement.receiving_archive)
    )


@blueprint.route("/agreements/new", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def new_agreement() -> ResponseReturnValue:
    """Write down an agreement: the county's archive reviews, the city's receives."""
    form = Form(request.form, defaults={"since": today()})
    if request.method == "POST":
        with form.catching():
            try:
                since = date.fromisoformat(form["since"])
            except ValueError:
                raise Invalid("since", "起始日期不正确。", "请选择日期。") from None
            if not form["archive"]:
                raise Invalid("archive", "没有选择档案馆。", "请选择县级档案馆。")
            with current_database().write() as session:
                federation.make_agreement(
                    current_actor(),
                    form["archive"],
                    form["basis"],
                    key=current_folder().keys.hub(),
                    session=session,
                    since=since,
                )
            flash("已登记集中保管协议，该馆各全宗改由市档案馆接收。", "success")
            return redirect(url_for(".index"))
    with current_database().read() as session:
        county = [each for each in federation.archives(session) if each.level == "county"]
        counties = [(each.code, each.name) for each in county]
        return form.answer("archives/new_agreement.html", counties=counties)
