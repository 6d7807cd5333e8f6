"""Two units, one of which hands its fonds over, on real services, databases, folders and HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.custody.two_units import TwoUnits


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., TwoUnits]]:
    made: list[TwoUnits] = []

    def begin(seed: int | None = None) -> TwoUnits:
        made.append(TwoUnits(tmp_path, seed))
        return made[-1]

    yield begin
    for each in made:
        each.city.stop_serving()


@pytest.fixture
def two(start: Callable[..., TwoUnits]) -> TwoUnits:
    return start()
