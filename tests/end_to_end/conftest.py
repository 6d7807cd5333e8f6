"""A city with the node of one department, on real services, databases and folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.federation import Federation, Unit


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Federation]:
    federation = Federation(tmp_path)
    yield federation
    federation.hub.database().close()


@pytest.fixture
def unit(city: Federation) -> Unit:
    return city.enrol("宜昌市文化和旅游局", number="A101")
