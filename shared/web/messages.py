"""What marshmallow says, in the readers' language and as a flat list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_LOOK = "请对照接口说明（openapi.json）改正。"
#: What marshmallow says, to what we say, and what to do. `{}` stands for what it says of the case.
_SAYINGS = (
    ("Missing data for required field.", "缺少此项。", "请补上此项。"),
    ("Field may not be null.", "此项不能为空。", "请填写此项，或去掉它。"),
    ("Not a valid string.", "应为文字。", "请改为文字。"),
    ("Not a valid integer.", "应为整数。", "请填写阿拉伯数字，例如 12。"),
    ("Not a valid number.", "应为数字。", "请填写阿拉伯数字，例如 12。"),
    ("Number too large.", "数字过大。", "请填写小一些的数。"),
    ("Not a valid boolean.", "应为 true 或 false。", "请填写 true 或 false。"),
    ("Not a valid date.", "应为日期。", "请按 2024-06-01 的写法填写。"),
    ("Not a valid datetime.", "应为时间。", "请按 2024-06-01T08:00:00Z 的写法填写。"),
    ("Not a valid list.", "应为列表。", "请改为列表。"),
    ("Not a valid mapping type.", "应为对象。", "请改为对象。"),
    ("Not a valid UUID.", "应为标识符。", "请核对标识符，它有 36 位。"),
    ("Unknown field.", "没有这一项。", "请去掉此项，或核对它的名称。"),
    ("Invalid input type.", "结构不对。", _LOOK),
    ("Invalid value.", "值不对。", _LOOK),
    ("Must be one of: {}.", "不在可用的值之内。", "可用：{}。"),
    ("Must be equal to {}.", "值不对。", "应为 {}。"),
    (
        "Must be greater than or equal to {} and less than or equal to {}.",
        "超出了范围。",
        "应在 {} 到 {} 之间。",
    ),
    ("Must be greater than or equal to {}.", "数值过小。", "最小为 {}。"),
    ("Must be less than or equal to {}.", "数值过大。", "最大为 {}。"),
    ("Length must be between {} and {}.", "长度不对。", "长度应在 {} 到 {} 之间。"),
    ("Length must be {}.", "长度不对。", "长度应为 {}。"),
    ("Longer than maximum length {}.", "过长。", "长度最多 {}。"),
    ("Shorter than minimum length {}.", "过短。", "长度最少 {}。"),
    (
        "String does not match expected pattern.",
        "写法不对。",
        "请对照接口说明（openapi.json）改正。",
    ),
)
_PATTERNS = tuple(
    (re.compile(re.escape(said).replace(r"\{\}", "(.+?)"), re.DOTALL), problem, remedy)
    for said, problem, remedy in _SAYINGS
)
_REMEDY = "请按提示改正后重新提交。"
_PLACES = frozenset({"json", "query", "form", "headers", "files", "_schema"})


def flat_messages(
    messages: Any, path: tuple[str, ...] = (), *, outermost: bool = True
) -> Iterator[tuple[str, str, str]]:
    """Of each problem its field (`documents.0.title`), the sentence, and what to do.

    The outermost name may be the place of a request in which the fields were (`form`).
    """
    if isinstance(messages, dict):
        for key, inner in messages.items():
            place = (outermost and str(key) in _PLACES) or str(key) == "_schema"
            within = path if place else (*path, str(key))
            yield from flat_messages(inner, within, outermost=False)
    elif isinstance(messages, (list, tuple)):
        for inner in messages:
            yield from flat_messages(inner, path, outermost=False)
    else:
        yield ".".join(path), *_in_chinese(str(messages))


def _in_chinese(message: str) -> tuple[str, str]:
    """The sentence and what to do; a sentence of our own schemas is Chinese already."""
    for pattern, problem, remedy in _PATTERNS:
        if found := pattern.fullmatch(message):
            return problem, remedy.format(*found.groups())
    return message, _REMEDY
