"""`danglian hub rendition`: a file in another format beside the received one, as a new version."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select

from hub.catalogue.models import CatalogueRecord
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from hub.repository.versions import EventKind, add_version
from shared.command.main import json_option, show
from shared.kernel.errors import Invalid, NotFound
from shared.records import archival_code


@click.command("rendition")
@folder_option
@click.option("--record", "wanted", required=True, help="哪一件：档号或编号。")
@click.option(
    "--file",
    "files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    required=True,
    help="转换后的文件，可以写多次。",
)
@click.option("--source", required=True, help="由哪个文件转换来：原文件的名称。")
@click.option("--tool", required=True, help="用什么转换的：软件名称和版本。")
@click.option("--reason", required=True, help="为什么转换。")
@json_option
def rendition_command(
    *,
    folder: Path,
    wanted: str,
    files: tuple[Path, ...],
    source: str,
    tool: str,
    reason: str,
    as_json: bool,
) -> None:
    """格式迁移：把转换后的文件存为已接收档案在馆藏里的新版本；原来的文件不动。"""
    place = HubFolder(folder)
    named = {each.name: each for each in files}
    if len(named) != len(files):
        raise Invalid("file", "有同名的文件。", "请改名后再存。")
    event = add_version(
        place,
        ACTOR,
        _record_named(place, wanted),
        EventKind.MIGRATION,
        named,
        facts={"source": source, "tool": tool, "reason": reason},
    )
    show(
        {"event_id": event.id, "record_id": event.record_id, "files": list(named)},
        as_json=as_json,
        sentence="已登记，平台运行时写入馆藏，成为这件档案的新版本。",
    )


def _record_named(place: HubFolder, wanted: str) -> str:
    """The received record that somebody means by an archival code or an id. Raises NotFound."""
    named = wanted.strip().removeprefix("urn:uuid:")
    with place.database().read() as session:
        found = session.scalars(
            select(CatalogueRecord.id)
            .where(CatalogueRecord.received)
            .where(
                (CatalogueRecord.id == named)
                | (CatalogueRecord.code_key == archival_code.normalise(named))
            )
            .limit(2)
        ).all()
    if len(found) > 1:
        raise Invalid("record", "有几个全宗用这个档号。", "请写这件档案的编号。")
    if not found:
        raise NotFound("馆藏中没有这件档案。", "请核对档号或编号，或确认是否已完成接收。")
    return found[0]
