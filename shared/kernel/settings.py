"""Settings: a TOML file plus `DANGLIAN_…` variables, typed and checked at start.

`DANGLIAN_…_FILE` names a file whose text is the value: secrets need not stand in either.

An unknown or wrong setting stops the start with its name and what it takes.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from shared.kernel.errors import Invalid
from shared.kernel.files import write_atomically

PREFIX = "DANGLIAN_"
FILE_NAME = "settings.toml"
_KINDS = {str: "文本", int: "整数", bool: "true 或 false"}

Settings = TypeVar("Settings")


def load_settings(
    kind: type[Settings], folder: Path, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings of a data folder into the dataclass `kind`.

    Fields are str, int or bool; `DANGLIAN_<NAME>` overrides the file, and so does what is written
    in the file that `DANGLIAN_<NAME>_FILE` names (a secret as orchestrators hand them out). Raises
    Invalid naming the setting and what it takes.
    """
    given = _read_file(folder / FILE_NAME)
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise Invalid(
                name,
                f"设置项“{name}”不存在。",
                f"请检查 {folder / FILE_NAME}；可用的设置项：{'、'.join(sorted(known))}。",
            )
    given |= _in_environment(hints, os.environ if environment is None else environment)
    for name, field in known.items():
        if name not in given:
            if field.default is MISSING and field.default_factory is MISSING:
                raise Invalid(name, f"缺少设置项“{name}”。", f"请写入 {folder / FILE_NAME}。")
            continue
        if type(given[name]) is not hints[name]:
            raise Invalid(
                name,
                f"设置项“{name}”的值 {given[name]!r} 不对。",
                f"应为{_KINDS.get(hints[name], '其他')}。",
            )
    return kind(**given)


def with_environment(settings: Settings) -> Settings:
    """Settings that are in no file yet, as `load_settings` would read them from one."""
    kind = type(settings)
    given = {field.name: getattr(settings, field.name) for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**given | _in_environment(get_type_hints(kind), os.environ))


def _in_environment(hints: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name in hints:
        variable = PREFIX + name.upper()
        if variable in environment:
            found[name] = _from_text(name, hints[name], environment[variable])
        elif f"{variable}_FILE" in environment and f"{name}_file" not in hints:
            text = _in_secret_file(name, Path(environment[f"{variable}_FILE"]))
            found[name] = _from_text(name, hints[name], text)
    return found


def _in_secret_file(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            name,
            f"环境变量 {PREFIX}{name.upper()}_FILE 所指的文件 {path} 读不出来。",
            "请检查路径和权限。",
        ) from error


def save_settings(settings: object, folder: Path) -> None:
    """Write a settings dataclass as `settings.toml` into a data folder."""
    named = {field.name: getattr(settings, field.name) for field in fields(settings)}  # type: ignore[arg-type]
    _write_file(named, folder)


def change_settings(folder: Path, changes: Mapping[str, Any]) -> None:
    """Write some settings into the file of a data folder; the others stay."""
    _write_file({**_read_file(folder / FILE_NAME), **changes}, folder)


def _write_file(named: Mapping[str, Any], folder: Path) -> None:
    lines = []
    for name, value in named.items():
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, int):
            text = str(value)
        else:
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            text = f'"{escaped}"'
        lines.append(f"{name} = {text}\n")
    write_atomically(folder / FILE_NAME, "".join(lines).encode(), mode=0o600)


def _read_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Invalid("settings", f"{path} 不是有效的 TOML：{error}", "请更正后再启动。") from error


def _from_text(name: str, kind: type, text: str) -> Any:
    if kind is str:
        return text
    if kind is bool and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind is int and text.lstrip("-").isdecimal():
        return int(text)
    raise Invalid(
        name,
        f"环境变量 {PREFIX}{name.upper()} 的值 {text!r} 不对。",
        f"应为{_KINDS.get(kind, '其他')}。",
    )
