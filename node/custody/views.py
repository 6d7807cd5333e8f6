"""Pages of custody: handing a whole fonds over, or taking one over 全宗交接."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from node.custody import service as custody
from node.custody.models import HandOver
from node.office.models import Standing
from node.office.service import fonds_written, standings
from node.registry.edge import current_folder
from shared.identity import current_actor, with_roles
from shared.kernel.errors import NotFound
from shared.kernel.jobs import Job
from shared.records.fonds import Fonds
from shared.records.hand_over import STATE_COLOURS, STEP_NAMES, STEP_OF, counted
from shared.records.states import HAND_OVER
from shared.web import Filter, Form, Listing, current_database

blueprint = Blueprint("custody", __name__, url_prefix="/custody", template_folder="templates")


@blueprint.app_context_processor
def _custody_notices() -> dict[str, Any]:
    """What pages say of fonds that can only be read here, and of hand-overs that wait.

    With `notice_of`, the fonds that a page is about, of that one alone.
    """

    def custody_notices(fonds_id: str = "") -> list[tuple[str, str]]:
        actor = current_actor()
        with current_database().read() as session:
            said = [
                (each.standing, _sentence(each.standing, each.wire, each.counterpart))
                for each in standings(session).values()
                if actor.may(*custody.SEEING, fonds=each.fonds_id)
                and fonds_id in ("", each.fonds_id)
            ]
            for hand_over in custody.waiting_for_us(session=session):
                if actor.may(*custody.DECIDING, fonds=hand_over.fonds_id) and not fonds_id:
                    said.append(("waiting", f"全宗“{hand_over.fonds_name}”的交接等您办理。"))
        return said

    return {"custody_notices": custody_notices}


def _sentence(standing: str, wire: dict[str, Any], counterpart: str) -> str:
    name = Fonds.from_wire(wire).name
    if standing == Standing.LEAVING:
        return f"全宗“{name}”正在移交给“{counterpart}”保管，已停止书写，只能查看。"
    if standing == Standing.ARRIVING:
        return f"正在接管全宗“{name}”（原由“{counterpart}”保管），内容并入完毕后才能书写。"
    return f"全宗“{name}”已改由“{counterpart}”保管，这里是只读副本。"


@blueprint.get("/")
@with_roles(*custody.SEEING)
def index() -> str:
    """The hand-overs that this node gives or takes."""
    actor = current_actor()
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"begun": HandOver.created_at, "fonds": HandOver.fonds_name},
            default_sort="-begun",
            search=(HandOver.fonds_name, HandOver.counterpart),
            filters={"state": Filter("状态", HandOver.state, HAND_OVER.states)},
        )
        page = listing.apply(custody.listing(actor, session=session), session=session)
        return render_template(
            "custody/index.html",
            page=page,
            STATES=HAND_OVER.states,
            COLOURS=STATE_COLOURS,
            may_ask=actor.has(*custody.DECIDING),
        )


@blueprint.route("/ask", methods=["GET", "POST"])
@with_roles(*custody.DECIDING)
def ask() -> ResponseReturnValue:
    """Ask the hub that another unit keep a fonds."""
    actor = current_actor()
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                asked = custody.ask(
                    actor, form["fonds"], form["wish"], form["reason"], session=session
                )
            flash("已向市级平台申请；市档案馆选定接管单位后，会在这里显示下一步。", "success")
            return redirect(url_for(".show", hand_over_id=asked.id))
    with current_database().read() as session:
        choices = [
            (each.id, each.name)
            for each in fonds_written(actor, *custody.DECIDING, session=session)
        ]
    return form.answer("custody/ask.html", choices=choices)


@blueprint.get("/<hand_over_id>")
@with_roles(*custody.SEEING)
def show(hand_over_id: str) -> str:
    """One hand-over: where it stands, what to do next, the inventory, who signed."""
    actor = current_actor()
    with current_database().read() as session:
        hand_over = custody.hand_over_of(actor, hand_over_id, session=session)
        bundles = custody.bundles_of(hand_over.id, session=session)
        return render_template(
            "custody/show.html",
            hand_over=hand_over,
            said=hand_over.document or {},
            bundles=len(bundles),
            moved=sum(each.moved for each in bundles),
            job=session.get(Job, hand_over.job_id) if hand_over.job_id else None,
            hindrances=(
                custody.hindrances(hand_over, session=session)
                if hand_over.leaving and hand_over.state == "proposed"
                else []
            ),
            decides=actor.may(*custody.DECIDING, fonds=hand_over.fonds_id),
            may_call_off=HAND_OVER.may("call_off", hand_over.state),
            STATES=HAND_OVER.states,
            COLOURS=STATE_COLOURS,
            counted=counted,
            STEPS=STEP_NAMES,
            step=STEP_OF[hand_over.state],
        )


@blueprint.post("/<hand_over_id>/<verb>")
@with_roles(*custody.DECIDING)
def act(hand_over_id: str, verb: str) -> ResponseReturnValue:
    """Stop writing, sign, call off, or begin a failed job anew."""
    actor = current_actor()
    database = current_database()
    if verb == "sign":
        with database.read() as session:
            statement = custody.draft_statement(actor, hand_over_id, session=session)
        draft = custody.seal_statement(statement, current_folder().keys.seal())
        with database.write() as session:
            custody.sign(actor, hand_over_id, draft, session=session)
        flash("已签字，并通知市级平台。", "success")
    else:
        with database.write() as session:
            if verb == "freeze":
                custody.freeze(actor, hand_over_id, session=session)
                said = "已停止书写，正在通知市级平台；随后自动清点。"
            elif verb == "call_off":
                reason = request.form.get("reason", "")
                custody.call_off(actor, hand_over_id, reason, session=session)
                said = "已申请取消，以市级平台的答复为准。"
            elif verb == "again":
                custody.try_again(actor, hand_over_id, session=session)
                said = "已重新开始。"
            else:
                raise NotFound("没有这个操作。", "请回到交接页面。")
        flash(said, "success")
    return redirect(url_for(".show", hand_over_id=hand_over_id))
