"""Runs are read by a second process before their turn: the catalogue must never know of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub.federation.sync import PostOffice
from hub.wiring import READING, handlers, holdings
from shared.messaging import ahead as reading
from shared.messaging.ahead import Ahead, Coming
from shared.messaging.envelope import Message, read_envelope
from shared.messaging.run import unpack_run
from tests.city import wait_for
from tests.federation import NOTHING_WRONG, Federation, Unit, everywhere_the_same

#: Enough for a body that is worth it.
SOME = 150


@pytest.fixture(scope="module")
def ahead() -> Iterator[Ahead]:
    with closing(Ahead(READING, "sqlite")) as ahead:
        yield ahead


def runs(unit: Unit) -> list[Message]:
    """The runs that wait at a node, as the hub has opened them."""
    sealed = map(read_envelope, unit.agent._exchange.sending.due())
    return [Message(each.header, each.body) for each in sealed if each.header.kind == "run"]


def read(ahead: Ahead, message: Message) -> Coming:
    """A run that was read ahead."""
    coming = ahead.read(message)
    assert coming is not None
    wait_for(coming.answer.done, "the run to be read")
    return coming


class Foreseeing(PostOffice):
    """A hub that begins with no run before it was read: what happens is always the same."""

    #: Of each run that was worth it, whether it could be read.
    read: list[bool]

    def take(self, raw: bytes, coming: Coming | None = None) -> tuple[str, list[bytes]]:
        if coming is not None:
            wait_for(coming.answer.done, "the run to be read")
            self.read.append(coming.run() is not None)
        return super().take(raw, coming)


def foreseeing(city: Federation, ahead: Ahead) -> Foreseeing:
    post = Foreseeing(
        *(city.hub, city.link, handlers(city.hub), holdings), ahead=ahead, clock=city.clock
    )
    post.read = []
    city.post = post
    return post


def test_what_is_read_ahead_is_what_stands_in_the_run(unit: Unit, ahead: Ahead) -> None:
    unit.file(SOME)
    (message,) = runs(unit)
    run = read(ahead, message).run()
    header = message.header
    here = unpack_run(message.body, after=header.after, last=header.last)
    assert run is not None
    assert (run.after, run.after_digest, run.digests) == (0, here.after_digest, here.digests)
    assert [each.subject for each in run.entries] == [each.subject for each in here.entries]
    assert not any(each.body for each in run.entries)


def test_the_catalogue_is_the_same_also_when_versions_follow_that_nobody_read_ahead(
    city: Federation, unit: Unit, ahead: Ahead
) -> None:
    post = foreseeing(city, ahead)
    ids = unit.file(SOME)
    city.settle()
    assert post.read == [True]
    unit.offer(ids)  # the run has offers in it, too
    city.settle()
    assert len(post.read) > 1
    assert not any(post.read[1:])
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_when_the_process_dies_runs_are_read_in_their_turn_and_soon_by_another(
    city: Federation, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_REST_SECONDS", 0.1)
    with closing(Ahead(READING, "sqlite")) as ahead:
        unit.file(SOME)
        (message,) = runs(unit)
        assert read(ahead, message).run() is not None
        assert ahead.process is not None
        first = ahead.process
        first.kill()
        first.wait()
        assert read(ahead, message).run() is None
        post = foreseeing(city, ahead)
        unit.agent._exchange.sending.unsent()
        city.settle()
        assert post.read == [True]
        assert ahead.process is not first
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_run_that_was_not_begun_is_read_by_whoever_needs_it(unit: Unit) -> None:
    unit.file(SOME)
    (message,) = runs(unit)
    with closing(Ahead(READING, "sqlite")) as ahead:
        coming = ahead.read(message)
        assert coming is not None
        assert coming.run() is None


def test_a_node_that_greets_with_much_to_tell_finds_the_process_started(
    city: Federation, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit.file(SOME)
    with closing(Ahead(READING, "sqlite")) as ahead:
        post = foreseeing(city, ahead)
        post.take(unit.agent._hello())
        assert ahead.process is None, "so little is read sooner than it is there"
        monkeypatch.setattr("hub.federation.sync._MUCH", SOME)
        post.take(unit.agent._hello())
        wait_for(lambda: ahead.process is not None, "the process to be started")
    ahead._thread.join(60)  # where a process takes longer to start than `close` has patience
    assert not ahead._thread.is_alive(), "closed while the process starts, it ends all the same"


def test_little_is_not_worth_it(unit: Unit, ahead: Ahead) -> None:
    unit.file(3)
    (message,) = runs(unit)
    assert ahead.read(message) is None


STARTED = """
import sys, time
from shared.messaging.ahead import Ahead
from shared.messaging.envelope import Header, Message

ahead = Ahead("hub.reading", "sqlite")
coming = ahead.read(Message(Header("n", "h", "up", "run"), b"-" * 10_000))
coming.answer.result(60)
print(ahead.process.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_with_the_process_that_started_it_however_that_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTED], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        pid = int(first.stdout.readline())
        first.send_signal(signal.SIGKILL)
        first.wait()
    wait_for(lambda: not is_alive(pid), "the second process to end")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody may be there to bury it.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_second_process_loads_no_database() -> None:
    """It must be there before the first run has waited for it."""
    program = f"import sys, {READING}; print('sqlalchemy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"
