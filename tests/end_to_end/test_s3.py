"""A hub that keeps everything in an S3 service, which goes away while it works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.federation.doctor import examine_store
from hub.federation.places import HubFolder
from shared.kernel.errors import Unavailable
from shared.kernel.settings import save_settings
from tests.end_to_end.test_streams import NOTHING_WRONG
from tests.federation import Federation, everywhere_the_same
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SeaweedFS]:
    service = SeaweedFS(tmp_path / "weed")
    service.start()
    yield service
    service.kill()


def test_packages_are_received_into_a_bucket_also_when_it_was_away(
    tmp_path: Path, service: SeaweedFS
) -> None:
    city = Federation(tmp_path)
    settings = replace(
        city.hub.settings,
        store=service.make_bucket("archives"),
        store_access_key=ACCESS_KEY,
        store_secret_key=SECRET_KEY,
    )
    save_settings(settings, city.hub.path)
    city.hub.database().close()
    city.hub = HubFolder(city.hub.path)
    city.start_hub()
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    batch_id = unit.offer(unit.file(3))
    city.settle()
    city.conclude(batch_id, "accepted")
    city.settle()
    unit.sign(batch_id)
    city.settle()

    service.kill()
    assert [each.code for each in examine_store(city.hub.store)] == ["store_away"]
    with pytest.raises(Unavailable):
        city.sign(batch_id)
    assert city.batch_states()[batch_id] == "signed_by_unit", "nothing was decided"

    service.start()
    city.sign(batch_id)
    service.kill()
    with pytest.raises(Unavailable):  # a process logs it, and tries again later
        city.settle()
    assert city.batch_states()[batch_id] == "receiving", "decided, and waiting for the store"

    service.start()
    assert list(examine_store(city.hub.store)) == []
    city.settle()
    assert city.batch_states()[batch_id] == "received"
    assert unit.batch_state(batch_id) == "received"
    names = list(city.hub.store.names())
    assert sum(name.endswith("receipt.json") for name in names) == 3
    lying = [each for each in (city.hub.path / "store").rglob("*") if each.is_file()]
    assert lying == [], "nothing lies beside the database"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG
