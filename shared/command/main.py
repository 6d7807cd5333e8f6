"""The command line's root, its way to print, and its way to fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from importlib.metadata import entry_points, version
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from shared.command.acting import nobody_acts, note_refusal
from shared.command.usage import usage_of
from shared.kernel.clock import format_utc, local_text
from shared.kernel.collector import let_load
from shared.kernel.errors import DanglianError
from shared.kernel.place import act_from_command

#: The entry points by which the parts of the program join.
COMMANDS = "danglian.commands"


class _Joined(click.Group):
    """A group whose subcommands are the entry points of the installed parts.

    Here a wrong call ends: as a sentence, or with `--json` as JSON.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        _speak_utf8()
        if not standalone_mode:
            return super().main(given, prog_name, complete_var, False, **extra)
        try:
            code = super().main(given, prog_name, complete_var, False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _fail(usage_of(error), as_json="--json" in given)
        except click.Abort:
            _fail(_ABORTED, as_json="--json" in given)
        sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            {*super().list_commands(ctx), *(e.name for e in entry_points(group=COMMANDS))}
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in entry_points(group=COMMANDS, name=cmd_name):
            loaded = entry.load()
            if isinstance(loaded, click.Command):
                return loaded
        return None


@click.group(cls=_Joined, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("danglian"), prog_name="danglian")
def danglian() -> None:
    """档联 Danglian：市县乡村文档一体化、馆室一体化平台。"""


def _speak_utf8() -> None:
    """Let pipes and files have UTF-8 on Windows too: its own code page has not every character.

    A window there gets each character as it is, whatever this says.
    """
    for stream in (sys.stdout, sys.stderr):
        if sys.platform == "win32" and isinstance(stream, TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


_ABORTED = DanglianError("命令已中断，没有做完。", "请重新运行。", code="aborted")


def _fail(error: DanglianError, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps(error.to_wire(), ensure_ascii=False))
    else:
        click.echo(f"错误：{_place(error)}{error.message}{error.remedy}", err=True)
    sys.exit(error.exit_code)


def _place(error: DanglianError) -> str:
    """Which member of a file is meant, where a sentence says “this one”: no form shows it here."""
    field = error.to_wire().get("field")
    return f"{field}：" if field and ("." in field or "此项" in error.message) else ""


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--json`, and turn its errors into a sentence (or JSON) and an exit code."""

    # Eager, so that whatever is read after it knows that nobody is there to be asked.
    @click.option(
        "--json", "as_json", is_flag=True, is_eager=True, help="以 JSON 输出，供程序读取。"
    )
    @wraps(command)
    def wrapped(*args: Any, as_json: bool, **kwargs: Any) -> Any:
        act_from_command(click.get_current_context().command_path)
        nobody_acts()
        try:
            return command(*args, as_json=as_json, **kwargs)
        except DanglianError as error:
            note_refusal(error)
            _fail(error, as_json=as_json)

    return wrapped


class AskedOption(click.Option):
    """An option that is asked for when it is missing; never with `--json`, where nobody answers."""

    def prompt_for_value(self, ctx: click.Context) -> Any:
        if ctx.params.get("as_json"):
            raise click.MissingParameter("用 --json 时须写明，不会询问。", ctx, self)
        return super().prompt_for_value(ctx)


def show(value: Mapping[str, Any], *, as_json: bool, sentence: str) -> None:
    """Print a result: one JSON object for programs, one sentence for people."""
    click.echo(_json(value) if as_json else sentence)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=_for_programs)


def _for_programs(value: object) -> str:
    return format_utc(value) if isinstance(value, datetime) else str(value)


def _for_people(value: object) -> str:
    if value is None:
        return ""
    return local_text(value) if isinstance(value, datetime) else str(value)


def show_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    title: str = "",
    key: str = "rows",
    beside: Mapping[str, Any] | None = None,
) -> None:
    """Print rows: a JSON object with a list for programs, a table for people.

    `columns` maps the key in a row to its heading; `beside` stands in JSON beside the list. A
    moment is UTC in JSON, local in the table.
    """
    if as_json:
        click.echo(_json({key: list(rows), **(beside or {})}))
        return
    if not rows:
        click.echo(title or "（没有内容）")
        return
    from rich.console import Console  # a service that starts has no table to draw
    from rich.table import Table

    table = Table(title=title or None)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_for_people(row.get(name)) for name in columns))
    Console().print(table)


def main() -> None:
    """Entry point of the program."""
    let_load()
    danglian()
