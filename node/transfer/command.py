"""The commands `danglian node transfer …`: the same verbs as the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.acting import acting, fonds_named
from node.filing.acting import command_options as _options
from node.office.places import NodeFolder
from node.transfer import service
from node.transfer.models import Batch
from node.transfer.work import TransferWork
from shared.command.main import show, show_table
from shared.kernel.actor import Actor, Role, system_actor
from shared.kernel.errors import WrongState
from shared.kernel.jobs import Job, JobState
from shared.records.states import NODE_BATCH

_COLUMNS = {
    "id": "批次",
    "title": "名称",
    "state_name": "状态",
    "records": "件数",
    "returned": "退回",
    "offered_at": "提交时间",
}


@click.group("transfer")
def transfer_command() -> None:
    """移交：准备批次、去掉几件、检测、批准、提交、撤回、签字、查看到哪了。"""


@transfer_command.command("prepare")
@_options
@click.option("--fonds", default=None, help="全宗号、名称或标识；只有一个时可不填。")
@click.option("--title", required=True, help="批次名称。")
@click.option("--class", "class_code", default=None, help="只取这个门类。")
@click.option("--year", type=int, default=None, help="只取这个年度。")
@click.option("--retention", default=None, help="只取这个保管期限。")
@click.option("--limit", type=int, default=None, help="最多取多少件。")
@click.option("--record", "record_ids", multiple=True, help="只取这些件（标识），可多次。")
def prepare(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    fonds: str | None,
    title: str,
    class_code: str | None,
    year: int | None,
    retention: str | None,
    limit: int | None,
    record_ids: tuple[str, ...],
) -> None:
    """建立批次：取已归档、不在其他批次中的档案。"""
    with NodeFolder(folder).database().write() as session:
        actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
        ids = list(record_ids)
        if not ids:
            records = filing.records_for_transfer(
                fonds_id, class_code=class_code, year=year, retention=retention, session=session
            )
            taken = service.claimed_records((each.id for each in records), session=session)
            ids = [each.id for each in records if each.id not in taken][:limit]
        batch = service.prepare(actor, fonds_id, ids, title, session=session)
        result = batch_wire(batch, session)
    _tell(result, as_json, f"已建立批次 {result['id']}，共 {result['records']} 件。")


@transfer_command.command("opinions")
@_options
@click.argument("batch_id")
@click.option("--opening", type=click.Choice(["open", "controlled"]), default=None)
@click.option("--reason", default=None, help="控制使用的理由。")
@click.option("--publicity", type=click.Choice(["active", "on_request", "none"]), default=None)
@click.option("--basis", default=None, help="公开属性的依据。")
@click.option("--security-change", default=None, help="密级变更。")
@click.option("--record", "record_ids", multiple=True, help="只对这些件；默认全部。")
def opinions(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    batch_id: str,
    opening: str | None,
    reason: str | None,
    publicity: str | None,
    basis: str | None,
    security_change: str | None,
    record_ids: tuple[str, ...],
) -> None:
    """设定开放意见、公开属性、密级变更。"""
    given = {
        "opening_opinion": opening,
        "opening_reason": reason,
        "publicity_attribute": publicity,
        "publicity_basis": basis,
        "security_change": security_change,
    }
    values = {name: value for name, value in given.items() if value is not None}
    with NodeFolder(folder).database().write() as session:
        count = service.set_opinions(
            acting(login, session=session),
            batch_id,
            values,
            session=session,
            record_ids=list(record_ids) or None,
        )
    _tell({"id": batch_id, "records": count}, as_json, f"已设定 {count} 件。")


@transfer_command.command("inspect")
@_options
@click.argument("batch_id")
def inspect(folder: Path, login: str | None, as_json: bool, batch_id: str) -> None:
    """移交前检测（四性检测）。"""
    node = NodeFolder(folder)
    with node.database().write() as session:
        job = service.inspect(acting(login, session=session), batch_id, session=session)
    done = _finished(TransferWork(node).finish(job.id))
    with node.database().read() as session:
        result = batch_wire(session.get_one(Batch, batch_id), session)
    _tell(result, as_json, str(done.result.get("message", "检测完毕。")))


@transfer_command.command("take-out")
@_options
@click.argument("batch_id")
@click.argument("record_ids", nargs=-1, required=True)
def take_out(
    folder: Path, login: str | None, as_json: bool, batch_id: str, record_ids: tuple[str, ...]
) -> None:
    """从准备中的批次里去掉几件（标识）；案卷连同卷内文件。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        batch = service.take_out(actor, batch_id, record_ids, session=session)
        result = batch_wire(batch, session)
    _tell(result, as_json, f"批次“{result['title']}”现有 {result['records']} 件。")


@transfer_command.command("approve")
@_options
@click.argument("batch_id")
def approve(folder: Path, login: str | None, as_json: bool, batch_id: str) -> None:
    """单位负责人批准移交。"""
    with NodeFolder(folder).database().write() as session:
        batch = service.approve(
            acting(login, Role.LEADER, session=session), batch_id, session=session
        )
        result = batch_wire(batch, session)
    _tell(result, as_json, f"{batch.approved_by} 已批准批次“{batch.title}”。")


