"""Commands of the federation: fonds, nodes, agreements."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from hub.federation import service as federation
from hub.federation.models import FONDS_STATES, NODE_STATES, FondsState, Node, NodeState
from hub.federation.places import HubFolder
from shared.command.main import json_option, show, show_table
from shared.kernel.actor import system_actor
from shared.kernel.clock import format_utc, local_text
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import is_id

ACTOR = system_actor("command")

folder_option = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="平台的数据目录。",
)
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("fonds")
def fonds_group() -> None:
    """全宗：登记、列出。"""


@fonds_group.command("add")
@folder_option
@click.option("--name", required=True, help="全宗名称。")
@click.option("--division", required=True, help="所在行政区划的12位代码。")
@click.option("--number", help="全宗号（4位），由接收或审核的档案馆给定；可以以后再给。")
@click.option("--forming-unit", help="立档单位；不填则与全宗名称相同。")
@click.option("--reviewing", help="审核档案馆代码；不填则按本级或集中保管协议。")
@click.option("--receiving", help="接收档案馆代码；不填则按本级或集中保管协议。")
@click.option("--supervisor", help="主管部门的全宗编号。")
@click.option("--since", type=_DAY, help="名称启用日期，如 2019-01-01。")
@click.option("--id", "fonds_id", help="沿用原来的编号；只在数据库恢复后补登全宗时用。")
@json_option
def add_fonds(
    *,
    folder: Path,
    name: str,
    division: str,
    number: str | None,
    forming_unit: str | None,
    reviewing: str | None,
    receiving: str | None,
    supervisor: str | None,
    since: datetime | None,
    fonds_id: str | None,
    as_json: bool,
) -> None:
    """登记一个全宗。"""
    if fonds_id is not None and not is_id(fonds_id):
        raise Invalid("id", f"全宗编号“{fonds_id}”不正确。", "请照 hub recover 所列的编号填写。")
    new = federation.NewFonds(
        name,
        division,
        forming_unit=forming_unit,
        number=number,
        reviewing_archive=reviewing,
        receiving_archive=receiving,
        since=since.date() if since else None,
        supervisor=supervisor,
        id=fonds_id,
    )
    with HubFolder(folder).database().write() as session:
        fonds = federation.register_fonds(ACTOR, new, session=session)
    show(
        {
            "fonds_id": fonds.id,
            "number": fonds.number,
            "reviewing_archive": fonds.reviewing_archive,
            "receiving_archive": fonds.receiving_archive,
        },
        as_json=as_json,
        sentence=f"已登记全宗“{fonds.name}”，编号 {fonds.id}。",
    )


@fonds_group.command("schedule")
@folder_option
@click.argument("fonds_id")
@click.option("--name", required=True, help="表的名称，或批准的文号。")
@click.option("--version", required=True, help="版本，如 2023。")
@click.option("--approved-on", type=_DAY, help="批准日期；还没有批准的不填。")
@json_option
def schedule(
    *,
    folder: Path,
    fonds_id: str,
    name: str,
    version: str,
    approved_on: datetime | None,
    as_json: bool,
) -> None:
    """登记全宗经批准的归档范围与保管期限表，通知保管单位；归档范围检测（2-9）以它为准。"""
    place = HubFolder(folder)
    day = approved_on.date() if approved_on else None
    with place.database().write() as session:
        fonds = federation.approve_schedule(
            ACTOR, fonds_id, name, version, day, key=place.keys.hub(), session=session
        )
        noted = fonds.shape.to_wire()["retention_schedule"]
    show(
        {"fonds_id": fonds.id, "retention_schedule": noted},
        as_json=as_json,
        sentence=f"已为“{fonds.name}”登记保管期限表“{name}”（{version}）。",
    )


@fonds_group.command("list")
@folder_option
@click.option("--division", help="只列这个区划及其下级。")
@click.option("--archive", help="只列这个档案馆审核或接收的。")
@json_option
def list_fonds(folder: Path, division: str | None, archive: str | None, as_json: bool) -> None:
    """列出全宗。"""
    with HubFolder(folder).database().read() as session:
        rows = [
            {
                "fonds_id": each.id,
                "number": each.number,
                "name": each.name,
                "division": each.division_code,
                "division_name": federation.full_name(each.division_code, session),
                "reviewing_archive": each.reviewing_archive,
                "receiving_archive": each.receiving_archive,
                "node_id": each.keeping_node,
                "state": each.state,
                "state_name": FONDS_STATES[FondsState(each.state)],
            }
            for each in federation.all_fonds(session, division=division, archive=archive)
        ]
    show_table(
        rows,
        {
            "number": "全宗号",
            "name": "名称",
            "division_name": "区划",
            "reviewing_archive": "审核馆",
            "receiving_archive": "接收馆",
            "state_name": "状态",
            "fonds_id": "编号",
        },
        as_json=as_json,
        title="全宗",
        key="fonds",
    )


@click.group("node")
def node_group() -> None:
    """联网单位：生成登记码、列出、停用、恢复。"""


@node_group.command("add")
@folder_option
@click.option("--name", required=True, help="单位名称。")
@click.option("--division", required=True, help="所在行政区划的12位代码。")
@click.option("--fonds", "fonds_ids", multiple=True, help="由它保管的全宗编号，可重复。")
@click.option("--hours", default=72, show_default=True, help="登记码有效的小时数。")
@json_option
def add_node(
    *,
    folder: Path,
    name: str,
    division: str,
    fonds_ids: tuple[str, ...],
    hours: int,
    as_json: bool,
) -> None:
    """添加一个联网单位，生成一次性登记码（只显示这一次）。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        invitation = federation.create_node_with_code(
            ACTOR,
            name,
            division,
            fonds_ids,
            key=place.keys.hub(),
            session=session,
            valid_hours=hours,
            quota_bytes=place.settings.node_quota_mb * 1024 * 1024,
        )
    _show_code(invitation, place, as_json=as_json)


