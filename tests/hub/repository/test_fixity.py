"""Whatever happens to a file that is kept is named, and brought back from where it is intact."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hub.federation.generations import begin_generation
from hub.repository.audit_segments import AuditWriter
from hub.repository.examining import UNREADABLE, FaultKind, Stores, examine
from hub.repository.expected import expected_in
from hub.repository.fixity import Fixity
from hub.repository.handing_out import papers_after
from hub.repository.keeping import MARK, Copy, kept_in
from hub.repository.mending import mend
from hub.repository.models import FileFault, KeptObject
from hub.repository.papers import PaperFinder, keep_document
from hub.repository.registers import RegisterWriter
from hub.repository.second_copy import Copying, begin_anew
from hub.repository.service import PaperWriter, keep_paper
from shared.audit import root_of
from shared.audit.models import AuditEvent
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, Unavailable
from shared.storage import FolderStore
from tests.audit_digests import many_of
from tests.damage import flipped
from tests.hub.conftest import City
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.hub.repository.keeping import Keeper, contents, damage, with_second_store
from tests.hub.repository.test_moving import kept_by_the_old_version
from tests.hub.repository.validating import assert_valid

DAMAGED, MISSING, SURPLUS = FaultKind.DAMAGED, FaultKind.MISSING, FaultKind.SURPLUS
LONG_AGO = now() - timedelta(days=400)


@pytest.fixture
def alone(city: City) -> Keeper:
    """An archive with one store."""
    return Keeper(city.database, Stores(city.folder.store))


@pytest.fixture
def keeper(city: City, tmp_path: Path) -> Keeper:
    """An archive with a second store."""
    return Keeper(city.database, Stores(city.folder.store, FolderStore(tmp_path / "second")))


def test_every_flipped_bit_and_every_removed_file_is_named_and_nothing_else(alone: Keeper) -> None:
    place = alone.keep(corrections=2)
    assert alone.faults() == set()
    store = alone.stores.first
    whole = contents(store, place)
    assert len(whole) == 1 + 3 + 2 + 3 * 2 + 2
    for at, (name, content) in enumerate(whole.items()):
        file = name.removeprefix(f"{place}/")
        damage(store, name, flipped(content, at * 31))
        assert alone.faults() == {(DAMAGED, file)}
        store.delete(name)
        assert alone.faults() == {(MISSING, file)}
        damage(store, name, content)
        assert alone.faults() == set()


def test_what_an_inventory_says_is_made_anew_without_another_copy(alone: Keeper) -> None:
    place = alone.keep(corrections=2)
    store = alone.stores.first
    whole = contents(store, place)
    for name, content in whole.items():
        damage(store, name, flipped(content))
        left = alone.faults(mends=True)
        assert bool(left) is ("/content/" in name), name
        damage(store, name, content)
    assert contents(store, place) == whole
    assert_valid(store, YILING_ARCHIVE)


def test_what_is_surplus_is_named_stays_and_is_put_aside_when_somebody_asks(
    alone: Keeper,
) -> None:
    place = alone.keep()
    store = alone.stores.first
    damage(store, f"{place}/v3/content/note.txt", b"strange")
    damage(store, f"{place}/Thumbs.db", b"strange")
    # A name that no store takes, as an editor or a file manager leaves it.
    assert isinstance(store, FolderStore)
    (store.path / place / "v3/content/新建 文本.txt").write_bytes(b"strange")
    found = {(SURPLUS, f"v3/content/{name}") for name in ("note.txt", "新建 文本.txt")}
    found |= {(SURPLUS, "Thumbs.db")}
    assert alone.faults(mends=True) == found
    with alone.database.write() as session:
        session.execute(update(FileFault).values(wish="aside"))
    # That is asked for: nobody waits for the hour in which it is looked at again anyway.
    hourly = Fixity(alone.database, alone.stores, every=timedelta(days=1), mend=mend, pause=0.0)
    hourly.step()
    assert alone.faults() == set()
    aside = contents(store, f"archives/{YILING_ARCHIVE}/aside/")
    assert sorted(name.rpartition("/")[2] for name in aside) == [
        "=E6=96=B0=E5=BB=BA=20=E6=96=87=E6=9C=AC.txt", "Thumbs.db", "note.txt",
    ]  # fmt: skip
    assert set(aside.values()) == {b"strange"}
    assert_valid(store, YILING_ARCHIVE)


def test_what_lies_outside_of_everything_that_is_kept_is_named_and_put_aside_too(
    keeper: Keeper,
) -> None:
    archive, own = f"archives/{YILING_ARCHIVE}", "hub/keys/hub-0002.json"
    keeper.keep()
    with keeper.database.write() as session:
        keep_document(session, own, {})
    first = keeper.stores.first
    assert isinstance(first, FolderStore)
    PaperWriter(keeper.database, first).step()
    keeper.copy()
    declared = f"{archive}/ocfl/0=ocfl_1.1"
    damage(first, declared, b"else")
    # Names as our writers give them: their rows may come in a moment, so they count after a day.
    old, new = f"{archive}/receipts/ab/old.json", f"{archive}/receipts/ab/new.json"
    strange = {f"{archive}/ocfl/aaa/x", f"{archive}/receipts/ab/说明.txt", old}
    of_hub = {"archives/x.zip", "hub/Thumbs.db", "Thumbs.db"}
    for name in (*strange, *of_hub, new, f"{archive}/aside/x", "lost+found/x"):
        path = first.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"strange")
    os.utime(first.path / old, (0, 0))
    fixity = Fixity(keeper.database, keeper.stores, mend=mend, with_outside=True, pause=0.0)

    def faults() -> set[tuple[str, FaultKind, str]]:
        return {
            (looked.kept.archive_code, each.kind, each.name)
            for looked in fixity.run(now())
            for each in looked.faults
        }

    found = {(YILING_ARCHIVE, SURPLUS, name) for name in strange}
    found |= {("hub", SURPLUS, name) for name in of_hub}
    assert faults() == found  # what the root declares has been made anew
    assert contents(first, declared) == {declared: b"ocfl_1.1\n"}
    with keeper.database.write() as session:
        session.execute(update(FileFault).values(wish="aside"))
        # It is no record and no paper: nothing is copied, and nobody exports it.
        assert session.scalars(select(KeptObject.waiting_since)).all() == [None] * 4
        assert begin_anew(City.admin, "hub", session=session) == 2
        everyone = system_actor("export")
        assert [each.place for each in papers_after(everyone, "", session=session)] == [own]
    assert faults() == set()
    assert len(contents(first, f"{archive}/aside/papers/")) == len(strange) + 1
    second = Fixity(
        keeper.database, keeper.stores, Copy.SECOND, mend=mend, with_outside=True, pause=0.0
    )
    keeper.copy()
    assert not any(looked.faults for looked in second.run(now()))


def test_an_inventory_that_was_put_back_to_an_older_one_is_noticed(keeper: Keeper) -> None:
    """Each file of it is sound by itself: only the database knows that there was a correction."""
    place = keeper.keep(corrections=1)
    store = keeper.stores.first
    whole = contents(store, place)
    for file in ("inventory.json", "inventory.json.sha256"):
        damage(store, f"{place}/{file}", whole[f"{place}/v1/{file}"])
    assert keeper.faults() == {(DAMAGED, "inventory.json"), (DAMAGED, "inventory.json.sha256")}
    keeper.faults(mends=True)
    assert contents(store, place) == whole


def test_an_object_without_any_inventory_is_known_by_the_other_copy(keeper: Keeper) -> None:
    place = keeper.keep()
    keeper.copy()
    store = keeper.stores.first
    whole = contents(store, place)
    for name in whole:
        store.delete(name)
    keeper.keep()  # of the archive something is there: it is not the disk that is away
    assert {kind for kind, _file in keeper.faults()} == {MISSING}
    assert keeper.faults(mends=True) == set()
    assert contents(store, place) == whole


def test_papers_and_what_version_0_1_kept_are_read_as_well(alone: Keeper) -> None:
    with alone.database.write() as session:
        keep_paper(session, YILING_ARCHIVE, "verdicts", "0" * 36, {"a": 1})
    PaperWriter(alone.database, alone.stores.first).step()
    assert alone.faults() == set()
    [name] = alone.stores.first.names(f"archives/{YILING_ARCHIVE}/verdicts/")
    damage(alone.stores.first, name, b'{"a":2}')
    assert alone.faults() == {(DAMAGED, name)}


def test_what_the_hub_keeps_of_itself_is_read_copied_and_mended_as_well(
    city: City, keeper: Keeper
) -> None:
    """Registers and audit, and what lies in the store before the database has a row of it."""
    first, second = keeper.stores.first, keeper.stores.of(Copy.SECOND)
    begin_generation(city.folder)
    RegisterWriter(city.database).step()
    AuditWriter(city.database, wait=timedelta(0)).step()
    finder = PaperFinder(city.database, first)
    while PaperWriter(city.database, first).step() or finder.step():
        pass
    keeper.copy()
    papers = contents(first, "hub/")
    assert {name.split("/")[1] for name in papers} == {"audit", "generations", "registers"}
    assert contents(second, "hub/") == papers
    for copy, store in ((Copy.FIRST, first), (Copy.SECOND, second)):
        for folder in ("audit", "generations", "registers"):
            name = next(each for each in papers if each.startswith(f"hub/{folder}/"))
            damage(store, name, b"rotten")
            assert keeper.faults(copy) == {(DAMAGED, name)}
            assert keeper.faults(copy, mends=True) == set()
    assert contents(first, "hub/").items() >= papers.items()
    assert any(name.startswith("hub/aside/") for name in first.names("hub/"))
    with city.database.read() as session:
        subjects = set(session.scalars(select(AuditEvent.subject).where(
            AuditEvent.action == "object.damaged"
        )))  # fmt: skip
    assert subjects == {"hub"}


def test_a_file_that_cannot_be_read_holds_up_nobody(alone: Keeper) -> None:
    place, other = alone.keep(), alone.keep()
    assert isinstance(alone.stores.first, FolderStore)
    [package] = [name for name in contents(alone.stores.first, place) if name.endswith(".zip")]
    path = alone.stores.first._path(package)
    path.unlink()
    path.symlink_to("/proc/self/mem")  # reading it is an error of input and output
    looked = alone.fixity(mends=True).look_at([place, other])
    assert [[(each.kind, each.actual) for each in one.faults] for one in looked] == [
        [(DAMAGED, UNREADABLE)],
        [],
    ]


def test_a_disk_that_is_not_mounted_is_not_taken_for_lost_files(
    alone: Keeper, tmp_path: Path
) -> None:
    alone.keep()
    alone.stores = Stores(FolderStore(tmp_path / "empty"))
    with pytest.raises(Unavailable, match="没有档案馆"):
        alone.faults()
    with alone.database.read() as session:
        assert session.scalars(select(FileFault)).all() == []


# ---- whose turn it is


def test_what_was_read_least_recently_comes_first_and_what_is_not_due_waits(
    alone: Keeper,
) -> None:
    places = [alone.keep(corrections=0) for _ in range(3)]
    with alone.database.write() as session:
        for days, place in enumerate(places):
            session.get_one(KeptObject, place).looked_at = LONG_AGO + timedelta(days=days * 200)
    fixity = alone.fixity()
    read = [each.kept.place for each in fixity.run(now() - timedelta(days=90), limit=1)]
    assert read == places[:1]
    read = [each.kept.place for each in fixity.run(now() - timedelta(days=90))]
    assert read == places[1:2]
    assert list(fixity.run(now(), archive_code="420583")) == []
    assert [each.kept.place for each in fixity.run(now())] == [places[2], places[0], places[1]]


def test_what_is_faulty_is_looked_at_again_within_the_hour_and_the_alert_ends(
    alone: Keeper,
) -> None:
    place = alone.keep()
    name = f"{place}/v1/content/receipt.json"
    content = contents(alone.stores.first, name)[name]
    alone.stores.first.delete(name)
    alone.faults()
    step = Fixity(alone.database, alone.stores, every=timedelta(days=90), pause=0.0).step
    damage(alone.stores.first, name, content)
    step()
    with alone.database.write() as session:
        row = session.get_one(KeptObject, place)
        assert row.intact is False, "not due yet"
        row.looked_at = now() - timedelta(hours=2)
    step()
    with alone.database.read() as session:
        assert session.get_one(KeptObject, place).intact is True
        assert session.scalars(select(FileFault)).all() == []
        told = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert [each for each in told if each.startswith("object.")] == [
        "object.damaged",
        "object.intact_again",
    ]


def test_a_correction_that_is_made_while_its_record_is_read_is_no_fault(
    alone: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = alone.keep(corrections=0)

    def corrected(*arguments: object, **options: object) -> object:
        """Between what the database says and what the store has, a version is written."""
        if not done:
            done.append(True)
            alone.correct(alone.records[0], 2)
        return examine(*arguments, **options)

    done: list[bool] = []
    monkeypatch.setattr("hub.repository.fixity.examine", corrected)
    assert [each.faults for each in alone.fixity(mends=True).look_at([place])] == [()]
    assert done
    assert alone.faults() == set()


# ---- the second copy


def test_what_is_received_and_corrected_has_a_second_copy_that_was_read(keeper: Keeper) -> None:
    place = keeper.keep(corrections=0)
    keeper.copy()
    first, second = keeper.stores.first, keeper.stores.of(Copy.SECOND)
    assert contents(second, place) == contents(first, place)
    keeper.correct(keeper.records[0], 2)
    with keeper.database.read() as session:
        assert session.get_one(KeptObject, place).waiting_since is not None
    keeper.copy()
    assert contents(second, place) == contents(first, place)
    assert_valid(second, YILING_ARCHIVE)
    with keeper.database.read() as session:
        row = session.get_one(KeptObject, place)
    assert row.waiting_since is None
    assert row.second_intact is True


@pytest.mark.parametrize("copy", Copy)
def test_either_copy_is_mended_from_the_other_and_what_was_there_is_put_aside(
    keeper: Keeper, copy: Copy
) -> None:
    place = keeper.keep()
    keeper.copy()
    store = keeper.stores.of(copy)
    whole = contents(store, place)
    for at, (name, content) in enumerate(whole.items()):
        if at % 2:
            damage(store, name, flipped(content))
        else:
            store.delete(name)
    assert len(keeper.faults(copy)) == len(whole)
    other = Copy.SECOND if copy is Copy.FIRST else Copy.FIRST
    assert keeper.faults(other) == set(), "each copy is recorded by itself"
    assert keeper.faults(copy, mends=True) == set()
    assert contents(store, place) == whole
    aside = contents(store, f"archives/{YILING_ARCHIVE}/aside/").values()
    damaged = list(whole.values())[1::2]
    assert set(aside) == {flipped(each) for each in damaged}
    with keeper.database.read() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "object.mended")
        ).one()
    assert event.details["count"] == len(whole)


def test_what_is_damaged_in_both_copies_stays_as_it_is_and_is_named(keeper: Keeper) -> None:
    place = keeper.keep()
    keeper.copy()
    name = next(name for name in contents(keeper.stores.first, place) if name.endswith(".zip"))
    for copy in Copy:
        damage(keeper.stores.of(copy), name, b"rotten")
    for copy in Copy:
        assert len(keeper.faults(copy, mends=True)) == 1
        assert contents(keeper.stores.of(copy), name)[name] == b"rotten"


def test_what_is_damaged_is_not_copied_before_it_was_mended(keeper: Keeper) -> None:
    place, sound = keeper.keep(), keeper.keep()
    first, second = keeper.stores.first, keeper.stores.of(Copy.SECOND)
    name = next(name for name in contents(first, place) if name.endswith(".zip"))
    content = contents(first, name)[name]
    damage(first, name, flipped(content))
    damage(first, f"{sound}/Thumbs.db", b"strange")  # that holds up nothing, and is not copied
    keeper.faults()
    keeper.copy()
    first.delete(f"{sound}/Thumbs.db")
    assert not second.exists(name)
    assert contents(second, sound) == contents(first, sound)
    damage(first, name, content)
    assert keeper.faults() == set()
    keeper.copy()
    assert contents(second, place) == contents(first, place)


def test_a_second_store_that_is_newer_than_the_first_keeps_its_versions(keeper: Keeper) -> None:
    """The hub was restored from yesterday's backup, and its second store was not."""
    place = keeper.keep(corrections=0)
    yesterday = contents(keeper.stores.first, place)
    keeper.correct(keeper.records[0], 2)
    keeper.copy()
    newer = contents(keeper.stores.of(Copy.SECOND), place)
    for name in set(newer) - set(yesterday):
        keeper.stores.first.delete(name)
    for name, content in yesterday.items():
        damage(keeper.stores.first, name, content)
    with keeper.database.write() as session:
        for table in ("repository_description",):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
        session.get_one(KeptObject, place).waiting_since = now()
    keeper.copy()
    assert contents(keeper.stores.of(Copy.SECOND), place) == newer


