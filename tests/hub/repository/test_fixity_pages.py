"""What people and programs are told of fixity: pages, the alert list, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from hub.catalogue import service as catalogue
from hub.health import doctor
from hub.repository.examining import Stores
from hub.repository.models import FileFault, KeptObject
from shared.command.main import danglian
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.files import folder_lock
from tests.hub.conftest import City
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Hub, Unit
from tests.hub.receiving.test_kill import signed
from tests.hub.repository.keeping import Keeper, contents, damage, with_second_store
from tests.hub.repository.test_fixity import LONG_AGO


@pytest.fixture
def place(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> str:
    """Where a record lies that was received, with a surplus file and a package that rots."""
    signed(hub, unit, reviewer, archivist)
    hub.work()
    store = hub.city.folder.store
    package = next(name for name in store.names("archives/") if name.endswith(".zip"))
    place = package.rpartition("/v1/")[0]
    damage(store, package, b"rotten")
    damage(store, f"{place}/Thumbs.db", b"strange")
    Keeper(hub.city.database, Stores(store)).faults()
    return place


def hour_passes(city: City) -> None:
    with city.database.write() as session:
        session.execute(update(KeptObject).values(looked_at=LONG_AGO))


def test_only_the_keepers_of_its_archive_see_what_is_faulty(hub: Hub, place: str) -> None:
    desk = make_desk(
        hub.city,
        archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        administrator=Grant(Role.SYSTEM_ADMINISTRATOR),
        stranger=Grant(Role.ARCHIVIST, ZHIJIANG_ARCHIVE),
        reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE),
    )
    page = f"/fixity/objects/{place}"
    for login in ("archivist", "administrator"):
        browser = Browser(desk, login)
        assert f"/fixity/objects/{place}" in browser.get("/fixity/").text
        shown = browser.get(page).text
        for word in ("损坏", "多余", "Thumbs.db", "移开多余的文件", "再核验一次"):
            assert word in shown
    stranger = Browser(desk, "stranger")
    assert place not in stranger.get("/fixity/?tab=all").text
    for path in ("again", "aside"):
        assert stranger.send(f"/fixity/{path}/{place}").status_code == 404
    assert stranger.get(page).status_code == 404
    reviewer = Browser(desk, "reviewer")
    assert (reviewer.get("/fixity/").status_code, reviewer.get(page).status_code) == (403, 403)
    # The title is another rule's: an administrator looks after the bytes, and reads none.
    with hub.city.database.read() as session:
        record_id = session.get_one(KeptObject, place).record_id or ""
        title = catalogue.record_of(record_id, session).title
    assert title in Browser(desk, "archivist").get(page).text
    assert title not in Browser(desk, "administrator").get(page).text


def test_the_list_is_searched_sorted_and_has_all_that_is_kept(hub: Hub, place: str) -> None:
    desk = make_desk(hub.city, archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE))
    browser = Browser(desk, "archivist")
    # Two records; of their papers verdict, receipt and the line of the accession register; and
    # what lies outside of them all.
    assert browser.get("/fixity/?tab=all").text.count("data-row-link") == 6
    assert browser.get("/fixity/").text.count("data-row-link") == 1
    assert "没有符合条件" in browser.get("/fixity/?q=9999-WS").text
    for sort in ("code", "-looked", "second"):
        assert place in browser.get(f"/fixity/?sort={sort}").text
    assert "Thumbs.db" not in browser.get(f"/fixity/objects/{place}?kind=damaged").text
    assert Browser(desk, "archivist").get("/fixity/objects/archives/x").status_code == 404


def test_what_the_hub_keeps_of_itself_is_shown_to_those_who_see_all_archives(
    hub: Hub, place: str
) -> None:
    desk = make_desk(
        hub.city,
        archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
        administrator=Grant(Role.SYSTEM_ADMINISTRATOR),
    )
    hub.work("repository.registers")
    hub.work("repository.papers")
    with hub.city.database.read() as session:
        own = session.scalars(select(KeptObject.place).where(KeptObject.archive_code == "hub"))
        register = next(each for each in own if each.startswith("hub/registers/fonds/"))
    for login, sees in (("administrator", True), ("archivist", False)):
        browser = Browser(desk, login)
        assert ("平台的登记和日志" in browser.get("/fixity/").text) is sees
        assert (register in browser.get("/fixity/?tab=all&q=hub/registers/fonds").text) is sees
        assert browser.get(f"/fixity/objects/{register}").status_code == (200 if sees else 404)
    assert fixity(hub.city, "--archive", "hub", code=0)["own"] > 0


def test_the_page_of_a_record_says_whether_its_second_copy_is_there(
    hub: Hub, place: str, tmp_path: Path
) -> None:
    with hub.city.database.read() as session:
        whole = session.scalar(
            select(KeptObject.record_id).where(
                KeptObject.record_id.is_not(None), KeptObject.place != place
            )
        )
    page = f"/catalogue/records/{whole}"
    grant = Grant(Role.ARCHIVIST, YILING_ARCHIVE)
    assert "第二份" not in Browser(make_desk(hub.city, first=grant), "first").get(page).text
    (tmp_path / "second").mkdir()
    hub.city.folder = with_second_store(hub.city.folder, str(tmp_path / "second"))
    browser = Browser(make_desk(hub.city, then=grant), "then")
    assert "还没有存入，等待复制" in browser.get(page).text
    hub.work("repository.second_copy")
    assert "核对完好" in browser.get(page).text


def test_what_is_asked_for_on_the_page_is_done_by_the_hub(hub: Hub, place: str) -> None:
    desk = make_desk(hub.city, archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE))
    browser = Browser(desk, "archivist")
    assert browser.send(f"/fixity/aside/{place}").status_code == 302
    assert "平台正在做" in browser.get(f"/fixity/objects/{place}").text
    hub.work("repository.fixity.first")
    shown = browser.get(f"/fixity/objects/{place}").text
    assert "Thumbs.db" not in shown
    assert "损坏" in shown
    assert browser.send(f"/fixity/aside/{place}").status_code == 409
    assert browser.send(f"/fixity/again/{place}").status_code == 302
    hub.work("repository.fixity.first")
    assert "平台正在做" not in browser.get(f"/fixity/objects/{place}").text


def test_each_faulty_file_is_an_alert_with_its_remedy_until_it_is_intact(
    hub: Hub, place: str, tmp_path: Path
) -> None:
    found = {each.code: each for each in doctor.examine(hub.city.folder)}
    assert set(found) == {"file_damaged", "file_surplus"}
    assert f"{place}/Thumbs.db" in found["file_surplus"].problem
    with hub.city.database.read() as session:
        record_id = session.get_one(KeptObject, place).record_id
    assert f"--now {record_id}" in found["file_damaged"].remedy
    (tmp_path / "second").mkdir()
    hub.city.folder = with_second_store(hub.city.folder, str(tmp_path / "second"))
    hour_passes(hub.city)
    with hub.city.database.write() as session:
        session.execute(update(KeptObject).values(waiting_since=LONG_AGO))
        for fault in session.scalars(select(FileFault)):
            fault.kind = {"damaged": "missing", "surplus": "contradicts"}[fault.kind]
    assert {each.code for each in doctor.examine(hub.city.folder)} == {
        "file_missing",
        "inventory_contradicts",
        "fixity_behind",
        "second_copy_behind",
    }
    (tmp_path / "second").rmdir()
    hub.city.folder = with_second_store(hub.city.folder, str(tmp_path / "second"))
    assert "second_store_away" in {each.code for each in doctor.examine(hub.city.folder)}


def test_a_thousand_faulty_files_do_not_flood_the_alert_list(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.repository.doctor._MOST", 2)
    keeper = Keeper(city.database, Stores(city.folder.store))
    keeper.keep()
    for name in contents(city.folder.store, "archives/"):
        if "/content/" in name:
            city.folder.store.delete(name)
    keeper.faults()
    told = [each.code for each in doctor.examine(city.folder)]
    assert told == ["file_missing", "file_missing", "files_faulty"]


# ---- the command


def fixity(city: City, *words: str, code: int) -> Any:
    call = ["hub", "fixity", "--dir", str(city.folder.path), "--json", *words]
    answer = CliRunner().invoke(danglian, call)
    assert answer.exit_code == code, answer.output
    return json.loads(answer.output)


def test_the_command_reads_everything_and_its_exit_code_says_whether_all_is_well(
    city: City, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    city.folder = with_second_store(city.folder, str(tmp_path / "second"))
    keeper = Keeper(city.database, Stores(city.folder.store, city.folder.second_store), "hub")
    places = [keeper.keep(corrections=0) for _ in range(2)]
    keeper.copy()
    began = now()
    said = fixity(city, code=0)
    assert (said["checked"], said["faults"], said["complete"]) == (4, [], True)
    assert fixity(city, "--since", "2020-01-01", code=0)["checked"] == 0
    assert fixity(city, "--limit", "3", "--rate", "100000000", code=0)["checked"] == 3
    assert fixity(city, "--archive", ZHIJIANG_ARCHIVE, code=0)["checked"] == 0
    assert fixity(city, "--archive", "999999", code=1)["code"] == "not_found"
    assert fixity(city, "--now", "nothing", code=1)["code"] == "not_found"

    name = next(iter(contents(city.folder.store, f"{places[0]}/v1/content/")))
    damage(city.folder.store, name, b"rotten")
    with folder_lock(city.folder.path, "hub run"):
        said = fixity(city, "--now", keeper.records[0], code=1)
    assert [(each["copy"], each["kind"], each["name"]) for each in said["faults"]] == [
        ("first", "damaged", name)
    ]
    assert said["mended"] == [], "the hub runs: it mends, as it is asked to"
    with city.database.read() as session:
        assert session.scalars(select(FileFault.wish)).all() == ["again"]
    said = fixity(city, code=0)
    assert (said["mended"], said["faults"]) == ([name], [])

    damage(city.folder.store, f"{places[1]}/Thumbs.db", b"strange")
    assert fixity(city, "--now", f"urn:uuid:{keeper.records[1]}", code=1)["faults"]
    said = fixity(city, "--set-aside", places[1], code=0)
    assert said["set_aside"] == [f"{places[1]}/Thumbs.db"]
    assert fixity(city, "--set-aside", places[1], code=1)["code"] == "wrong_state"
    assert fixity(city, "--new-second", code=0) == {"waiting": 2}
    with city.database.read() as session:
        assert all(row.looked_at > began for row in session.scalars(select(KeptObject)))


def test_a_run_that_is_broken_off_says_how_to_go_on(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    Keeper(city.database, Stores(city.folder.store)).keep()

    def pressed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hub.repository.fixity.examine", pressed)
    said = fixity(city, code=130)
    assert said["complete"] is False
    call = ["hub", "fixity", "--dir", str(city.folder.path)]
    answer = CliRunner().invoke(danglian, call)
    assert "接着核验：danglian hub fixity --dir … --since 20" in answer.output
    monkeypatch.undo()
    answer = CliRunner().invoke(danglian, [*call, "--since", said["since"]])
    assert answer.exit_code == 0
    assert "已核验 1 件" in answer.output or "没有问题" in answer.output
