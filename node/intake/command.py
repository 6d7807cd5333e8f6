"""The command `danglian node import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.filing.acting import acting, fonds_named
from node.intake import service as intake
from node.intake.columns import vocabulary
from node.intake.defaults import Defaults
from node.intake.looking import look_into
from node.intake.models import Intake, IntakeRow, RowState
from node.intake.rejected import reason_of
from node.intake.spool import Spool
from node.intake.staging import place_of
from node.intake.work import IntakeWork
from node.office.places import NodeFolder
from shared.command.main import json_option, show
from shared.kernel.errors import Invalid, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job, JobState
from shared.records.record import LEVEL_NAMES, RecordLevel

_SHOWN = 20


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)
@click.option("--fonds", default=None, help="全宗号、名称或标识；只有一个时可不填。")
@click.option("--class", "class_code", default="WS", help="门类，默认 WS（文书）。")
@click.option("--year", default="auto", help="年度；auto 取每行日期的年份。")
@click.option("--retention", default="", help="保管期限：Y、D30、D10 等；表中有此列的以表为准。")
@click.option("--organ", default="", help="机构（问题）代码。")
@click.option("--holding", default="", help="载体：电子、双套、纸质、纸质（有数字化副本）。")
@click.option("--sheet", type=int, default=None, help="第几个工作表（从 1 起）；默认自动选择。")
@click.option(
    "--level",
    type=click.Choice(list(LEVEL_NAMES.values())),
    default=None,
    help="这张表是哪一级的目录；默认由列名和表名判断。",
)
@click.option(
    "--items",
    "items_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="另一个文件中的卷内目录，与案卷目录一起导入。",
)
@click.option("--map", "mapped", multiple=True, help="列名=字段，可多次；字段留空表示不导入该列。")
@click.option(
    "--files",
    "files_folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=None,
    help="电子文件所在的文件夹：按“电子文件”一列，或按以档号命名的文件对应。",
)
@click.option("--take-good", is_flag=True, help="检查后直接导入没有问题的行。")
@click.option(
    "--rejected",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="把有问题的行存为表格（带“原因”列）。",
)
@click.option("--as", "login", default=None, help="以哪个账号的名义导入。")
@json_option
def import_command(
    *,
    file: Path,
    folder: Path,
    fonds: str | None,
    class_code: str,
    year: str,
    retention: str,
    organ: str,
    holding: str,
    sheet: int | None,
    level: str | None,
    items_file: Path | None,
    mapped: tuple[str, ...],
    files_folder: Path | None,
    take_good: bool,
    rejected: Path | None,
    login: str | None,
    as_json: bool,
) -> None:
    """从表格（CSV、XLSX、XLS）导入：先逐行检查，再导入没有问题的行。

    案卷目录和卷内目录可以在一个工作簿里，也可以是两个文件；一卷要么整卷导入，要么整卷不导入。
    """
    given = {
        "class_code": class_code,
        "year": year,
        "retention": retention,
        "organ": organ,
        "holding": holding,
    }
    importing = _Importing(NodeFolder(folder), login)
    result = importing.run(
        file,
        fonds,
        Defaults.read(given),
        mapping=dict(_pair(each) for each in mapped),
        sheet=None if sheet is None else sheet - 1,
        level=next((each for each, name in LEVEL_NAMES.items() if name == level), None),
        items_file=items_file,
        files_folder=files_folder,
        take_good=take_good,
        rejected=rejected,
    )
    lines = [
        (
            f"共读 {result['rows']} 行：可导入 {result['good']}，有问题 {result['bad']}，"
            f"已有 {result['there']}，涉密未保存 {result['classified']}，已导入 {result['taken']}。"
        ),
        *(f"{each['place']}：{each['reason']}" for each in result["problems"]),
    ]
    if result["good"] and not take_good:
        lines.append("尚未导入。确认无误后，请在“从表格导入”页面确认，或加 --take-good。")
    show(result, as_json=as_json, sentence="\n".join(lines))


def _pair(text: str) -> tuple[str, str]:
    column, separator, field = text.partition("=")
    if not separator or not column.strip():
        raise Invalid(
            "map",
            f"“{text}”的写法不对。",
            f"应为 列名=字段，例如 标题=题名。可用的字段："
            f"{'、'.join(each.name for each in vocabulary().fields)}。",
        )
    return column.strip(), field.strip()


class _Importing:
    """One run of the command on one data folder."""

    def __init__(self, folder: NodeFolder, login: str | None) -> None:
        self._folder = folder
        self._database = folder.database()
        with self._database.read() as session:
            self._actor = acting(login, session=session)

    def run(
        self,
        file: Path,
        fonds: str | None,
        defaults: Defaults,
        *,
        mapping: dict[str, str],
        sheet: int | None,
        level: RecordLevel | None,
        items_file: Path | None,
        files_folder: Path | None,
        take_good: bool,
        rejected: Path | None,
    ) -> dict[str, Any]:
        spool, intake_id, items_id = Spool(self._folder.path), new_id(), new_id()
        with self._database.read() as session:
            fonds_id = fonds_named(fonds, session)
        try:
            look = look_into(self._keep(spool, intake_id, file), file.name, sheet, level)
            items = None
            if items_file is not None:
                path = self._keep(spool, items_id, items_file)
                items = look_into(path, items_file.name, level=RecordLevel.ITEM)
            with self._database.write() as session:
                intake.begin(
                    self._actor, intake_id, fonds_id, look, session=session, defaults=defaults
                )
                if items is not None:
                    intake.add_sheets(self._actor, intake_id, items_id, items, session=session)
                intake.map_columns(self._actor, intake_id, mapping, session=session)
                folder = str(files_folder.resolve()) if files_folder else None
                job = intake.check(self._actor, intake_id, session=session, files_folder=folder)
        except BaseException:
            spool.erase(intake_id)
            spool.erase(items_id)
            raise
        work = IntakeWork(self._folder)
        _require_done(work.finish(job.id))
        with self._database.read() as session:
            good = intake.counts_of(intake_id, session=session)[RowState.GOOD]
        if take_good and good:
            with self._database.write() as session:
                job = intake.take(self._actor, intake_id, session=session)
            _require_done(work.finish(job.id))
        return self._result(intake_id, rejected)

    def _keep(self, spool: Spool, name: str, file: Path) -> Path:
        with file.open("rb") as stream:
            return spool.keep(name, stream)

    def _result(self, intake_id: str, rejected: Path | None) -> dict[str, Any]:
        states = [RowState.BAD, RowState.CLASSIFIED]
        with self._database.read() as session:
            counts = intake.counts_of(intake_id, session=session)
            found = intake.intake_of(self._actor, intake_id, session=session)
            rows, _ = intake.rows_of(self._actor, intake_id, states, session=session, limit=_SHOWN)
            if rejected is not None and counts[RowState.BAD] + counts[RowState.CLASSIFIED]:
                rejected.write_bytes(intake.rejected(self._actor, intake_id, session=session))
        return {
            "intake_id": intake_id,
            "rows": sum(counts.values()),
            **counts,
            "problems": [_problem(found, row) for row in rows],
        }


def _problem(found: Intake, row: IntakeRow) -> dict[str, Any]:
    return {
        "row": row.number,
        "level": row.level,
        "place": place_of(found, row.part, row.number),
        "reason": reason_of(row),
        "problems": row.problems,
    }


def _require_done(job: Job) -> None:
    if job.state != JobState.DONE:
        raise WrongState(f"导入没有完成：{job.problem or '任务已停止。'}", "", code="job_failed")