def test_a_second_store_that_is_not_the_one_it_was_is_left_alone(
    keeper: Keeper, tmp_path: Path
) -> None:
    keeper.keep()
    keeper.copy()
    keeper.stores = Stores(keeper.stores.first, FolderStore(tmp_path / "another"))
    keeper.keep()
    with pytest.raises(Unavailable, match="没有原来的内容"):
        keeper.copy()
    assert list(keeper.stores.of(Copy.SECOND).names()) == []
    with keeper.database.write() as session:
        assert begin_anew(City.admin, "hub", session=session) == 2
        places = session.scalars(select(KeptObject.place)).all()
        assert many_of("hub.second_store_begun", session) == (2, root_of(places))
    keeper.copy()
    assert keeper.faults(Copy.SECOND) == set()
    stranger = Copying(keeper.database, keeper.stores, "another hub")
    with pytest.raises(Unavailable, match="另一个平台"):
        stranger.step()
    assert keeper.stores.of(Copy.SECOND).exists(MARK)


@pytest.mark.parametrize("folder", ["", "store", "store/second", "nowhere"])
def test_a_second_store_within_the_first_or_nowhere_is_refused(city: City, folder: str) -> None:
    (city.folder.path / "store" / "second").mkdir(parents=True)
    hub = with_second_store(city.folder, str(city.folder.path / folder))
    with pytest.raises(Invalid, match="second_store"):
        _ = hub.second_store