@transfer_command.command("offer")
@_options
@click.argument("batch_id")
@click.option("--no-wait", is_flag=True, help="只登记任务，由运行中的节点完成。")
def offer(folder: Path, login: str | None, as_json: bool, batch_id: str, no_wait: bool) -> None:
    """提交移交；中断后再运行会接着做。"""
    node = NodeFolder(folder)
    with node.database().write() as session:
        job = service.offer(acting(login, session=session), batch_id, session=session)
    if not no_wait:
        _finished(TransferWork(node).finish(job.id))
    with node.database().read() as session:
        result = batch_wire(session.get_one(Batch, batch_id), session)
    _tell(result, as_json, f"批次“{result['title']}”{result['state_name']}。")


@transfer_command.command("withdraw")
@_options
@click.argument("batch_id")
@click.option("--reason", required=True, help="撤回原因。")
def withdraw(folder: Path, login: str | None, as_json: bool, batch_id: str, reason: str) -> None:
    """申请撤回；以市级平台的答复为准。"""
    with NodeFolder(folder).database().write() as session:
        batch = service.withdraw(acting(login, session=session), batch_id, reason, session=session)
        result = batch_wire(batch, session)
    _tell(result, as_json, "已申请撤回，等待市级平台答复。")


@transfer_command.command("sign")
@_options
@click.argument("batch_id")
def sign(folder: Path, login: str | None, as_json: bool, batch_id: str) -> None:
    """单位负责人在移交与接收登记表上签字。"""
    node = NodeFolder(folder)
    with node.database().read() as session:
        actor = acting(login, Role.LEADER, session=session)
        draft = service.draft_signature(actor, batch_id, session=session)
    sealed = service.seal_draft(draft, node.keys.seal())
    with node.database().write() as session:
        batch = service.sign(actor, batch_id, sealed, session=session)
        result = batch_wire(batch, session)
    _tell(result, as_json, f"{batch.signed_by} 已签字，等待档案馆签字接收。")


@transfer_command.command("correct")
@_options
@click.argument("batch_id")
@click.option("--title", default=None, help="新批次的名称。")
def correct(
    folder: Path, login: str | None, as_json: bool, batch_id: str, title: str | None
) -> None:
    """把退回或撤回的档案（改正后）重新组成一个批次。"""
    with NodeFolder(folder).database().write() as session:
        batch = service.correct_and_offer_again(
            acting(login, session=session), batch_id, session=session, title=title
        )
        result = batch_wire(batch, session)
    _tell(result, as_json, f"已建立批次 {result['id']}，共 {result['records']} 件。")


@transfer_command.command("list")
@_options
@click.option("--state", type=click.Choice(list(NODE_BATCH.states)), default=None)
def list_batches(folder: Path, login: str | None, as_json: bool, state: str | None) -> None:
    """列出批次。"""
    with NodeFolder(folder).database().read() as session:
        found = service.batches(_looking(login, session), session=session, state=state)
        rows = [batch_wire(batch, session) for batch in found]
    show_table(rows, _COLUMNS, as_json=as_json, title="移交批次", key="batches")


@transfer_command.command("show")
@_options
@click.argument("batch_id")
def show_batch(folder: Path, login: str | None, as_json: bool, batch_id: str) -> None:
    """查看一个批次到哪了，逐件。"""
    with NodeFolder(folder).database().read() as session:
        batch = service.batch_of(_looking(login, session), batch_id, session=session)
        lines = service.records_of(batch_id, session=session)
        records = filing.records_named([each.record_id for each in lines], session=session)
        rows = [
            {
                "offer_id": each.offer_id,
                "record_id": record.id,
                "code": record.code,
                "title": record.title,
                "state": record.state,
                "errors": each.errors,
                "warnings": each.warnings,
                "findings": each.findings,
                "package_sha256": each.package_sha256,
                "outcome": each.outcome,
                "reasons": each.reasons,
            }
            for each, record in zip(lines, records, strict=True)
        ]
        result = {**batch_wire(batch, session), "lines": rows}
    if as_json:
        show(result, as_json=True, sentence="")
        return
    columns = {
        "code": "档号",
        "title": "题名",
        "errors": "不合格",
        "warnings": "提示",
        "outcome": "结论",
    }
    show_table(rows, columns, as_json=False, title=f"{batch.title}：{result['state_name']}")


def batch_wire(batch: Batch, session: Session) -> dict[str, Any]:
    """A batch as the commands print it."""
    return {
        "id": batch.id,
        "fonds_id": batch.fonds_id,
        "title": batch.title,
        "state": batch.state,
        "state_name": NODE_BATCH.label(batch.state),
        "offering": batch.offering,
        **service.summary(batch.id, session=session),
        "bytes": batch.bytes,
        "corrects": batch.corrects,
        "approved_by": batch.approved_by,
        "offered_at": batch.offered_at,
        "signed_by": batch.signed_by,
        "receipt_id": batch.receipt_id,
        "withdraw_answer": batch.withdraw_answer,
    }


def _tell(result: dict[str, Any], as_json: bool, sentence: str) -> None:
    show(result, as_json=as_json, sentence=sentence)


def _finished(job: Job) -> Job:
    if job.state != JobState.DONE:
        raise WrongState(f"任务没有完成：{job.problem or '已停止。'}", "", code="job_failed")
    return job


def _looking(login: str | None, session: Session) -> Actor:
    """Whoever may look; without a name the command itself, which changes nothing."""
    return acting(login, session=session) if login else system_actor("命令行")
