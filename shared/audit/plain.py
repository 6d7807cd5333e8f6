"""Values as the log keeps them: plain, without marks of classification, in one canonical form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from shared.kernel.canonical import canonical_json, sm3_hex
from shared.kernel.clock import format_utc

#: A mark of classification (GB/T 7156): the grade and its star.
_MARK = re.compile(r"(?:绝\s*密|机\s*密|秘\s*密)\s*[★☆▲]")
_MASKED = "（含密级标志，未记录）"
_LONGEST_TEXT = 2000


@runtime_checkable
class Named(Protocol):
    """A domain object that knows its name in the audit, like `record:<id>`."""

    @property
    def audit_name(self) -> str:
        """The name; carries no title."""


def digest(value: object) -> str | None:
    """The SM3 over the canonical JSON of a value, nothing masked or cut; None for None."""
    return None if value is None else sm3_hex(canonical_json(plain(value, _storable)))


def clean(text: str) -> str:
    """Storable, and without classified marks."""
    text = _storable(text)
    return _MASKED if _MARK.search(text) else text[:_LONGEST_TEXT]


def _storable(text: str) -> str:
    """Without surrogates and NUL, which no database keeps."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def plain(value: object, text: Callable[[str], str] = clean) -> Any:
    """The value as JSON that has a canonical form; `text` is done to each text in it."""
    if value is None or isinstance(value, bool):
        return value
    if type(value) is str:  # most are; asking whether one is `Named` costs more than all else
        return text(value)
    if type(value) is list:
        return [plain(item, text) for item in value]
    if type(value) is dict:
        return {text(str(key)): plain(item, text) for key, item in value.items()}
    if isinstance(value, Enum):
        return plain(value.value, text)
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return format_utc(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {text(str(key)): plain(item, text) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [plain(item, text) for item in items]
    if isinstance(value, Named):
        return text(value.audit_name)
    return text(str(value))
