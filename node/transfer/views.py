"""Pages of transfer: batches, opinions, findings, approval, offering, 到哪了, signing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import fonds_written, may_write
from node.registry.edge import current_folder
from node.transfer import service as transfer
from node.transfer.desk import batch_tasks
from node.transfer.form_lines import form_lines
from node.transfer.models import Batch, BatchRecord, Paper, PaperKind
from shared.identity import current_actor, with_roles
from shared.inspection import SEVERITY_NAMES
from shared.kernel.actor import Role
from shared.kernel.canonical import canonical_json
from shared.kernel.errors import NotFound
from shared.kernel.jobs import Job
from shared.packaging import HandoverForm, form_pdf
from shared.records.classes import class_name, load_classes
from shared.records.holdings import HOLDING_NAMES
from shared.records.record import FIELD_NAMES, OPENING_NAMES, PUBLICITY_NAMES
from shared.records.retention import retention_name, retention_periods
from shared.records.security import SECURITY_NAMES
from shared.records.states import NODE_BATCH
from shared.web import Filter, Form, Listing, Page, current_database, download
from shared.web.downloads import PDF

blueprint = Blueprint("transfer", __name__, url_prefix="/transfer", template_folder="templates")
blueprint.add_app_template_global(batch_tasks)

COLOURS = {
    "preparing": "yellow",
    "approved": "blue",
    "offered": "blue",
    "withdrawing": "yellow",
    "returned": "red",
    "accepted": "green",
    "corrected": "orange",
    "signed": "green",
    "received": "green",
    "withdrawn": "secondary",
}
OUTCOMES = {
    "accepted": "通过",
    "returned": "退回",
    "received": "已接收",
    "withdrawn": "已撤回",
}
STEPS = ["准备", "负责人批准", "提交", "档案馆检验审核", "单位签字", "档案馆接收"]
_STEP_OF = {
    "preparing": 0,
    "approved": 2,
    "offered": 3,
    "withdrawing": 3,
    "returned": 3,
    "withdrawn": 2,
    "accepted": 4,
    "corrected": 4,
    "signed": 5,
    "received": 5,
}
_OPINIONS = (
    *("opening_opinion", "opening_reason", "publicity_attribute", "publicity_basis"),
    "security_change",
)
NAMES = {
    "STATES": NODE_BATCH.states,
    "COLOURS": COLOURS,
    "OUTCOMES": OUTCOMES,
    "STEPS": STEPS,
    "OPENINGS": OPENING_NAMES,
    "PUBLICITIES": PUBLICITY_NAMES,
    "SHOWN": {
        "security": {str(each): name for each, name in SECURITY_NAMES.items()},
        "holding": {str(each): name for each, name in HOLDING_NAMES.items()},
    },
    "class_name": class_name,
    "SEVERITIES": {str(each): name for each, name in SEVERITY_NAMES.items()},
    "FIELD_NAMES": FIELD_NAMES,
    "retention_name": retention_name,
}


def _fonds_names(session: Session) -> dict[str, str]:
    """The fonds that the reader may see, by id."""
    return {each.id: each.name for each in filing.fonds_seen(current_actor(), session=session)}


@blueprint.get("/")
@with_roles(*transfer.SEEING)
def index() -> str:
    with current_database().read() as session:
        fonds = _fonds_names(session)
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
    fonds = {key: name for key, name in _fonds_names(session).items() if key in seen}
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


@blueprint.get("/<batch_id>")
@with_roles(*transfer.SEEING)
def show(batch_id: str) -> ResponseReturnValue:
    return _page(batch_id, Form(request.form))


def _page(batch_id: str, form: Form) -> ResponseReturnValue:
    """The page of a batch; also after an action that could not be done, with what was typed."""
    actor = current_actor()
    with current_database().read() as session:
        batch = transfer.batch_of(actor, batch_id, session=session)
        listing = Listing.from_request(
            request.args,
            sorts={"position": BatchRecord.position},
            default_sort="position",
            search=lambda statement, text: transfer.about(statement, batch, text),
            filters=_record_filters(batch),
            size=50,
        )
        page = listing.apply(transfer.record_listing(batch), session=session)
        named = filing.records_named([each.record_id for each in page.items], session=session)
        fonds = _fonds_names(session)
        summary = transfer.summary(batch_id, session=session)
        return form.answer(
            "transfer/show.html",
            batch=batch,
            page=page,
            records={record.id: record for record in named},
            summary=summary,
            job=session.get(Job, batch.job_id) if batch.job_id else None,
            corrected=session.get(Batch, batch.corrects) if batch.corrects else None,
            notices=[
                each
                for each in transfer.notices(actor, session=session)
                if each.batch_id == batch_id
            ],
            may_read=actor.may(*transfer.READING, fonds=batch.fonds_id),
            fonds=fonds.get(batch.fonds_id, ""),
            step=_step(batch, summary),
            is_clerk=may_write(actor, batch.fonds_id, Role.CLERK, session=session),
            is_leader=may_write(actor, batch.fonds_id, Role.LEADER, session=session),
            written=may_write(actor, batch.fonds_id, *transfer.SEEING, session=session),
            actor=actor,
            **NAMES,
        )


def _step(batch: Batch, summary: dict[str, int]) -> int:
    """Which of the steps is to be done now."""
    sound = batch.inspected_at is not None and not summary["errors"]
    return 1 if batch.state == "preparing" and sound else _STEP_OF[batch.state]


def _record_filters(batch: Batch) -> dict[str, Filter]:
    conditions = {
        "errors": lambda statement: statement.where(BatchRecord.errors > 0),
        "warnings": lambda statement: statement.where(BatchRecord.warnings > 0),
        "returned": lambda statement: statement.where(BatchRecord.outcome == "returned"),
        "to_mend": lambda statement: statement.where(BatchRecord.reasons != []),
        "no_opinion": transfer.without_opinion,
    }
    names = {
        "errors": "检测不合格",
        "warnings": "有提示",
        "no_opinion": "未填开放意见",
        "returned": "被退回",
        "to_mend": "要改正的",
    }
    return {
        "only": Filter(
            "显示", choices=names, apply=lambda statement, value: conditions[value](statement)
        )
    }


@blueprint.get("/<batch_id>/records/<offer_id>")
@with_roles(*transfer.SEEING)
def record(batch_id: str, offer_id: str) -> str:
    actor = current_actor()
    with current_database().read() as session:
        batch = transfer.batch_of(actor, batch_id, session=session)
        line = session.get(BatchRecord, offer_id)
        if line is None or line.batch_id != batch_id:
            raise NotFound("批次中没有这件档案。", "请回到批次页面查看。")
        lines = transfer.records_of(batch_id, session=session)
        [found] = filing.records_named([line.record_id], session=session)
        return render_template(
            "transfer/record.html",
            batch=batch,
            line=line,
            record=found,
            wire=filing.wire(found, session=session),
            previous=lines[line.position - 1] if line.position else None,
            next=lines[line.position + 1] if line.position + 1 < len(lines) else None,
            may_edit=found.state == "filed"
            and may_write(actor, batch.fonds_id, Role.CLERK, session=session),
            **NAMES,
        )


@blueprint.post("/<batch_id>/opinions")
@with_roles(Role.CLERK)
def opinions(batch_id: str) -> ResponseReturnValue:
    form = Form(request.form)
    with form.catching():
        values = {name: form.get(name) for name in _OPINIONS if form.get(name) is not None}
        if values.get("opening_opinion") == "open":
            values["opening_reason"] = None
        chosen = None if form.checked("all") else form.all("ids")
        with current_database().write() as session:
            ids = None if chosen is None else _record_ids(batch_id, chosen, session)
            count = transfer.set_opinions(
                current_actor(), batch_id, values, session=session, record_ids=ids
            )
        flash(f"已为 {count} 件设定意见。", "success")
        return redirect(url_for(".show", batch_id=batch_id))
    return _page(batch_id, form)


def _record_ids(batch_id: str, offer_ids: list[str], session: Session) -> list[str]:
    lines = transfer.records_of(batch_id, session=session)
    return [each.record_id for each in lines if each.offer_id in set(offer_ids)]


@blueprint.post("/<batch_id>/take_out")
@with_roles(Role.CLERK)
def take_out(batch_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        ids = _record_ids(batch_id, request.form.getlist("ids"), session)
        before = transfer.batch_of(current_actor(), batch_id, session=session).count
        batch = transfer.take_out(current_actor(), batch_id, ids, session=session)
        count = before - batch.count
    flash(f"已从批次中去掉 {count} 件。", "success")
    return redirect(url_for(".show", batch_id=batch_id))


@blueprint.post("/<batch_id>/<verb>")
@with_roles(Role.CLERK, Role.LEADER)
def act(batch_id: str, verb: str) -> ResponseReturnValue:
    if verb not in _VERBS:
        raise NotFound("没有这项操作。", "请回到批次页面重新选择。")
    form = Form(request.form)
    with form.catching():
        with current_database().write() as session:
            target = _VERBS[verb](batch_id, form, session)
        flash(_SAID[verb], "success")
        return redirect(target or url_for(".show", batch_id=batch_id))
    return _page(batch_id, form)


def _inspect(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.inspect(current_actor(), batch_id, session=session)
    return None


def _approve(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.approve(current_actor(), batch_id, session=session)
    return None


def _offer(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.offer(current_actor(), batch_id, session=session)
    return None


def _revise(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.revise(current_actor(), batch_id, session=session)
    return None


def _withdraw(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.withdraw(current_actor(), batch_id, form["reason"], session=session)
    return None


def _give_up(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.give_up(current_actor(), batch_id, session=session)
    return url_for(".index")


def _rename(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.rename(current_actor(), batch_id, form["title"], session=session)
    return None


def _correct(batch_id: str, form: Form, session: Session) -> str | None:
    batch = transfer.correct_and_offer_again(current_actor(), batch_id, session=session)
    return url_for(".show", batch_id=batch.id)


_VERBS = {
    "inspect": _inspect,
    "approve": _approve,
    "offer": _offer,
    "revise": _revise,
    "withdraw": _withdraw,
    "give_up": _give_up,
    "rename": _rename,
    "correct": _correct,
}
_SAID = {
    "inspect": "检测已开始。",
    "approve": "已批准移交。",
    "offer": "正在提交。线路不通时会等到恢复后自动发出。",
    "revise": "已退回准备状态，可以修改。",
    "withdraw": "已申请撤回，以市级平台的答复为准。",
    "give_up": "已放弃这个批次，其中的档案仍在室藏。",
    "rename": "已改名。",
    "correct": "已建立新批次。改正后请重新检测。",
}


@blueprint.route("/<batch_id>/form", methods=["GET", "POST"])
@with_roles(*transfer.SEEING)
def form(batch_id: str) -> ResponseReturnValue:
    actor, sent = current_actor(), Form(request.form)
    if request.method == "POST":
        with sent.catching():
            seal = current_folder().keys.seal()
            with current_database().read() as session:
                draft = transfer.draft_signature(actor, batch_id, seal, session=session)
            with current_database().write() as session:
                transfer.sign(actor, batch_id, draft, session=session)
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
        content = form_pdf(HandoverForm.from_wire(batch.form), signed, archive)
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