def test_what_must_be_there_is_what_lies_there(alone: Keeper) -> None:
    """The files that an inventory makes anew are those that were written, byte by byte."""
    place = alone.keep(corrections=3)
    with alone.database.read() as session:
        kept = kept_in([place], session=session)[place]
    expected = expected_in(alone.stores.first, kept)
    assert expected is not None
    whole = contents(alone.stores.first, place)
    assert set(expected.digests) == set(whole)
    assert {name: whole[name] for name in expected.made} == dict(expected.made)


def test_what_was_kept_before_the_rows_existed_has_rows_after_the_migration(city: City) -> None:
    alone = Keeper(city.database, Stores(city.folder.store))
    alone.keep()
    with city.database.write() as session:
        keep_paper(session, YILING_ARCHIVE, "verdicts", "0" * 36, {"a": 1})
    PaperWriter(city.database, city.folder.store).step()
    kept_by_the_old_version(city)

    def rows() -> list[tuple[str, str, str | None, bool]]:
        with city.database.read() as session:
            return sorted(
                (each.place, each.archive_code, each.record_id, each.waiting_since is not None)
                for each in session.scalars(select(KeptObject))
            )

    before = rows()
    assert len(before) == 3
    city.folder.schema.downgrade("0005")
    city.folder.schema.upgrade()
    assert rows() == before
    assert alone.faults() == set()
