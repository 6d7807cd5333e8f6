"""The commands `danglian hub export-bundle` and `danglian hub import-bundle`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice
from hub.parcels import service
from shared.command.main import json_option, show
from shared.command.parcels import show_taken, to_option, volume_option, work_through
from shared.kernel.errors import Invalid
from shared.web.filters import size as size_text

#: Gives the post office of a hub that has no link in hand.
Open = Callable[[HubFolder], PostOffice]


def export_command(opened: Open) -> click.Command:
    """`danglian hub export-bundle`: parcels for some nodes, or for all that wait for something."""

    @click.command("export-bundle")
    @folder_option
    @to_option
    @click.option("--node", "node_ids", multiple=True, help="给哪个单位（编号），可重复。")
    @click.option("--all", "everybody", is_flag=True, help="给每个带来过邮包的单位。")
    @volume_option
    @json_option
    def export(
        *,
        folder: Path,
        target: Path,
        node_ids: tuple[str, ...],
        everybody: bool,
        volume_mb: int,
        as_json: bool,
    ) -> None:
        """把要发给单位的结论、凭证等导出为邮包文件（U 盘、光盘），带给没有网络的单位。"""
        if bool(node_ids) == everybody:
            raise Invalid(
                "node", "要写明给哪些单位。", "用 --node 写单位编号（可重复），或用 --all。"
            )
        place = HubFolder(folder)
        if everybody:
            with place.database().read() as session:
                node_ids = tuple(service.nodes_by_hand(session))
        post = opened(place)
        rows: list[dict[str, Any]] = []
        for node_id in node_ids:
            about, written = service.write_for_node(
                ACTOR, place, post, node_id, target,
                file_bytes=volume_mb * 2**20, tell=lambda text: click.echo(text, err=True),
            )  # fmt: skip
            rows.append(
                {
                    "node_id": node_id,
                    "name": about.name,
                    "changes": about.changes,
                    "waits_for_greeting": about.unsure,
                    "bytes": written.size,
                    "files": [str(path) for path in written.files],
                }
            )
        if as_json:
            show({"parcels": rows}, as_json=True, sentence="")
            return
        for row in rows:
            told = "（平台恢复后还没有收到它的邮包，先带这个去、再带它的回来）"
            click.echo(
                f"“{row['name']}”：{row['changes']} 条变动，{len(row['files'])} 个文件"
                f"（{size_text(row['bytes'])}）{told if row['waits_for_greeting'] else ''}"
            )
        click.echo(
            "请带到单位，用 danglian node import-bundle 或“联网”页面导入。"
            if rows
            else "还没有单位带来过邮包；第一次请用 --node 写明单位。"
        )

    return export


def import_command(opened: Open) -> click.Command:
    """`danglian hub import-bundle`: take in what nodes have sent by hand."""

    @click.command("import-bundle")
    @folder_option
    @click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
    @json_option
    def take(folder: Path, paths: tuple[Path, ...], as_json: bool) -> None:
        """导入单位带来的邮包文件（写文件，或它们所在的目录）；重复导入没有影响。"""
        place = HubFolder(folder)
        post = opened(place)
        taken, problems = work_through(
            paths,
            lambda file: file.header.direction == "up",
            lambda stream, name: service.take_file(ACTOR, place, post, stream, name),
        )
        for each in taken if not as_json else ():
            click.echo(f"{each.file}：{each.sentence}")
        show_taken(taken, problems, as_json=as_json)

    return take
