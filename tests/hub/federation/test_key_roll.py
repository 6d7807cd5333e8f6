"""The hub's key and the archives' seals are rolled over, and kill -9 costs nothing on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.federation import service as federation
from hub.federation.assignments import archives_wire
from hub.federation.doctor import examine
from hub.federation.enrolment import enrol
from hub.federation.generations import begin_generation
from hub.federation.key_roll import check_keys, roll_hub_key, roll_seal, settle_keys
from hub.federation.models import HubKeyRange, OwnKey
from hub.federation.own_keys import hub_keys, letters_after, own_keys, statements
from hub.federation.places import HubFolder
from shared.kernel.database import copy_database
from shared.kernel.errors import DanglianError, NotAllowed, NotFound
from shared.kernel.succession import hub_holder, read_chain, seal_holder
from shared.messaging.envelope import EVERYONE, read_envelope
from shared.messaging.models import OutgoingEntry
from tests.hub.conftest import CITY, City
from tests.hub.federation.killed_roll import hub_rolls_over
from tests.killed import dies

ARCHIVE = "420500"


def put_back(city: City, database: Path | None = None, keys: Path | None = None) -> HubFolder:
    """The hub's folder with its database, or its keys, as they were before."""
    path = city.folder.path
    city.database.close()
    if database is not None:
        for old in path.glob("hub.sqlite*"):
            old.unlink()
        shutil.copy(database, path / "hub.sqlite")
    if keys is not None:
        shutil.rmtree(path / "keys")
        shutil.copytree(keys, path / "keys")
    city.folder = HubFolder(path)
    city.database = city.folder.database()
    return city.folder


def test_a_rolled_key_is_in_force_and_the_old_secret_is_gone(city: City) -> None:
    old = city.folder.keys.hub()
    new = roll_hub_key(city.admin, city.folder)
    assert city.folder.keys.hub().public.id == new.key_id != old.public.id
    secrets = b"".join(each.read_bytes() for each in (city.folder.path / "keys").iterdir())
    assert old.secret.hex().encode() not in secrets
    with city.database.read() as session:
        assert [key.serial for key in hub_keys(session)] == [1, 2]
        (step,) = read_chain(statements(session), hub_holder(city.folder.settings.hub_id))
        assert federation.hub_key_named(old.public.id, session) == old.public
        assert federation.hub_key_named("nobody", session) is None
    assert (step.old, step.new) == (old.public, city.folder.keys.hub().public)
    assert list(city.folder.store.names("hub/keys/")) == ["hub/keys/hub-0002.json"]


def test_each_node_s_stream_says_from_where_the_new_key_counts(city: City) -> None:
    with city.database.write() as session:
        fonds = city.fonds("市水利局", CITY, session, number="J001")
        node = city.node("市水利局", fonds, session=session)
        federation.tell_node(session, node.id, "reconciled", node.id, {})
    roll_hub_key(city.admin, city.folder)
    with city.database.read() as session:
        (entry,) = session.query(OutgoingEntry).filter_by(peer=node.id, kind="hub_key")
        (place,) = session.query(HubKeyRange)
        assert (place.node_id, place.serial) == (node.id, 2)
        assert (place.epoch, place.from_seq) == (1, entry.seq) == (1, 2)
        assert "key_not_followed" not in {each.code for each in examine(session)}


def test_a_letter_leads_from_any_earlier_key_to_the_one_in_force(city: City) -> None:
    first = city.folder.keys.hub().public
    for _ in range(3):
        roll_hub_key(city.admin, city.folder)
    with city.database.read() as session:
        letters = letters_after(first.id, session)
        assert letters is not None
        assert letters_after(city.folder.keys.hub().public.id, session) == []
        assert letters_after("nobody", session) is None
        keys = [key.public for key in hub_keys(session)]
    assert len(letters) == 3
    for letter, key in zip(letters, keys, strict=False):
        sealed = read_envelope(letter)
        assert sealed.header.recipient == EVERYONE
        sealed.open(key)


