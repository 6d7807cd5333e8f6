"""A hub that keeps everything in an S3 service, which goes away while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from hub.catalogue.query import Filters
from hub.exporting.folder import ExportFolder
from hub.exporting.service import draft
from hub.exporting.work import Export
from hub.federation.doctor import examine_store
from hub.federation.places import HubFolder
from hub.repository import service as repository
from hub.repository.examining import FaultKind, Stores
from hub.repository.keeping import Copy
from hub.repository.versions import EventKind, add_version
from shared.kernel.actor import Role
from shared.kernel.errors import Unavailable
from shared.kernel.settings import change_settings, save_settings
from tests.damage import flipped
from tests.federation import NOTHING_WRONG, Federation, everywhere_the_same
from tests.hub.conftest import YILING, City, found
from tests.hub.disposal.conftest import furnished, people
from tests.hub.receiving.handover import Hub, Unit, pdf
from tests.hub.repository.keeping import Keeper, contents, damage, with_second_store
from tests.hub.repository.validating import assert_valid
from tests.servers.postgresql import PostgreSQL
from tests.servers.proxy import Proxy, Weather
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS

# A service starts in seconds, but not on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    service = SeaweedFS(tmp_path_factory.mktemp("weed"))
    service.start()
    yield service
    service.kill()


@pytest.fixture
def proxy(service: SeaweedFS, seed: int) -> Iterator[Proxy]:
    """A bad line to the service."""
    proxy = Proxy(service.port, seed=seed)
    yield proxy
    proxy.close()


def hub_with_bucket(folder: Path, address: str) -> Federation:
    """A hub whose objects and uploads lie in this bucket."""
    city = Federation(folder)
    settings = replace(
        city.hub.settings,
        store=address,
        store_access_key=ACCESS_KEY,
        store_secret_key=SECRET_KEY,
    )
    save_settings(settings, city.hub.path)
    city.hub.database().close()
    city.hub = HubFolder(city.hub.path)
    city.start_hub()
    return city


def test_packages_are_received_into_a_bucket_also_when_it_was_away(
    tmp_path: Path, service: SeaweedFS
) -> None:
    city = hub_with_bucket(tmp_path, service.make_bucket("archives"))
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


def test_what_rots_in_a_bucket_is_named_and_mended_from_another(
    tmp_path: Path, service: SeaweedFS
) -> None:
    city = hub_with_bucket(tmp_path, service.make_bucket("first"))
    city.hub = with_second_store(
        city.hub,
        service.make_bucket("second"),
        second_store_access_key=ACCESS_KEY,
        second_store_secret_key=SECRET_KEY,
    )
    keeper = Keeper(city.hub.database(), Stores(city.hub.store, city.hub.second_store))
    place = keeper.keep()
    keeper.copy()
    for copy in Copy:
        store = keeper.stores.of(copy)
        whole = contents(store, place)
        damaged, missing = [name for name in whole if "/content/" in name][:2]
        damage(store, damaged, flipped(whole[damaged]))
        store.delete(missing)
        damage(store, f"{place}/strange.txt", b"strange")
        surplus = {(FaultKind.SURPLUS, "strange.txt")}
        assert len(keeper.faults(copy)) == 3
        assert keeper.faults(copy, mends=True) == surplus
        store.delete(f"{place}/strange.txt")
        assert contents(store, place) == whole
        assert keeper.faults(copy) == set()


def test_versions_exports_and_disposal_on_postgresql_and_two_buckets(
    tmp_path: Path,
    service: SeaweedFS,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later version, a record kept longer, one destroyed, and what is left copied out."""
    archivist, reviewer = people(Role.ARCHIVIST, Role.REVIEWER)
    for name, value in (("ACCESS", ACCESS_KEY), ("SECRET", SECRET_KEY)):
        monkeypatch.setenv(f"DANGLIAN_STORE_{name}_KEY", value)
        monkeypatch.setenv(f"DANGLIAN_SECOND_STORE_{name}_KEY", value)
    database = postgresql.create()
    found(tmp_path / "hub", postgresql.url(database))
    folder = HubFolder(tmp_path / "hub")
    buckets = {
        each: service.make_bucket(each.replace("_", "-")) for each in ("store", "second_store")
    }
    change_settings(folder.path, buckets)
    folder = HubFolder(folder.path)
    hub = Hub(City(folder, folder.database(), folder.keys.hub()))
    room = furnished(hub, Unit(hub.city, "夷陵区发展和改革局", YILING, "J001"), reviewer, archivist)
    gone, longer, migrated = room.ids
    rendition = tmp_path / "正文.ofd"
    rendition.write_bytes(b"made-up bytes of a rendition")
    facts = {"source": "正文.pdf", "tool": "转换工具 1.0", "reason": "长期保存"}
    files = {rendition.name: rendition}
    add_version(folder, archivist, migrated, EventKind.MIGRATION, files, facts=facts)
    hub.work()
    appraisal_id = room.drawn([gone, longer])
    room.judged(appraisal_id, [gone], "destroy")
    room.judged(appraisal_id, [longer], "extend", longer="D30")
    room.submit(appraisal_id)
    room.approve(appraisal_id)
    room.watch(appraisal_id)
    room.work(3)
    assert room.appraisal(appraisal_id).state == "done"
    room.is_gone(gone, appraisal_id)
    assert room.record(longer).retention == "D30"
    room.all_is_well()
    out = tmp_path / "out"
    with hub.city.database.read() as session:
        plan, chosen = draft(archivist, folder.settings.hub_id, "own", Filters(), session=session)
    assert chosen.count == 2
    with ExportFolder.opened(out, plan) as opened:
        export = Export(folder, opened, archivist)
        while export.step():
            pass
        assert opened.left_out == []
    assert [each.read_bytes() for each in out.rglob("event-*.ofd")] == [rendition.read_bytes()]
    folder.database().close()
    postgresql.drop(database)


