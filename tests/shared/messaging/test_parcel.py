"""Parcels: files of messages, whole or torn, whatever is in them."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.errors import Invalid, NotFound
from shared.messaging.envelope import BadEnvelope, Message, next_message, read_envelope
from shared.messaging.log import append_many
from shared.messaging.parcel import (
    Cover,
    End,
    ParcelFile,
    Part,
    parcel_files,
    take_in,
    write_parcel,
)
from shared.messaging.taken_parcels import (
    note_taken,
)
from tests.shared.messaging.sides import _KEYS, HUB, NODE, Pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def opened(raw: bytes) -> Message:
    return read_envelope(raw).open(_KEYS[NODE].public)


def test_everything_goes_without_a_window_whatever_a_link_has_sent(pair: Pair) -> None:
    with pair.node.database.write() as session:
        append_many(session, HUB, [("fact", f"s{number}", {}) for number in range(9500)])
    assert len(pair.node.exchange.sending.due()) == 8
    runs = list(pair.node.exchange.sending.unacknowledged())
    assert len(runs) == 10
    for run in runs:
        pair.hub.receive(run)
    assert len(pair.hub.applied()) == 9500
    again = list(pair.node.exchange.sending.unacknowledged())  # nothing was acknowledged here
    assert [read_envelope(run).body for run in again] == [read_envelope(run).body for run in runs]


def test_what_is_said_while_it_is_written_goes_with_the_next_one(pair: Pair) -> None:
    pair.node.tell("before")
    runs = pair.node.exchange.sending.unacknowledged()
    (first,) = [next(runs)]
    pair.node.tell("meanwhile")
    assert list(runs) == []
    pair.hub.receive(first)
    assert pair.hub.applied() == ["before"]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), max_size=12),
    file_bytes=st.integers(1, 9000),
    torn_at=st.integers(0, 1 << 20),
)
def test_what_is_written_is_read_again_and_a_torn_file_as_far_as_it_goes(
    pair_of_once: Pair, sizes: list[int], file_bytes: int, torn_at: int
) -> None:
    exchange = pair_of_once.node.exchange
    messages = [exchange.message("part", b"x" * size) for size in sizes]
    with tempfile.TemporaryDirectory() as folder:
        written = write_parcel(
            Path(folder), "danglian-up-x", iter(messages), exchange.message, file_bytes=file_bytes
        )
        assert sorted(Path(folder).iterdir()) == list(written.files)
        assert sum(path.stat().st_size for path in written.files) == written.size
        read: list[bytes] = []
        for number, path in enumerate(written.files, 1):
            content = path.read_bytes()
            file = ParcelFile(io.BytesIO(content), path.name)
            taken = take_in(file, opened, lambda _header, raw: read.append(raw))
            assert taken.whole
            assert taken.cover.number == number
            assert taken.last == (number == len(written.files))
            cut = len(file.cover) + torn_at % (len(content) - len(file.cover))
            some: list[bytes] = []
            torn = take_in(
                ParcelFile(io.BytesIO(content[:cut]), path.name),
                opened,
                lambda _header, raw, some=some: some.append(raw),
            )
            assert not torn.whole
            assert some == read[len(read) - taken.messages :][: len(some)]
        assert read == messages


@pytest.fixture(scope="module")
def pair_of_once(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pair"))


@settings(max_examples=60, deadline=None)
@given(garbage=st.binary(max_size=300))
def test_garbage_is_no_parcel(garbage: bytes) -> None:
    for content in (garbage, b"DL1" + garbage):
        with pytest.raises(Invalid):
            ParcelFile(io.BytesIO(content), "x")


def test_a_length_beyond_all_limits_is_not_read_into_memory() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert 0 <= size < 4 * 1024 * 1024
            return b"DL1" + b"\xff" * (size - 3)

    with pytest.raises(BadEnvelope):
        next_message(Endless())


@pytest.mark.parametrize("wrong", [
    {}, {"parcel_id": "x", "number": 1, "made_at": "2024-01-01T00:00:00.000000Z"},
    {"parcel_id": "01890000-0000-7000-8000-000000000000", "number": True, "made_at": "x"},
    {"parcel_id": "01890000-0000-7000-8000-000000000000", "number": -1,
     "made_at": "2024-01-01T00:00:00.000000Z"},
])  # fmt: skip
def test_a_cover_that_says_nothing_sensible_is_not_good(
    pair: Pair, wrong: dict[str, object]
) -> None:
    for kind in (Cover, End):
        with pytest.raises(BadEnvelope):
            kind.of(opened(pair.node.exchange.message("parcel", wrong)))


@pytest.mark.parametrize("body", [b"", b"\n", b"{}\n", b"[]\n", b"[" * 100_000, b'{"size": 1}\nx'])
def test_a_part_that_says_nothing_sensible_is_not_good(pair: Pair, body: bytes) -> None:
    with pytest.raises(BadEnvelope):
        Part.of(opened(pair.node.exchange.message("part", body)))


def test_a_part_is_read_as_it_was_written(pair: Pair) -> None:
    part = Part("o", "0" * 64, 12, 3, b"\n{}\n\0")
    assert Part.of(opened(pair.node.exchange.message("part", part.to_body()))) == part


def test_which_files_of_a_parcel_are_still_missing(pair: Pair) -> None:
    def cover(number: int, parcel: int = 1) -> Cover:
        body = {
            "parcel_id": f"01890000-0000-7000-8000-{parcel:012d}",
            "number": number,
            "made_at": "2024-01-01T00:00:00.000000Z",
        }
        return Cover.of(opened(pair.node.exchange.message("parcel", body)))

    with pair.hub.database.write() as session:
        assert note_taken(session, NODE, cover(2), last=False).missing == [1]
        assert note_taken(session, NODE, cover(4), last=True).missing == [1, 3]
        assert note_taken(session, NODE, cover(2), last=False).missing == [1, 3]
        note_taken(session, NODE, cover(1), last=False)
        assert note_taken(session, NODE, cover(3), last=False).missing == []
        fresh = note_taken(session, NODE, cover(1, parcel=2), last=False)
        assert (fresh.numbers, fresh.files) == ([1], None)


def test_a_folder_gives_its_parcels_only(tmp_path: Path) -> None:
    for name in ("danglian-up-b.parcel", "danglian-up-a.parcel", "x.parcel", "._danglian-a.parcel"):
        (tmp_path / name).touch()
    assert [path.name for path in parcel_files([tmp_path])] == [
        "danglian-up-a.parcel", "danglian-up-b.parcel",
    ]  # fmt: skip
    assert parcel_files([tmp_path / "x.parcel"]) == [tmp_path / "x.parcel"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound):
        parcel_files([tmp_path / "empty"])


def test_letters_of_any_size_were_held_before_anything_was_proven(pair: Pair) -> None:
    message = pair.node.exchange.message
    huge = message("hub_key", b"x" * 1_000_000)
    file = io.BytesIO(message("parcel", {}) + message("hub_key", {}) + huge * 20)
    assert len(ParcelFile(file, "p").letters) == 1
