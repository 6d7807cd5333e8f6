"""The archivist's pages of sharing: what the archive shows to whom, and taking one record back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.sharing import feed
from hub.sharing import service as sharing
from hub.sharing.policies import (
    AUDIENCE_NAMES,
    CLOSED_YEARS,
    FIELDS,
    HIDDEN_NAMES,
    MOST_CLOSED_YEARS,
    STANDING_NAMES,
    Audience,
)
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import NotFound
from shared.web import Form, Listing, current_database

blueprint = Blueprint("sharing", __name__, url_prefix="/sharing", template_folder="templates")


@blueprint.app_template_global()
def sharing_of(record: CatalogueRecord) -> list[dict[str, Any]]:
    """For the page of a record: how it stands for each audience, as its archive's people see it."""
    if record.archive is None or not _may_decide(record):
        return []
    with current_database().read() as session:
        taken_back = sharing.withdrawal_of(record.id, session)
        return [
            {
                "audience": AUDIENCE_NAMES[Audience(state.audience)],
                "standing": STANDING_NAMES[state.standing],
                "is_open": state.standing == "open",
                "reason": HIDDEN_NAMES.get(state.reason or "", ""),
                "due": state.due,
                "withdrawal": taken_back,
            }
            for state in sharing.states_of(record.id, session)
        ]


def _may_decide(record: CatalogueRecord) -> bool:
    return current_actor().may(Role.ARCHIVIST, archive=record.archive)


@blueprint.get("/")
@with_roles(Role.ARCHIVIST)
def index() -> ResponseReturnValue:
    mine = current_actor().archives(Role.ARCHIVIST)
    with current_database().read() as session:
        decided = {(row.archive_code, row.audience): row for row in sharing.policies(session)}
        rows = [
            {
                "archive": archive,
                "audience": audience,
                "audience_name": AUDIENCE_NAMES[audience],
                "policy": decided.get((archive.code, str(audience))),
            }
            for archive in federation.archives(session)
            if mine is None or archive.code in mine
            for audience in Audience
        ]
        shared = [(AUDIENCE_NAMES[each], feed.proof(each, session)["records"]) for each in Audience]
    listing = Listing.from_request(
        request.args,
        sorts={"archive": None},
        default_sort="archive",
        search=(lambda row: row["archive"].name,),
    )
    page = listing.apply_to(rows)
    return render_template("sharing/index.html", page=page, fields=FIELDS, shared=shared)


@blueprint.route("/<archive_code>/<audience>", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def edit(archive_code: str, audience: str) -> ResponseReturnValue:
    if audience not in set(Audience):
        raise NotFound("没有这个共享范围。", "请回到“共享”重新选择。")
    sharing.require_of_archive(current_actor(), archive_code)
    with current_database().read() as session:
        archive = federation.archive_of(archive_code, session)
        policy = sharing.policy_of(archive_code, Audience(audience), session)
    ticked = {f"open_{each}": True for each in (policy.fields if policy else FIELDS)}
    ticked |= {f"closed_{each}": True for each in (policy.closed_fields if policy else ())}
    years = policy.closed_years if policy else CLOSED_YEARS
    form = Form(request.form, {**ticked, "closed_years": years})
    if request.method == "POST":
        with form.catching():
            wanted = form.number("closed_years")
            new = sharing.NewPolicy(
                fields=[each for each in FIELDS if form.checked(f"open_{each}")],
                closed_fields=[each for each in FIELDS if form.checked(f"closed_{each}")],
                closed_years=CLOSED_YEARS if wanted is None else wanted,
                basis=form["basis"],
            )
            with current_database().write() as session:
                sharing.set_policy(
                    current_actor(), archive_code, Audience(audience), new, session=session
                )
            flash("已规定；正在按新的规定重新判定本馆的馆藏。", "success")
            return redirect(url_for(".index"))
    return form.answer(
        "sharing/edit.html",
        archive=archive,
        audience=audience,
        audience_name=AUDIENCE_NAMES[Audience(audience)],
        of_closed=audience != Audience.PUBLIC,
        fields=FIELDS,
        most_years=MOST_CLOSED_YEARS,
    )


@blueprint.post("/<archive_code>/<audience>/close")
@with_roles(Role.ARCHIVIST)
def close(archive_code: str, audience: str) -> ResponseReturnValue:
    if audience not in set(Audience):
        raise NotFound("没有这个共享范围。", "请回到“共享”重新选择。")
    with current_database().write() as session:
        sharing.close_policy(current_actor(), archive_code, Audience(audience), session=session)
    flash("已停止共享；已经共享的正在收回。", "success")
    return redirect(url_for(".index"))


@blueprint.post("/records/<record_id>/withdraw")
@with_roles(Role.ARCHIVIST)
def withdraw(record_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        sharing.withdraw(
            current_actor(), record_id, request.form.get("reason", ""), session=session
        )
    flash("已撤回共享。", "success")
    return redirect(url_for("catalogue.show", record_id=record_id))


@blueprint.post("/records/<record_id>/restore")
@with_roles(Role.ARCHIVIST)
def restore(record_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        sharing.share_again(current_actor(), record_id, session=session)
    flash("已恢复，按共享规定重新判定。", "success")
    return redirect(url_for("catalogue.show", record_id=record_id))
