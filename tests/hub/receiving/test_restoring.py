"""`danglian hub recover`: what the store has received beyond the database is received again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.key_roll import roll_seal
from hub.federation.models import Node
from hub.receiving.models import Accession, Offer, Receipt
from hub.receiving.restoring import Restored, restore_received
from hub.repository import service as repository
from shared.command.main import danglian
from shared.kernel.actor import Actor
from shared.kernel.database import copy_database
from tests.hub.conftest import YILING, City
from tests.hub.receiving.handover import YILING_ARCHIVE, HandedOver, Hub, Unit
from tests.hub.receiving.killed import hub_works
from tests.hub.receiving.test_evidence import evidence, restore
from tests.killed import dies


def confirmation(unit: Unit, batch: HandedOver) -> dict[str, Any]:
    """The unit's signature of the form that came with this batch's verdict."""
    verdict = next(each for each in unit.heard("verdict") if each["batch_id"] == batch.id)
    return unit.confirmation(batch.id, of=verdict["form"])


@dataclass
class Day:
    """A day whose database is lost, with the store that it left."""

    hub: Hub
    unit: Unit
    reviewer: Actor
    archivist: Actor
    backup: Path

    def hand_over(self, count: int = 2, *, unit: Unit | None = None, **more: Any) -> HandedOver:
        """Offered, and accepted by the reviewer."""
        batch = (unit or self.unit).hand_over(count, **more)
        self.hub.work()
        self.hub.conclude(self.reviewer, batch.id, "accepted")
        return batch

    def receive(self, batch: HandedOver, *, unit: Unit | None = None) -> None:
        (unit or self.unit).send("confirmation", confirmation(unit or self.unit, batch))
        self.hub.receive(self.archivist, batch.id)
        self.hub.work()
        assert self.hub.batch(batch.id).state == "received"

    @property
    def kept(self) -> Path:
        """The folder in which the store's objects lie."""
        return self.hub.city.folder.path / "store"

    def lose_database(self) -> None:
        """Yesterday's database comes back, with today's store."""
        restore(self.hub.city, self.backup)

    def recover(self) -> Restored:
        return restore_received(self.hub.city.folder, lambda text: None)

    def codes(self, done: Restored) -> list[str]:
        return [each.code for each in done.findings]

    def all_is_well(self, batch: HandedOver) -> None:
        """The batch is received, as if the database had never been lost."""
        assert self.hub.batch(batch.id).state == "received"
        store = self.hub.city.folder.store
        for each in batch.offers:
            assert self.hub.custody(each.record) == f"archive:{YILING_ARCHIVE}"
            with self.hub.city.database.read() as session:
                kept = repository.kept_package(YILING_ARCHIVE, each.record.id, session=session)
            with repository.open_package(store, kept) as stream:
                assert stream.read() == each.package
        assert repository.verify(self.hub.city.database, store, YILING_ARCHIVE) == []


@pytest.fixture
def day(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor, tmp_path: Path) -> Day:
    backup = tmp_path / "backup.sqlite"
    copy_database(hub.city.folder.path / "hub.sqlite", backup)
    return Day(hub, unit, reviewer, archivist, backup)


def register(city: City) -> list[tuple[str, str, int]]:
    with city.database.read() as session:
        return [
            (row.label, row.receipt_id, row.count)
            for row in session.scalars(select(Accession).order_by(Accession.number))
        ]


def test_all_that_was_received_comes_back_though_no_node_ever_does(day: Day) -> None:
    batches = [day.hand_over(2) for _ in range(3)]
    for batch in batches:
        day.receive(batch)
    before = register(day.hub.city)
    day.lose_database()
    assert register(day.hub.city) == []
    done = day.recover()
    assert (done.batches, done.records, done.known, done.findings) == (3, 6, 0, [])
    for batch in batches:
        day.all_is_well(batch)
    assert register(day.hub.city) == before
    assert len(day.unit.heard("receipt")) == 3
    day.hub.work()
    assert (day.recover().batches, day.recover().known) == (0, 3)
    later = day.hand_over(1)
    day.receive(later)
    assert [label[-4:] for label, _, _ in register(day.hub.city)] == [
        "0001",
        "0002",
        "0003",
        "0004",
    ]


def test_what_the_nodes_tell_again_is_recognised_and_never_doubled(day: Day) -> None:
    batch = day.hand_over(3)
    signed = confirmation(day.unit, batch)
    day.receive(batch)
    papers = [
        evidence("verdict", day.unit.heard("verdict")[0]),
        evidence("receipt", day.unit.heard("receipt")[0]),
    ]
    day.lose_database()
    day.recover()
    for _ in range(2):
        day.unit.tell(*(each.record for each in batch.offers))
        day.unit.send("offer", *(each.body for each in batch.offers))
        day.unit.send("batch", batch.closing)
        day.unit.send("confirmation", signed)
        day.unit.send("evidence", *papers)
        day.hub.work()
    day.all_is_well(batch)
    with day.hub.city.database.read() as session:
        assert session.query(Offer).count() == session.query(CatalogueRecord).count() == 3
        assert session.query(Receipt).count() == session.query(Accession).count() == 1


