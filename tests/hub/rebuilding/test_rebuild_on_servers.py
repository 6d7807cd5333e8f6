"""The same from a bucket into PostgreSQL: names in their order, times and digests as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.federation.places import HubFolder
from shared.storage import FolderStore
from shared.storage.bucket import Bucket
from shared.storage.s3_store import S3Store
from tests.hub.rebuilding.ruins import (
    compare,
    lively_city,
    lose_all_but_the_store,
    rebuild,
    tables_of,
)
from tests.servers.postgresql import PostgreSQL
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS

pytestmark = [pytest.mark.faults, pytest.mark.at_length, pytest.mark.timeout(300)]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    service = SeaweedFS(tmp_path / "weed")
    service.start()
    yield service.make_bucket("archives")
    service.kill()


def test_from_a_bucket_into_postgresql(
    tmp_path: Path, bucket: str, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = lively_city(tmp_path / "city")
    lost = FolderStore(lose_all_but_the_store(city, tmp_path))
    before = tables_of(city.hub, "repository")
    city.hub.database().close()
    kept = S3Store(Bucket(bucket, ACCESS_KEY, SECRET_KEY).below("repository"))
    for name in lost.names():
        stored = lost.stat(name)
        with lost.open(name) as stream:
            kept.put(name, stream, sha256=stored.sha256, size=stored.size)
    monkeypatch.setenv("DANGLIAN_STORE_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("DANGLIAN_STORE_SECRET_KEY", SECRET_KEY)
    database = postgresql.url(postgresql.create())
    code, told = rebuild(tmp_path, "--database", database, store=bucket)
    assert (code, told["findings"]) == (0, [])
    hub = HubFolder(tmp_path / "new")
    assert (hub.settings.store, hub.settings.database) == (bucket, database)
    assert SECRET_KEY not in (hub.path / "settings.toml").read_text()
    assert compare(before, tables_of(hub, "repository")) == []
    hub.database().close()