def test_a_node_that_enrols_later_is_given_how_the_key_came_about(city: City) -> None:
    roll_hub_key(city.admin, city.folder)
    with city.database.write() as session:
        fonds = city.fonds("市水利局", CITY, session, number="J001")
        invitation = federation.create_node_with_code(
            city.admin, "市水利局", CITY, [fonds.id], key=city.folder.keys.hub(), session=session
        )
        answer = enrol(
            city.application(invitation.code),
            key=city.folder.keys.hub(),
            link="",
            holdings=lambda node_id, session: [],
            session=session,
        )
    chain = read_chain(answer["hub_keys"], hub_holder(answer["hub_id"]))
    assert chain[-1].new.hex == answer["hub_public_key"]


def test_a_former_seal_stays_among_the_archive_s_and_every_node_hears(city: City) -> None:
    with city.database.write() as session:
        fonds = city.fonds("市水利局", CITY, session, number="J001")
        node = city.node("市水利局", fonds, session=session)
    old = city.folder.keys.seal(ARCHIVE).public
    roll_seal(city.admin, city.folder, ARCHIVE)
    new = city.folder.keys.seal(ARCHIVE).public
    with city.database.read() as session:
        assert federation.seals_of(ARCHIVE, session) == [old, new]
        wire = archives_wire(session)[0]
        assert (wire["seal_public_key"], wire["former_seals"]) == (new.hex, [old.hex])
        assert session.query(OutgoingEntry).filter_by(peer=node.id, kind="fonds").count() == 1
        assert len(own_keys(seal_holder("420506"), session)) == 1


def test_only_an_administrator_rolls_keys_over(city: City) -> None:
    with pytest.raises(NotAllowed):
        roll_hub_key(city.reviewer(ARCHIVE), city.folder)
    with pytest.raises(NotFound):
        roll_seal(city.admin, city.folder, "999999")


def test_a_lost_key_is_told_and_never_made_anew(city: City) -> None:
    (city.folder.path / "keys" / "hub.key").unlink()
    with pytest.raises(NotFound) as told:
        city.folder.keys.hub()
    assert told.value.code == "key_missing"
    assert not (city.folder.path / "keys" / "hub.key").exists()


class TestWhatIsOlder:
    """Which of database, store and keys may be older than the others, and which may not."""

    @pytest.fixture
    def before(self, city: City, tmp_path: Path) -> Path:
        """Database and keys of the day before two roll-overs."""
        place = tmp_path / "before"
        place.mkdir()
        copy_database(city.folder.path / "hub.sqlite", place / "hub.sqlite")
        shutil.copytree(city.folder.path / "keys", place / "keys")
        roll_hub_key(city.admin, city.folder)
        roll_seal(city.admin, city.folder, ARCHIVE)
        roll_hub_key(city.admin, city.folder)
        return place

    def test_an_older_database_must_be_recovered_and_then_knows_all(
        self, city: City, before: Path
    ) -> None:
        folder = put_back(city, database=before / "hub.sqlite")
        with pytest.raises(DanglianError) as told:
            settle_keys(folder)
        assert told.value.code == "database_outdated"
        check_keys(folder)
        begin_generation(folder)
        assert settle_keys(folder, restored=True) == 3
        assert settle_keys(folder) == 0
        with folder.database().read() as session:
            assert [key.serial for key in hub_keys(session)] == [1, 2, 3]
            assert hub_keys(session)[-1].public == folder.keys.hub().public
            assert len(federation.seals_of(ARCHIVE, session)) == 2

    def test_so_it_is_when_the_store_is_old_too(self, city: City, before: Path) -> None:
        folder = put_back(city, database=before / "hub.sqlite")
        shutil.rmtree(folder.path / "store" / "hub")
        assert settle_keys(folder, restored=True) == 3
        assert len(list(folder.store.names("hub/keys/"))) == 3

    def test_older_keys_stop_it(self, city: City, before: Path) -> None:
        folder = put_back(city, keys=before / "keys")
        for check in (check_keys, settle_keys):
            with pytest.raises(DanglianError) as told:
                check(folder)
            assert told.value.code == "keys_outdated"

    def test_older_keys_and_database_are_given_away_by_the_store(
        self, city: City, before: Path
    ) -> None:
        folder = put_back(city, database=before / "hub.sqlite", keys=before / "keys")
        with pytest.raises(DanglianError) as told:
            check_keys(folder)
        assert told.value.code == "keys_outdated"

    def test_keys_of_another_hub_stop_it(self, city: City, tmp_path: Path) -> None:
        other = HubFolder.create(tmp_path / "other", name="另一个", city=CITY)
        shutil.copy(other.path / "keys" / "hub.key", city.folder.path / "keys" / "hub.key")
        with pytest.raises(DanglianError) as told:
            settle_keys(city.folder, restored=True)
        assert told.value.code == "keys_unknown"


