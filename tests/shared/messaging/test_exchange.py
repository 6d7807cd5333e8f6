"""The streams: nothing lost, nothing doubled, nothing out of order, whatever the link does."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.pool import QueuePool

from shared.kernel.errors import Invalid
from shared.kernel.keys import SigningKey
from shared.messaging import log
from shared.messaging.entry import RUN_BYTES
from shared.messaging.envelope import (
    BadEnvelope,
    Header,
    close_envelope,
    read_envelope,
)
from shared.messaging.inbox import open_incoming
from shared.messaging.log import append, open_outgoing
from shared.messaging.run import OVERSIZE_BYTES, RawEntry, pack_run, unpack_run
from tests.shared.messaging.sides import _KEYS, HUB, NODE, Pair, Side, Weather, public_key


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_what_one_side_tells_arrives_at_the_other_in_order(pair: Pair) -> None:
    for number in range(30):
        pair.node.tell(f"up{number}")
        pair.hub.tell(f"down{number}")
    pair.settle()
    assert pair.hub.applied() == [f"up{number}" for number in range(30)]
    assert pair.node.applied() == [f"down{number}" for number in range(30)]


def test_more_than_a_window_travels_in_several_runs(pair: Pair) -> None:
    with pair.node.database.write() as session:
        for number in range(9500):
            append(session, HUB, "fact", f"s{number}", {})
    first = pair.node.exchange.sending.due()
    assert len(first) == 8
    assert pair.node.exchange.sending.due() == []
    pair.on_the_way[HUB] += first
    pair.settle()
    assert len(pair.hub.applied()) == 9500


def test_a_refused_entry_advances_the_cursor_and_is_told_to_the_sender(pair: Pair) -> None:
    pair.node.tell("good-1")
    pair.node.tell("wrong", {"bad": True})
    pair.node.tell("good-2")
    pair.settle()
    assert pair.hub.applied() == ["good-1", "good-2"]
    assert pair.node.applied("refused") == ["wrong"]
    assert pair.hub.incoming().seq == 3


def test_no_message_is_signed_while_a_transaction_is_open(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign, busy = SigningKey.sign, []

    def signed(key: SigningKey, message: bytes) -> bytes:
        for side in (pair.hub, pair.node):
            pool = side.database.engine.pool
            assert isinstance(pool, QueuePool)
            busy.append(pool.checkedout())
        return sign(key, message)

    monkeypatch.setattr(SigningKey, "sign", signed)
    pair.node.tell("first")
    pair.node.exchange.sending.due()
    pair.node.tell("second")
    pair.hub.tell("down")
    pair.settle()  # with a gap and what is sent again
    assert len(busy) > 3
    assert not any(busy)


def test_a_run_that_comes_twice_is_applied_once(pair: Pair) -> None:
    pair.node.tell("once")
    (run,) = pair.node.exchange.sending.due()
    pair.on_the_way[HUB] += [run, run, run]
    pair.settle()
    assert pair.hub.applied() == ["once"]


def test_a_gap_asks_once_for_what_is_missing(pair: Pair) -> None:
    pair.node.tell("first")
    pair.node.exchange.sending.due()
    pair.node.tell("second")
    (second,) = pair.node.exchange.sending.due()
    answers = pair.hub.receive(second)
    assert [read_envelope(raw).header.kind for raw in answers] == ["resend"]
    assert pair.hub.receive(second) == []
    pair.on_the_way[NODE] += answers
    pair.settle()
    assert pair.hub.applied() == ["first", "second"]


def test_a_copy_of_a_node_is_noticed_and_loses_nothing_silently(tmp_path: Path, pair: Pair) -> None:
    pair.node.tell("before")
    pair.settle()
    folder = tmp_path / "copy"
    folder.mkdir()
    pair.node.database.close()
    shutil.copy(tmp_path / f"{NODE}.sqlite", folder)
    copy = Side(NODE, HUB, "up", folder, pair.clock)
    pair.node.tell("from the original")
    pair.settle()
    copy.tell("from the copy")
    for raw in copy.exchange.sending.due():
        for answer in pair.hub.receive(raw):
            copy.receive(answer)
    assert copy.events.told == ["diverged"]
    assert pair.hub.applied() == ["before", "from the original"]
    assert copy.outgoing().acked == 1


def test_an_older_epoch_is_superseded(pair: Pair) -> None:
    pair.node.tell("old")
    with pair.hub.database.write() as session:
        open_incoming(session, NODE, recipient=HUB, epoch=2)
        open_outgoing(session, NODE, sender=HUB, epoch=2)
    for raw in pair.node.exchange.sending.due():
        for answer in pair.hub.receive(raw):
            pair.node.receive(answer)
    assert pair.node.events.told == ["superseded:2"]
    assert pair.hub.applied() == []


def test_a_lower_acknowledgement_of_the_same_generation_is_ignored(pair: Pair) -> None:
    pair.node.tell("one")
    stale = None
    pair.until(lambda: pair.hub.applied() == ["one"])
    stale = pair.hub.exchange.acknowledgement()
    pair.node.tell("two")
    pair.settle()
    assert pair.node.receive(stale) == []
    assert pair.node.outgoing().acked == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recipient": "another-hub"}, "recipient"),
        ({"direction": "down"}, "direction"),
        ({"kind": "nonsense"}, "kind"),
    ],
)
def test_a_message_that_is_not_for_us_is_refused(
    pair: Pair, change: dict[str, str], reason: str
) -> None:
    values = {"sender": NODE, "recipient": HUB, "direction": "up", "kind": "ack", "epoch": 1}
    header = Header(**{**values, **change})
    message = read_envelope(close_envelope(_KEYS[NODE], header, {})).open(public_key(NODE))
    with pytest.raises(BadEnvelope) as caught:
        pair.hub.exchange.receive(message)
    assert caught.value.reason == reason


def test_every_flipped_byte_of_an_envelope_is_noticed() -> None:
    header = Header(NODE, HUB, "up", "ack")
    raw = close_envelope(_KEYS[NODE], header, {"seq": 1})
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(BadEnvelope):
            read_envelope(changed).open(public_key(NODE))


def test_a_newer_version_is_named() -> None:
    raw = close_envelope(_KEYS[NODE], Header(NODE, HUB, "up", "ack", version=99), {})
    with pytest.raises(BadEnvelope) as caught:
        read_envelope(raw)
    assert caught.value.reason == "newer_version"


def test_a_run_that_unpacks_to_too_much_is_refused_while_unpacking() -> None:
    bomb = pack_run("0" * 64, [RawEntry(1, "fact", "s", b'{"a":"' + b"x" * 40_000_000 + b'"}')])
    assert len(bomb) < 100_000
    with pytest.raises(BadEnvelope):
        unpack_run(bomb, after=0, last=1)


def test_an_entry_too_large_for_a_run_is_refused_at_the_write(pair: Pair) -> None:
    with pytest.raises(Invalid), pair.node.database.write() as session:
        append(session, HUB, "fact", "huge", {"text": "文" * 400_000})
    assert pair.node.outgoing().seq == 0


@pytest.mark.parametrize("compressible", [True, False])
def test_an_entry_that_a_tampered_program_made_too_large_is_refused_and_the_stream_goes_on(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, compressible: bool
) -> None:
    text = "好" * 700_000 if compressible else random.Random(1).randbytes(1_000_000).hex()
    pair.node.tell("before")
    with monkeypatch.context() as tampered:
        tampered.setattr(log, "ENTRY_BYTES", 10 * RUN_BYTES)
        pair.node.tell('named "甲", once', {"text": text})
    pair.node.tell("after")
    pair.settle()
    assert pair.hub.applied() == ["before", "after"]
    assert pair.node.applied("refused") == ['named "甲", once']
    assert pair.hub.incoming().digest == pair.node.outgoing().digest


def test_what_unpacks_to_more_than_anybody_reads_is_no_run() -> None:
    huge = pack_run("", [RawEntry(1, "fact", "s", b'{"a":"' + b" " * OVERSIZE_BYTES + b'"}')])
    two = pack_run(
        "", [RawEntry(n, "fact", "s", b'{"a":"' + b" " * RUN_BYTES + b'"}') for n in (1, 2)]
    )
    for body, last, detail in ((huge, 1, "size"), (two, 2, "size"), (two, 1, "count")):
        with pytest.raises(BadEnvelope) as told:
            unpack_run(body, after=0, last=last)
        assert told.value.detail == detail


def test_entries_up_to_the_limit_travel(pair: Pair) -> None:
    for number in range(6):
        pair.node.tell(f"large{number}", {"text": "x" * 900_000})
    pair.settle()
    assert len(pair.hub.applied()) == 6


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from([HUB, NODE]), st.integers(1, 5)),
        st.tuples(st.just("bad"), st.sampled_from([HUB, NODE]), st.just(1)),
        st.tuples(st.just("send"), st.sampled_from([HUB, NODE]), st.just(0)),
        st.tuples(st.just("deliver"), st.sampled_from([HUB, NODE]), st.integers(1, 6)),
        st.tuples(st.just("kill"), st.sampled_from([HUB, NODE]), st.just(0)),
        st.tuples(st.just("wait"), st.just(HUB), st.integers(1, 40)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_STEPS, seed=st.integers(0, 10_000))
def test_over_a_link_that_loses_repeats_reorders_and_tears_all_arrives_once_in_order(
    steps: list[tuple[str, str, int]], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), weather=Weather(seed, storm=True))
        told: dict[str, list[str]] = {HUB: [], NODE: []}
        bad: dict[str, list[str]] = {HUB: [], NODE: []}
        for number, (step, name, amount) in enumerate(steps):
            side = pair.side(name)
            if step == "tell":
                for index in range(amount):
                    told[name].append(f"{name}-{number}-{index}")
                    side.tell(told[name][-1], {"n": index})
            elif step == "bad":
                bad[name].append(f"{name}-bad-{number}")
                side.tell(bad[name][-1], {"bad": True})
            elif step == "send":
                pair.send(name)
            elif step == "deliver":
                pair.deliver(name, amount)
            elif step == "kill":
                side.start()
            else:
                pair.clock.seconds += amount
        pair.settle()
        for name in (HUB, NODE):
            other = pair.side(pair.side(name).peer)
            assert other.applied() == told[name]
            assert pair.side(name).applied("refused") == bad[name]
            assert pair.side(name).events.told == []
            other.database.close()
