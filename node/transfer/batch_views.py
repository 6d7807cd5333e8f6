"""Pages of one batch: its records with findings and opinions, and each step until it is sent."""

from __future__ import annotations

from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import may_write
from node.registry.edge import current_folder
from node.transfer import service as transfer
from node.transfer.inspection_reports import signed_report
from node.transfer.inspections import form_asked, inspection_of, runs_of
from node.transfer.models import Batch, BatchRecord
from node.transfer.pages import NAMES, blueprint, fonds_names
from shared.identity import current_actor, with_roles
from shared.inspection.finding import file_link
from shared.inspection.verdict import Verdict
from shared.kernel.actor import Role
from shared.kernel.clock import today
from shared.kernel.errors import NotFound
from shared.kernel.jobs import Job
from shared.packaging.inspection_report import report_in
from shared.web import Filter, Form, Listing, current_database, download

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


@blueprint.get("/<batch_id>/inspection.<kind>")
@with_roles(*transfer.SEEING)
def inspection_report(batch_id: str, kind: str) -> ResponseReturnValue:
    """The report of the last inspection: on paper, as a spreadsheet, for programs."""
    found = signed_report(current_folder(), current_actor(), batch_id)
    made, media_type = report_in(kind, found)
    return download(made, f"四性检测报告-{found['batch']['title']}.{kind}", media_type)


@blueprint.get("/<batch_id>")
@with_roles(*transfer.SEEING)
def show(batch_id: str) -> ResponseReturnValue:
    """A batch, what is to be done now, and its records."""
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
        fonds = fonds_names(session)
        received = batch.state == "received"
        before = batch.state in ("preparing", "approved") and batch.inspected_at is not None
        summary = transfer.summary(batch_id, session=session)
        return form.answer(
            "transfer/show.html",
            batch=batch,
            page=page,
            records={record.id: record for record in named},
            summary=summary,
            of_set=transfer.report_on(batch, session=session).findings if before else (),
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
            inspection=inspection_of(batch, session=session),
            form_asked=form_asked(batch, session=session),
            runs=runs_of(batch, session=session),
            verdicts={str(each): each.label for each in Verdict},
            written=may_write(actor, batch.fonds_id, *transfer.SEEING, session=session),
            actor=actor,
            copies=transfer.count_kept(batch, session=session) if received else 0,
            kept_until=transfer.kept_until(batch, session=session) if received else None,
            today=today(),
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
    """One record of a batch, with findings and reasons beside its fields."""
    actor = current_actor()
    with current_database().read() as session:
        batch = transfer.batch_of(actor, batch_id, session=session)
        line = session.get(BatchRecord, offer_id)
        if line is None or line.batch_id != batch_id:
            raise NotFound("批次中没有这件档案。", "请回到批次页面查看。")
        lines = transfer.records_of(batch_id, session=session)
        [found] = filing.records_named([line.record_id], session=session)
        wire = filing.wire(found, session=session)
        urls = {
            file["name"]: url_for("filing.file", record_id=found.id, file_id=file["id"])
            for document in wire["documents"]
            for file in document["files"]
        }
        return render_template(
            "transfer/record.html",
            batch=batch,
            line=line,
            record=found,
            wire=wire,
            link_to=partial(file_link, urls=urls),
            previous=lines[line.position - 1] if line.position else None,
            next=lines[line.position + 1] if line.position + 1 < len(lines) else None,
            may_edit=found.state == "filed"
            and may_write(actor, batch.fonds_id, Role.CLERK, session=session),
            **NAMES,
        )


@blueprint.post("/<batch_id>/opinions")
@with_roles(Role.CLERK)
def opinions(batch_id: str) -> ResponseReturnValue:
    """Set opinions for what was ticked, or for all."""
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
    """Take what was ticked out of the batch."""
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
    """Take one of the steps that a button of the page names."""
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


def _release(batch_id: str, form: Form, session: Session) -> str | None:
    transfer.release(current_actor(), batch_id, form["reason"], session=session)
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
    "release": _release,
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
    "release": "已释放，电子文件和数据包正在从本机删除；目录、经过和接收凭证保留。",
}
