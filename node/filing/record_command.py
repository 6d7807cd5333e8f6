"""The commands on one record: `danglian node file put-back`, `extend`, `dispose` …"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.filing import service as filing
from node.filing.acting import acting, command_options
from node.office.places import NodeFolder
from shared.command.main import show, show_table
from shared.kernel.actor import Role
from shared.records.states import RECORD

RECORD_COLUMNS = {
    "code": "档号",
    "title": "题名",
    "date": "日期",
    "state_name": "状态",
    "id": "标识",
}


def line_of(record: filing.Record) -> dict[str, Any]:
    """A record as the commands print it."""
    return {
        "id": record.id,
        "code": record.code,
        "title": record.title,
        "date": record.date,
        "year": record.year,
        "retention": record.retention,
        "state": record.state,
        "state_name": RECORD.label(record.state),
        "version": record.version,
    }


@click.command("put-back")
@click.argument("record_ids", nargs=-1, required=True)
@command_options
def put_back(folder: Path, login: str | None, as_json: bool, record_ids: tuple[str, ...]) -> None:
    """退回待整理：让出草稿号和顺序，保管期限改为待定。定号之前可用。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        rows = [line_of(each) for each in filing.put_back(actor, record_ids, session=session)]
    title = f"已退回 {len(rows)} 件"
    show_table(rows, RECORD_COLUMNS, as_json=as_json, title=title, key="records")


@click.command("extend")
@click.argument("record_id")
@click.option("--retention", required=True, help="新的、更长的保管期限。")
@click.option("--reason", required=True, help="原因和依据。")
@command_options
def extend(
    *, folder: Path, login: str | None, as_json: bool, record_id: str, retention: str, reason: str
) -> None:
    """延长保管期限，由单位负责人批准；一件取得新的档号，原号留作空号。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        record = filing.record_of(actor, record_id, session=session)
        result = line_of(filing.extend(actor, record, retention, reason, session=session))
    show(result, as_json=as_json, sentence=f"已延长保管期限：{result['code']}。")


@click.command("dispose")
@click.argument("record_id")
@click.option("--reason", required=True, help="原因和依据。")
@command_options
def dispose(folder: Path, login: str | None, as_json: bool, record_id: str, reason: str) -> None:
    """销毁保管期限届满的一件（整卷），由单位负责人批准；目录保留，电子文件的数据不抹除。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        record = filing.record_of(actor, record_id, session=session)
        rows = [line_of(each) for each in filing.dispose(actor, record, reason, session=session)]
    title = f"已登记销毁 {len(rows)} 件"
    show_table(rows, RECORD_COLUMNS, as_json=as_json, title=title, key="records")


commands = (put_back, extend, dispose)
