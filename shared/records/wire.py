"""Reading wire objects: marshmallow fields with the value domain and Chinese sentences built in.

Strict by nature: a number is no text, an unknown key is an error. `load` turns the first
problem into Invalid, which names the field by its path (`documents.0.files.2.sha256`).

What is right is read by the fields alone, each by its `read`; marshmallow itself, which takes ten
times as long, is only asked for the path and the words when something is wrong.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, missing

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


class _Field(fields.Field[Any], ABC):
    default_error_messages = {  # noqa: RUF012 - marshmallow's way
        "required": "缺少此项。",
        "null": "此项不能为空。",
        "validator_failed": "值不正确。",
    }

    @abstractmethod
    def read(self, value: Any) -> Any:
        """What the value means; raises ValidationError. None never comes here."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        return self.read(value)


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

    def read(self, value: Any) -> str:
        """See the class."""
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

    def read(self, value: Any) -> int:
        """See the class."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong("应为整数。")
        if not self.least <= value <= self.most:
            raise wrong(f"应在{self.least}至{self.most}之间。")
        return value


class Flag(_Field):
    """Yes or no."""

    def read(self, value: Any) -> bool:
        """See the class."""
        if not isinstance(value, bool):
            raise wrong("应为是或否。")
        return value


class Choice(_Field):
    """One of a fixed set of texts; `maker` turns it into its enum."""

    def __init__(self, values: Collection[str], maker: Any = str, **options: Any) -> None:
        super().__init__(**options)
        self.made = {value: maker(value) for value in values}
        self.shown = "、".join(values)

    def read(self, value: Any) -> Any:
        """See the class."""
        if not isinstance(value, str) or value not in self.made:
            raise wrong("不在可用的值之内。", f"可用的值：{self.shown}。")
        return self.made[value]


class Id(_Field):
    """An id as `new_id` writes it."""

    def read(self, value: Any) -> str:
        """See the class."""
        if not is_id(value):
            raise wrong("应为36位的标识符。")
        return str(value)


class Digest(_Field):
    """SHA-256, lower-case hex."""

    def read(self, value: Any) -> str:
        """See the class."""
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise wrong("应为64位小写十六进制的SHA-256摘要。")
        return value


class Day(_Field):
    """A date, `2024-03-05`."""

    def read(self, value: Any) -> date:
        """See the class."""
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

    def read(self, value: Any) -> datetime:
        """See the class."""
        try:
            return parse_utc(value)
        except (TypeError, ValueError):
            raise wrong("应为世界时，例如 2024-06-01T02:03:04.000000Z。") from None


def load(schema: Schema, data: object) -> dict[str, Any]:
    """What the schema reads. Raises Invalid for the first problem, with the path of its field."""
    try:
        return dict(_reader(type(schema))(data))
    except (ValidationError, _NotPlain):
        pass
    try:
        return dict(schema.load(data))  # type: ignore[arg-type]
    except ValidationError as error:
        path, problem = first_problem(error.messages)
        remedy = getattr(problem, "remedy", "请改正后重新提交。")
        raise Invalid(path, str(problem), remedy, code="bad_shape") from None


class _NotPlain(Exception):
    """Something is missing, too much, or of the wrong kind; marshmallow says what."""


_Read = Callable[[Any], Any]


@lru_cache(maxsize=256)
def _reader(kind: type[Schema]) -> _Read:
    """The fields of a schema as one plain function, which takes exactly what the schema takes."""
    declared = kind().fields
    if (
        kind.Meta.unknown != RAISE
        or any(kind._hooks.values())
        or not all(map(_is_plain, declared.values()))
    ):
        return _refuse
    known = frozenset(declared)
    required = frozenset(name for name, field in declared.items() if field.required)
    reads = {name: _read_of(field) for name, field in declared.items()}
    none_allowed = frozenset(name for name, field in declared.items() if field.allow_none)

    def read(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise _NotPlain
        names = data.keys()
        if not (required <= names <= known):
            raise _NotPlain
        found = {}
        for name, value in data.items():
            if value is not None:
                found[name] = reads[name](value)
            elif name in none_allowed:
                found[name] = None
            else:
                raise _NotPlain
        return found

    return read


def _is_plain(field: Any) -> bool:
    """Whether a field is declared with nothing that only marshmallow knows to do."""
    return (
        not field.validators
        and field.load_default is missing
        and field.data_key is None
        and field.attribute is None
        and not field.load_only
        and not field.dump_only
    )


def _read_of(field: Any) -> _Read:
    if isinstance(field, _Field):
        return field.read
    if isinstance(field, Nested) and not field.many:
        return _reader(type(field.schema))
    if isinstance(field, List):
        return _list_reader(field)
    # Declared in some other way: marshmallow reads all of it.
    return _refuse


def _list_reader(field: List) -> _Read:
    read, least, most = _read_of(field.inner), field.least, field.most
    none_allowed = field.inner.allow_none

    def read_list(value: Any) -> list[Any]:
        if type(value) is not list or not least <= len(value) <= most:
            raise _NotPlain
        if not none_allowed and None in value:
            raise _NotPlain
        return [None if each is None else read(each) for each in value]

    return read_list


def _refuse(_value: Any) -> Any:
    raise _NotPlain


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
