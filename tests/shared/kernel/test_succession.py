"""A chain of keys can be followed by whoever knows one of them, and by nobody's forgery."""

from __future__ import annotations

from itertools import pairwise

import pytest

from shared.kernel.errors import Invalid
from shared.kernel.keys import SigningKey
from shared.kernel.succession import Statement, read_chain, read_succession, state_succession

HOLDER = "hub:1"


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [SigningKey.generate() for _ in range(4)]


@pytest.fixture(scope="module")
def chain(keys: list[SigningKey]) -> list[Statement]:
    pairs = enumerate(pairwise(keys), 2)
    return [state_succession(HOLDER, serial, old, new) for serial, (old, new) in pairs]


def test_each_link_names_the_key_before_and_the_key_after(
    keys: list[SigningKey], chain: list[Statement]
) -> None:
    steps = read_chain(chain, HOLDER)
    assert [step.serial for step in steps] == [2, 3, 4]
    assert [step.old for step in steps] == [key.public for key in keys[:-1]]
    assert [step.new for step in steps] == [key.public for key in keys[1:]]
    assert read_chain([], HOLDER) == []


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 3},
        {"serial": "2"},
        {"serial": True},
        {"holder": "hub:2"},
        {"what": "receipt"},
        {"at": "2020-01-01T00:00:00.000000Z"},
        {"old_signature": "00"},
        {"new_signature": None},
        {"new_public_key": "ff" * 64},
        {"old_public_key": 7},
        {"more": 1.5},
    ],
)
def test_a_changed_statement_is_none(chain: list[Statement], change: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        read_succession({**chain[0], **change}, HOLDER)


def test_a_stranger_s_key_cannot_follow_without_the_old_one(keys: list[SigningKey]) -> None:
    stranger = SigningKey.generate()
    forged = state_succession(HOLDER, 2, stranger, keys[1])
    claimed = {**forged, "old_public_key": keys[0].public.hex}
    with pytest.raises(Invalid):
        read_succession(claimed, HOLDER)


def test_links_must_follow_one_upon_the_other(chain: list[Statement]) -> None:
    for broken in ([chain[1], chain[0]], [chain[0], chain[2]], [chain[0], chain[0]], "text", 5):
        with pytest.raises(Invalid):
            read_chain(broken, HOLDER)
