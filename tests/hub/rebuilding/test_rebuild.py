"""`danglian hub rebuild`: the store alone tells again what was registered and what is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.catalogue.models import CatalogueRecord
from hub.federation import nodes as federation
from hub.federation.places import HubFolder
from hub.health import doctor
from hub.receiving.models import Batch, Offer, OfferState, Verdict
from hub.repository.models import FileFault
from shared.audit import verify_chain
from shared.command.main import danglian
from shared.identity.models import Account, BearerToken
from shared.kernel.actor import Grant, Role
from shared.kernel.database import Database, copy_database
from tests.federation import ADMIN, Federation, everywhere_the_same
from tests.hub.rebuilding.ruins import (
    Tables,
    compare,
    lively_city,
    lose_all_but_the_store,
    rebuild,
    rebuilding_dies,
    tables_of,
)
from tests.killed import dies
from tests.people import employ


@dataclass
class Ruins:
    """The city as it was, and the folder with its store alone."""

    city: Federation
    folder: Path
    before: Tables

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def hub(self) -> HubFolder:
        return HubFolder(self.folder / "new")


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruins]:
    folder = tmp_path_factory.mktemp("lost")
    city = lively_city(folder / "city")
    lose_all_but_the_store(city, folder)
    before = tables_of(city.hub, "repository")
    yield Ruins(city, folder, before)
    city.hub.database().close()


@pytest.fixture
def ruins(lost: Ruins, tmp_path: Path) -> Ruins:
    """A copy for a test of its own."""
    for part in ("store", "new"):
        shutil.copytree(lost.folder / part, tmp_path / part)
    return Ruins(lost.city, tmp_path, lost.before)


def test_every_table_comes_back_from_where_it_says(ruins: Ruins) -> None:
    code, told = rebuild(ruins.folder)
    assert (code, told["findings"]) == (0, [])
    assert (told["nodes"], told["fonds"], told["batches"], told["records"]) == (2, 2, 1, 2)
    hub = ruins.hub()
    assert compare(ruins.before, tables_of(hub, "repository")) == []
    derived = tables_of(ruins.city.hub, "derived")
    rebuilt = tables_of(hub, "derived")
    assert rebuilt["federation_division"] == derived["federation_division"]
    with hub.database().read() as session:
        assert verify_chain(session) == []
        assert session.query(Account).count() == 0
    assert "identity_account" in told["empty"]
    assert any("user administrators" in each for each in told["to_do"])

    # What is the nodes' they tell again: their streams find the new generation by themselves.
    city = ruins.city
    records = _records(city.hub)
    city.hub.database().close()
    old, city.hub = city.hub, hub
    try:
        city.start_hub()
        city.settle()
        assert _records(hub) == records
        for unit in city.nodes:
            assert everywhere_the_same(city, unit) == {"lost": 0, "doubled": 0, "altered": 0}
        with hub.database().read() as session:
            assert {batch.state for batch in session.query(Batch)} == {
                "received", "returned", "under_review",
            }  # fmt: skip
            assert session.query(Verdict).count() == 2
            states = sorted(offer.state for offer in session.query(Offer))
        assert states == sorted([OfferState.RECEIVED] * 2 + [OfferState.RETURNED, OfferState.OPEN])
        assert tables_of(hub, "derived")["catalogue_tally"] == derived["catalogue_tally"]
    finally:
        hub.database().close()
        city.hub = old


def test_what_only_a_backup_has_comes_from_it(ruins: Ruins, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    copy_database(ruins.city.hub.path / "hub.sqlite", backup / "hub.sqlite")
    old = Database(f"sqlite:///{backup / 'hub.sqlite'}", ("shared", "hub"))
    with old.write() as session:
        employ(
            "guanli", "管理员", "Dl-2024-abcd", [Grant(Role.SYSTEM_ADMINISTRATOR)], session=session
        )
        open_code = federation.new_code(ADMIN, ruins.city.nodes[0].node_id, session=session)
    before = _accounts(old)
    old.close()
    code, told = rebuild(ruins.folder, "--backup", str(backup))
    assert (code, told["findings"]) == (0, [])
    assert "identity_account" not in told["empty"]
    hub = ruins.hub()
    assert _accounts(hub.database()) == before != []
    with hub.database().read() as session:
        # Nobody stays signed in, and no code of before the loss opens a door.
        assert session.query(BearerToken).count() == 0
        assert federation.open_code(open_code.node.id, session) is None
    assert compare(ruins.before, tables_of(hub, "repository")) == []
    hub.database().close()


def test_a_damaged_object_alone_is_left_out_by_name_until_it_is_put_back(ruins: Ruins) -> None:
    """The rest of its batch is received, which is told as incomplete."""
    package = next(
        path
        for path in (ruins.store / "archives").rglob("*.zip")
        if not (path.parents[2] / "v2").exists()
    )
    whole = package.read_bytes()
    package.write_bytes(whole[:-1])
    code, told = rebuild(ruins.folder)
    assert code == 3
    (finding,) = told["findings"]
    assert finding["code"] == "record_left_out"
    assert (told["batches"], told["records"], told["incomplete"], told["left_out"]) == (1, 1, 1, 1)
    assert package.name in finding["problem"]
    assert package.parents[2].name in finding["remedy"]
    hub = ruins.hub()
    assert compare(ruins.before, tables_of(hub, "repository")) == ["repository_package"]
    with hub.database().read() as session:
        (fault,) = session.query(FileFault)
        assert (fault.kind, fault.name.rpartition("/")[2]) == ("damaged", package.name)
        named = {each.code: each.problem for each in doctor.examine(hub)}
    assert package.name in named["file_damaged"]
    assert "record_left_out" in named
    hub.database().close()
    package.write_bytes(whole)
    for count in (1, 0):
        answer = CliRunner().invoke(danglian, ["hub", "recover", "--dir", str(hub.path), "--json"])
        told = json.loads(answer.stdout)
        assert (told["batches"], told["records"], told["findings"]) == (0, count, [])
    assert compare(ruins.before, tables_of(ruins.hub(), "repository")) == []
    with ruins.hub().database().read() as session:
        assert "record_left_out" not in {each.code for each in doctor.examine(hub)}


def test_what_the_second_copy_has_is_brought_back_before(ruins: Ruins) -> None:
    """A package, an object's inventories, a whole object, a receipt and a register."""
    second = ruins.folder / "second"
    shutil.copytree(ruins.store, second)
    first, other = sorted((ruins.store / "archives").rglob("*.zip"))
    first.write_bytes(first.read_bytes()[:-1])
    shutil.rmtree(other.parents[2])
    receipts = next(ruins.store.rglob("receipts"))
    for path in receipts.rglob("*.json"):
        path.unlink()
    for path in (ruins.store / "hub/registers/fonds").rglob("*.json"):
        path.write_bytes(b"{")
    code, told = rebuild(ruins.folder, "--second-store", str(second))
    assert (code, told["findings"]) == (0, [])
    assert (told["fonds"], told["batches"], told["records"], told["corrections"]) == (2, 1, 2, 1)
    hub = ruins.hub()
    assert hub.settings.second_store == str(second)
    assert compare(ruins.before, tables_of(hub, "repository")) == []
    hub.database().close()


