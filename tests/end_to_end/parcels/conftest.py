"""A city with one township that has no line, and sticks between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.parcels.sticks import Sticks
from tests.federation import Federation, Unit


@pytest.fixture
def unit(city: Federation) -> Unit:
    return city.enrol("龙泉镇人民政府", number="B101")


@pytest.fixture
def sticks(city: Federation, tmp_path: Path) -> Sticks:
    return Sticks(city, tmp_path / "sticks")
