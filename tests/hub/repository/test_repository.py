"""What an archive keeps: unchanged, under its digest, its receipt beside it, verified anew."""

from __future__ import annotations

import io

import pytest

from hub.repository import objects
from hub.repository import service as repository
from hub.repository.models import KeptObject, Paper
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Conflict, Invalid, NotFound
from shared.kernel.identifiers import new_id
from tests.hub.conftest import City
from tests.hub.repository.validating import assert_valid

ARCHIVE = "420506"
PACKAGE, RECEIPT = b"package", b'{"at":"2026-03-02T01:30:00Z","receipt":1}'


def keep(city: City, record_id: str, package: bytes = PACKAGE) -> repository.Placed:
    placed = repository.store_package(
        city.folder.store,
        ARCHIVE,
        record_id,
        sha256_hex(package),
        stream=io.BytesIO(package),
        size=len(package),
        receipt=RECEIPT,
    )
    with city.database.write() as session:
        repository.note_placed(session, [placed])
    return placed


def test_a_package_is_kept_unchanged_and_keeping_it_again_is_nothing(city: City) -> None:
    record_id = new_id()
    first = keep(city, record_id)
    assert keep(city, record_id) == first
    assert first.package.name.startswith(f"archives/{ARCHIVE}/ocfl/")
    assert first.package.name.endswith(f"/v1/content/{sha256_hex(PACKAGE)}.zip")
    with city.database.read() as session:
        kept = repository.kept_package(ARCHIVE, record_id, session=session)
        assert repository.count_kept(ARCHIVE, session=session) == (1, len(PACKAGE))
    with repository.open_package(city.folder.store, kept) as stream:
        assert stream.read() == PACKAGE
    assert repository.receipt_beside(city.folder.store, ARCHIVE, record_id) == RECEIPT


def test_bytes_that_are_not_the_named_ones_are_not_kept(city: City) -> None:
    record_id = new_id()
    with pytest.raises(Invalid):
        repository.store_package(
            city.folder.store,
            ARCHIVE,
            record_id,
            sha256_hex(b"other"),
            stream=io.BytesIO(PACKAGE),
            size=len(PACKAGE),
            receipt=RECEIPT,
        )
    assert not any(name.endswith((".zip", "inventory.json")) for name in city.folder.store.names())


def test_another_receipt_does_not_take_the_place_of_the_first(city: City) -> None:
    record_id = new_id()
    keep(city, record_id)
    with pytest.raises(Conflict):
        repository.store_package(
            city.folder.store,
            ARCHIVE,
            record_id,
            sha256_hex(PACKAGE),
            stream=io.BytesIO(PACKAGE),
            size=len(PACKAGE),
            receipt=b"another",
        )


def test_what_rots_or_goes_missing_is_found(city: City) -> None:
    sound, rotten, gone = (new_id() for _ in range(3))
    places = {each: keep(city, each, each.encode()) for each in (sound, rotten, gone)}
    root = city.folder.path / "store"
    (root / places[rotten].package.name).write_bytes(b"x" * len(rotten))
    (root / places[gone].package.name).unlink()
    (root / places[gone].receipt.name).unlink()
    broken = repository.verify(city.database, city.folder.store, ARCHIVE)
    assert {each.name for each in broken} == {
        places[rotten].package.name,
        places[gone].package.name,
        places[gone].receipt.name,
    }
    with city.database.read() as session:
        intact = {
            each: session.get_one(KeptObject, objects.folder_of(ARCHIVE, each)).intact
            for each in (sound, rotten, gone)
        }
    assert intact == {sound: True, rotten: False, gone: False}
    assert repository.verify(city.database, city.folder.store, "420583") == []


def test_a_correction_is_a_new_version_and_the_first_stays_as_it_was(city: City) -> None:
    store = city.folder.store
    keep(city, record_id := new_id())
    folder = f"{objects.folder_of(ARCHIVE, record_id)}/v1/"
    before = [store.stat(name) for name in store.names(folder)]
    for version in (3, 4, 4):
        content = f'{{"at":"2026-03-0{version}T01:30:00Z"}}'.encode()
        repository.store_description(store, ARCHIVE, record_id, version, content)
    assert [store.stat(name) for name in store.names(folder)] == before
    inventory = objects.inventory_of(store, ARCHIVE, record_id)
    assert inventory is not None
    assert objects.head_number(inventory) == 3
    assert objects.files_of(inventory)["description-3.json"] == "v2/content/description-3.json"
    assert_valid(store, ARCHIVE)


def test_what_a_forgotten_writer_left_is_taken_into_the_version(city: City) -> None:
    store, record_id = city.folder.store, new_id()
    left = objects.content_name(ARCHIVE, record_id, 1, "inspection-0123456789abcdef.json")
    objects.put_bytes(store, left, b"{}")
    keep(city, record_id)
    inventory = objects.inventory_of(store, ARCHIVE, record_id)
    assert inventory is not None
    assert "inspection-0123456789abcdef.json" in objects.files_of(inventory)
    assert_valid(store, ARCHIVE)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"head": "v1", "id": "x"}'])
def test_nothing_is_written_to_an_object_whose_inventory_is_damaged(
    city: City, content: bytes
) -> None:
    store = city.folder.store
    keep(city, record_id := new_id())
    store.replace(f"{objects.folder_of(ARCHIVE, record_id)}/inventory.json", content)
    before = list(store.names())
    with pytest.raises(Conflict, match="清单损坏"):
        repository.store_description(store, ARCHIVE, record_id, 2, RECEIPT)
    assert list(store.names()) == before


def test_what_an_archive_does_not_keep_is_not_found(city: City) -> None:
    keep(city, record_id := new_id())
    with city.database.read() as session, pytest.raises(NotFound):
        repository.kept_package("420583", record_id, session=session)


def test_papers_are_written_after_their_commit_and_only_once(city: City) -> None:
    paper_id = new_id()
    writer = repository.PaperWriter(city.database, city.folder.store)
    with city.database.write() as session:
        repository.keep_paper(session, ARCHIVE, "verdicts", paper_id, {"a": 1})
        repository.keep_paper(session, ARCHIVE, "verdicts", paper_id, {"a": 1})
        with pytest.raises(Conflict):
            repository.keep_paper(session, ARCHIVE, "verdicts", paper_id, {"a": 2})
    assert writer.step() is True
    assert writer.step() is False
    assert repository.paper_of(city.folder.store, ARCHIVE, "verdicts", paper_id) == {"a": 1}
    assert list(repository.papers(city.folder.store, ARCHIVE, "verdicts")) == [{"a": 1}]


def test_one_paper_that_the_store_refuses_does_not_hold_up_the_others(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = new_id(), new_id()
    with city.database.write() as session:
        repository.keep_paper(session, ARCHIVE, "verdicts", first, {"a": 1})
    writer = repository.PaperWriter(city.database, city.folder.store)
    writer.step()
    with city.database.write() as session:
        session.delete(
            session.get_one(Paper, f"archives/{ARCHIVE}/verdicts/{first[-2:]}/{first}.json")
        )
        session.flush()
        repository.keep_paper(session, ARCHIVE, "verdicts", first, {"a": 2})
        repository.keep_paper(session, ARCHIVE, "verdicts", second, {"b": 1})
    assert writer.step() is True
    assert writer.step() is False
    assert repository.paper_of(city.folder.store, ARCHIVE, "verdicts", first) == {"a": 1}
    assert repository.paper_of(city.folder.store, ARCHIVE, "verdicts", second) == {"b": 1}
    assert "another paper" in caplog.text
