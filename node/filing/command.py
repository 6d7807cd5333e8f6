"""The commands `danglian node file …`: the verbs of filing, as on the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from node.filing import service as filing
from node.filing.acting import acting, command_options, fonds_named
from node.filing.record_command import RECORD_COLUMNS, line_of
from node.filing.record_command import commands as record_commands
from node.filing.room_command import commands as room_commands
from node.filing.volume_command import commands as volume_commands
from node.office.places import NodeFolder
from node.registry.files import Keeping
from shared.command.main import show, show_table
from shared.kernel.errors import Invalid
from shared.records.record import FIELD_NAMES
from shared.records.security import says_declassified
from shared.records.states import RECORD


def _class_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--year", type=int, required=True, help="年度。"),
        click.option("--class", "class_code", default="WS", show_default=True, help="门类。"),
        click.option("--fonds", default=None, help="全宗：全宗号、名称或标识；只有一个时可省略。"),
    ):
        command = option(command)
    return command_options(command)


@click.group("file")
def file_command() -> None:
    """归档：归入、列出、整理、组卷、撤销、编号、定号、补充归档、作废、延长保管期限、销毁。"""


@file_command.command("collect")
@click.option("--fonds", default=None, help="全宗：全宗号、名称或标识；只有一个时可省略。")
@click.option("--title", default=None, help="题名。")
@click.option("--set", "pairs", multiple=True, help="项=值，可多次，如 year=2024、retention=D30。")
@click.option(
    "--file",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="电子文件，可多次。",
)
@click.option("--role", default="正本", show_default=True, help="电子文件作为哪种文档。")
@click.option("--kind", default="born_digital", type=click.Choice(["born_digital", "digital_copy"]))
@click.option(
    "--rows",
    "rows_path",
    default=None,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="一次归入多件：JSON 列表的文件，每件一个对象。",
)
@command_options
def collect(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    fonds: str | None,
    title: str | None,
    pairs: tuple[str, ...],
    paths: tuple[Path, ...],
    role: str,
    kind: str,
    rows_path: Path | None,
) -> None:
    """直接归档一件（可带电子文件），或用 --rows 一次归入多件。"""
    node = NodeFolder(folder)
    if rows_path is not None:
        ids = _collect_rows(node, login, fonds, rows_path)
        sentence = f"已归入 {len(ids)} 件。"
        show({"ids": ids, "count": len(ids)}, as_json=as_json, sentence=sentence)
        return
    values: dict[str, Any] = {"title": title, **dict(_pair(each) for each in pairs)}
    cleared = says_declassified(values.get("security_change"))
    with Keeping(node.files, declassified=cleared) as files:
        stored = []
        for path in paths:
            with path.open("rb") as stream:
                stored.append(files.keep(stream, path.name))
        with node.database().write() as session:
            actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
            record = filing.collect(actor, fonds_id, values, session=session)
            for each in stored:
                filing.attach(actor, record, role, each, kind, session=session)
            result = line_of(record)
    show(result, as_json=as_json, sentence=f"已归入：{record.title}（{result['state_name']}）。")


def _collect_rows(node: NodeFolder, login: str | None, fonds: str | None, path: Path) -> list[str]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Invalid("rows", f"{path.name} 不是 JSON。", f"请检查文件：{error}。") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("rows", f"{path.name} 应为对象的列表。", '每件一个对象，如 [{"title": …}]。')
    with node.database().write() as session:
        actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
        return filing.collect_many(actor, fonds_id, rows, session=session, source=path.name).ids


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    by_label = {label: field for field, label in FIELD_NAMES.items()}
    name = by_label.get(name.strip(), name.strip())
    if not separator or name not in filing.COLLECT_FIELDS:
        known = "、".join(filing.COLLECT_FIELDS)
        raise Invalid("set", f"“{text}”的写法不对。", f"应为 项=值；可用的项：{known}。")
    return name, value


@file_command.command("list")
@click.option("--fonds", default=None, help="只看这个全宗。")
@click.option("--class", "class_code", default=None, help="只看这个门类。")
@click.option("--year", type=int, default=None, help="只看这个年度。")
@click.option("--retention", default=None, help="只看这个保管期限。")
@click.option("--state", type=click.Choice(list(RECORD.states)), default=None)
@click.option("--text", default=None, help="题名、档号、文号或责任者中的词。")
@click.option("--limit", type=int, default=100, show_default=True)
@command_options
def list_records(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    fonds: str | None,
    class_code: str | None,
    year: int | None,
    retention: str | None,
    state: str | None,
    text: str | None,
    limit: int,
) -> None:
    """列出归档文件。"""
    with NodeFolder(folder).database().read() as session:
        actor = acting(login, session=session)
        wanted = filing.Filter(
            fonds_id=fonds_named(fonds, session) if fonds else None,
            class_code=class_code,
            year=year,
            retention=retention,
            state=state,
            text=text,
        )
        query = filing.listing(wanted, filing.records_seen(actor, session=session))
        ordered = query.order_by(filing.Record.code, filing.Record.id).limit(limit)
        rows = [line_of(record) for record in session.scalars(ordered)]
    show_table(rows, RECORD_COLUMNS, as_json=as_json, title="归档文件", key="records")


@file_command.command("arrange")
@click.argument("record_ids", nargs=-1)
@click.option("--state", default=None, type=click.Choice(["collected", "arranging"]))
@click.option("--fonds", default=None, help="与 --state 一起：这个全宗中该状态的全部。")
@click.option("--class", "class_code", default=None, help="门类。")
@click.option("--year", default=None, help="年度。")
@click.option("--retention", default=None, help="保管期限。")
@click.option("--organ", default=None, help="机构（问题）代码。")
@click.option("--organ-name", default=None, help="机构（问题）。")
@command_options
def arrange(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    record_ids: tuple[str, ...],
    state: str | None,
    fonds: str | None,
    **values: str | None,
) -> None:
    """为指定的（或某状态的全部）文件设定门类、年度、保管期限、机构。"""
    given = {name: value for name, value in values.items() if value is not None}
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        ids = list(record_ids)
        if not ids and state is not None:
            wanted = filing.Filter(fonds_id=fonds_named(fonds, session), state=state)
            query = filing.listing(wanted, filing.records_seen(actor, session=session))
            ids = [each.id for each in session.scalars(query.order_by(filing.Record.id))]
        if not ids:
            raise Invalid("records", "没有指明文件。", "请写出标识，或用 --state 选取。")
        records = filing.arrange(actor, ids, given, session=session)
        rows = [line_of(record) for record in records]
    show_table(rows, RECORD_COLUMNS, as_json=as_json, title=f"已设定 {len(rows)} 件", key="records")


@file_command.command("edit")
@click.argument("record_id")
@click.option("--set", "pairs", multiple=True, required=True, help="项=值，可多次，如 pages=3。")
@command_options
def edit(
    folder: Path, login: str | None, as_json: bool, record_id: str, pairs: tuple[str, ...]
) -> None:
    """修改著录，或按退回原因改正；改到的项上的意见算作已处理。"""
    values = dict(_pair(each) for each in pairs)
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_id, session=session)
        result = line_of(filing.edit_returned(actor, record, values, session=session))
    show(result, as_json=as_json, sentence=f"已修改：{result['title']}。")


@file_command.command("number")
@click.option("--renumber", is_flag=True, help="不用随文件带来的原号，全部重新编号。")
@click.option("--clear", is_flag=True, help="清除草稿号。")
@_class_options
def number(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    fonds: str | None,
    class_code: str,
    year: int,
    renumber: bool,
    clear: bool,
) -> None:
    """编草稿号；定号之前可以随时重编。"""
    with NodeFolder(folder).database().write() as session:
        actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
        if clear:
            count = filing.clear_drafts(actor, fonds_id, class_code, year, session=session)
        else:
            plan = filing.draft_numbers(
                actor, fonds_id, class_code, year, keep_given=not renumber, session=session
            )
            count = len(plan.rows)
    word = "已清除" if clear else "已编"
    show({"records": count}, as_json=as_json, sentence=f"{word} {count} 个草稿号。")


@file_command.command("close")
@click.option("--gap-reason", default=None, help="断号原因；断号作为空号保留。")
@_class_options
def close(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    fonds: str | None,
    class_code: str,
    year: int,
    gap_reason: str | None,
) -> None:
    """定号：固定该门类该年度的全部档号，由具名的人办理。"""
    with NodeFolder(folder).database().write() as session:
        actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
        closed = filing.close_class(
            actor, fonds_id, class_code, year, gap_reason=gap_reason, session=session
        )
        result = {
            "fonds_id": fonds_id,
            "class_code": class_code,
            "year": year,
            "records": closed.records,
            "closed_by": closed.closed_by,
        }
    show(
        result,
        as_json=as_json,
        sentence=f"{result['closed_by']}已定号：{year}年度 {class_code}，{result['records']} 件。",
    )


@file_command.command("late")
@click.argument("record_id")
@command_options
def late(folder: Path, login: str | None, as_json: bool, record_id: str) -> None:
    """补充归档：定号之后找到的文件取下一个号。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_id, session=session)
        result = line_of(filing.file_late(actor, record, session=session))
    show(result, as_json=as_json, sentence=f"已补充归档：{result['code']}。")


