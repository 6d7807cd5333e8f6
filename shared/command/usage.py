"""What is wrong with a call of the command line itself, in a Chinese sentence with its remedy."""

from __future__ import annotations

import re

import click

from shared.kernel.errors import DanglianError


class Usage(DanglianError):
    """The call is wrong: an unknown command or option, one that is missing, a value that is none.

    `field` is the option's or argument's name where one is concerned.
    """

    code = "usage"
    status = 400
    exit_code = 2


def usage_of(error: click.ClickException) -> Usage:
    """The call's error in the words of this program."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.BadParameter):
        problem, field = _parameter(error)
    elif isinstance(error, click.NoSuchOption):
        problem, field = f"没有选项“{error.option_name}”。", _plain(error.option_name)
    elif isinstance(error, click.BadOptionUsage):
        problem, field = f"选项“{error.option_name}”的写法不对。", _plain(error.option_name)
    elif isinstance(error, click.exceptions.NoSuchCommand):
        problem, field = f"没有命令“{error.command_name}”。", None
    elif extra := re.search(r"extra arguments? \((.*)\)", error.format_message()):
        problem, field = f"多写了“{extra.group(1)}”。", None
    else:
        problem, field = f"命令的写法不对（{error.format_message()}）。", None
    near = getattr(error, "possibilities", None)
    remedy = f"是不是 {'、'.join(near)}？" if near else ""
    path = context.command_path if context else "danglian"
    return Usage(problem, f"{remedy}写法见 {path} --help。", field=field)


def _parameter(error: click.BadParameter) -> tuple[str, str | None]:
    parameter = error.param
    if parameter is None:
        return f"有一项的值不对（{error.message}）。", None
    if isinstance(parameter, click.Option):
        longest = max(parameter.opts, key=len)
        field, name = _plain(longest), f"选项“{longest}”"
    else:
        field = str(parameter.name)
        name = f"“{field.upper()}”"
    if isinstance(error, click.MissingParameter):
        return f"缺少{name}{_help(parameter)}。{error.message}", field
    return f"{name}的值不对：{_expected(parameter.type) or error.message}。", field


def _help(parameter: click.Parameter) -> str:
    text = getattr(parameter, "help", None) or ""
    return f"（{text.rstrip('。')}）" if text else ""


def _expected(kind: click.ParamType[object]) -> str:
    if isinstance(kind, click.Choice):
        return f"可用 {'、'.join(map(str, kind.choices))}"
    if isinstance(kind, click.IntRange):
        low = "" if kind.min is None else f"，不小于 {kind.min}"
        return f"应为整数{low}" + ("" if kind.max is None else f"，不大于 {kind.max}")
    if kind is click.INT:
        return "应为整数"
    if isinstance(kind, click.DateTime):
        return "应为日期，如 2024-03-05"
    if isinstance(kind, click.Path):
        return "没有这个文件或目录，或不能读取"
    return ""


def _plain(option: str) -> str:
    return option.lstrip("-").replace("-", "_")
