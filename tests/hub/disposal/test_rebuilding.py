"""A store that has a tombstone never gives its record back, whatever the database forgot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from hub.disposal import burying
from hub.disposal.executing import Executing
from hub.federation.places import HubFolder
from hub.repository import service as repository
from hub.repository.models import DisposalList, Tombstone
from shared.command.main import danglian
from shared.kernel.database import copy_database
from tests.hub.disposal.conftest import Room
from tests.hub.disposal.test_unit_lists import unit_list
from tests.hub.rebuilding.ruins import compare, rebuild, tables_of, write_all
from tests.hub.receiving.handover import YILING_ARCHIVE


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.at_length)])
def test_a_rebuild_has_the_tombstones_and_the_lists(room: Room, tmp_path: Path, count: int) -> None:
    """Also of a batch of which everything is destroyed."""
    appraisal_id = room.decided(room.ids[:count])
    room.unit.send("disposal_list", unit_list(room.unit))
    room.work()
    write_all(room.folder)
    before = tables_of(room.folder, "repository")
    room.hub.city.database.close()
    store = room.folder.path / "store"
    shutil.copytree(room.folder.path / "keys", tmp_path / "aside" / "new" / "keys")
    code, told = rebuild(tmp_path / "aside", store=str(store))
    assert (code, told["findings"]) == (0, [])
    assert (told["batches"], told["records"]) == (1, 3 - count)
    assert (told["destroyed"], told["left_out"], told["lists"]) == (count, 0, 1)
    rebuilt = HubFolder(tmp_path / "aside" / "new")
    write_all(rebuilt)
    assert compare(before, tables_of(rebuilt, "repository")) == []
    room.hub.city.folder, room.hub.city.database = rebuilt, rebuilt.database()
    for each in room.ids[:count]:
        assert room.record(each).state == "disposed"
    with rebuilt.database().read() as session:
        assert session.scalars(select(DisposalList.id)).all() == [appraisal_id]
    assert repository.verify(rebuilt.database(), rebuilt.store, YILING_ARCHIVE) == []


def test_a_rebuilt_hub_goes_on_with_a_list_that_was_carried_out_in_part(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is sealed and kept: what it says is destroyed, without the appraisal's own rows."""
    monkeypatch.setattr(burying, "CHUNK", 1)
    appraisal_id = room.decided(room.ids[:2])
    write_all(room.folder, but=("disposal.execute",))
    for _ in range(2):  # sealed, and one of the two buried
        Executing(room.folder).step()
    with room.hub.city.database.read() as session:
        assert session.get_one(DisposalList, appraisal_id).unburied == 1
    write_all(room.folder, but=("disposal.execute",))
    room.hub.city.database.close()
    shutil.copytree(room.folder.path / "keys", tmp_path / "aside" / "new" / "keys")
    code, told = rebuild(tmp_path / "aside", store=str(room.folder.path / "store"))
    assert (code, told["lists"], told["destroyed"], told["records"]) == (0, 1, 1, 2)
    room.hub.city.folder = HubFolder(tmp_path / "aside" / "new")
    room.hub.city.database = room.hub.city.folder.database()
    room.work(3)
    for each in room.ids[:2]:
        room.is_gone(each, appraisal_id)
    assert room.record(room.ids[2]).state == "received"


def test_a_database_from_before_the_destruction_learns_of_it(room: Room, tmp_path: Path) -> None:
    gone = room.ids[0]
    place = room.folder.path
    copy_database(place / "hub.sqlite", tmp_path / "yesterday.sqlite")
    appraisal_id = room.decided([gone])
    room.work()
    write_all(room.folder)
    room.hub.city.database.close()
    for each in place.glob("hub.sqlite*"):
        each.unlink()
    shutil.copy(tmp_path / "yesterday.sqlite", place / "hub.sqlite")
    answer = CliRunner().invoke(danglian, ["hub", "recover", "--dir", str(place), "--json"])
    told = json.loads(answer.stdout)
    assert (told["destroyed"], told["lists"], told["findings"]) == (1, 1, [])
    room.hub.city.folder = HubFolder(place)
    room.hub.city.database = room.hub.city.folder.database()
    with room.hub.city.database.read() as session:
        assert session.get_one(Tombstone, gone).list_id == appraisal_id
    room.work()
    room.is_gone(gone, appraisal_id)
    room.all_is_well()
