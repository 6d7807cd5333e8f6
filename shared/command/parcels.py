"""What the commands of parcels 邮包 share on both sides: their options, and the files in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from shared.command.main import show
from shared.kernel.errors import DanglianError, NotFound, Unavailable
from shared.messaging.parcel import (
    FILE_BYTES,
    ParcelFile,
    parcel_files,
)
from shared.messaging.taken_parcels import (
    Found,
    TakenFile,
    settled,
)
from shared.storage.temporary import telling_of_trouble

to_option = click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="写到哪个目录，如 U 盘上的一个目录。",
)
volume_option = click.option(
    "--volume-mb",
    type=click.IntRange(8, 3900),
    default=FILE_BYTES // 2**20,
    show_default=True,
    help="每个文件最大多少 MB；多了自动分成几个（FAT32 的 U 盘放不下 4 GB 的文件）。",
)


def work_through(
    paths: Sequence[Path],
    wanted: Callable[[ParcelFile], bool],
    take: Callable[[BinaryIO, str], Found],
) -> tuple[list[Found], list[tuple[str, DanglianError]]]:
    """Take in files, in the order of their names; of folders just the files that are wanted.

    One that cannot be taken does not stop the others: it is returned with its reason. Raises the
    first reason when not one was taken, NotFound when there is nothing to take.
    """
    named = {path for path in paths if not path.is_dir()}
    waiting: list[Path] = []
    problems: list[tuple[str, DanglianError]] = []
    passed = 0
    for path in parcel_files(paths):
        try:
            with telling_of_trouble(), path.open("rb") as stream:
                file = ParcelFile(stream, path.name)
        except DanglianError as error:
            problems.append((path.name, error))
            continue
        if path in named or wanted(file):
            waiting.append(path)
        else:
            passed += 1
    taken: list[Found] = []
    for path in sorted(waiting, key=lambda path: path.name):
        click.echo(f"正在导入 {path.name} …", err=True)
        try:
            with telling_of_trouble(), path.open("rb") as stream:
                taken.append(take(stream, path.name))
        except Unavailable:
            raise
        except DanglianError as error:
            problems.append((path.name, error))
    if not taken and problems:
        raise problems[0][1]
    if not taken:
        raise NotFound(
            f"这里的 {passed} 个邮包文件都不是给这里的。",
            "请到对方那里重新导出，或换一个目录。",
            code="no_parcel_here",
            field="file",
        )
    return settled(taken), problems


def show_taken(
    taken: Sequence[TakenFile], problems: Sequence[tuple[str, DanglianError]], *, as_json: bool
) -> None:
    """Print what became of the files: all of it as JSON, or what people should look at."""
    if as_json:
        result = {
            "taken": [each.to_wire() for each in taken],
            "not_taken": [{"file": name, **error.to_wire()} for name, error in problems],
        }
        show(result, as_json=True, sentence="")
        return
    for each in taken:
        for finding in each.findings:
            click.echo(f"注意（{each.file}）：{finding.problem}{finding.remedy}")
    for name, error in problems:
        click.echo(f"没有导入（{name}）：{error.message}{error.remedy}")
