"""Pages of the fonds 全宗: list, one fonds, and what can be done with it."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.federation.models import DISCLOSURES, FONDS_STATES, TRANSFER_TIMINGS, Fonds
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.clock import today
from shared.kernel.errors import Invalid
from shared.records.classes import load_classes
from shared.records.divisions import LEVEL_NAMES
from shared.records.schedules import schedule_for_level
from shared.web import Filter, Form, Listing, current_database

blueprint = Blueprint("fonds", __name__, url_prefix="/fonds", template_folder="templates")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The fonds that the actor has to do with."""
    actor = current_actor()
    with current_database().read() as session:
        archives = {each.code: each.name for each in federation.archives(session)}
        listing = Listing.from_request(
            request.args,
            sorts={"number": Fonds.number, "name": Fonds.name, "division": Fonds.division_code},
            default_sort="division",
            search=(Fonds.name, Fonds.number),
            filters={
                "archive": Filter("档案馆", choices=archives, apply=_of_archive),
                "level": Filter("级别", Fonds.level, LEVEL_NAMES),
                "state": Filter("状态", Fonds.state, FONDS_STATES),
            },
        )
        page = listing.apply(federation.fonds_seen_by(actor), session=session)
        places = federation.division_names({each.division_code for each in page.items}, session)
        return render_template(
            "fonds/index.html",
            page=page,
            archives=archives,
            places=places,
            states=FONDS_STATES,
            administers=actor.has(Role.SYSTEM_ADMINISTRATOR),
        )


def _of_archive(statement: Any, code: str) -> Any:
    return statement.where(or_(Fonds.reviewing_archive == code, Fonds.receiving_archive == code))


@blueprint.get("/<fonds_id>")
def show(fonds_id: str) -> ResponseReturnValue:
    """One fonds: names, numbers, archives, node, links to what came before and after."""
    actor = current_actor()
    with current_database().read() as session:
        fonds = federation.fonds_shown_to(actor, fonds_id, session)
        shape = fonds.shape
        linked = federation.fonds_named(
            [*shape.predecessors, *shape.successors, fonds.supervisor or ""], session
        )
        return render_template(
            "fonds/show.html",
            fonds=fonds,
            shape=shape,
            place=federation.full_name(fonds.division_code, session),
            archives={each.code: each.name for each in federation.archives(session)},
            node=federation.node_of(fonds.keeping_node, session) if fonds.keeping_node else None,
            linked=linked,
            states=FONDS_STATES,
            levels=LEVEL_NAMES,
            disclosures=DISCLOSURES,
            classes={each.code: each.name for each in load_classes().values()},
            may_change=federation.may_over(actor, fonds),
            has_authority=federation.is_authority_over(actor, fonds),
            consents=federation.transfer_consents(fonds.id, session),
            transfer_rule=federation.transfer_rule(fonds.id, session),
            timings=TRANSFER_TIMINGS,
            may_number=actor.may(
                Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR, archive=fonds.receiving_archive
            )
            or actor.may(
                Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR, archive=fonds.reviewing_archive
            ),
            may_disclose=actor.may(
                Role.LEADER,
                Role.SECURITY_ADMINISTRATOR,
                archive=fonds.receiving_archive,
                fonds=fonds.id,
            ),
            sees_gaps=any(
                actor.may(Role.REVIEWER, Role.ARCHIVIST, Role.LEADER, archive=each, fonds=fonds.id)
                for each in (fonds.reviewing_archive, fonds.receiving_archive)
            ),
            sees_nodes=actor.has(Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR),
        )


