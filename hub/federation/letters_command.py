"""Commands for dead letters 无效消息: list, put back, throw away."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select

from hub.federation.commands import ACTOR, folder_option
from hub.federation.letters import Outcome, decide, letters_lost
from hub.federation.places import HubFolder
from shared.command.main import json_option, show, show_table
from shared.messaging.models import DeadLetter


@click.group("letters")
def letters_group() -> None:
    """无效消息：列出、重新处理、丢弃。"""


@letters_group.command("list")
@folder_option
@json_option
def list_letters(folder: Path, as_json: bool) -> None:
    """列出信封无效的消息和原因；内容不显示。"""
    with HubFolder(folder).database().read() as session:
        lost = letters_lost(session)
        rows = [
            {
                "letter_id": each.id,
                "claimed_sender": each.claimed_sender,
                "reason": each.reason,
                "detail": each.detail,
                "size": each.size,
                "arrived_at": each.arrived_at,
            }
            for each in session.scalars(
                select(DeadLetter).order_by(DeadLetter.arrived_at, DeadLetter.id)
            )
        ]
    columns = {
        "arrived_at": "时间",
        "claimed_sender": "自称的来源",
        "reason": "原因",
        "size": "字节",
        "letter_id": "编号",
    }
    title = f"无效消息（更早的 {lost} 条已自动丢弃）" if lost else "无效消息"
    show_table(
        rows, columns, as_json=as_json, title=title, key="letters", beside={"letters_lost": lost}
    )


@letters_group.command("replay")
@folder_option
@click.argument("letter_id")
@json_option
def replay(folder: Path, letter_id: str, as_json: bool) -> None:
    """放回收件队列，重新处理（例如恢复了停用的单位，或升级了程序以后）。"""
    decide(ACTOR, HubFolder(folder), letter_id, Outcome.REPLAYED)
    show({"letter_id": letter_id}, as_json=as_json, sentence="已放回收件队列，重新处理。")


@letters_group.command("drop")
@folder_option
@click.argument("letter_id")
@json_option
def drop(folder: Path, letter_id: str, as_json: bool) -> None:
    """丢弃。"""
    decide(ACTOR, HubFolder(folder), letter_id, Outcome.DROPPED)
    show({"letter_id": letter_id}, as_json=as_json, sentence="已丢弃。")
