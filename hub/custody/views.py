"""Pages of custody: the hand-overs of whole fonds, one of them, proposing one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from hub.custody import service as custody
from hub.custody.models import HandOver
from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.federation.models import Fonds
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.records.hand_over import STATE_COLOURS, STEP_NAMES, STEP_OF, counted
from shared.records.states import HAND_OVER
from shared.web import Filter, Form, Listing, current_database

blueprint = Blueprint("custody", __name__, url_prefix="/hand-overs", template_folder="templates")

_SEES = (Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR)


@blueprint.get("/")
@with_roles(*_SEES)
def index() -> ResponseReturnValue:
    """The hand-overs of the fonds that the actor has to do with."""
    actor = current_actor()
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"begun": HandOver.begun_at, "changed": HandOver.changed_at},
            default_sort="-changed",
            search=_containing,
            filters={"state": Filter("状态", HandOver.state, HAND_OVER.states)},
        )
        page = listing.apply(custody.hand_overs_seen_by(actor), session=session)
        return render_template(
            "custody/index.html",
            page=page,
            fonds=federation.fonds_named({each.fonds_id for each in page.items}, session),
            nodes={each.id: each.name for each in federation.nodes(session)},
            states=HAND_OVER.states,
            colours=STATE_COLOURS,
        )


def _containing(statement: Any, text: str) -> Any:
    """Hand-overs of a fonds so called, or with this in their reason."""
    named = select(Fonds.id).where(Fonds.name.icontains(text, autoescape=True))
    return statement.where(
        HandOver.fonds_id.in_(named) | HandOver.reason.icontains(text, autoescape=True)
    )


@blueprint.get("/<hand_over_id>")
@with_roles(*_SEES)
def show(hand_over_id: str) -> ResponseReturnValue:
    """One hand-over: where it stands, what is handed over, who signed."""
    actor = current_actor()
    with current_database().read() as session:
        hand_over = custody.hand_over_shown_to(actor, hand_over_id, session)
        fonds = federation.fonds_of(hand_over.fonds_id, session)
        bundles = custody.bundles_of(hand_over.id, session)
        return render_template(
            "custody/show.html",
            hand_over=hand_over,
            fonds=fonds,
            giving=federation.node_of(hand_over.from_node, session),
            taking=(federation.node_of(hand_over.to_node, session) if hand_over.to_node else None),
            bundles=bundles,
            arrived=sum(each.arrived for each in bundles),
            uncertain=not custody.is_certain(hand_over, session),
            states=HAND_OVER.states,
            colours=STATE_COLOURS,
            counted=counted,
            STEPS=STEP_NAMES,
            step=STEP_OF[hand_over.state],
            may_decide=federation.may_over(actor, fonds),
            may_call_off=HAND_OVER.may("call_off", hand_over.state),
        )


@blueprint.route("/new/<fonds_id>", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def propose(fonds_id: str) -> ResponseReturnValue:
    """Propose that another node keep a fonds."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                federation.fonds_shown_to(current_actor(), fonds_id, session)
                hand_over = custody.propose(
                    current_actor(),
                    fonds_id,
                    form["node"],
                    form["reason"],
                    key=current_folder().keys.hub(),
                    session=session,
                )
            flash("已提出交接，通知已下发两个单位。", "success")
            return redirect(url_for(".show", hand_over_id=hand_over.id))
    with current_database().read() as session:
        fonds = federation.fonds_shown_to(current_actor(), fonds_id, session)
        asked = custody.open_one(fonds_id, session=session)
        return form.answer(
            "custody/propose.html",
            fonds=fonds,
            asked=asked,
            hindrance=custody.hindrances(fonds_id, session=session),
            nodes=[(each.id, each.name) for each in custody.takers(fonds_id, session)],
        )


@blueprint.post("/<hand_over_id>/call-off")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def call_off(hand_over_id: str) -> ResponseReturnValue:
    """Call a hand-over off, with the reason."""
    with current_database().write() as session:
        custody.hand_over_shown_to(current_actor(), hand_over_id, session)
        hand_over = custody.call_off(
            current_actor(),
            hand_over_id,
            request.form.get("reason", ""),
            key=current_folder().keys.hub(),
            session=session,
        )
    if hand_over.state == "called_off":
        flash("已取消交接，移出方恢复书写。", "success")
    else:
        flash("已记下取消；平台恢复后，等两个单位都报到才能生效。", "warning")
    return redirect(url_for(".show", hand_over_id=hand_over_id))
