"""Many write, several decide and sequence, one reads: each change arrives, and none twice."""

from __future__ import annotations

import threading

from hub.sharing.deciding import Deciding
from hub.sharing.sequencing import Sequencing
from tests.hub.sharing.conftest import Reader, digest_of_copy

DATABASES = ("sqlite", "postgresql")


def test_changes_of_many_writers_while_two_decide_and_two_sequence_all_arrive_once(archive):
    archive.share()
    ids = archive.received(12)
    stop = threading.Event()
    failed: list[Exception] = []

    def until_stopped(step):
        try:
            while not stop.is_set():
                step()
        except Exception as error:  # noqa: BLE001 - the test shows it
            failed.append(error)

    def correcting(mine):
        try:
            for turn in range(4):
                for each in mine:
                    archive.correct(each, title=f"第{turn}次更正")
        except Exception as error:  # noqa: BLE001 - the test shows it
            failed.append(error)

    steps = (Deciding, Deciding, Sequencing, Sequencing)
    loops = [
        threading.Thread(target=until_stopped, args=(kind(archive.city.database).step,))
        for kind in steps
    ]
    writers = [threading.Thread(target=correcting, args=(ids[n::3],)) for n in range(3)]
    reader = Reader(archive)
    archive.settle()
    for each in (*loops, *writers):
        each.start()
    while any(each.is_alive() for each in writers):
        reader.read_on()
    for each in writers:
        each.join()
    stop.set()
    for each in loops:
        each.join()
    assert failed == []
    archive.settle()
    reader.read_on()
    assert {each["title"] for each in reader.held.values()} == {"第3次更正"}
    assert len(reader.positions) == len(set(reader.positions))
    proof = archive.proof()
    assert (proof["records"], proof["digest"]) == digest_of_copy(reader.held)