@node_group.command("code")
@folder_option
@click.argument("node_id")
@click.option("--hours", default=72, show_default=True, help="登记码有效的小时数。")
@json_option
def make_code(folder: Path, node_id: str, hours: int, as_json: bool) -> None:
    """为已有单位重新生成登记码（原码失效；用于过期，或更换电脑）。"""
    place = HubFolder(folder)
    with place.database().write() as session:
        invitation = federation.new_code(ACTOR, node_id, session=session, valid_hours=hours)
    _show_code(invitation, place, as_json=as_json)


def _show_code(invitation: federation.Invitation, place: HubFolder, *, as_json: bool) -> None:
    show(
        {
            "node_id": invitation.node.id,
            "code": invitation.code,
            "expires_at": format_utc(invitation.expires_at),
            "hub": place.address,
        },
        as_json=as_json,
        sentence=(
            f"“{invitation.node.name}”的登记码：{invitation.code}"
            f"（{local_text(invitation.expires_at)} 前有效，只显示这一次）。\n"
            f"请在该单位运行：danglian node enrol --dir … --hub {place.address} "
            f"--code {invitation.code}"
        ),
    )


def node_wire(node: Node) -> dict[str, Any]:
    """A node as lists for programs have it; `oldest_waiting` is by our clock."""
    return {
        "node_id": node.id,
        "name": node.name,
        "state": node.state,
        "state_name": NODE_STATES[NodeState(node.state)],
        "epoch": node.epoch,
        "last_contact": node.last_contact,
        "backlog": node.backlog,
        "oldest_waiting": node.oldest_waiting,
        "clock_offset_ms": node.clock_offset_ms,
        "version": node.software_version,
        "asks_for_grant": node.asking_instance is not None,
    }


@node_group.command("list")
@folder_option
@json_option
def list_nodes(folder: Path, as_json: bool) -> None:
    """列出联网单位。"""
    with HubFolder(folder).database().read() as session:
        rows = [node_wire(node) for node in federation.nodes(session)]
    show_table(
        rows,
        {
            "name": "单位",
            "state_name": "状态",
            "epoch": "期",
            "last_contact": "上次联系",
            "backlog": "待传",
            "oldest_waiting": "最早的待传",
            "node_id": "编号",
        },
        as_json=as_json,
        title="联网单位",
        key="nodes",
    )


@node_group.command("suspend")
@folder_option
@click.argument("node_id")
@click.option("--reason", required=True, help="停用的原因。")
@json_option
def suspend(folder: Path, node_id: str, reason: str, as_json: bool) -> None:
    """停用一个单位：不再接收它的消息和文件，已有内容不受影响。"""
    with HubFolder(folder).database().write() as session:
        node = federation.suspend_node(ACTOR, node_id, reason, session=session)
    show(
        {"node_id": node.id, "state": node.state},
        as_json=as_json,
        sentence=f"已停用“{node.name}”。",
    )


@node_group.command("resume")
@folder_option
@click.argument("node_id")
@json_option
def resume(folder: Path, node_id: str, as_json: bool) -> None:
    """恢复一个停用的单位。"""
    with HubFolder(folder).database().write() as session:
        node = federation.resume_node(ACTOR, node_id, session=session)
    show(
        {"node_id": node.id, "state": node.state},
        as_json=as_json,
        sentence=f"已恢复“{node.name}”。",
    )


@click.group("agreement")
def agreement_group() -> None:
    """集中保管协议：县级档案馆审核，市档案馆接收。"""


@agreement_group.command("add")
@folder_option
@click.option("--archive", required=True, help="县级档案馆代码。")
@click.option("--basis", required=True, help="依据，如协议名称和文号。")
@click.option("--since", type=_DAY, help="起始日期；不填为今天。")
@click.option("--fonds", "fonds_ids", multiple=True, help="只限这些全宗；不填为该馆全部。")
@json_option
def add_agreement(
    *,
    folder: Path,
    archive: str,
    basis: str,
    since: datetime | None,
    fonds_ids: tuple[str, ...],
    as_json: bool,
) -> None:
    """登记一份集中保管协议。"""
    place = HubFolder(folder)
    day: date | None = since.date() if since else None
    with place.database().write() as session:
        agreement = federation.make_agreement(
            ACTOR,
            archive,
            basis,
            key=place.keys.hub(),
            session=session,
            fonds_ids=fonds_ids or None,
            since=day,
        )
    show(
        {
            "agreement_id": agreement.id,
            "reviewing_archive": agreement.reviewing_archive,
            "receiving_archive": agreement.receiving_archive,
        },
        as_json=as_json,
        sentence="已登记集中保管协议。",
    )
