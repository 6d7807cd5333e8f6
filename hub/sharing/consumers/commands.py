"""`danglian hub consumer`: who reads what is shared, stopping one at once, the key of tokens."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select

from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import STATE_NAMES, Consumer
from hub.sharing.consumers.token_keys import TokenKeys
from shared import audit
from shared.command.main import json_option, show, show_table


@click.group("consumer")
def consumer_group() -> None:
    """共享应用：列出、停用、更换访问令牌的签名密钥。"""


@consumer_group.command("list")
@folder_option
@json_option
def list_consumers(folder: Path, as_json: bool) -> None:
    """列出共享应用和它们的状态。"""
    with HubFolder(folder).database().read() as session:
        rows = [
            {
                "id": each.id,
                "name": each.name,
                "body": each.body,
                "state": each.state,
                "until": each.until or "",
            }
            for each in session.scalars(select(Consumer).order_by(Consumer.name, Consumer.id))
        ]
    if not as_json:
        for row in rows:
            row["state"] = STATE_NAMES[row["state"]]
    columns = {
        "id": "客户端编号",
        "name": "名称",
        "body": "所属单位",
        "state": "状态",
        "until": "截止日期",
    }
    if as_json:
        show({"consumers": rows}, as_json=True, sentence="")
        return
    show_table(rows, columns, as_json=False, title="共享应用")


@consumer_group.command("suspend")
@click.argument("consumer_id")
@folder_option
@click.option("--reason", required=True, help="原因。")
@json_option
def suspend_consumer(consumer_id: str, folder: Path, reason: str, as_json: bool) -> None:
    """停用一个应用，立即生效；恢复须由档案接收员在网页上办理。"""
    with HubFolder(folder).database().write() as session:
        consumer = consumers.suspend(ACTOR, consumer_id, reason, session=session)
        said = {"id": consumer.id, "name": consumer.name, "state": consumer.state}
    show(said, as_json=as_json, sentence=f"已停用“{said['name']}”，立即生效。")


@consumer_group.command("roll-key")
@folder_option
@click.option("--forget", is_flag=True, help="密钥已泄露：以前发的令牌立即全部作废。")
@json_option
def roll_key(folder: Path, forget: bool, as_json: bool) -> None:
    """更换访问令牌的签名密钥；平台不用停，旧密钥签的令牌到期为止仍然有效。"""
    place = HubFolder(folder)
    database = place.database()
    kid = TokenKeys(place.path).roll(forget=forget)
    with database.write() as session:
        audit.record(
            session, ACTOR, "hub.token_key_rolled", f"hub:{place.settings.hub_id}", key=kid
        )
    show({"key": kid}, as_json=as_json, sentence=f"已更换，现用 {kid}。")
