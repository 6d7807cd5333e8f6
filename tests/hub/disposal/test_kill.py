"""kill -9 while records are destroyed: they are destroyed once, and nothing else is."""

from __future__ import annotations

import pytest

from hub.disposal import burying
from tests.hub.disposal.conftest import Room
from tests.hub.receiving.test_kill import die

pytestmark = pytest.mark.faults

# Commits: the list counts, each record is buried, each is erased, the list is done. Puts: list and
# stone, in the first store. Deletes: the nine files of an object.
QUICK = [("delete-before", 2), ("commit", 2)]
MORE = [
    ("put-after", 2),
    *(("commit", at) for at in (1, 3, 4, 5, 6)),
    *(("put-before", at) for at in (1, 2, 3, 4)),
    *(("delete-before", at) for at in (1, 5, 9, 10, 18)),
    *(("delete-after", at) for at in (1, 9, 18)),
]


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records are enough for two chunks."""
    monkeypatch.setattr(burying, "CHUNK", 1)


def destroyed_in_spite_of_a_kill(room: Room, what: str, at: int) -> None:
    gone = room.ids[:2]
    appraisal_id = room.decided(gone)
    assert die(room.hub, what, at)
    room.work(3)
    assert room.appraisal(appraisal_id).state == "done"
    for each in gone:
        room.is_gone(each, appraisal_id)
    assert len(room.unit.heard("disposed")) == 2
    assert room.record(room.ids[2]).state == "received"
    room.all_is_well()


@pytest.mark.parametrize(("what", "at"), QUICK)
def test_killed_while_destroying(room: Room, what: str, at: int) -> None:
    destroyed_in_spite_of_a_kill(room, what, at)


@pytest.mark.at_length
@pytest.mark.parametrize(("what", "at"), MORE)
def test_killed_while_destroying_at_every_point(room: Room, what: str, at: int) -> None:
    destroyed_in_spite_of_a_kill(room, what, at)
