"""A correction after receipt, hub and node with their real services: the whole way and restores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting import service as correcting
from hub.correcting.restoring import restore_corrections
from hub.federation.epochs import raise_generation
from hub.federation.places import HubFolder
from hub.receiving.restoring import restore_received
from hub.repository import objects
from hub.repository import service as repository
from node.corrections import service as corrections
from node.corrections.models import Correction
from node.filing import service as filing
from node.sync.reconciling import ask, last
from shared.messaging.models import OutgoingEntry
from tests.federation import (
    ADMIN,
    ARCHIVIST,
    CLERK,
    NOTHING_WRONG,
    Federation,
    Unit,
    everywhere_the_same,
)


def received(city: Federation, unit: Unit, count: int = 2) -> list[str]:
    ids = city.received(unit, count)
    assert set(unit.states().values()) == {"received"}
    return ids


def asked(unit: Unit, record_id: str, reason: str = "题名有误", **values: Any) -> str:
    with unit.folder.database().write() as session:
        return corrections.ask(CLERK, record_id, values, reason, session=session).id


def make(city: Federation, record_id: str, asked_for: str | None = None, **values: Any) -> None:
    correcting.make(
        city.hub, ARCHIVIST, record_id, values, "核对原件后更正", correction_id=asked_for
    )


def on_node(unit: Unit, correction_id: str) -> Correction:
    with unit.folder.database().read() as session:
        return session.get_one(Correction, correction_id)


def mirror(unit: Unit, record_id: str) -> dict[str, Any]:
    with unit.folder.database().read() as session:
        return filing.wires([record_id], session=session)[0]


def held(city: Federation, record_id: str) -> CatalogueRecord:
    with city.hub.database().read() as session:
        return catalogue.record_of(record_id, session)


def both_say(city: Federation, unit: Unit, record_id: str, **values: Any) -> None:
    """The archive's record and the unit's mirror are the same, and say this."""
    assert {name: mirror(unit, record_id)[name] for name in values} == values
    assert mirror(unit, record_id) == held(city, record_id).wire


def sums_agree(city: Federation, unit: Unit) -> None:
    with unit.folder.database().write() as session:
        ask(CLERK, session=session)
    city.settle()
    with unit.folder.database().read() as session:
        proof = last(session)
        assert proof is not None
        assert proof.answered_at
        assert proof.differing == []
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def backup(city: Federation, target: Path) -> None:
    city.hub.database().close()
    shutil.copytree(city.hub.path, target)
    city.start_hub()


def restore(city: Federation, source: Path) -> None:
    city.hub.database().close()
    shutil.rmtree(city.hub.path)
    shutil.copytree(source, city.hub.path)
    city.hub = HubFolder(city.hub.path)
    with city.hub.database().write() as session:
        raise_generation(session)
    city.start_hub()
    city.settle()


def times_told(city: Federation, unit: Unit, kind: str) -> int:
    with city.hub.database().read() as session:
        told = select(func.count()).select_from(OutgoingEntry)
        mine = told.where(OutgoingEntry.peer == unit.node_id, OutgoingEntry.kind == kind)
        return session.scalar(mine) or 0


def test_what_a_unit_asks_for_is_corrected_by_its_archive_and_comes_back(
    city: Federation, unit: Unit
) -> None:
    record_id = received(city, unit)[0]
    before = held(city, record_id)
    correction = asked(unit, record_id, title="关于第一号事项的通知（更正）", pages="3")
    city.settle()
    make(city, record_id, correction, title="关于第一号事项的通知", pages=3)
    city.settle()
    both_say(city, unit, record_id, title="关于第一号事项的通知", pages=3, state="received")
    assert held(city, record_id).version == before.version + 1
    assert on_node(unit, correction).state == "made"
    *old, receipt, event = mirror(unit, record_id)["events"]
    assert old == before.wire["events"]
    assert (receipt["action"], event["action"], event["agent"]) == ("接收", "更正", "赵接收")
    assert event["basis"] == "核对原件后更正"
    assert "题名原为" in event["description"]
    sums_agree(city, unit)


def test_the_package_stays_as_received_and_the_repository_alone_tells_of_the_correction(
    city: Federation, unit: Unit
) -> None:
    record_id = received(city, unit)[0]
    archive = str(held(city, record_id).archive)
    store = city.hub.store
    folder = f"{objects.folder_of(archive, record_id)}/v"
    before = {name: store.stat(name).sha256 for name in store.names(folder)}
    make(city, record_id, remark="附件缺一页")
    city.settle()
    make(city, record_id, remark="附件缺两页")
    city.settle()
    after = {name: store.stat(name).sha256 for name in store.names(folder)}
    assert {name: after[name] for name in before} == before
    version = held(city, record_id).version
    added = (f"{folder}2/content/description-{version - 1}.json",
             f"{folder}3/content/description-{version}.json")  # fmt: skip
    assert [name for name in sorted(set(after) - set(before)) if "/content/" in name] == [*added]
    with store.open(added[-1]) as stream:
        document = json.load(stream)
    assert document["record"] == held(city, record_id).wire
    assert repository.verify(city.hub.database(), store, archive) == []


def test_a_request_that_the_archive_declines_comes_back_with_its_reason(
    city: Federation, unit: Unit
) -> None:
    record_id = received(city, unit)[0]
    before = held(city, record_id)
    correction = asked(unit, record_id, author="另一个局")
    city.settle()
    correcting.decline(city.hub, ARCHIVIST, correction, "原件落款即为某局")
    city.settle()
    assert on_node(unit, correction).state == "declined"
    assert on_node(unit, correction).answer == "原件落款即为某局"
    assert held(city, record_id).digest == before.digest
    sums_agree(city, unit)


def test_an_archivist_corrects_without_being_asked(city: Federation, unit: Unit) -> None:
    record_id = received(city, unit)[0]
    make(city, record_id, date="2023-06-01", opening_opinion="controlled", opening_reason="含隐私")
    city.settle()
    both_say(
        city, unit, record_id, date="2023-06-01",
        opening={"opinion": "controlled", "reason": "含隐私"},
    )  # fmt: skip
    sums_agree(city, unit)


def test_a_comparison_that_crosses_a_correction_on_the_line_finds_nothing_wrong(
    city: Federation, unit: Unit
) -> None:
    record_id = received(city, unit)[0]
    make(city, record_id, title="更正后的题名")
    for step in city.steps.values():
        step()
    sums_agree(city, unit)
    both_say(city, unit, record_id, title="更正后的题名")
    with unit.folder.database().read() as session:
        proof = last(session)
        assert proof is not None
        assert proof.groups == 0
    sums_agree(city, unit)
    with unit.folder.database().read() as session:
        proof = last(session)
        assert proof is not None
        assert proof.groups == 1


@pytest.mark.parametrize("seed", range(4))
def test_over_a_link_that_loses_repeats_reorders_and_tears(tmp_path: Path, seed: int) -> None:
    city = Federation(tmp_path)
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    first, second = received(city, unit)
    city.link.weather(seed)
    one = asked(unit, first, title="更正后的题名")
    two = asked(unit, second, pages="9")
    for turn in range(60):
        city.turn()
        city.clock.seconds += 7
        if turn % 13 == seed:
            unit.start()
            city.start_hub()
        with city.hub.database().read() as session:
            waiting = {
                each.id for each in session.query(correcting.Correction).filter_by(state="asked")
            }
        if one in waiting:
            make(city, first, one, title="更正后的题名")
        if two in waiting:
            correcting.decline(city.hub, ARCHIVIST, two, "页数无误")
    city.settle()
    both_say(city, unit, first, title="更正后的题名")
    assert (on_node(unit, one).state, on_node(unit, two).state) == ("made", "declined")
    assert (times_told(city, unit, "changed"), times_told(city, unit, "declined")) == (1, 1)
    sums_agree(city, unit)


class TestAHubRestoredFromYesterday:
    def test_from_before_the_corrections_gets_them_back_from_the_node(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        first, second = received(city, unit)
        backup(city, tmp_path / "backup")
        one, two = asked(unit, first, title="更正后的题名"), asked(unit, second, pages="9")
        city.settle()
        make(city, first, one, title="更正后的题名")
        correcting.decline(city.hub, ARCHIVIST, two, "页数无误")
        city.settle()
        make(city, first, remark="再次更正")
        city.settle()
        corrected = held(city, first)
        restore(city, tmp_path / "backup")
        assert held(city, first).wire == corrected.wire
        both_say(city, unit, first, title="更正后的题名", remark="再次更正")
        with city.hub.database().read() as session:
            states = {each.id: each.state for each in session.query(correcting.Correction)}
        assert (states[one], states[two]) == ("made", "declined")
        assert sorted(states.values()) == ["declined", "made", "made"]
        archive = str(held(city, first).archive)
        assert repository.verify(city.hub.database(), city.hub.store, archive) == []
        sums_agree(city, unit)

    def test_from_before_the_receipt_gets_receipt_and_correction_back(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        backup(city, tmp_path / "backup")
        first, second = received(city, unit)
        make(city, first, title="更正后的题名")
        city.settle()
        open_request = asked(unit, second, pages="9")
        city.settle()
        restore(city, tmp_path / "backup")
        both_say(city, unit, first, title="更正后的题名")
        # The request came to a hub that did not know yet that it has the record: it is told again.
        assert on_node(unit, open_request).state == "asked"
        make(city, second, open_request, pages=9)
        city.settle()
        both_say(city, unit, second, pages=9)
        assert on_node(unit, open_request).state == "made"
        sums_agree(city, unit)

    def test_that_lost_a_request_is_told_of_it_again(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        first, _ = received(city, unit)
        backup(city, tmp_path / "backup")
        correction = asked(unit, first, title="更正后的题名")
        city.settle()
        restore(city, tmp_path / "backup")
        with city.hub.database().read() as session:
            assert session.get_one(correcting.Correction, correction).state == "asked"
        make(city, first, correction, title="更正后的题名")
        city.settle()
        both_say(city, unit, first, title="更正后的题名")
        sums_agree(city, unit)

    def test_whose_store_remembers_a_correction_does_not_make_another_in_its_place(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        first, _ = received(city, unit)
        database = tmp_path / "hub.sqlite"
        city.hub.database().close()
        shutil.copy(city.hub.path / "hub.sqlite", database)
        make(city, first, title="第一次更正")
        for step in city.steps.values():
            step()
        corrected = held(city, first)
        city.hub.database().close()
        for path in city.hub.path.glob("hub.sqlite*"):
            path.unlink()
        shutil.copy(database, city.hub.path / "hub.sqlite")
        city.hub = HubFolder(city.hub.path)
        city.start_hub()
        with pytest.raises(Exception, match="找回") as found:
            make(city, first, title="另一次更正")
        assert found.value.code == "corrected_before"  # type: ignore[attr-defined]
        city.settle()
        assert held(city, first).wire == corrected.wire
        both_say(city, unit, first, title="第一次更正")


class TestANodeRestoredFromYesterday:
    def test_from_before_a_correction_gets_it_with_the_new_epoch(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        first, second = received(city, unit)
        yesterday = unit.copy(tmp_path / "yesterday")
        unit.start()
        one, two = asked(unit, first, title="更正后的题名"), asked(unit, second, pages="9")
        city.settle()
        make(city, first, one, title="更正后的题名")
        city.settle()
        city.nodes = [yesterday]
        yesterday.file(1, year=2021, word="恢复后")
        city.turn()
        city.clock.seconds += 30
        city.settle()
        with city.hub.database().write() as session:
            city.post.reception.grant(ADMIN, city.post.asking(session)[0].id, session=session)
        city.settle()
        both_say(city, yesterday, first, title="更正后的题名")
        assert on_node(yesterday, one).state == "made"
        assert on_node(yesterday, two).state == "asked"
        correcting.decline(city.hub, ARCHIVIST, two, "页数无误")
        city.settle()
        assert on_node(yesterday, two).state == "declined"
        sums_agree(city, yesterday)


def test_recover_makes_corrections_again_from_the_store_though_no_node_comes_back(
    city: Federation, unit: Unit, tmp_path: Path
) -> None:
    backup = tmp_path / "hub.sqlite"
    record_id = received_after_a_backup(city, unit, backup)
    make(city, record_id, title="第一次更正后的题名")
    city.settle()
    make(city, record_id, title="第二次更正后的题名")
    city.settle()
    last_version = held(city, record_id).version

    put_back_database(city, backup)
    restored = restore_received(city.hub, lambda text: None)
    assert (restored.batches, restored.findings) == (1, [])
    assert restore_corrections(city.hub, lambda text: None) == (2, [])
    assert restore_corrections(city.hub, lambda text: None) == (0, [])
    assert held(city, record_id).version == last_version
    assert held(city, record_id).wire["title"] == "第二次更正后的题名"

    with city.hub.database().write() as session:
        raise_generation(session)
    city.start_hub()
    city.settle()
    assert mirror(unit, record_id)["title"] == "第二次更正后的题名"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def received_after_a_backup(city: Federation, unit: Unit, backup: Path) -> str:
    """One record that was received when the backup had been made already."""
    city.settle()
    city.hub.database().close()
    shutil.copy(city.hub.path / "hub.sqlite", backup)
    return received(city, unit, 1)[0]


def put_back_database(city: Federation, backup: Path) -> None:
    """The database alone becomes that of the backup; store and keys stay."""
    city.hub.database().close()
    for each in city.hub.path.glob("hub.sqlite*"):
        each.unlink()
    shutil.copy(backup, city.hub.path / "hub.sqlite")
    city.hub = HubFolder(city.hub.path)