def test_a_corrected_batch_comes_back_with_what_it_left_out(day: Day) -> None:
    batch = day.unit.hand_over(3)
    day.hub.work()
    from hub.review import service as review

    left_out = batch.offers[0]
    reason = {"field": "title", "problem": "题名不完整", "remedy": "请补全", "code": "x"}
    day.hub.decide(day.reviewer, batch.id, review.Decided(left_out.offer_id, "returned", [reason]))
    day.hub.conclude(day.reviewer, batch.id, "corrected")
    day.receive(batch)
    day.lose_database()
    assert day.recover().records == 2
    # The node tells everything again, the record that came back included.
    day.unit.tell(*(each.record for each in batch.offers))
    day.unit.send("offer", *(each.body for each in batch.offers))
    day.unit.send("batch", batch.closing)
    day.hub.work()
    states = {key: offer.state for key, offer in day.hub.offers(batch.id).items()}
    assert states.pop(left_out.offer_id) == "returned"
    assert set(states.values()) == {"received"}
    assert day.hub.batch(batch.id).round == 1


def test_a_batch_that_the_database_has_under_review_is_concluded_and_received(
    day: Day,
) -> None:
    signed, concluded = day.unit.hand_over(2), day.unit.hand_over(1)
    day.hub.work()
    day.hub.city.database.close()
    day.backup.unlink()
    copy_database(day.hub.city.folder.path / "hub.sqlite", day.backup)
    for batch in (signed, concluded):
        day.hub.conclude(day.reviewer, batch.id, "accepted")
    day.unit.send("confirmation", confirmation(day.unit, signed))
    day.hub.receive(day.archivist, signed.id)
    day.hub.work()
    day.lose_database()
    done = day.recover()
    assert (done.batches, done.verdicts) == (1, 2)
    day.all_is_well(signed)
    assert day.hub.batch(concluded.id).state == "accepted"
    # The node may never have heard of the verdict.
    assert len(day.unit.heard("verdict")) == 2


def test_receipts_under_an_earlier_seal_come_back_too(day: Day) -> None:
    early = day.hand_over(2)
    day.receive(early)
    roll_seal(day.hub.city.admin, day.hub.city.folder, YILING_ARCHIVE)
    late = day.hand_over(2)
    day.receive(late)
    day.lose_database()
    answer = CliRunner().invoke(
        danglian, ["hub", "recover", "--dir", str(day.hub.city.folder.path), "--json"]
    )
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["keys"], told["batches"], told["records"], told["findings"]) == (1, 2, 4, [])
    day.all_is_well(early)
    day.all_is_well(late)


def test_a_batch_under_way_while_the_seal_changes_is_finished(day: Day) -> None:
    """The slip that a killed hub laid down under the old seal stays where it is."""
    batch = day.hand_over(2)
    day.unit.sign(batch.id)
    day.hub.receive(day.archivist, batch.id)
    assert dies(hub_works, day.hub.city.folder.path, "put-before", 4)
    roll_seal(day.hub.city.admin, day.hub.city.folder, YILING_ARCHIVE)
    day.hub.work()
    day.all_is_well(batch)


def test_a_record_that_was_left_out_passes_to_the_archive_when_its_node_tells_it(day: Day) -> None:
    batch = day.hand_over(2)
    day.receive(batch)
    papers = [
        evidence("verdict", day.unit.heard("verdict")[0]),
        evidence("receipt", day.unit.heard("receipt")[0]),
    ]
    damaged, whole = batch.offers
    (path,) = day.kept.rglob(f"{damaged.sha256}.zip")
    path.write_bytes(b"rotten")
    day.lose_database()
    done = day.recover()
    assert (done.batches, done.records, done.left_out) == (1, 1, 1)
    assert day.codes(done) == ["record_left_out"]
    assert day.hub.batch(batch.id).state == "received"
    assert day.hub.custody(whole.record) == f"archive:{YILING_ARCHIVE}"
    with day.hub.city.database.read() as session:
        assert session.get(CatalogueRecord, damaged.record.id) is None
    for _ in range(2):
        day.unit.tell(*(each.record for each in batch.offers))
        day.unit.send("offer", *(each.body for each in batch.offers))
        day.unit.send("batch", batch.closing)
        day.unit.send("evidence", *papers)
        day.hub.work()
    assert day.hub.custody(damaged.record) == f"archive:{YILING_ARCHIVE}"
    assert day.codes(day.recover()) == ["record_left_out"]
    path.write_bytes(damaged.package)
    assert (day.recover().records, day.recover().records) == (1, 0)
    day.all_is_well(batch)


