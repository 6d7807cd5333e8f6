"""What marshmallow says, in the readers' language and as a flat list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_CHINESE = {
    "Missing data for required field.": "缺少此项。",
    "Field may not be null.": "此项不能为空。",
    "Not a valid string.": "应为文字。",
    "Not a valid integer.": "应为整数。",
    "Not a valid number.": "应为数字。",
    "Not a valid boolean.": "应为 true 或 false。",
    "Not a valid date.": "应为日期，如 2024-06-01。",
    "Not a valid datetime.": "应为时间。",
    "Not a valid list.": "应为列表。",
    "Not a valid UUID.": "应为标识符。",
    "Unknown field.": "没有这一项。",
    "Invalid input type.": "结构不对。",
    "Invalid value.": "值不对。",
}
_PLACES = frozenset({"json", "query", "form", "headers", "files", "_schema"})


def flat_messages(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Pairs of field (`documents.0.title`) and sentence."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            place = (not path and str(key) in _PLACES) or str(key) == "_schema"
            yield from flat_messages(inner, path if place else (*path, str(key)))
    elif isinstance(messages, (list, tuple)):
        for inner in messages:
            yield from flat_messages(inner, path)
    else:
        yield ".".join(path), _CHINESE.get(str(messages), str(messages))
