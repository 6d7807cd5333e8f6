"""Reading wire objects: marshmallow fields with the value domain and Chinese sentences built in.

Strict by nature: a number is no text, an unknown key is an error. `load` turns the first
problem into Invalid, which names the field by its path (`documents.0.files.2.sha256`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

from shared.kernel.clock import parse_utc
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import is_id
from shared.records.text import FIRST_YEAR, LAST_YEAR, text_problem

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Problem(str):
    """A sentence with its remedy, as marshmallow carries it."""

    remedy: str

    def __new__(cls, problem: str, remedy: str = "请改正后重新提交。") -> Problem:
        """Make one."""
        self = super().__new__(cls, problem)
        self.remedy = remedy
        return self


def wrong(problem: str, remedy: str = "请改正后重新提交。") -> ValidationError:
    """The error that a field raises."""
    return ValidationError([Problem(problem, remedy)])


class WireSchema(Schema):
    """A schema that refuses unknown keys and speaks Chinese."""

    class Meta:
        """Unknown keys are errors."""

        unknown = RAISE

    error_messages = {  # noqa: RUF012 - marshmallow's way
        "unknown": "没有这一项。",
        "type": "应为一个对象。",
    }


class _Field(fields.Field[Any]):
    default_error_messages = {  # noqa: RUF012 - marshmallow's way
        "required": "缺少此项。",
        "null": "此项不能为空。",
        "validator_failed": "值不正确。",
    }


class Nested(fields.Nested):
    """A nested object."""

    default_error_messages = _Field.default_error_messages


class List(fields.List[Any]):
    """A list with a greatest and a least length."""

    default_error_messages = {**_Field.default_error_messages, "invalid": "应为列表。"}  # noqa: RUF012

    def __init__(self, item: Any, *, most: int, least: int = 0, **options: Any) -> None:
        super().__init__(item, **options)
        self.most = most
        self.least = least

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        if isinstance(value, list) and len(value) > self.most:
            raise wrong(f"共{len(value)}项，最多{self.most}项。", "请拆分后分别提交。")
        if isinstance(value, list) and len(value) < self.least:
            raise wrong(f"至少应有{self.least}项。")
        return super()._deserialize(value, attr, data, **options)


class Map(fields.Dict):
    """An object whose keys are free, with a greatest number of them."""

    default_error_messages = {**_Field.default_error_messages, "invalid": "应为一个对象。"}  # noqa: RUF012

    def __init__(self, keys: Any, values: Any, *, most: int, **options: Any) -> None:
        super().__init__(keys=keys, values=values, **options)
        self.most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        if isinstance(value, dict) and len(value) > self.most:
            raise wrong(f"共{len(value)}项，最多{self.most}项。")
        return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]


class Text(_Field):
    """A trimmed text in the value domain, not empty."""

    def __init__(
        self, most: int, *, pattern: str | None = None, problem: str = "", **options: Any
    ) -> None:
        super().__init__(**options)
        self.most = most
        self.pattern = re.compile(pattern) if pattern else None
        self.problem = problem

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        if problem := text_problem(value, self.most):
            raise wrong(f"{problem}。")
        if not value or value != value.strip():
            raise wrong("不能为空，首尾不能有空格。")
        if self.pattern and not self.pattern.fullmatch(value):
            raise wrong(self.problem or "写法不正确。")
        return str(value)


class Int(_Field):
    """A whole number between two bounds."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.least = least
        self.most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong("应为整数。")
        if not self.least <= value <= self.most:
            raise wrong(f"应在{self.least}至{self.most}之间。")
        return value


class Choice(_Field):
    """One of a fixed set of texts; `maker` turns it into its enum."""

    def __init__(self, values: Collection[str], maker: Any = str, **options: Any) -> None:
        super().__init__(**options)
        self.values = frozenset(values)
        self.shown = "、".join(values)
        self.maker = maker

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        if not isinstance(value, str) or value not in self.values:
            raise wrong("不在可用的值之内。", f"可用的值：{self.shown}。")
        return self.maker(value)


class Id(_Field):
    """An id as `new_id` writes it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        if not is_id(value):
            raise wrong("应为36位的标识符。")
        return str(value)


class Digest(_Field):
    """SHA-256, lower-case hex."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise wrong("应为64位小写十六进制的SHA-256摘要。")
        return value


class Day(_Field):
    """A date, `2024-03-05`."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> date:
        if isinstance(value, str) and _DATE.fullmatch(value):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                raise wrong("没有这一天。", "请核对原文后填写真实的日期。") from None
            if FIRST_YEAR <= day.year <= LAST_YEAR:
                return day
        raise wrong("应为日期，例如 2024-03-05。")


class Moment(_Field):
    """A point in time in UTC, `2024-06-01T02:03:04.000000Z`."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> datetime:
        try:
            return parse_utc(value)
        except (TypeError, ValueError):
            raise wrong("应为世界时，例如 2024-06-01T02:03:04.000000Z。") from None


def load(schema: Schema, data: object) -> dict[str, Any]:
    """What the schema reads. Raises Invalid for the first problem, with the path of its field."""
    try:
        return dict(schema.load(data))  # type: ignore[arg-type]
    except ValidationError as error:
        path, problem = first_problem(error.messages)
        remedy = getattr(problem, "remedy", "请改正后重新提交。")
        raise Invalid(path, str(problem), remedy, code="bad_shape") from None


def first_problem(messages: Any, path: str = "") -> tuple[str, str]:
    """The first problem in marshmallow's nested messages, with its path."""
    if isinstance(messages, Mapping):
        key, inner = next(iter(messages.items()))
        if key == "_schema":
            return first_problem(inner, path)
        return first_problem(inner, f"{path}.{key}" if path else str(key))
    if isinstance(messages, list):
        return first_problem(messages[0], path)
    return path or "body", messages
