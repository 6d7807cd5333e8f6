"""Units of three places, and the people of their archives."""

from __future__ import annotations

import pytest

from shared.kernel.actor import Actor
from tests.hub.conftest import YILING, ZHIJIANG, City
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Hub, Unit


@pytest.fixture
def hub(city: City) -> Hub:
    return Hub(city)


@pytest.fixture
def unit(city: City) -> Unit:
    """A department of 夷陵区, whose own archive reviews and receives."""
    return Unit(city, "夷陵区发展和改革局", YILING, "J001")


@pytest.fixture
def other_unit(city: City) -> Unit:
    """A department of 枝江市."""
    return Unit(city, "枝江市水利局", ZHIJIANG, "S001")


@pytest.fixture
def reviewer(city: City) -> Actor:
    return city.reviewer(YILING_ARCHIVE)


@pytest.fixture
def archivist(city: City) -> Actor:
    return city.archivist(YILING_ARCHIVE)


@pytest.fixture
def other_reviewer(city: City) -> Actor:
    return city.reviewer(ZHIJIANG_ARCHIVE)
