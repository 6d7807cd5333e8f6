"""Sticks of every age and a bad line at the same time, in any order: nothing is lost or doubled."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from node.sync.parcels import standing
from tests.end_to_end.parcels.sticks import Sticks
from tests.federation import NOTHING_WRONG, Federation, Unit, everywhere_the_same
from tests.node.transfer.conftest import pdf

_FIRST_YEAR = 2001
#: Too large for an entry, small for a stick.
_LARGE = 90_000


class Town:
    """One unit, a stormy line, a drawer full of sticks, and people who do what can be done."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.city = Federation(folder, seed=seed)
        self.unit: Unit = self.city.enrol("龙泉镇人民政府", number="B101")
        self.sticks = Sticks(self.city, folder / "sticks")
        self.up: list[list[Path]] = []
        self.down: list[list[Path]] = []
        self.batches: list[str] = []

    def offer(self, _luck: int) -> None:
        year = _FIRST_YEAR + len(self.batches)
        content = pdf(f"{year}年", _LARGE)
        self.batches.append(self.unit.offer(self.unit.file(2, year=year, files=[content])))

    def line(self, _luck: int) -> None:
        for _ in range(3):
            self.city.turn()
            self.city.clock.seconds += 25

    def write_up(self, luck: int) -> None:
        file_bytes = 60_000 if luck % 2 else 10**9
        self.up.append(self.sticks.write_up(self.unit, file_bytes=file_bytes))

    def write_down(self, _luck: int) -> None:
        self.down.append(self.sticks.write_down(self.unit))

    def take_up(self, luck: int) -> None:
        if self.up:
            files = self.up[luck % len(self.up)]
            self.sticks.take_up(files[::-1] if luck % 3 == 0 else files)

    def take_down(self, luck: int) -> None:
        if self.down:
            self.sticks.take_down(self.unit, self.down[luck % len(self.down)])

    def people(self, _luck: int) -> None:
        for batch_id, state in self.city.batch_states().items():
            if state == "under_review":
                self.city.conclude(batch_id, "accepted")
            elif state == "signed_by_unit":
                self.city.sign(batch_id)
        self.sticks.work()
        for batch_id in self.batches:
            if self.unit.batch_state(batch_id) == "accepted":
                self.unit.sign(batch_id)

    def restart(self, _luck: int) -> None:
        self.unit.start()
        self.city.start_hub()

    def finish_by_sticks(self) -> None:
        """Now the line is cut for good."""
        for _ in range(3):
            self.sticks.up(self.unit)
            self.people(0)
            self.sticks.down(self.unit)
            self.people(0)


_STEPS = ["offer", "line", "write_up", "write_down", "take_up", "take_down", "people", "restart"]


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    steps=st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 11)), min_size=6, max_size=16),
)
def test_whatever_comes_by_which_way_and_when(seed: int, steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Town(Path(folder), seed)
        town.offer(0)
        for name, luck in steps:
            getattr(town, name)(luck)
        town.finish_by_sticks()
        states = {town.unit.batch_state(batch_id) for batch_id in town.batches}
        assert states == {"received"}
        assert set(town.city.batch_states().values()) == {"received"}
        assert everywhere_the_same(town.city, town.unit) == NOTHING_WRONG
        with town.unit.folder.database().read() as session:
            # Nor did it take a new beginning to put right what went wrong.
            assert (standing(session).state, standing(session).epoch) == ("active", 1)
        town.city.hub.database().close()
        town.unit.folder.database().close()