def test_the_version_counts_whose_inventory_is_good(ruins: Ruins) -> None:
    """The newest is torn: the one before counts, and what the archive had sealed after it."""
    newest = max(ruins.store.rglob("v*/inventory.json"), key=lambda path: path.parent.name)
    assert newest.parent.name == "v3"
    inventory = newest.parents[1] / "inventory.json"
    whole = inventory.read_bytes()
    for torn in (newest, inventory):
        torn.write_bytes(whole[:-20])
    code, told = rebuild(ruins.folder)
    assert (code, told["records"], told["corrections"]) == (3, 2, 1)
    assert [each["code"] for each in told["findings"]] == ["inventory_mended"]
    assert inventory.read_bytes() == newest.read_bytes() == whole
    assert compare(ruins.before, tables_of(ruins.hub(), "repository")) == []


def test_a_register_that_cannot_be_read_falls_back_or_is_named(ruins: Ruins) -> None:
    fonds, *_ = sorted((ruins.store / "hub/registers/fonds").iterdir())
    for version in fonds.iterdir():
        version.write_bytes(b"{")
    code, told = rebuild(ruins.folder)
    assert code == 3
    assert "register_damaged" in [each["code"] for each in told["findings"]]
    assert told["fonds"] == 1


def test_without_registers_nothing_is_begun(ruins: Ruins) -> None:
    shutil.rmtree(ruins.store / "hub/registers")
    code, told = rebuild(ruins.folder)
    assert (code, told["code"]) == (1, "no_registers")
    assert not ruins.hub().exists


def test_without_keys_it_is_told_where_to_put_them(ruins: Ruins) -> None:
    shutil.rmtree(ruins.folder / "new")
    code, told = rebuild(ruins.folder)
    assert code == 0
    assert "keys/" in told["to_do"][0]


def test_a_hub_that_is_there_is_never_written_over(ruins: Ruins) -> None:
    assert rebuild(ruins.folder)[0] == 0
    code, told = rebuild(ruins.folder)
    assert (code, told["code"]) == (1, "conflict")


@pytest.mark.faults
@pytest.mark.parametrize("commit", [2, 3, 4, 6])
def test_killed_while_rebuilding(ruins: Ruins, commit: int) -> None:
    assert dies(rebuilding_dies, ruins.folder, commit)
    assert not ruins.hub().exists
    code, told = rebuild(ruins.folder)
    assert (code, told["findings"]) == (0, [])
    hub = ruins.hub()
    assert compare(ruins.before, tables_of(hub, "repository")) == []
    with hub.database().read() as session:
        assert verify_chain(session) == []
    hub.database().close()


def _accounts(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as session:
        return [(row.id, row.login, row.password_hash) for row in session.query(Account)]


def _records(hub: HubFolder) -> list[tuple[object, ...]]:
    with hub.database().read() as session:
        return [
            (row.id, row.version, row.digest, row.state, row.custody, row.receipt_id, row.code)
            for row in session.query(CatalogueRecord).order_by(CatalogueRecord.id)
        ]