class TestWhatDoesNotCount:
    def test_a_package_without_receipt_is_named_and_stays(self, day: Day) -> None:
        batch = day.hand_over(1)
        day.receive(batch)
        store = day.hub.city.folder.store
        slip = next(name for name in store.names("archives/") if name.endswith("receipt.json"))
        with store.open(slip) as stream:
            content = stream.read()
        store.delete(slip)
        day.lose_database()
        assert sorted(day.codes(day.recover())) == ["batch_incomplete", "package_without_receipt"]
        with day.hub.city.database.read() as session:
            assert session.query(Receipt).count() == 0
        (day.kept / slip).write_bytes(content)
        assert day.recover().batches == 1
        day.all_is_well(batch)

    @pytest.mark.parametrize("suffix", [".zip", "receipt.json"])
    def test_bytes_that_changed_are_named(self, day: Day, suffix: str) -> None:
        day.receive(day.hand_over(1))
        store = day.hub.city.folder.store
        name = next(each for each in store.names("archives/") if each.endswith(suffix))
        path = day.kept / name
        path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
        day.lose_database()
        done = day.recover()
        assert (done.batches, "stored_damaged" in day.codes(done)) == (0, True)

    def test_a_receipt_that_is_not_ours_is_named(self, day: Day) -> None:
        day.receive(day.hand_over(1))
        store = day.hub.city.folder.store
        (name,) = store.names(f"archives/{YILING_ARCHIVE}/receipts/")
        for content in (b"{", b"[]", json.dumps({"archive_signature": {}}).encode()):
            (day.kept / name).write_bytes(content)
            day.lose_database()
            done = day.recover()
            assert (done.batches, day.codes(done)[0]) == (0, "stored_damaged")

    def test_a_fonds_that_the_database_does_not_know_is_told_with_what_to_do(
        self, day: Day
    ) -> None:
        new = Unit(day.hub.city, "夷陵区新设单位", YILING, "J009")
        batch = day.hand_over(1, unit=new)
        day.receive(batch, unit=new)
        known = day.hand_over(1)
        day.receive(known)
        day.lose_database()
        done = day.recover()
        assert (done.batches, day.codes(done)) == (1, ["fonds_unknown"])
        (finding,) = done.findings
        assert f"--id {new.fonds.id}" in finding.remedy
        assert "夷陵区新设单位" in finding.problem
        folder = ["--dir", str(day.hub.city.folder.path), "--json"]
        for command in (
            ["fonds", "add", "--id", new.fonds.id, "--name", "夷陵区新设单位", "--division", YILING,
             "--number", "J009"],
            ["recover"],
            ["node", "add", "--name", "新设单位", "--division", YILING, "--fonds", new.fonds.id],
            ["recover"],
        ):  # fmt: skip
            answer = CliRunner().invoke(danglian, ["hub", *command, *folder])
            assert answer.exit_code == 0, answer.output
            if command == ["recover"]:
                told = json.loads(answer.stdout)
        assert (told["batches"], told["findings"]) == (1, [])
        day.all_is_well(batch)
        with day.hub.city.database.read() as session:
            kept = federation.fonds_of(new.fonds.id, session).keeping_node
            assert session.get_one(Node, kept).epoch == 0


def test_the_generation_is_never_used_twice_and_nothing_told_is_forgotten(day: Day) -> None:
    day.receive(day.hand_over(1))

    def recover() -> dict[str, Any]:
        day.hub.city.database.close()
        answer = CliRunner().invoke(
            danglian, ["hub", "recover", "--dir", str(day.hub.city.folder.path), "--json"]
        )
        assert answer.exit_code == 0, answer.output
        told: dict[str, Any] = json.loads(answer.stdout)
        return told

    day.lose_database()
    assert recover()["generation"] == 2
    assert recover()["generation"] == 3
    from shared.messaging.models import OutgoingEntry, OutgoingStream

    with day.hub.city.database.read() as session:
        stream = session.get_one(OutgoingStream, day.unit.node.id)
        later = session.scalars(
            select(OutgoingEntry.generation)
            .where(OutgoingEntry.peer == day.unit.node.id)
            .where(OutgoingEntry.seq > (stream.lost_after or 0))
        ).all()
    assert set(later) == {3}
    day.lose_database()
    assert recover()["generation"] == 4


@pytest.fixture
def three_lost(day: Day) -> Iterator[list[HandedOver]]:
    batches = [day.hand_over(2) for _ in range(3)]
    for batch in batches:
        day.receive(batch)
    day.lose_database()
    day.hub.city.database.close()
    return batches


@pytest.mark.faults
@pytest.mark.parametrize("commit", range(1, 7))
def test_killed_while_recovering(day: Day, three_lost: list[HandedOver], commit: int) -> None:
    assert dies(hub_works, day.hub.city.folder.path, "recover-commit", commit)
    again = day.recover()
    # Three commits for the verdicts that the database lacks, then one for each batch.
    assert again.known == max(0, commit - 4)
    assert again.batches == 3 - again.known
    for batch in three_lost:
        day.all_is_well(batch)
    assert len(day.unit.heard("receipt")) == 3
    assert len(register(day.hub.city)) == 3
