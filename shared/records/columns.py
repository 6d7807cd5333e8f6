"""Column types that hold every write to the value domain (`values`).

A write that breaks the rule raises Invalid, whoever makes it; nothing is cut or repaired in
silence. Times have their own type, `shared.kernel.database.UtcTime`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import String, Text, TypeDecorator
from sqlalchemy.exc import DontWrapMixin

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Invalid
from shared.records.text import text_problem

#: The longest single text inside a JSON column (a small package rides in one, as base64).
LONGEST_JSON_TEXT = 1 << 20


class InvalidColumn(Invalid, DontWrapMixin):
    """Invalid, raised while binding; SQLAlchemy lets it through as it is."""


class CleanText(TypeDecorator[str]):
    """A text of at most `length` characters in the value domain."""

    impl = String
    cache_ok = True

    def __init__(self, length: int, *, multiline: bool = False) -> None:
        super().__init__(length)
        self.max_length = length
        self.multiline = multiline

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Raise Invalid unless the text is in the value domain."""
        if value is None:
            return None
        if problem := text_problem(value, self.max_length, multiline=self.multiline):
            raise InvalidColumn("text", f"{problem}。", "请改正后重新保存。", code="bad_text")
        return str(value)


class Json(TypeDecorator[Any]):
    """A value as canonical JSON text. Replace the value to change it; never change it in place."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Raise Invalid unless every text in the value is in the value domain."""
        if value is None:
            return None
        for text in _texts(value):
            if problem := text_problem(text, LONGEST_JSON_TEXT, multiline=True):
                raise InvalidColumn("json", f"{problem}。", "请改正后重新保存。", code="bad_text")
        try:
            return canonical_json(value).decode()
        except TypeError as error:
            raise InvalidColumn(
                "json", "含有不能保存的值。", "请使用文字、整数、真假值。", code="bad_json"
            ) from error

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        """JSON text to the value."""
        return None if value is None else json.loads(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
