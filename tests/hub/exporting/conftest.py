"""An archive that has received some records, one of them corrected since; made once, and copied."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.correcting import service as correcting
from hub.federation.places import HubFolder
from shared.kernel.actor import Actor
from tests.hub.conftest import YILING, City
from tests.hub.exporting.exported import RECORDS, Received
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit


def city_in(path: Path) -> City:
    folder = HubFolder(path)
    return City(folder, folder.database(), folder.keys.hub())


@pytest.fixture(scope="session")
def received_once(
    city_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Received]:
    """For those who only read."""
    path = tmp_path_factory.mktemp("received") / "hub"
    shutil.copytree(city_template, path)
    city = city_in(path)
    hub, unit = Hub(city), Unit(city, "夷陵区发展和改革局", YILING, "J001")
    archivist = city.archivist(YILING_ARCHIVE)
    found = Received(hub, unit, unit.hand_over(RECORDS))
    found.take_in(found.batch)
    first = found.records[0]
    correcting.make(city.folder, archivist, first.id, {"title": "更正后的题名"}, "核对原件")
    hub.work()
    city.database.close()
    yield found
    city.database.close()


@pytest.fixture
def received(received_once: Received, tmp_path: Path) -> Iterator[Received]:
    """For those who change something."""
    received_once.hub.city.database.close()
    shutil.copytree(received_once.hub.city.folder.path, tmp_path / "hub")
    city = city_in(tmp_path / "hub")
    unit = copy.copy(received_once.unit)
    unit.city = city
    yield Received(Hub(city), unit, received_once.batch)
    city.database.close()


@pytest.fixture
def unit(received: Received) -> Unit:
    return received.unit


@pytest.fixture
def archivist(received: Received) -> Actor:
    return received.hub.city.archivist(YILING_ARCHIVE)


@pytest.fixture
def reviewer(received: Received) -> Actor:
    return received.hub.city.reviewer(YILING_ARCHIVE)
