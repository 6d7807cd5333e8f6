"""`danglian hub migrate`: bring the tables to the form that this version of the program needs."""

from __future__ import annotations

from pathlib import Path

import click

from hub.federation.places import HubFolder
from shared.command.main import json_option, show
from shared.kernel.files import folder_lock
from shared.kernel.migration import Standing, ahead


@click.command("migrate")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="平台的数据目录。"
)
@click.option("--check", is_flag=True, help="只看要不要升级，不改动。")
@json_option
def migrate_command(folder: Path, check: bool, as_json: bool) -> None:
    """升级程序后、启动前运行：把数据库的结构升级到本版程序所用的。先备份。"""
    place = HubFolder(folder)
    schema = place.schema
    before = schema.version()
    standing = schema.standing()
    result = {"before": before, "after": before, "newest": schema.newest, "copy": None}
    if standing is Standing.AHEAD:
        raise ahead()
    if standing is Standing.BEHIND and not check:
        with folder_lock(place.path, "hub migrate"):
            if place.database_file is not None:
                result["copy"] = str(schema.keep_copy(place.database_file))
            schema.upgrade()
        result["after"] = schema.newest
    schema.database.close()
    sentence = f"数据库的结构是 {result['after']}，本版程序所用的是 {schema.newest}。"
    if result["copy"]:
        sentence += f"升级前的数据库留在 {result['copy']}。"
    show(result, as_json=as_json, sentence=sentence)
