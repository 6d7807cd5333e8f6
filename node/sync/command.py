"""Commands of the agent: enrol, link, recover, reconcile, doctor."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from node.office.models import STATE_LABELS, OfficeState
from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.doctor import examine_folder
from node.sync.enrolment import enrol
from node.sync.line import fetch_account
from node.sync.reconciling import ask
from node.sync.recovery import ask_again
from shared.command.main import json_option, show, show_table
from shared.inspection.scheme import program_with_additions
from shared.kernel.actor import system_actor
from shared.kernel.errors import WrongState

folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)


@click.command("enrol")
@folder_option
@click.option("--hub", "hub_url", required=True, help="市级平台的地址，如 http://10.0.0.1:8060。")
@click.option("--code", required=True, help="市档案馆给的一次性登记码。")
@json_option
def enrol_command(folder: Path, hub_url: str, code: str, as_json: bool) -> None:
    """用一次性登记码把本机登记到市级平台。"""
    office = enrol(
        NodeFolder(folder), hub_url, code, version=program_with_additions(version("danglian"))
    )
    show(
        {"node_id": office.node_id, "hub": office.hub_name, "epoch": office.epoch},
        as_json=as_json,
        sentence=f"已登记到“{office.hub_name}”。现在可以运行 danglian node run。",
    )


@click.command("recover")
@folder_option
@json_option
def recover_command(folder: Path, as_json: bool) -> None:
    """由本机接替：申请市级平台重新确认（本机是备份恢复的，或曾被另一台电脑接替）。"""
    with NodeFolder(folder).database().write() as session:
        office = office_of(session)
        if office.state not in (OfficeState.SUPERSEDED, OfficeState.RECOVERING):
            raise WrongState(
                f"本机状态为“{STATE_LABELS[OfficeState(office.state)]}”，不需要恢复。",
                "如仍有疑问，请运行 danglian node doctor 查看。",
            )
        ask_again(session, office, "asked by command")
        result: dict[str, Any] = {"state": office.state, "instance_id": office.instance_id}
    show(
        result,
        as_json=as_json,
        sentence="已申请。请市档案馆在“联网单位”中确认，本机运行时会自动完成恢复。",
    )


@click.command("reconcile")
@folder_option
@json_option
def reconcile_command(folder: Path, as_json: bool) -> None:
    """与市级平台核对：逐全宗逐年比对，有差异的自动补齐。"""
    with NodeFolder(folder).database().write() as session:
        seq = ask(system_actor("命令行"), session=session).seq
    show(
        {"seq": seq},
        as_json=as_json,
        sentence="已发出核对，结果见 danglian node status 或“联网与核对”页面。",
    )


@click.command("doctor")
@folder_option
@json_option
def doctor_command(folder: Path, as_json: bool) -> None:
    """检查本机：每个卡住的地方，以及解开它的命令。"""
    findings = [finding.to_wire() for finding in examine_folder(NodeFolder(folder))]
    show_table(
        findings,
        {"code": "代号", "problem": "情况", "remedy": "怎么办"},
        as_json=as_json,
        title="没有发现问题" if not findings else "检查结果",
        key="findings",
    )


@click.command("link")
@folder_option
@json_option
def link_command(folder: Path, as_json: bool) -> None:
    """向市级平台重新领取消息通道的地址和账号（平台换了消息服务器之后用）；下次启动生效。"""
    place = NodeFolder(folder)
    with place.database().read() as session:
        if office_of(session).node_id is None:
            raise WrongState("本机尚未联网登记。", "请先运行 danglian node enrol。")
    address = fetch_account(place)["link"]
    show({"link": address}, as_json=as_json, sentence=f"消息通道：{address}")


commands = [enrol_command, link_command, recover_command, reconcile_command, doctor_command]
