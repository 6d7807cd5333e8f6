"""The canonical form is one, whoever writes it: digests are compared for a hundred years."""

from __future__ import annotations

import json
from collections import UserString, defaultdict, namedtuple
from datetime import UTC, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import canonical
from shared.kernel.canonical import canonical_json

texts = st.text(st.characters(), max_size=20)  # halves of surrogate pairs, too
plain = st.none() | st.booleans() | st.integers() | st.integers(-(1 << 70), 1 << 70) | texts
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(texts, inner, max_size=5)
    ),
    max_leaves=20,
)


def by_definition(value: Any) -> bytes:
    """What the canonical form is, in the words of Python's own library."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@given(values)
def test_the_quick_writer_writes_what_python_itself_writes(value: Any) -> None:
    try:
        wanted = by_definition(value)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            canonical_json(value)
    else:
        assert canonical_json(value) == wanted


def test_every_character_is_written_as_python_writes_it() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000), 0x1F600, 0x10FFFF]))
    assert canonical_json(everything) == by_definition(everything)


class Word(StrEnum):
    """A text that is an enum."""

    CLOSED = "办结"


class Number(IntEnum):
    """A number that is one."""

    TWO = 2


Pair = namedtuple("Pair", "first second")


def test_subclasses_count_as_what_they_are() -> None:
    value = {
        Word.CLOSED: [Word.CLOSED, Number.TWO, Pair(1, "二")],
        "b": defaultdict(int, a=1),
    }
    assert canonical_json(value) == by_definition(value)
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    assert canonical_json(deep) == by_definition(deep)


@pytest.mark.parametrize(
    "other",
    [
        1.0,
        float("nan"),
        b"bytes",
        {1, 2},
        {1: "number as key"},
        {None: 1},
        datetime(2024, 3, 5, tzinfo=UTC),
        UUID(int=1),
        UserString("text"),
        Enum("Colour", "RED")["RED"],
        Enum("Weight", {"HALF": 0.5}, type=float)["HALF"],
    ],
)
@pytest.mark.parametrize("within", [lambda it: it, lambda it: [it], lambda it: {"a": (it,)}])
def test_what_has_no_canonical_form_is_refused(other: Any, within: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(within(other))


def test_the_form_needs_nothing_but_python(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"题名": "关于印发《办法》的通知\n", "b": [1, None, True], "a": {"😀": "\x7f\x00"}}
    quick = canonical_json(value)
    monkeypatch.setattr(canonical, "orjson", None)
    assert canonical_json(value) == quick
