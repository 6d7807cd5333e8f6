"""The commands of the room: boxes with their places, and what a restore left undecided."""

from __future__ import annotations

from pathlib import Path

import click

from node.filing import service as filing
from node.filing.access import SEEING
from node.filing.acting import acting, command_options, fonds_named
from node.office.places import NodeFolder
from shared.command.main import show, show_table
from shared.kernel.errors import NotFound


@click.command("boxes")
@click.option("--fonds", default=None, help="全宗：全宗号、名称或标识；只有一个时可省略。")
@command_options
def boxes(folder: Path, login: str | None, as_json: bool, fonds: str | None) -> None:
    """列出盒和存放位置。"""
    with NodeFolder(folder).database().read() as session:
        actor, fonds_id = acting(login, *SEEING, session=session), fonds_named(fonds, session)
        seen = filing.ids_seen(actor, session=session)
        found = session.execute(filing.boxes({fonds_id} & set(seen))).all()
        counts = filing.box_counts([box.id for box, _ in found], session=session)
        rows = [
            {"id": box.id, "number": box.number, "place": place, "records": counts.get(box.id, 0)}
            for box, place in sorted(found, key=lambda row: (len(row[0].number), row[0].number))
        ]
    columns = {"number": "盒号", "place": "存放位置", "records": "件数", "id": "标识"}
    title = "盒与存放位置" if rows else "还没有盒；在著录中填写盒号即可。"
    show_table(rows, columns, as_json=as_json, title=title, key="boxes")


@click.command("move-box")
@click.argument("number")
@click.option("--place", required=True, help="新的存放位置，如 2号库-3架；空的为没有位置。")
@click.option("--fonds", default=None, help="全宗：全宗号、名称或标识；只有一个时可省略。")
@command_options
def move_box(
    *, folder: Path, login: str | None, as_json: bool, number: str, place: str, fonds: str | None
) -> None:
    """把一盒（盒号或标识）连同其中的档案移到另一处。"""
    with NodeFolder(folder).database().write() as session:
        actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
        for box, _place in session.execute(filing.boxes([fonds_id])):
            if number in (box.number, box.id):
                filing.move_box(actor, box.id, place, session=session)
                result = {"id": box.id, "number": box.number, "place": place.strip() or None}
                break
        else:
            raise NotFound(f"没有第 {number} 盒。", "请用 danglian node file boxes 查看。")
    sentence = f"第 {result['number']} 盒的存放位置：{result['place'] or '无'}。"
    show(result, as_json=as_json, sentence=sentence)


@click.command("divergences")
@command_options
def divergences(folder: Path, login: str | None, as_json: bool) -> None:
    """列出恢复之后与平台不一致、等待处理的档案。"""
    with NodeFolder(folder).database().read() as session:
        actor = acting(login, *SEEING, session=session)
        seen = filing.records_seen(actor, session=session)
        rows = [
            {
                "id": each.id,
                "record_id": each.record_id,
                "code": each.held["code"],
                "title": each.held["title"],
                "noticed_at": each.noticed_at,
                "differences": [one.__dict__ for one in filing.differences(each)],
            }
            for each in filing.open_divergences(seen, session=session)
        ]
    columns = {"code": "档号", "title": "题名", "id": "标识"}
    title = "与平台不一致的档案" if rows else "没有与平台不一致的档案"
    show_table(rows, columns, as_json=as_json, title=title, key="divergences")


@click.command("settle")
@click.argument("divergence_id")
@click.option(
    "--keep",
    required=True,
    type=click.Choice(["held", "local"]),
    help="held 保留平台的内容，local 改用本机的内容。",
)
@command_options
def settle(folder: Path, login: str | None, as_json: bool, divergence_id: str, keep: str) -> None:
    """处理一件与平台不一致的档案：选择一方的内容。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        settled = filing.settle_divergence(actor, divergence_id, keep, session=session)
        result = {"id": settled.id, "record_id": settled.record_id, "choice": settled.choice}
    word = "保留平台的内容" if keep == "held" else "改用本机的内容"
    show(result, as_json=as_json, sentence=f"已处理：{word}。")


commands = (boxes, move_box, divergences, settle)
