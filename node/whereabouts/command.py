"""The command that says where a record is."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import or_, select

from node.filing import service as filing
from node.office.places import NodeFolder
from node.whereabouts.journey import journey_of
from shared.command.main import json_option, show, show_table
from shared.kernel.clock import local_text
from shared.kernel.errors import NotFound

_STATES = {
    "done": "已完成",
    "now": "正在办",
    "ahead": "还没有到",
    "problem": "有问题",
}


@click.command("where")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)
@click.argument("record")
@json_option
def where_command(folder: Path, record: str, as_json: bool) -> None:
    """一件档案到哪了：RECORD 是它的档号或编号。"""
    with NodeFolder(folder).database().read() as session:
        named = or_(filing.Record.id == record, filing.Record.code == record)
        found = session.scalars(select(filing.Record).where(named).limit(2)).all()
        if not found:
            raise NotFound("没有这件档案。", "请写出完整的档号，或用 file list 查到编号。")
        rows = []
        for each in found:
            journey = journey_of(each, session=session)
            rows.append({**journey.to_wire(), "code": each.code, "title": each.title})
    if as_json:
        show({"records": rows}, as_json=True, sentence="")
        return
    for row in rows:
        steps = [
            {
                "step": step["label"],
                "state": _STATES[step["state"]],
                "at": local_text(step["at"]),
                "note": step["note"],
            }
            for step in row["steps"]
        ]
        show_table(
            steps,
            {"step": "步骤", "state": "情况", "at": "时间", "note": "说明"},
            as_json=False,
            title=f"{row['code'] or ''} {row['title']}：{row['place_name']}",
        )
