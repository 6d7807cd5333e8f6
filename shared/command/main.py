"""The command line's root, its way to print, and its way to fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib.metadata import entry_points, version
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from shared.kernel.errors import DanglianError

_GROUP = "danglian.commands"


class _Joined(click.Group):
    """A group whose subcommands are the entry points of the installed parts."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *(e.name for e in entry_points(group=_GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in entry_points(group=_GROUP, name=cmd_name):
            loaded = entry.load()
            if isinstance(loaded, click.Command):
                return loaded
        return None


@click.group(cls=_Joined, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("danglian"), prog_name="danglian")
def danglian() -> None:
    """档联 Danglian：市县乡村文档一体化、馆室一体化平台。"""


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--json`, and turn its errors into a sentence (or JSON) and an exit code."""

    @click.option("--json", "as_json", is_flag=True, help="以 JSON 输出，供程序读取。")
    @wraps(command)
    def wrapped(*args: Any, as_json: bool, **kwargs: Any) -> Any:
        try:
            return command(*args, as_json=as_json, **kwargs)
        except DanglianError as error:
            if as_json:
                click.echo(json.dumps(error.to_wire(), ensure_ascii=False))
            else:
                click.echo(f"错误：{error.message}{error.remedy}", err=True)
            sys.exit(error.exit_code)

    return wrapped


def show(value: Mapping[str, Any], *, as_json: bool, sentence: str) -> None:
    """Print a result: one JSON object for programs, one sentence for people."""
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else sentence)


def show_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    title: str = "",
    key: str = "rows",
) -> None:
    """Print rows: a JSON object with a list for programs, a table for people.

    `columns` maps the key in a row to its heading.
    """
    if as_json:
        click.echo(json.dumps({key: list(rows)}, ensure_ascii=False, default=str))
        return
    if not rows:
        click.echo(title or "（没有内容）")
        return
    table = Table(title=title or None)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else str(row[name]) for name in columns))
    Console().print(table)


def main() -> None:
    """Entry point of the program."""
    danglian()
