"""What waits for a second person, and what became of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from shared.identity import acts, current_actor, signed_in
from shared.identity.models import ActState, ProposedAct
from shared.kernel.clock import now
from shared.web.current import current_database
from shared.web.listing import Filter, Listing

blueprint = Blueprint("acts", __name__, url_prefix="/acts")
#: The extension that gives the kinds of acts of this app.
KINDS = "danglian.acts"
_STATES = {"open": "待确认", "done": "已确认办理", "refused": "已拒绝或撤回", "expired": "已过期"}


def current_kinds() -> acts.Kinds:
    """The kinds of dangerous acts that there are here."""
    kinds: acts.Kinds = current_app.extensions[KINDS]
    return kinds


@blueprint.get("/")
@signed_in
def index() -> ResponseReturnValue:
    """The acts that I may propose or decide, the newest first."""
    actor, kinds = current_actor(), current_kinds()
    listing = Listing.from_request(
        request.args,
        sorts={"proposed": ProposedAct.proposed_at, "title": ProposedAct.title},
        default_sort="-proposed",
        search=(ProposedAct.title, ProposedAct.proposed_name),
        filters={"state": Filter("状态", choices=_STATES, apply=_in_state)},
    )
    with current_database().read() as session:
        page = listing.apply(acts.acts_seen_by(actor, kinds), session=session)
        return render_template(
            "acts/index.html",
            page=page,
            kinds=kinds,
            states=_STATES,
            state_of=_state_of,
            may_decide=lambda act: acts.may_decide(actor, act, kinds),
        )


@blueprint.post("/<act_id>/confirm")
@signed_in
def confirm(act_id: str) -> ResponseReturnValue:
    """Confirm it, and with that do it."""
    seen = request.form.get("digest", "")
    with current_database().write() as session:
        told = acts.confirm(current_actor(), act_id, seen, current_kinds(), session=session)
    flash(f"已确认并办理。{told}", "success")
    return redirect(url_for(".index"))


@blueprint.post("/<act_id>/refuse")
@signed_in
def refuse(act_id: str) -> ResponseReturnValue:
    """Refuse it, or take back what I have proposed."""
    answer = request.form.get("answer", "")
    with current_database().write() as session:
        acts.refuse(current_actor(), act_id, answer, current_kinds(), session=session)
    flash("已拒绝或撤回，没有办理。", "success")
    return redirect(url_for(".index"))


def _state_of(act: ProposedAct) -> str:
    if act.state != ActState.PROPOSED:
        return act.state
    return "open" if act.is_open else "expired"


def _in_state(statement: Any, state: str) -> Any:
    if state in (ActState.DONE, ActState.REFUSED):
        return statement.where(ProposedAct.state == state)
    late = ProposedAct.until <= now()
    statement = statement.where(ProposedAct.state == ActState.PROPOSED)
    return statement.where(late if state == "expired" else ~late)
