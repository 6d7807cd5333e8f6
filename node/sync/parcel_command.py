"""The commands `danglian node export-bundle` and `danglian node import-bundle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from node.office.places import NodeFolder
from node.sync import parcels
from node.sync.command import folder_option
from shared.command.main import json_option, show
from shared.command.parcels import show_taken, to_option, volume_option, work_through
from shared.kernel.actor import system_actor
from shared.messaging.entry import Handler
from shared.web.filters import size as size_text

_ACTOR = system_actor("命令行")

#: Gives who applies which kind of entry; that is assembled above this room.
Handlers = Callable[[], Mapping[str, Handler]]


def export_command(handlers: Handlers) -> click.Command:
    """`danglian node export-bundle`: all that the hub may lack, as files to carry."""

    @click.command("export-bundle")
    @folder_option
    @to_option
    @volume_option
    @json_option
    def export(folder: Path, target: Path, volume_mb: int, as_json: bool) -> None:
        """把平台还没有确认的变动和数据包导出为邮包文件（U 盘、光盘），带到市级平台导入。"""
        standing, written = parcels.write_for_hub(
            _ACTOR, NodeFolder(folder), handlers(), target,
            file_bytes=volume_mb * 2**20, tell=lambda text: click.echo(text, err=True),
        )  # fmt: skip
        show(
            {
                "changes": standing.changes,
                "packages": standing.packages,
                "state": standing.state,
                "bytes": written.size,
                "files": [str(path) for path in written.files],
            },
            as_json=as_json,
            sentence=(
                f"已导出 {standing.changes} 条变动、{standing.packages} 个数据包，"
                f"{len(written.files)} 个文件（{size_text(written.size)}）。\n"
                "请带到市级平台，用 danglian hub import-bundle 导入，再把平台的邮包带回来。"
            ),
        )

    return export


def import_command(handlers: Handlers) -> click.Command:
    """`danglian node import-bundle`: take in what the hub has sent by hand."""

    @click.command("import-bundle")
    @folder_option
    @click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
    @json_option
    def take(folder: Path, paths: tuple[Path, ...], as_json: bool) -> None:
        """导入从市级平台带回的邮包文件（写文件，或它们所在的目录）；重复导入没有影响。"""
        place = NodeFolder(folder)
        taken, problems = work_through(
            paths,
            lambda file: parcels.is_for(place, file),
            lambda stream, name: parcels.take_file(_ACTOR, place, handlers(), stream, name),
        )
        for each in taken if not as_json else ():
            click.echo(f"{each.file}：{each.sentence}{_left(each.standing)}")
        show_taken(taken, problems, as_json=as_json)

    return take


def _left(standing: parcels.Standing) -> str:
    if not standing.changes and not standing.packages:
        return "平台已有本机的全部内容。"
    return (
        f"还有 {standing.changes} 条变动、{standing.packages} 个数据包平台没有确认，"
        "请再导出邮包带去。"
    )
