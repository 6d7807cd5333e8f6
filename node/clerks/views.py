"""Pages 经办人交接: draw up the inventory, sign it, fetch it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from node.clerks import service as clerks
from node.clerks.inventory import KIND_NAMES, ROLE_NAMES, inventory_pdf
from node.clerks.models import ClerkChange
from node.office.service import office_of
from shared.identity import Account, account_of, actor_of, current_actor, with_roles
from shared.kernel.actor import Role
from shared.web import Form, Listing, current_database

blueprint = Blueprint("clerks", __name__, url_prefix="/clerks", template_folder="templates")

STATES = {"prepared": "待签字", "done": "已交接", "withdrawn": "已撤销"}
_BUSINESS = (Role.CLERK, Role.LEADER)


@blueprint.get("/")
@with_roles(*_BUSINESS)
def index() -> ResponseReturnValue:
    """The changes of clerk, the newest first."""
    listing = Listing.from_request(
        request.args,
        sorts={"prepared": lambda change: change.prepared_at},
        default_sort="-prepared",
        search=(lambda change: change.leaving_name, lambda change: change.successor_name),
    )
    with current_database().read() as session:
        # There are a handful, and which fonds each is about stands in its inventory.
        found = session.scalars(select(ClerkChange)).all()
        page = listing.apply_to([each for each in found if clerks.sees(current_actor(), each)])
        return render_template("clerks/index.html", page=page, states=STATES)


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(*_BUSINESS)
def new() -> ResponseReturnValue:
    """Draw up a change."""
    actor = current_actor()
    form = Form(request.form, {"leaving": actor.id if actor.has(Role.CLERK) else ""})
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                change = clerks.prepare_change(
                    actor,
                    account_of(form["leaving"], session),
                    account_of(form["successor"], session),
                    form["reason"],
                    has_left=form.checked("has_left"),
                    session=session,
                )
            return redirect(url_for(".show", change_id=change.id))
    with current_database().read() as session:
        people = session.scalars(
            select(Account).where(Account.waiting.is_(False)).order_by(Account.name)
        )
        clerks_here = [each for each in people if actor_of(each).has(Role.CLERK)]
    return form.answer(
        "clerks/new.html",
        # Whoever has left may have been closed at once; what they had in hand is still there.
        leaving={
            each.id: f"{each.name}（{each.login}{'，已停用' if each.disabled else ''}）"
            for each in clerks_here
        },
        successors={
            each.id: f"{each.name}（{each.login}）" for each in clerks_here if not each.disabled
        },
    )


@blueprint.get("/<change_id>")
@with_roles(*_BUSINESS)
def show(change_id: str) -> ResponseReturnValue:
    """The inventory, and who has signed it."""
    actor = current_actor()
    with current_database().read() as session:
        change = clerks.change_of(current_actor(), change_id, session)
    return render_template(
        "clerks/show.html",
        change=change,
        states=STATES,
        kinds=KIND_NAMES,
        roles=ROLE_NAMES,
        mine=[each for each in ROLE_NAMES if clerks.may_sign(actor, change, each)],
    )


@blueprint.post("/<change_id>/sign")
@with_roles(*_BUSINESS)
def sign(change_id: str) -> ResponseReturnValue:
    role, seen = request.form.get("role", ""), request.form.get("digest", "")
    with current_database().write() as session:
        change = clerks.sign_change(current_actor(), change_id, role, seen, session=session)
    done = change.state == "done"
    flash("三人都已签字，交接完成，移交人的账号已停用。" if done else "已签字。", "success")
    return redirect(url_for(".show", change_id=change_id))


@blueprint.post("/<change_id>/withdraw")
@with_roles(*_BUSINESS)
def withdraw(change_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        clerks.withdraw_change(current_actor(), change_id, session=session)
    flash("已撤销，什么也没有变。", "success")
    return redirect(url_for(".index"))


@blueprint.get("/<change_id>/pdf")
@with_roles(*_BUSINESS)
def pdf(change_id: str) -> Response:
    """The inventory as PDF."""
    with current_database().read() as session:
        change = clerks.change_of(current_actor(), change_id, session)
        office = office_of(session).name
    data = inventory_pdf(change, office=office)
    headers = {"Content-Disposition": "inline; filename=clerk-change.pdf"}
    return Response(data, mimetype="application/pdf", headers=headers)
