"""`danglian hub consumer push-again`: try a receiver at once, also one that was given up."""

from __future__ import annotations

from pathlib import Path

import click

from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.sharing.consumers.commands import consumer_group
from hub.sharing.pushing import service as pushing
from shared.command.main import json_option, show

__all__ = ["consumer_group"]


@consumer_group.command("push-again")
@click.argument("consumer_id")
@folder_option
@json_option
def push_again(consumer_id: str, folder: Path, as_json: bool) -> None:
    """马上再向一个应用推送，停止了的也恢复；写客户端编号。"""
    with HubFolder(folder).database().write() as session:
        push = pushing.resume_push(ACTOR, consumer_id, session=session)
        said = {"id": push.consumer_id, "way": push.way, "url": push.url, "state": push.state}
    show(said, as_json=as_json, sentence=f"马上再向 {said['url'] or '它的消息队列'} 推送。")
