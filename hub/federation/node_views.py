"""Pages of the nodes 联网单位: how each stands, one-time codes, suspending, confirming."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation import service as federation
from hub.federation.broker import Broker, rotate_account
from hub.federation.contact import clock_difference
from hub.federation.edge import current_folder, current_holdings
from hub.federation.models import NODE_STATES, Fonds, Node
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import now
from shared.messaging.links import names_broker
from shared.messaging.models import IncomingStream, OutgoingStream
from shared.web import Filter, Form, Listing, current_database

blueprint = Blueprint("nodes", __name__, url_prefix="/nodes", template_folder="templates")

_LOOKERS = (Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR, Role.AUTHORITY)
_SILENT_DAYS = 7
_MOST_CHOICES = 200
_ABOUT = {"silent": "久未联系", "differing": "核对不一致", "asking": "申请恢复"}


@blueprint.get("/")
@with_roles(*_LOOKERS)
def index() -> ResponseReturnValue:
    """The nodes, those that ask for a grant in a box above."""
    actor = current_actor()
    listing = Listing.from_request(
        request.args,
        sorts={
            "name": Node.name,
            "last_contact": Node.last_contact,
            "backlog": Node.backlog,
            "oldest": Node.oldest_waiting,
            "clock": Node.clock_offset_ms,
            "epoch": Node.epoch,
        },
        default_sort="name",
        search=(Node.name, Node.notes),
        filters={
            "state": Filter("状态", Node.state, NODE_STATES),
            "about": Filter("情况", choices=_ABOUT, apply=_troubled),
        },
    )
    with current_database().read() as session:
        seen = federation.nodes_seen_by(actor, session)
        return render_template(
            "nodes/index.html",
            page=listing.apply(seen, session=session),
            asking=session.scalars(seen.where(Node.asking_instance.is_not(None))).all(),
            states=NODE_STATES,
            silent=_is_silent,
            clock=clock_difference,
            administers=actor.has(Role.SYSTEM_ADMINISTRATOR),
            administers_all=actor.may(Role.SYSTEM_ADMINISTRATOR),
        )


def _troubled(statement: Any, value: str) -> Any:
    if value == "silent":
        long_ago = now() - timedelta(days=_SILENT_DAYS)
        heard = Node.last_contact.is_(None) | (Node.last_contact < long_ago)
        return statement.where(Node.state == "enrolled", heard)
    if value == "asking":
        return statement.where(Node.asking_instance.is_not(None))
    return statement.where(Node.compared_differing > 0)


def _is_silent(node: Node) -> bool:
    return node.last_contact is None or (now() - node.last_contact).days >= _SILENT_DAYS


@blueprint.get("/<node_id>")
@with_roles(*_LOOKERS)
def show(node_id: str) -> ResponseReturnValue:
    """One node: keys, streams, the fonds it keeps."""
    actor = current_actor()
    with current_database().read() as session:
        node = federation.node_shown_to(actor, node_id, session)
        kept = Listing.from_request(
            request.args,
            name="fonds",
            sorts={"place": Fonds.position, "number": Fonds.number, "name": Fonds.name},
            default_sort="place",
            search=(Fonds.name, Fonds.number),
        ).apply(select(Fonds).where(Fonds.keeping_node == node.id), session=session)
        return render_template(
            "nodes/show.html",
            node=node,
            place=federation.full_name(node.division_code, session),
            fonds=kept,
            open_to_them=_open_to(actor, node, session),
            tallies=federation.tally_checks([each.id for each in kept.items], session),
            outgoing=session.get(OutgoingStream, node.id),
            incoming=session.get(IncomingStream, node.id),
            code=federation.open_code(node.id, session),
            suspension=federation.suspension_of(node, session),
            states=NODE_STATES,
            silent=_is_silent(node),
            clock=clock_difference,
            administers=actor.has(Role.SYSTEM_ADMINISTRATOR),
            administers_all=actor.may(Role.SYSTEM_ADMINISTRATOR),
            has_account=node.may_talk and names_broker(current_folder().settings.link),
        )


def _open_to(actor: Actor, node: Node, session: Session) -> set[str]:
    """The fonds of a node whose pages the reader may open: not those that villages keep."""
    seen = federation.fonds_seen_by(actor).where(Fonds.keeping_node == node.id)
    return {each.id for each in session.scalars(seen)}


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def new() -> ResponseReturnValue:
    """Add a node; its one-time code is shown on the next page, once."""
    form = Form(request.form, defaults={"hours": 72, "division": request.args.get("division")})
    place = current_folder()
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                invitation = federation.create_node_with_code(
                    current_actor(),
                    form["name"],
                    form["division"],
                    form.all("fonds"),
                    key=place.keys.hub(),
                    session=session,
                    valid_hours=_hours(form),
                    quota_bytes=place.settings.node_quota_mb * 1024 * 1024,
                )
            return render_template("nodes/code.html", invitation=invitation, hub=place.address)
    with current_database().read() as session:
        places = federation.places_to_choose(
            session, current_actor().archives(Role.SYSTEM_ADMINISTRATOR)
        )
        division = form["division"] if form["division"] in dict(places) else ""
        found = _free(division, form.all("fonds"), session)
        return form.answer("nodes/new.html", places=places, **found)


@blueprint.get("/free")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def free() -> ResponseReturnValue:
    """The fonds of a division that nobody keeps yet, as boxes to tick."""
    chosen = request.args.getlist("fonds")
    with current_database().read() as session:
        found = _free(request.args.get("division", ""), chosen, session)
        return render_template("nodes/free.html", **found)


def _free(division: str, chosen: Sequence[str], session: Session) -> dict[str, Any]:
    """Those of a division and below it, of which this administrator may know; the chosen first."""
    unkept = federation.fonds_seen_by(current_actor()).where(
        Fonds.keeping_node.is_(None), Fonds.state == "open"
    )
    below = federation.divisions_below(division, session) if division else None
    here = unkept if below is None else unkept.where(Fonds.division_code.in_(below))
    ticked = session.scalars(unkept.where(Fonds.id.in_(chosen[:_MOST_CHOICES]))).all()
    others = session.scalars(
        here.where(Fonds.id.not_in([each.id for each in ticked]))
        .order_by(Fonds.division_code, Fonds.name)
        .limit(_MOST_CHOICES + 1)
    ).all()
    return {
        "free": [*ticked, *others[:_MOST_CHOICES]],
        "chosen": {each.id for each in ticked},
        "more": len(others) > _MOST_CHOICES,
    }


@blueprint.post("/<node_id>/code")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def code(node_id: str) -> ResponseReturnValue:
    """Make another one-time code; the answer shows it, once."""
    with current_database().write() as session:
        invitation = federation.new_code(
            current_actor(),
            node_id,
            session=session,
            valid_hours=current_folder().settings.code_hours,
        )
    return render_template("nodes/code.html", invitation=invitation, hub=current_folder().address)


@blueprint.post("/<node_id>/suspend")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def suspend(node_id: str) -> ResponseReturnValue:
    """Take no more of what the node sends."""
    with current_database().write() as session:
        node = federation.suspend_node(
            current_actor(), node_id, request.form.get("reason", ""), session=session
        )
    flash(f"已停用“{node.name}”，它已有的内容不受影响。", "success")
    return redirect(url_for(".show", node_id=node_id))


@blueprint.post("/<node_id>/resume")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def resume(node_id: str) -> ResponseReturnValue:
    """Take the node's messages again."""
    with current_database().write() as session:
        node = federation.resume_node(current_actor(), node_id, session=session)
    flash(f"已恢复“{node.name}”。", "success")
    return redirect(url_for(".show", node_id=node_id))


