"""The embedded link."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.messaging import embedded
from shared.messaging.embedded import KombuLink
from tests.shared.messaging.contract import LinkContract


def _send_numbered(path: str, publisher: int, count: int) -> None:
    link = KombuLink(Path(path))
    for number in range(count):
        link.send("busy", [f"{publisher}:{number}:".encode() + os.urandom(500)])
    link.close()


def _take_and_hang(path: str, ready: str) -> None:
    link = KombuLink(Path(path))
    link.receive("held", wait_seconds=5)
    Path(ready).touch()
    time.sleep(60)


class TestEmbedded(LinkContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "link.sqlite"

    @pytest.fixture
    def link(self, path: Path) -> Iterator[KombuLink]:
        link = KombuLink(path)
        yield link
        link.close()

    @pytest.fixture
    def again(self, path: Path) -> Iterator[KombuLink]:
        link = KombuLink(path)
        yield link
        link.close()

    def test_a_file_that_was_put_back_from_a_backup_is_noticed(
        self, link: KombuLink, path: Path
    ) -> None:
        link.send("q", [b"before"])
        for part in path.parent.glob("link.sqlite*"):
            part.rename(part.with_name(f"old-{part.name}"))
        other = KombuLink(path)
        other.send("q", [b"after"])
        assert [each.body for each in link.receive("q", wait_seconds=1, most=5)] == [b"after"]
        other.close()

    def test_what_was_in_hand_for_longer_than_its_lease_is_settled_once(
        self, link: KombuLink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As while the hub's database was away for long: the loop that settles it sleeps."""
        monkeypatch.setattr(embedded, "_LEASE_SECONDS", 0.0)
        link.send("q", [b"one", b"two", b"three"])
        first, again = (link.receive("q", wait_seconds=1)[0] for _ in range(2))
        assert first.body == again.body == b"one"
        first.acknowledge()
        first, later = (link.receive("q", wait_seconds=1)[0] for _ in range(2))
        assert first.body == later.body == b"two"
        again.acknowledge()
        first.acknowledge()
        assert [each.body for each in link.receive("q", wait_seconds=1)] == [b"three"]
        later.release()
        assert link.size("q") == 1

    def test_several_processes_neither_tear_nor_swap(self, link: KombuLink, path: Path) -> None:
        senders = [
            multiprocessing.get_context("spawn").Process(
                target=_send_numbered, args=(str(path), publisher, 300)
            )
            for publisher in range(3)
        ]
        for sender in senders:
            sender.start()
        seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
        deadline = time.monotonic() + 60
        while sum(map(len, seen.values())) < 900 and time.monotonic() < deadline:
            for delivery in link.receive("busy", wait_seconds=0.2, most=20):
                publisher, number, rest = delivery.body.split(b":", 2)
                assert len(rest) == 500
                seen[int(publisher)].append(int(number))
                delivery.acknowledge()
        for sender in senders:
            sender.join()
        assert all(numbers == list(range(300)) for numbers in seen.values())

    def test_what_a_killed_consumer_held_is_handed_out_again(
        self, link: KombuLink, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link.send("held", [b"not lost"])
        ready = tmp_path / "ready"
        consumer = multiprocessing.get_context("spawn").Process(
            target=_take_and_hang, args=(str(path), str(ready))
        )
        consumer.start()
        while not ready.exists():
            time.sleep(0.05)
        assert consumer.pid is not None
        os.kill(consumer.pid, signal.SIGKILL)
        consumer.join()
        assert link.receive("held", wait_seconds=0) == []
        much_later = time.time() + 3600
        monkeypatch.setattr("shared.messaging.embedded.time.time", lambda: much_later)
        assert link.receive("held", wait_seconds=1)[0].body == b"not lost"
