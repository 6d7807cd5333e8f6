"""The commands on one record: `danglian node file put-back`, `extend`, `dispose` …"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.filing import service as filing
from node.filing.access import SEEING
from node.filing.acting import acting, command_options
from node.office.places import NodeFolder
from node.registry.files import Keeping
from shared.command.main import show, show_table
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.records.holdings import FileKind
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
@click.option("--appraised-by", required=True, help="鉴定人姓名。")
@click.option("--watched-by", multiple=True, required=True, help="监销人姓名，写两次。")
@command_options
def dispose(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    record_id: str,
    reason: str,
    appraised_by: str,
    watched_by: tuple[str, ...],
) -> None:
    """销毁保管期限届满的一件（整卷），由单位负责人批准、两人监销；目录保留，电子文件删除。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, Role.LEADER, session=session)
        record = filing.record_of(actor, record_id, session=session)
        gone = filing.dispose(
            actor, record, reason, appraised_by=appraised_by, watched_by=watched_by, session=session
        )
        rows = [line_of(each) for each in gone]
    title = f"已登记销毁 {len(rows)} 件"
    show_table(rows, RECORD_COLUMNS, as_json=as_json, title=title, key="records")


@click.command("show")
@click.argument("record_id")
@command_options
def show_record(folder: Path, login: str | None, as_json: bool, record_id: str) -> None:
    """查看一件：著录、电子文件（和它们的标识）、经过。"""
    with NodeFolder(folder).database().read() as session:
        actor = acting(login, *SEEING, session=session)
        record = filing.record_of(actor, record_id, session=session)
        found = filing.wire(record, session=session)
    if as_json:
        show(found, as_json=True, sentence="")
        return
    rows = [
        {"role": document["role"], **file} for document in found["documents"]
        for file in document["files"]
    ]  # fmt: skip
    title = f"{found['code'] or ''} {found['title']}（{RECORD.label(found['state'])}）".strip()
    columns = {"role": "文档", "name": "文件名", "size": "字节", "id": "标识"}
    show_table(rows, columns, as_json=False, title=title)


@click.command("discard")
@click.argument("record_id")
@click.option("--reason", required=True, help="原因。")
@command_options
def discard(folder: Path, login: str | None, as_json: bool, record_id: str, reason: str) -> None:
    """删除：定号之前从归档中去掉一件；由收发文登记而来的，改回办结。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_id, session=session)
        title = record.title
        filing.discard(actor, record, reason, session=session)
    show({"id": record_id}, as_json=as_json, sentence=f"已删除：{title}。")


@click.command("move-class")
@click.argument("record_id")
@click.option("--reason", required=True, help="原因，写入原号留下的空号。")
@click.option("--class", "class_code", default=None, help="新的门类。")
@click.option("--subclass", default=None, help="新的二级门类。")
@click.option("--year", default=None, help="新的年度。")
@click.option("--retention", default=None, help="新的保管期限。")
@click.option("--organ", default=None, help="新的机构（问题）代码。")
@click.option("--organ-name", default=None, help="新的机构（问题）。")
@command_options
def move_class(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    record_id: str,
    reason: str,
    **values: str | None,
) -> None:
    """改归他类：定号之后改门类、年度、期限、机构；原号留作空号，取得新号。"""
    given = {name: value for name, value in values.items() if value is not None}
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_id, session=session)
        result = line_of(filing.move_filed(actor, record, given, reason, session=session))
    sentence = f"已改归他类：{result['code'] or '新号待定号'}（标识 {result['id']}）。"
    show(result, as_json=as_json, sentence=sentence)


@click.command("order")
@click.argument("record_ids", nargs=-1, required=True)
@click.option("--to", type=click.IntRange(1), default=None, help="把这一件移到第几位。")
@click.option("--by-date", is_flag=True, help="把这一件所在的类目按日期排列。")
@command_options
def order(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    record_ids: tuple[str, ...],
    to: int | None,
    by_date: bool,
) -> None:
    """调整同一类目中的顺序：几件按写出的先后互换位置，或用 --to、--by-date。定号之前可用。"""
    if ((to is not None or by_date) and len(record_ids) > 1) or (to is not None and by_date):
        raise Invalid("to", "--to 和 --by-date 只用其一，并且只写一件。", "请分别运行。")
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_ids[0], session=session)
        if to is not None:
            filing.move(actor, record, to, session=session)
        elif by_date and record.category_id is not None:
            filing.sort_category(actor, record.category_id, session=session)
        else:
            filing.reorder(actor, record_ids, session=session)
        inside = filing.in_category(str(record.category_id), session=session)
        rows = [
            {"place": place, **line_of(each)}
            for place, each in enumerate(inside, 1)
            if filing.sees(actor, each)
        ]
    columns = {"place": "位次", **RECORD_COLUMNS}
    show_table(rows, columns, as_json=as_json, title="现在的顺序", key="records")


@click.command("attach")
@click.argument("record_id")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option("--role", default="正本", show_default=True, help="电子文件作为哪种文档。")
@click.option("--kind", default="born_digital", type=click.Choice([str(each) for each in FileKind]))
@command_options
def attach(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    record_id: str,
    paths: tuple[Path, ...],
    role: str,
    kind: str,
) -> None:
    """给一件加上电子文件。"""
    node = NodeFolder(folder)
    with Keeping(node.files) as files:
        stored = []
        for path in paths:
            with path.open("rb") as stream:
                stored.append(files.keep(stream, path.name))
        with node.database().write() as session:
            actor = acting(login, session=session)
            record = filing.record_of(actor, record_id, session=session)
            rows = [
                _file_line(filing.attach(actor, record, role, each, kind, session=session))
                for each in stored
            ]
    show_table(rows, _FILE_COLUMNS, as_json=as_json, title=f"已加上 {len(rows)} 个", key="files")


_FILE_COLUMNS = {"name": "文件名", "size": "字节", "id": "标识"}


def _file_line(file: filing.ComputerFile) -> dict[str, Any]:
    return {"id": file.id, "name": file.name, "size": file.size, "sha256": file.sha256}


@click.command("detach")
@click.argument("record_id")
@click.argument("file_id")
@command_options
def detach(folder: Path, login: str | None, as_json: bool, record_id: str, file_id: str) -> None:
    """移除一件中的一个电子文件；文件的标识用 show 查看。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_id, session=session)
        filing.detach(actor, record, file_id, session=session)
        result = line_of(record)
    show(result, as_json=as_json, sentence=f"已移除《{result['title']}》的一个电子文件。")


commands = (
    *(show_record, put_back, discard, move_class, order, attach, detach),
    *(extend, dispose),
)
