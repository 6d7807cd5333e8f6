"""The command `danglian hub resources`: the resource catalogue as a file."""

from __future__ import annotations

from pathlib import Path

import click

from hub.federation.commands import folder_option
from hub.federation.places import HubFolder
from hub.sharing.resources.exports import KINDS
from shared.command.main import json_option, show


@click.group("resources")
def resources_group() -> None:
    """政务信息资源目录：导出。"""


@resources_group.command("export")
@folder_option
@click.option("--archive", help="只要这个档案馆（代码）的；不填为全部。")
@click.option("--format", "kind", type=click.Choice(list(KINDS)), default="xlsx", help="格式。")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="写到这个文件；已有的不覆盖。",
)
@json_option
def export(*, folder: Path, archive: str | None, kind: str, target: Path, as_json: bool) -> None:
    """把已发布的资源目录写成文件：表格、XML、JSON 或 DCAT。"""
    from hub.sharing.resources.service import catalogue_of
    from shared.kernel.errors import Conflict

    place = HubFolder(folder)
    with place.database().read() as session:
        catalogue = catalogue_of(archive, place.address, session)
    try:
        with target.open("xb") as stream:
            stream.write(KINDS[kind].make(catalogue))
    except FileExistsError:
        raise Conflict(f"{target} 已经存在。", "请换一个文件名。") from None
    count = len(catalogue.documents)
    show(
        {"file": str(target), "resources": count},
        as_json=as_json,
        sentence=f"已把 {count} 条信息资源写到 {target}。",
    )