def test_the_worker_that_starts_first_after_an_upgrade_settles_the_keys(city: City) -> None:
    killed_at("put-before", city.folder)
    with city.folder.database().write() as session:
        session.query(OwnKey).filter(OwnKey.holder == seal_holder(ARCHIVE)).delete()
        in_force = hub_keys(session)[-1].public
    assert city.folder.keys.hub().public != in_force
    # One is for each shard; they are started at once.
    command = [Path(sys.executable).with_name("danglian"), "hub", "work"]
    worker = subprocess.Popen(
        [*command, "--dir", city.folder.path, "--json"], stdout=subprocess.PIPE
    )
    with worker:
        assert worker.stdout is not None
        assert json.loads(worker.stdout.readline())["shards"] == [0]
        worker.terminate()
    assert worker.returncode == 0
    assert city.folder.keys.hub().public == in_force
    with city.folder.database().read() as session:
        assert len(own_keys(seal_holder(ARCHIVE), session)) == 1


def test_processes_that_start_at_once_settle_one_after_the_other(city: City) -> None:
    killed_at("put-before", city.folder)
    with ThreadPoolExecutor(4) as pool:
        settled = list(pool.map(lambda _: settle_keys(HubFolder(city.folder.path)), range(4)))
    assert settled == [0] * 4
    check_keys(city.folder)


def killed_at(point: str, folder: HubFolder, archive: str = "-") -> None:
    """Roll the hub's key (or a seal) over in a process that is killed there."""
    folder.database().close()
    assert dies(hub_rolls_over, folder.path, point, archive)


@pytest.mark.faults
def test_killed_at_the_end_and_then_restored_to_before_it_began(city: City, tmp_path: Path) -> None:
    copy_database(city.folder.path / "hub.sqlite", tmp_path / "backup.sqlite")
    killed_at("put-after", city.folder)
    folder = put_back(city, database=tmp_path / "backup.sqlite")
    check_keys(folder)
    assert settle_keys(folder, restored=True) == 0
    assert roll_hub_key(city.admin, folder).serial == 2
    settle_keys(folder)


@pytest.mark.faults
@pytest.mark.parametrize("archive", ["-", ARCHIVE])
@pytest.mark.parametrize(
    "point",
    ["prepare-after", "keep-before", "keep-after", "commit-before", "put-before", "put-after",
     "advance-before", "advance-after"],
)  # fmt: skip
def test_killed_while_rolling_over(city: City, point: str, archive: str) -> None:
    def current() -> str:
        keys = city.folder.keys
        return (keys.hub() if archive == "-" else keys.seal(archive)).public.hex

    old = current()
    killed_at(point, city.folder, archive)
    counts = point.startswith(("put", "advance"))
    settle_keys(city.folder)
    assert (current() != old) is counts
    if not counts:
        if archive == "-":
            roll_hub_key(city.admin, city.folder)
        else:
            roll_seal(city.admin, city.folder, archive)
    holder = hub_holder(city.folder.settings.hub_id) if archive == "-" else seal_holder(archive)
    with city.database.read() as session:
        register = own_keys(holder, session)
    assert [row.serial for row in register] == [1, 2]
    assert [row.public_key for row in register] == [old, current()]
    assert len(list(city.folder.store.names("hub/keys/"))) == 1
    assert not list((city.folder.path / "keys").glob("*.next.key"))