@pytest.mark.parametrize(
    ("weather", "seed"),
    [
        ("busy", 2),
        pytest.param("slow", 1, marks=pytest.mark.at_length),
        pytest.param("cut", 3, marks=pytest.mark.at_length),
    ],
)
def test_packages_come_whole_into_a_store_that_is_slow_busy_or_cuts_the_line(
    tmp_path: Path, service: SeaweedFS, proxy: Proxy, weather: Weather, seed: int
) -> None:
    """Bad while packages are uploaded in parts and checked, and again while they are received."""
    bucket = f"{weather}-{seed}"
    service.make_bucket(bucket)
    city = hub_with_bucket(tmp_path, f"s3+http://127.0.0.1:{proxy.port}/{bucket}")
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    city.serve()
    try:
        files = [pdf("正文", extra) for extra in (1_600_000, 300_000, 30_000)]
        batch_id = unit.offer(unit.file(4, files=files))
        proxy.turn(weather)
        live_through(city, turns=12)
        proxy.turn("fair")
        city.settle()
        assert city.batch_states()[batch_id] == "under_review"
        city.conclude(batch_id, "accepted")
        city.settle()
        unit.sign(batch_id)
        city.settle()

        if weather == "busy":
            proxy.turn(weather)
            with pytest.raises(Unavailable, match="对象存储暂时不能读写"):
                city.sign(batch_id)
            assert city.batch_states()[batch_id] == "signed_by_unit", "nothing was decided"
            proxy.turn("fair")
        city.sign(batch_id)
        proxy.turn(weather)
        live_through(city, turns=12)
        if weather == "busy":
            assert city.batch_states()[batch_id] == "receiving", "decided, and waiting"
        proxy.turn("fair")
        city.settle()
    finally:
        city.stop_serving()
    assert proxy.spoiled > 0 or weather == "slow"
    assert city.batch_states()[batch_id] == "received"
    assert unit.batch_state(batch_id) == "received"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG
    packages = [name for name in city.hub.store.names("archives/") if name.endswith(".zip")]
    assert len(packages) == 4
    archive = packages[0].split("/")[1]
    assert repository.verify(city.hub.database(), city.hub.store, archive) == []
    assert_valid(city.hub.store, archive)


def live_through(city: Federation, *, turns: int) -> None:
    """What the loops of the processes do in bad weather: log it, and try again later."""
    for _ in range(turns):
        with suppress(Unavailable):
            city.turn()
        city.clock.seconds += 25
