"""What version 0.1 kept in plain folders is read where it lies, and becomes objects, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.repository import keeping, objects
from hub.repository import service as repository
from hub.repository.models import KeptDescription, KeptPackage
from hub.repository.moving import Moving
from shared.kernel.canonical import sha256_hex
from shared.kernel.identifiers import new_id
from tests.hub.conftest import City
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub
from tests.hub.receiving.test_kill import die
from tests.hub.repository.validating import assert_valid

PACKAGE = b"package of version 0.1"
RECEIPT = b'{"at":"2026-03-02T01:30:00Z","receipt":1}'
DESCRIPTION = b'{"at":"2026-03-03T01:30:00Z","record":{}}'


def kept_by_the_old_version(city: City, package: bytes = PACKAGE) -> str:
    """A record as version 0.1 left it: two corrections beside the package; returns its id."""
    record_id = new_id()
    folder = repository.old_folder_of(YILING_ARCHIVE, record_id)
    digest = sha256_hex(package)
    objects.put_bytes(city.folder.store, f"{folder}/{digest}.zip", package)
    objects.put_bytes(city.folder.store, f"{folder}/receipt.json", RECEIPT)
    with city.database.write() as session:
        session.add(
            KeptPackage(
                name=f"{folder}/{digest}.zip", archive_code=YILING_ARCHIVE, record_id=record_id,
                sha256=digest, size=len(package),
                receipt_sha256=sha256_hex(RECEIPT), receipt_size=len(RECEIPT),
            )
        )  # fmt: skip
        keeping.note_kept(session, [(folder, YILING_ARCHIVE, record_id)])
        for version in (9, 10):
            name = f"{folder}/description-{version}.json"
            objects.put_bytes(city.folder.store, name, DESCRIPTION)
            session.add(
                KeptDescription(
                    name=name, archive_code=YILING_ARCHIVE, record_id=record_id,
                    version=version, sha256=sha256_hex(DESCRIPTION), size=len(DESCRIPTION),
                )
            )  # fmt: skip
    return record_id


def read_all(city: City, record_id: str) -> None:
    store = city.folder.store
    with city.database.read() as session:
        kept = repository.kept_package(YILING_ARCHIVE, record_id, session=session)
    with repository.open_package(store, kept) as stream:
        assert stream.read() == PACKAGE
    assert repository.find_package(store, YILING_ARCHIVE, record_id, kept.sha256) == kept.name
    assert repository.receipt_beside(store, YILING_ARCHIVE, record_id) == RECEIPT
    assert list(repository.descriptions(store, YILING_ARCHIVE)) == [(record_id, 9), (record_id, 10)]
    for version in (9, 10):
        beside = repository.description_beside(store, YILING_ARCHIVE, record_id, version)
        assert beside == DESCRIPTION
    assert repository.verify(city.database, store, YILING_ARCHIVE) == []


def is_moved(city: City, record_id: str) -> None:
    read_all(city, record_id)
    store = city.folder.store
    assert list(repository.old_folders(store, YILING_ARCHIVE)) == []
    assert_valid(store, YILING_ARCHIVE)
    inventory = objects.inventory_of(store, YILING_ARCHIVE, record_id)
    assert inventory is not None
    moments = [each["created"] for each in inventory["versions"].values()]
    assert moments == [json.loads(each)["at"] for each in (RECEIPT, DESCRIPTION, DESCRIPTION)]
    with city.database.read() as session:
        names = [*session.scalars(select(KeptPackage.name)),
                 *session.scalars(select(KeptDescription.name))]  # fmt: skip
    assert all(store.exists(name) and "/ocfl/" in name for name in names)


def test_what_the_old_version_kept_is_read_and_then_moved(city: City) -> None:
    record_id = kept_by_the_old_version(city)
    read_all(city, record_id)
    moving = Moving(city.database, city.folder.store)
    assert moving.step() is False
    is_moved(city, record_id)


def test_a_damaged_package_stays_where_it_is_and_holds_up_nobody(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = kept_by_the_old_version(city, b"broken"), kept_by_the_old_version(city)
    with city.database.read() as session:
        kept = repository.kept_package(YILING_ARCHIVE, broken, session=session)
    path: Path = city.folder.path / "store" / kept.name
    path.write_bytes(b"rotten")
    Moving(city.database, city.folder.store).step()
    assert objects.inventory_of(city.folder.store, YILING_ARCHIVE, broken) is None
    assert objects.inventory_of(city.folder.store, YILING_ARCHIVE, sound) is not None
    damaged = repository.verify(city.database, city.folder.store, YILING_ARCHIVE)
    assert [each.name for each in damaged] == [kept.name]
    assert "cannot be moved" in caplog.text


POINTS = [
    ("put-after", 6), ("replace-before", 4), ("replace-before", 8), ("commit", 1),
    ("delete-before", 1), ("delete-after", 2),
]  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize(("what", "at"), POINTS)
def test_killed_while_moving(city: City, *, what: str, at: int) -> None:
    record_id = kept_by_the_old_version(city)
    hub = Hub(city)
    assert die(hub, what, at)
    hub.work()
    is_moved(city, record_id)
