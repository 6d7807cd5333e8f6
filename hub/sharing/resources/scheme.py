"""The values that the guide 编制指南 leaves to choose from, and the code of a resource: data.

What is not certain in them (`confidence` 疑: the separator, the codes of 项) is changed in the data
file, under a new version, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.kernel.errors import Invalid

_FILE = Path(__file__).parent / "data" / "scheme-2017-1272.json"


@dataclass(frozen=True)
class CodeRule:
    """How a code 信息资源代码 is put together: 类, 项, 目, 细目, then the serial 顺序码."""

    separator: str
    class_digits: int
    item_digits: int
    subject_digits: int
    detail_most: int
    serial_digits: int


@dataclass(frozen=True)
class Scheme:
    """One version of the guide's values, each a mapping of code to Chinese name.

    `items` are the 项 by the code of their 类, `format_types` the types by the code of the format;
    `methods` are kind and name of a way of sharing 共享方式 by its code.
    """

    standard: str
    version: str
    code: CodeRule
    classes: Mapping[str, str]
    items: Mapping[str, Mapping[str, str]]
    formats: Mapping[str, str]
    format_types: Mapping[str, tuple[str, ...]]
    data_types: Mapping[str, str]
    sharing_types: Mapping[str, str]
    methods: Mapping[str, tuple[str, str]]
    update_cycles: Mapping[str, str]


@cache
def load_scheme() -> Scheme:
    """The scheme in force."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    rule = {name: value for name, value in data["code"].items() if name != "confidence"}
    return Scheme(
        data["standard"],
        data["version"],
        CodeRule(**rule),
        _names(data["classes"]),
        {each["code"]: _names(each["items"]) for each in data["classes"]},
        _names(data["formats"]),
        {each["code"]: tuple(each["types"]) for each in data["formats"]},
        data["data_types"],
        data["sharing_types"],
        {each["code"]: (each["kind"], each["name"]) for each in data["sharing_methods"]},
        data["update_cycles"],
    )


def _names(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {each["code"]: each["name"] for each in rows}


def code_of(front: str, serial: int) -> str:
    """A whole code, such as `307001/000001`."""
    rule = load_scheme().code
    return f"{front}{rule.separator}{serial:0{rule.serial_digits}d}"


def check_code(text: str, field: str) -> str:
    """A code of whatever catalogue, as 关联资源代码 names it. Raises Invalid.

    Provinces write the back section in their own ways: only the front section is held to its rule.
    """
    rule = load_scheme().code
    least = rule.class_digits + rule.item_digits + rule.subject_digits
    front = rf"\d{{{least},{least + rule.detail_most}}}"
    if not re.fullmatch(rf"{front}{re.escape(rule.separator)}[0-9A-Za-z]{{1,32}}", text):
        raise Invalid(
            field,
            f"信息资源代码“{text[:60]}”不正确。",
            f"应为前段码、“{rule.separator}”和顺序码，例如 307001{rule.separator}000001。",
            code="bad_resource_code",
        )
    return text
