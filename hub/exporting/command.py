"""`danglian hub export`: received records, or a whole repository, copied out of the hub."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.exporting.forms import FORMS
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from shared.command.main import json_option, show
from shared.command.persons import two_people, two_people_options
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import Conflict, Invalid
from shared.web.filters import size as size_text

if TYPE_CHECKING:
    from hub.catalogue.query import Filters
    from hub.exporting.folder import ExportFolder, Totals
    from hub.exporting.plan import Plan

#: Exit codes: something was left out; it was broken off.
LEFT_OUT, BROKEN_OFF = 1, 130
_SECONDS_BETWEEN = 5.0
_MEGABYTE = 1_000_000


@click.command("export")
@folder_option
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="导出到哪个新目录；里面是没做完的导出时，接着做。",
)
@click.option("--form", type=click.Choice(list(FORMS)), help="形式；接着做时可以不写。")
@click.option("--archive", help="只导出这个档案馆的，如 420506。")
@click.option("--fonds", help="只导出这个全宗的（编号）。")
@click.option("--year", type=int, help="只导出这一年度的。")
@click.option("--class", "class_code", help="只导出这一门类的，如 WS。")
@click.option("--retention", help="只导出这一保管期限的，如 Y、D30。")
@click.option("--code", "codes", multiple=True, help="只导出这一件（档号），可重复。")
@click.option("--id", "ids", multiple=True, help="只导出这一件（编号），可重复。")
@click.option(
    "--list",
    "listed",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="只导出这个文本文件里的，每行一个档号或编号。",
)
@click.option(
    "--about",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="说明文件的内容（JSON），用于 dat93 和 medium，写法见 docs/packages.md。",
)
@click.option(
    "--medium-size",
    type=click.IntRange(1),
    help="dat93 和 medium 每个目录最多放多少 MB（百万字节）；不填时，写了 --archive 的按该馆"
    "接收要求里的载体容量，没有的为 4000。",
)
@click.option("--rate", type=click.IntRange(min=0), default=0, help="每秒最多读多少字节，0 不限。")
@two_people_options
@json_option
def export_command(
    *,
    folder: Path,
    target: Path,
    form: str | None,
    archive: str | None,
    fonds: str | None,
    year: int | None,
    class_code: str | None,
    retention: str | None,
    codes: tuple[str, ...],
    ids: tuple[str, ...],
    listed: Path | None,
    about: Path | None,
    medium_size: int | None,
    rate: int,
    as_json: bool,
    **people: str,
) -> None:
    """把馆藏导出为信息包、封装包、BagIt 等形式，或原样导出整个馆藏（ocfl）。

    件数超过设置 export_alone 的，须两人办理：档案接收员（--first）和安全保密管理员（--second）。
    随时可以中断，断电也可以：再运行一次同样的命令，接着导出。损坏的不导出，逐件写明，退出码为 1。
    """
    from hub.catalogue.query import Filters
    from hub.exporting.folder import ExportFolder
    from hub.exporting.work import Export
    from hub.repository.examining import Pace

    hub = HubFolder(folder)
    named = (*codes, *ids, *_lines(listed))
    filters = Filters(
        archive=archive, fonds=fonds, year=year, class_code=class_code, retention=retention
    )
    plan = _plan(
        hub, target, form, filters, named=named, about=about, medium_size=medium_size,
        people={**people, "as_json": as_json},
    )  # fmt: skip
    told = _Told(as_json)
    with ExportFolder.opened(target, plan) as opened:
        export = Export(hub, opened, ACTOR, pace=Pace(rate))
        try:
            while export.step():
                told.so_far(opened.totals)
        except KeyboardInterrupt:
            told.end(target, opened, complete=False)
            sys.exit(BROKEN_OFF)
        told.end(target, opened, complete=True)
    if opened.totals.left_out:
        sys.exit(LEFT_OUT)


def _lines(listed: Path | None) -> list[str]:
    if listed is None:
        return []
    try:
        return listed.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Invalid("list", "名单不是 UTF-8 文本。", "请另存为 UTF-8 编码的文本文件。") from error


def _plan(
    hub: HubFolder,
    target: Path,
    form: str | None,
    filters: Filters,
    *,
    named: tuple[str, ...],
    about: Path | None,
    medium_size: int | None,
    people: Mapping[str, Any],
) -> Plan:
    """The plan of the export in the folder, or a new one, which is in the audit then."""
    from hub.exporting.folder import plan_in
    from hub.exporting.plan import ids_of
    from hub.exporting.service import begin, draft
    from shared.packaging.exchange import About

    known = plan_in(target)
    asked_for = bool(form or filters.narrowed or named or about or medium_size)
    if known is not None and not asked_for:
        _require_own(hub, known)
        return known
    if form is None:
        raise Invalid(
            "form", "没有写明用哪种形式导出。", f"请用 --form 选一种：{'、'.join(FORMS)}。"
        )
    more = About.from_json(about.read_bytes()) if about else About()
    with hub.database().read() as session:
        if named:
            filters = replace(filters, records=ids_of(ACTOR, named, session=session))
        if known is None:
            plan, chosen = draft(
                ACTOR, hub.settings.hub_id, form, filters, session=session, about=more,
                tree_bytes=medium_size * _MEGABYTE if medium_size else None,
            )  # fmt: skip
    if known is None:
        actor = _by_two(hub, people) if chosen.count > hub.settings.export_alone else ACTOR
        with hub.database().write() as session:
            begin(actor, plan, chosen, session=session)
        return plan
    _require_own(hub, known)
    if (known.form, known.filters, known.about) != (form, filters, more):
        raise Conflict(
            "这个目录里是另一次没做完的导出，条件或形式不同。",
            "接着做那一次，只写 --dir 和 --to；另做一次，换一个新目录。",
            code="another_export",
            field="to",
        )
    return known


def _by_two(hub: HubFolder, given: Mapping[str, Any]) -> Actor:
    """Who exports many records at the machine, once a second person has agreed there."""
    from shared.identity import policy_of

    first, second = two_people(
        given, Role.ARCHIVIST, Role.SECURITY_ADMINISTRATOR,
        folder=hub.path, database=hub.database(), policy=policy_of(hub.settings),
    )  # fmt: skip
    return replace(first, name=f"{first.name}（{second.name}同意）")


def _require_own(hub: HubFolder, plan: Plan) -> None:
    if plan.hub_id != hub.settings.hub_id:
        raise Conflict(
            "这个目录里是另一个平台的导出。", "请换一个新目录。", code="another_export", field="to"
        )


class _Told:
    """What was exported, as it is told: while it goes on, and at its end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._next = time.monotonic() + _SECONDS_BETWEEN

    def so_far(self, totals: Totals) -> None:
        if not self._as_json and time.monotonic() > self._next:
            click.echo(_sentence(totals), err=True)
            self._next = time.monotonic() + _SECONDS_BETWEEN

    def end(self, target: Path, opened: ExportFolder, *, complete: bool) -> None:
        left_out = opened.left_out
        result: dict[str, Any] = {
            "export_id": opened.plan.export_id,
            "form": opened.plan.form,
            "to": str(target),
            **asdict(opened.totals),
            "complete": complete,
            "problems": left_out,
        }
        show(result, as_json=self._as_json, sentence=_sentence(opened.totals))
        if self._as_json:
            return
        for each in left_out:
            click.echo(f"  没有导出 {each['code'] or each['source']}：{each['problem']}")
        if complete:
            click.echo(f"已写到 {target}，核对：sha256sum -c manifest-sha256.txt")
        else:
            click.echo("已中断。再运行一次同样的命令，接着导出。", err=True)


def _sentence(totals: Totals) -> str:
    wrong = f"，{totals.left_out} 件没有导出" if totals.left_out else ""
    return f"已导出 {totals.records} 件，{totals.files} 个文件，{size_text(totals.bytes)}{wrong}。"
