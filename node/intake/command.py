"""The command `danglian node import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.filing.acting import acting, fonds_named
from node.intake import service as intake
from node.intake.columns import mapping_from, vocabulary
from node.intake.models import IntakeRow, RowState
from node.intake.reading import Defaults
from node.intake.rejected import reason_of
from node.intake.spool import Spool
from node.intake.work import IntakeWork
from node.office.places import NodeFolder
from shared.command.main import json_option, show
from shared.kernel.errors import Invalid, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job, JobState

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
@click.option("--map", "mapped", multiple=True, help="列名=字段，可多次；字段留空表示不导入该列。")
@click.option(
    "--files",
    "files_folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=None,
    help="“电子文件”一列所列文件所在的文件夹。",
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
    mapped: tuple[str, ...],
    files_folder: Path | None,
    take_good: bool,
    rejected: Path | None,
    login: str | None,
    as_json: bool,
) -> None:
    """从表格（CSV、XLSX、XLS）导入：先逐行检查，再导入没有问题的行。"""
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
        files_folder=files_folder,
        take_good=take_good,
        rejected=rejected,
    )
    lines = [
        (
            f"共读 {result['rows']} 行：可导入 {result['good']}，有问题 {result['bad']}，"
            f"已有 {result['there']}，涉密未保存 {result['classified']}，已导入 {result['taken']}。"
        ),
        *(f"第 {each['row']} 行：{each['reason']}" for each in result["problems"]),
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
        files_folder: Path | None,
        take_good: bool,
        rejected: Path | None,
    ) -> dict[str, Any]:
        spool, intake_id = Spool(self._folder.path), new_id()
        with self._database.read() as session:
            fonds_id = fonds_named(fonds, session)
        with file.open("rb") as stream:
            path = spool.keep(intake_id, stream)
        try:
            look = intake.look_into(path, file.name, sheet)
            chosen = mapping_from(look.columns, mapping)
            with self._database.write() as session:
                intake.begin(
                    self._actor, intake_id, fonds_id, look, session=session, defaults=defaults
                )
                intake.set_mapping(self._actor, intake_id, chosen, defaults, session=session)
                folder = str(files_folder.resolve()) if files_folder else None
                job = intake.check(self._actor, intake_id, session=session, files_folder=folder)
        except BaseException:
            spool.erase(intake_id)
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

    def _result(self, intake_id: str, rejected: Path | None) -> dict[str, Any]:
        states = [RowState.BAD, RowState.CLASSIFIED]
        with self._database.read() as session:
            counts = intake.counts_of(intake_id, session=session)
            rows, _ = intake.rows_of(self._actor, intake_id, states, session=session, limit=_SHOWN)
            if rejected is not None and counts[RowState.BAD] + counts[RowState.CLASSIFIED]:
                rejected.write_bytes(intake.rejected(self._actor, intake_id, session=session))
        return {
            "intake_id": intake_id,
            "rows": sum(counts.values()),
            **counts,
            "problems": [_problem(row) for row in rows],
        }


def _problem(row: IntakeRow) -> dict[str, Any]:
    return {"row": row.number, "reason": reason_of(row), "problems": row.problems}


def _require_done(job: Job) -> None:
    if job.state != JobState.DONE:
        raise WrongState(f"导入没有完成：{job.problem or '任务已停止。'}", "", code="job_failed")
