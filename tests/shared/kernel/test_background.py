"""Loops in the background: when they look for work, and when they need not."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kernel import background as loops
from shared.kernel.background import Background
from shared.kernel.database import Database

_SOON = 10.0


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> Iterator[Background]:
    monkeypatch.setattr(loops, "_QUIET_SECONDS", 1e9)
    running = Background()
    yield running
    running.stop()


def test_a_loop_rests_while_nothing_leaves_a_trace_and_looks_again_when_something_does(
    background: Background,
) -> None:
    looks: queue.Queue[int] = queue.Queue()
    asked: queue.Queue[int] = queue.Queue()
    written = [1]

    def trace() -> int:
        asked.put(written[0])
        return written[0]

    def step() -> bool:
        looks.put(written[0])
        return False

    background.repeat("quiet", step, idle_seconds=0.001, trace=trace)
    background.start()
    assert looks.get(timeout=_SOON) == 1
    for _ in range(20):
        asked.get(timeout=_SOON)
    assert looks.empty()
    written[0] = 2
    assert looks.get(timeout=_SOON) == 2


def test_a_loop_that_rests_can_be_woken(background: Background) -> None:
    looks: queue.Queue[None] = queue.Queue()

    def step() -> bool:
        looks.put(None)
        return False

    background.repeat("quiet", step, idle_seconds=0.001, trace=lambda: "the same")
    background.start()
    looks.get(timeout=_SOON)
    background.wake("quiet")
    looks.get(timeout=_SOON)


def test_a_commit_leaves_a_trace_and_reading_none(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "a.sqlite", ())
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE papers (title TEXT)")
    before = database.trace()
    with database.read() as session:
        session.connection().exec_driver_sql("SELECT * FROM papers")
    assert database.trace() == before
    with database.write() as session:
        session.connection().exec_driver_sql("INSERT INTO papers VALUES ('通知')")
    assert database.trace() != before
    database.close()
