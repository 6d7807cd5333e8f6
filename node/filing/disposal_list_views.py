"""Pages of the unit's 销毁清册: what is over, the lists, one of them with its approval, as PDF."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from node.filing import disposal_lists as lists
from node.filing.handover import records_named
from node.filing.models import DisposalList, Record
from node.filing.pages import NAMES, RETENTIONS, SEEING, blueprint, fonds_names
from node.office.service import fonds_of
from node.registry.edge import current_folder
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import WrongState
from shared.packaging.disposal_pdf import list_pdf
from shared.records.states import UNIT_DISPOSAL
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import PDF, download

_COLOURS = {"proposed": "yellow", "done": "green", "called_off": "secondary"}


@blueprint.route("/due", methods=["GET", "POST"])
@with_roles(*SEEING)
def due() -> ResponseReturnValue:
    """What is over, to be narrowed to what goes on one list."""
    actor, form = current_actor(), Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                made = lists.propose(
                    actor, form["fonds"], form["title"], form["reason"], form.all("ids"),
                    session=session,
                )  # fmt: skip
                list_id = made.id
            flash("已拟制销毁清册，请负责人批准。", "success")
            return redirect(url_for(".disposal_list", list_id=list_id))
    with current_database().read() as session:
        names = fonds_names(session)
        listing = Listing.from_request(
            request.args,
            sorts={"code": Record.code, "year": Record.year, "title": Record.title},
            default_sort="code",
            search=(Record.code, Record.title),
            filters={
                "fonds": Filter("全宗", Record.fonds_id, names),
                "retention": Filter("保管期限", Record.retention, RETENTIONS),
            },
        )
        page = listing.apply(lists.due(actor, session=session), session=session)
        return form.answer(
            "filing/due.html",
            page=page,
            fonds=names,
            written=fonds_names(session, Role.CLERK),
            **NAMES,
        )


@blueprint.get("/disposals")
@with_roles(*SEEING)
def disposals() -> ResponseReturnValue:
    """The lists, newest first."""
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"title": DisposalList.title, "begun": DisposalList.begun_at},
            default_sort="-begun",
            search=(DisposalList.title,),
            filters={"state": Filter("状态", DisposalList.state, UNIT_DISPOSAL.states)},
        )
        page = listing.apply(lists.lists_seen(current_actor(), session=session), session=session)
        return render_template(
            "filing/disposals.html",
            page=page,
            fonds=fonds_names(session),
            states=UNIT_DISPOSAL.states,
            colours=_COLOURS,
        )


@blueprint.route("/disposals/<list_id>", methods=["GET", "POST"])
@with_roles(*SEEING)
def disposal_list(list_id: str) -> ResponseReturnValue:
    """One list; a leader approves it here, with the two who watch."""
    actor, form = current_actor(), Form(request.form)
    if request.method == "POST":
        with form.catching():
            watching = [form["watched_by"], form["watched_by_too"]]
            with current_database().read() as session:
                draft = lists.draft_decision(actor, list_id, watching, session=session)
            sealed = lists.seal_decision(draft, current_folder().keys.seal())
            with current_database().write() as session:
                lists.decide(actor, sealed, session=session)
            flash("已批准并销毁，电子文件正在从本机删除。", "success")
            return redirect(url_for(".disposal_list", list_id=list_id))
    with current_database().read() as session:
        found = lists.list_of(actor, list_id, session=session)
        listing = Listing.from_request(
            request.args,
            sorts={"code": lambda row: row.code or "", "title": lambda row: row.title},
            default_sort="code",
            search=lambda rows, text: [
                row for row in rows if text in row.title or text in (row.code or "")
            ],
        )
        page = listing.apply_to(records_named(found.record_ids, session=session))
        open_here = found.state == "proposed"
        return form.answer(
            "filing/disposal_list.html",
            found=found,
            page=page,
            fonds=fonds_of(found.fonds_id, session).name,
            may_approve=open_here
            and actor.may(Role.LEADER, fonds=found.fonds_id)
            and found.drawn["id"] != actor.id,
            may_call_off=open_here and actor.may(Role.CLERK, Role.LEADER, fonds=found.fonds_id),
            states=UNIT_DISPOSAL.states,
            colours=_COLOURS,
            **NAMES,
        )


@blueprint.post("/disposals/<list_id>/call-off")
@with_roles(Role.CLERK, Role.LEADER)
def call_off_disposal(list_id: str) -> ResponseReturnValue:
    """Take a list back."""
    with current_database().write() as session:
        lists.call_off(current_actor(), list_id, session=session)
    flash("已撤销清册，档案不变。", "success")
    return redirect(url_for(".disposals"))


@blueprint.get("/disposals/<list_id>/pdf")
@with_roles(*SEEING)
def disposal_pdf(list_id: str) -> ResponseReturnValue:
    """The approved list as PDF."""
    with current_database().read() as session:
        found = lists.list_of(current_actor(), list_id, session=session)
        keeper = fonds_of(found.fonds_id, session).name
    if found.document is None:
        raise WrongState("清册还没有批准，不能打印。", "请先由负责人批准。")
    content = list_pdf(found.document, found.document[lists.SEAL], keeper=keeper)
    return download(content, "销毁清册.pdf", PDF, inline="save" not in request.args)