@blueprint.get("/villages")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def villages() -> ResponseReturnValue:
    """The villages of a township, as options of the second select box."""
    parent = request.args.get("division", "")
    with current_database().read() as session:
        found = federation.divisions_at("village", session, parent=parent)
    choices = [(each.code, each.name) for each in found]
    return render_template("fonds/villages.html", choices=choices)


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def new() -> ResponseReturnValue:
    """Register a fonds."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            if not form["division"]:
                raise Invalid("division", "没有选择所在区划。", "请选择市、县或乡镇。")
            given = federation.NewFonds(
                form["name"],
                form["village"] or form["division"],
                forming_unit=form.get("forming_unit"),
                number=form.get("number"),
                reviewing_archive=form.get("reviewing"),
                receiving_archive=form.get("receiving"),
                since=_day(form, "since"),
                supervisor=form.get("supervisor"),
            )
            with current_database().write() as session:
                fonds = federation.register_fonds(current_actor(), given, session=session)
            flash("已登记全宗。", "success")
            return redirect(url_for(".show", fonds_id=fonds.id))
    with current_database().read() as session:
        chosen = form["division"]
        return form.answer(
            "fonds/new.html",
            places=federation.places_to_choose(
                session, current_actor().archives(Role.SYSTEM_ADMINISTRATOR)
            ),
            villages=[
                (each.code, each.name)
                for each in (
                    federation.divisions_at("village", session, parent=chosen) if chosen else []
                )
            ],
            archives=[(each.code, each.name) for each in federation.archives(session)],
        )


def _day(form: Form, name: str) -> date | None:
    text = form.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(name, "日期不正确。", "请按 2024-03-05 的格式填写。") from None


def _needed_day(form: Form, name: str) -> date:
    day = _day(form, name)
    if day is None:
        raise Invalid(name, "没有填写日期。", "请选择日期。")
    return day


@blueprint.route("/<fonds_id>/rename", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def rename(fonds_id: str) -> ResponseReturnValue:
    """Give a fonds a new name from a day on."""
    form = Form(request.form, defaults={"since": today()})
    if request.method == "POST":
        with form.catching():
            since = _needed_day(form, "since")
            with current_database().write() as session:
                federation.rename_fonds(
                    current_actor(),
                    fonds_id,
                    form["name"],
                    since,
                    key=current_folder().keys.hub(),
                    session=session,
                )
            flash("已登记新名称，全宗不变。", "success")
            return redirect(url_for(".show", fonds_id=fonds_id))
    return _act(form, fonds_id, "rename")


@blueprint.route("/<fonds_id>/schedule", methods=["GET", "POST"])
@with_roles(Role.AUTHORITY)
def schedule(fonds_id: str) -> ResponseReturnValue:
    """Approve a version of the retention schedule of a fonds."""
    with current_database().read() as session:
        shape = federation.fonds_shown_to(current_actor(), fonds_id, session).shape
    held, seed = shape.retention_schedule, schedule_for_level(shape.level)
    form = Form(
        request.form,
        defaults={
            "name": held.id if held else (seed and seed.name),
            "version": held.version if held else None,
            "approved_on": held.approved_on if held else None,
        },
    )
    if request.method == "POST":
        with form.catching():
            approved_on = _day(form, "approved_on")
            with current_database().write() as session:
                federation.approve_schedule(
                    current_actor(),
                    fonds_id,
                    form["name"],
                    form["version"],
                    approved_on,
                    key=current_folder().keys.hub(),
                    session=session,
                )
            flash("已批准保管期限表，通知已下发到保管单位。", "success")
            return redirect(url_for(".show", fonds_id=fonds_id))
    return _act(form, fonds_id, "schedule")


@blueprint.route("/<fonds_id>/number", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR)
def number(fonds_id: str) -> ResponseReturnValue:
    """Give a fonds its number in an archive."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                federation.fonds_shown_to(current_actor(), fonds_id, session)
                federation.assign_number(
                    current_actor(),
                    fonds_id,
                    form["archive"],
                    form["number"],
                    key=current_folder().keys.hub(),
                    session=session,
                )
            flash("已给定全宗号。", "success")
            return redirect(url_for(".show", fonds_id=fonds_id))
    return _act(form, fonds_id, "number")


