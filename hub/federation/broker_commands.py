"""Commands for the broker: what there should be on it, and new accounts."""

from __future__ import annotations

from pathlib import Path

import click

from hub.federation.broker import Broker, rotate_account
from hub.federation.places import HubFolder
from shared.command.main import json_option, show
from shared.kernel.actor import system_actor

folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="平台的数据目录。"
)


@click.group("broker")
def broker_group() -> None:
    """消息服务器（RabbitMQ）：建立队列，更换单位的账号。"""


@broker_group.command("declare")
@folder_option
@json_option
def declare(folder: Path, as_json: bool) -> None:
    """在消息服务器上建立所需的一切；可以重复运行，改了 shards 之后也要运行。"""
    place = HubFolder(folder)
    broker = Broker(place)
    with place.database().read() as session:
        accounts = broker.accounts(session)
    made = broker.declare(accounts)
    show(
        {"nodes": len(accounts), **made},
        as_json=as_json,
        sentence=(
            f"消息服务器已就绪：{place.shards} 个分片，{len(accounts)} 个单位"
            f"（新建队列 {made['queues']} 个，新绑定 {made['bindings']} 个，"
            f"清除账号 {made['removed']} 个）。"
        ),
    )


@broker_group.command("rotate")
@folder_option
@click.argument("node_id")
@json_option
def rotate(folder: Path, node_id: str, as_json: bool) -> None:
    """更换一个单位在消息服务器上的账号：原账号随即失效，单位会自动领取新的。"""
    place = HubFolder(folder)
    broker = Broker(place)
    with place.database().write() as session:
        node = rotate_account(system_actor("command"), node_id, session=session)
    broker.remove(broker.account(node))
    show(
        {"node_id": node.id},
        as_json=as_json,
        sentence=f"已更换“{node.name}”的账号，该单位联网时会自动领取新的。",
    )