@file_command.command("void")
@click.argument("record_id")
@click.option("--reason", required=True, help="原因，写入空号。")
@command_options
def void(folder: Path, login: str | None, as_json: bool, record_id: str, reason: str) -> None:
    """作废：文件取消归档，原号作为空号保留。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        record = filing.record_of(actor, record_id, session=session)
        result = line_of(filing.remove_filed(actor, record, reason, session=session))
    show(result, as_json=as_json, sentence=f"已作废：{result['code']}。")


@file_command.command("gaps")
@click.option("--year", type=int, default=None, help="只查这个年度。")
@click.option("--class", "class_code", default=None, help="只查这个门类。")
@click.option("--fonds", default=None, help="只查这个全宗。")
@command_options
def gaps(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    year: int | None,
    class_code: str | None,
    fonds: str | None,
) -> None:
    """检查断号和重号。"""
    with NodeFolder(folder).database().read() as session:
        actor = acting(login, session=session)
        named = fonds_named(fonds, session) if fonds else None
        rows = [
            {"year": one.category.year, "class_code": one.category.class_code, "problem": g.problem}
            for fonds_id in filing.ids_seen(actor, in_part=True, session=session)
            if named in (None, fonds_id)
            for one in filing.check_gaps(fonds_id, class_code, year, session=session)
            if actor.may(*filing.SEEING, fonds=fonds_id, class_code=one.category.class_code)
            for g in one.gaps
        ]
    columns = {"year": "年度", "class_code": "门类", "problem": "情况"}
    title = "断号检查" if rows else "没有断号和重号"
    show_table(rows, columns, as_json=as_json, title=title, key="gaps")


for _command in (*record_commands, *room_commands, *volume_commands):
    file_command.add_command(_command)