@blueprint.route("/<fonds_id>/keeper", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def keeper(fonds_id: str) -> ResponseReturnValue:
    """Let a node keep a fonds."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                federation.reassign_fonds(
                    current_actor(),
                    fonds_id,
                    form["node"],
                    key=current_folder().keys.hub(),
                    session=session,
                )
            flash("已改由该单位保管，通知已下发。", "success")
            return redirect(url_for(".show", fonds_id=fonds_id))
    return _act(form, fonds_id, "keeper")


@blueprint.route("/<fonds_id>/disclosure", methods=["GET", "POST"])
@with_roles(Role.LEADER, Role.SECURITY_ADMINISTRATOR)
def disclosure(fonds_id: str) -> ResponseReturnValue:
    """Say how much others see of the catalogue before receipt, per class."""
    classes = ["*", *load_classes()]
    with current_database().read() as session:
        held = federation.fonds_shown_to(current_actor(), fonds_id, session).disclosure
    form = Form(request.form, defaults={f"class_{code}": held.get(code, "") for code in classes})
    if request.method == "POST":
        with form.catching():
            names = {f"class_{code}" for code in classes}
            if not names & request.form.keys() or request.form.keys() - names - {"csrf_token"}:
                raise Invalid(
                    "disclosure",
                    "提交的内容中没有门类，或有不认识的门类，没有保存。",
                    "请在本页上选择后重新提交。",
                )
            given = {code: form[f"class_{code}"] for code in classes if form[f"class_{code}"]}
            with current_database().write() as session:
                federation.set_disclosure(current_actor(), fonds_id, given, session=session)
            flash("已保存接收前的目录公开程度。", "success")
            return redirect(url_for(".show", fonds_id=fonds_id))
    return _act(form, fonds_id, "disclosure")


@blueprint.route("/<fonds_id>/succeed", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def succeed(fonds_id: str) -> ResponseReturnValue:
    """Close fonds and open the one that follows: a merger or a division of units."""
    form = Form(request.form, defaults={"since": today()})
    if request.method == "POST":
        with form.catching():
            since = _needed_day(form, "since")
            with current_database().write() as session:
                first = federation.fonds_shown_to(current_actor(), fonds_id, session)
                successor = federation.succeed(
                    current_actor(),
                    list(dict.fromkeys([fonds_id, *form.all("others")])),
                    federation.NewFonds(form["name"], first.division_code, since=since),
                    form["reason"],
                    key=current_folder().keys.hub(),
                    session=session,
                )
            flash("已封闭原全宗，并登记接续的全宗。", "success")
            return redirect(url_for(".show", fonds_id=successor.id))
    return _act(form, fonds_id, "succeed")


@blueprint.post("/<fonds_id>/close")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def close(fonds_id: str) -> ResponseReturnValue:
    """Close a fonds that nothing follows."""
    with current_database().write() as session:
        federation.close_fonds(
            current_actor(),
            fonds_id,
            request.form.get("reason", ""),
            key=current_folder().keys.hub(),
            session=session,
        )
    flash("已封闭全宗。", "success")
    return redirect(url_for(".show", fonds_id=fonds_id))


def _act(form: Form, fonds_id: str, name: str) -> ResponseReturnValue:
    with current_database().read() as session:
        fonds = federation.fonds_shown_to(current_actor(), fonds_id, session)
        return form.answer(f"fonds/{name}.html", fonds=fonds, **_choices(fonds, name, session))


def _choices(fonds: Fonds, name: str, session: Session) -> dict[str, Any]:
    if name == "number":
        own = dict.fromkeys(filter(None, (fonds.receiving_archive, fonds.reviewing_archive)))
        given = fonds.shape.numbers
        return {
            "archives": [
                (code, federation.archive_of(code, session).name)
                for code in own
                if code not in given
            ]
        }
    if name == "keeper":
        return {
            "nodes": [
                (node.id, node.name)
                for node in federation.nodes(session)
                if node.id != fonds.keeping_node
            ]
        }
    if name == "disclosure":
        return {
            "classes": [(each.code, each.name) for each in load_classes().values()],
            "disclosures": DISCLOSURES,
        }
    if name == "succeed":
        below = federation.all_fonds(session, division=fonds.division_code)
        return {"others": [each for each in below if each.id != fonds.id and each.state == "open"]}
    return {}