@blueprint.post("/<node_id>/grant")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def grant(node_id: str) -> ResponseReturnValue:
    """Confirm the instance that asks to go on; every other copy is superseded."""
    with current_database().write() as session:
        node = federation.node_shown_to(current_actor(), node_id, session)
        epoch = epochs.grant(
            current_actor(),
            node_id,
            key=current_folder().keys.hub(),
            holdings=current_holdings(),
            session=session,
        )
        name = node.name
    flash(f"已确认“{name}”（第 {epoch} 期），它会自动完成恢复。", "success")
    return redirect(url_for(".show", node_id=node_id))


@blueprint.post("/<node_id>/account")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def rotate(node_id: str) -> ResponseReturnValue:
    """Give the node another account on the broker; it fetches it by itself."""
    with current_database().read() as session:
        federation.node_shown_to(current_actor(), node_id, session)
    broker = Broker(current_folder())
    with current_database().write() as session:
        node = rotate_account(current_actor(), node_id, session=session)
    broker.remove(broker.account(node))
    flash(f"已更换“{node.name}”的通道账号，它联网时会自动领取新的。", "success")
    return redirect(url_for(".show", node_id=node_id))


@blueprint.post("/<node_id>/notes")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def notes(node_id: str) -> ResponseReturnValue:
    """Keep remarks about the node."""
    with current_database().write() as session:
        federation.set_notes(
            current_actor(), node_id, request.form.get("notes", ""), session=session
        )
    flash("已保存备注。", "success")
    return redirect(url_for(".show", node_id=node_id))


def _hours(form: Form) -> int:
    return min(max(form.number("hours") or 72, 1), 24 * 30)
