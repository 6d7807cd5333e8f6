"""What is read by the fields alone is what marshmallow reads, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from shared.kernel.errors import Invalid
from shared.records import wire
from shared.records.record import RecordSchema, record_to_wire
from tests.shared.records.strategies import records

#: What a hostile or broken sender may put in the place of a value.
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1 << 70, 0.5, [], {}, [None], [{}], {"x": 1}),
    *("", " x", "x ", "a\x00b", "\ud800", "e\u0301", "\u200b", "x" * 5000),
    *("2024-02-30", "2024-3-5", "2024-06-01T02:03:04Z"),
]


def by_marshmallow(data: Any) -> Any:
    try:
        return RecordSchema().load(data)
    except ValidationError:
        return Invalid


def by_load(data: Any) -> Any:
    try:
        return wire.load(RecordSchema(), data)
    except Invalid:
        return Invalid


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, as the keys that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, (dict, list)):
            found += places(item, (*path, key))
    return found


@given(record=records(), data=st.data())
def test_one_thing_changed_is_taken_or_refused_the_same(record: Any, data: st.DataObject) -> None:
    body = copy.deepcopy(record_to_wire(record))
    assert by_load(body) == by_marshmallow(body) != Invalid
    *path, last = data.draw(st.sampled_from(places(body)))
    inside: Any = body
    for key in path:
        inside = inside[key]
    change = data.draw(st.sampled_from(["odd", "missing", "unknown"]))
    if change == "missing":
        del inside[last]
    elif change == "unknown" and isinstance(inside, dict):
        inside["surprise"] = 1
    else:
        inside[last] = data.draw(st.sampled_from(ODD))
    assert by_load(body) == by_marshmallow(body)


@pytest.mark.parametrize("data", [None, [], "x", 1, [[]]])
def test_what_is_no_object_is_refused(data: Any) -> None:
    assert by_load(data) is Invalid


def test_a_record_is_read_without_marshmallow() -> None:
    """The slow way is for what is wrong: if this fails, something is declared that it cannot do."""
    assert wire._reader(RecordSchema) is not wire._refuse
