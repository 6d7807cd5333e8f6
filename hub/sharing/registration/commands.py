"""The commands `danglian hub registrations`: how services stand, and sending them again."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select

from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from shared.command.main import json_option, show, show_table
from shared.kernel.errors import NotFound


@click.group("registrations")
def registrations_group() -> None:
    """登记到省级共享平台的服务：列出、重新发送。"""


@registrations_group.command("list")
@folder_option
@json_option
def list_registrations(*, folder: Path, as_json: bool) -> None:
    """列出服务登记，各到哪一步，没有送达或没有通过的原因。"""
    from hub.sharing.registration.models import Registration
    from shared.records.states import REGISTRATION

    with HubFolder(folder).database().read() as session:
        rows = [
            {
                "code": each.code,
                "name": each.name,
                "version": each.version,
                "state": each.state if as_json else REGISTRATION.label(each.state),
                "reference": each.reference or "",
                "words": each.problem or each.words or "",
            }
            for each in session.scalars(select(Registration).order_by(Registration.code))
        ]
    names = {
        "code": "服务代码",
        "name": "服务名称",
        "version": "版本",
        "state": "状态",
        "reference": "省级平台登记号",
        "words": "说明",
    }
    show_table(rows, names, as_json=as_json, title="服务登记")


@registrations_group.command("again")
@folder_option
@click.argument("code")
@json_option
def send_again(*, folder: Path, code: str, as_json: bool) -> None:
    """把一项没有送达的登记再发一次；写服务代码。"""
    from hub.sharing.registration import service
    from hub.sharing.registration.models import Registration

    with HubFolder(folder).database().write() as session:
        found = session.scalar(select(Registration).where(Registration.code == code))
        if found is None:
            raise NotFound(f"没有代码为 {code} 的服务登记。", "请用 list 查看服务代码。")
        service.send_again(ACTOR, found.id, session=session)
    show({"code": code}, as_json=as_json, sentence=f"服务登记 {code} 将重新发送。")
