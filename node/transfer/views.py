"""Pages of transfer: the batches, a new one, and the papers 移交与接收登记表 and receipt of one."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import fonds_written, may_write
from node.registry.edge import current_folder
from node.transfer import service as transfer
from node.transfer.form_lines import form_lines
from node.transfer.models import Batch, Paper, PaperKind
from node.transfer.pages import NAMES, blueprint, fonds_names
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.canonical import canonical_json
from shared.kernel.errors import NotFound
from shared.packaging import HandoverForm, form_pdf
from shared.records.classes import load_classes
from shared.records.retention import retention_periods
from shared.records.states import NODE_BATCH
from shared.web import Filter, Form, Listing, Page, current_database, download
from shared.web.downloads import PDF


@blueprint.get("/")
@with_roles(*transfer.SEEING)
def index() -> str:
    with current_database().read() as session:
        fonds = fonds_names(session)
        filters = {"state": Filter("状态", Batch.state, NODE_BATCH.states)}
        if len(fonds) > 1:
            filters["fonds"] = Filter("全宗", Batch.fonds_id, fonds)
        listing = Listing.from_request(
            request.args,
            sorts={"title": Batch.title, "created": Batch.created_at, "offered": Batch.offered_at},
            default_sort="-created",
            search=(Batch.title,),
            filters=filters,
        )
        page = listing.apply(transfer.listing(current_actor()), session=session)
        return render_template(
            "transfer/index.html",
            page=page,
            fonds=fonds,
            notices=transfer.notices(current_actor(), session=session),
            may_read=current_actor().has(*transfer.READING),
            may_prepare=bool(fonds_written(current_actor(), Role.CLERK, session=session)),
            **NAMES,
        )


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def new() -> ResponseReturnValue:
    actor = current_actor()
    form = Form(request.form)
    with current_database().read() as session:
        fonds = {each.id: each.name for each in fonds_written(actor, Role.CLERK, session=session)}
        ready = transfer.ready_listing(actor, session=session)
        ready = ready.where(filing.Record.fonds_id.in_(fonds))
        listing = _ready(session)
        page: Page[Any] = listing.apply(ready, session=session)
        everything: list[str] = []
        if request.method == "POST" and form.checked("all"):
            whole = listing.ordered(listing.narrowed(ready))
            everything = list(session.scalars(whole.with_only_columns(filing.Record.id)))
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                ids = everything or form.all("ids")
                records = filing.records_named(ids, session=session) if ids else []
                fonds_id = records[0].fonds_id if records else next(iter(fonds), "")
                batch = transfer.prepare(actor, fonds_id, ids, form["title"], session=session)
            flash(f"已建立批次，共 {batch.count} 件。下一步：填写开放意见，然后检测。", "success")
            return redirect(url_for(".show", batch_id=batch.id))
    return form.answer(
        "transfer/new.html",
        page=page,
        fonds=fonds,
        most=transfer.MOST_RECORDS,
        **NAMES,
    )


def _ready(session: Session) -> Listing:
    seen = filing.ids_seen(current_actor(), session=session)
    fonds = {key: name for key, name in fonds_names(session).items() if key in seen}
    years = filing.distinct_values("year", seen, session=session)
    filters = {
        "year": Filter("年度", filing.Record.year, {each: str(each) for each in reversed(years)}),
        "class": Filter(
            "门类",
            filing.Record.class_code,
            {code: each.name for code, each in load_classes().items()},
        ),
        "retention": Filter(
            "保管期限",
            filing.Record.retention,
            {each.code: each.name for each in retention_periods()},
        ),
    }
    if len(fonds) > 1:
        filters = {"fonds": Filter("全宗", filing.Record.fonds_id, fonds), **filters}
    return Listing.from_request(
        request.args,
        sorts={
            "code": filing.Record.code,
            "title": filing.Record.title,
            "date": filing.Record.date,
        },
        default_sort="code",
        search=(filing.Record.title, filing.Record.code, filing.Record.doc_no),
        filters=filters,
        size=50,
    )


@blueprint.route("/<batch_id>/form", methods=["GET", "POST"])
@with_roles(*transfer.SEEING)
def form(batch_id: str) -> ResponseReturnValue:
    actor, sent = current_actor(), Form(request.form)
    if request.method == "POST":
        with sent.catching():
            with current_database().read() as session:
                draft = transfer.draft_signature(actor, batch_id, session=session)
            sealed = transfer.seal_draft(draft, current_folder().keys.seal())
            with current_database().write() as session:
                transfer.sign(actor, batch_id, sealed, session=session)
            flash("已签字，等待档案馆签字接收。", "success")
            return redirect(url_for(".show", batch_id=batch_id))
    with current_database().read() as session:
        batch = _with_form(batch_id, session)
        is_leader = may_write(actor, batch.fonds_id, Role.LEADER, session=session)
    return sent.answer(
        "transfer/form.html",
        batch=batch,
        table=batch.form,
        page=form_lines(batch.form or {}),
        may_sign=is_leader and NODE_BATCH.may("sign", batch.state),
        **NAMES,
    )


@blueprint.get("/<batch_id>/form.pdf")
@with_roles(*transfer.SEEING)
def form_as_pdf(batch_id: str) -> Response:
    with current_database().read() as session:
        batch = _with_form(batch_id, session)
        receipt = session.get(Paper, batch.receipt_id) if batch.receipt_id else None
        archive = receipt.document.get("form_signature") if receipt else None
        unit = batch.confirmation or (receipt.document.get("unit_signature") if receipt else None)
        signed = unit if unit and unit.get("public_key") else None
        code = batch.receipt_id if receipt else None
        content = form_pdf(HandoverForm.from_wire(batch.form), signed, archive, code)
    return download(content, f"移交与接收登记表-{batch.title[:40]}.pdf", PDF, inline=True)


def _with_form(batch_id: str, session: Session) -> Batch:
    batch = transfer.batch_of(current_actor(), batch_id, session=session)
    if batch.form is None:
        raise NotFound("这个批次还没有移交与接收登记表。", "登记表随档案馆的审核结论下发。")
    return batch


@blueprint.get("/<batch_id>/receipt.json")
@with_roles(*transfer.SEEING)
def receipt(batch_id: str) -> Response:
    with current_database().read() as session:
        batch = transfer.batch_of(current_actor(), batch_id, session=session)
        paper = session.get(Paper, batch.receipt_id) if batch.receipt_id else None
        if paper is None or paper.kind != PaperKind.RECEIPT:
            raise NotFound("这个批次还没有接收凭证。", "档案馆签字接收后自动下发。")
        content = canonical_json(paper.document)
    return download(content, "接收凭证.json", "application/json")


@blueprint.post("/notices/<notice_id>/aside")
@with_roles(*transfer.READING)
def aside(notice_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        transfer.put_notice_aside(current_actor(), notice_id, session=session)
    return redirect(url_for(".index"))
