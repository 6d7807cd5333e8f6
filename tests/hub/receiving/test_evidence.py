"""A hub that was restored to before its own decisions learns them again from its papers."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from shared.kernel.actor import Actor
from shared.kernel.database import copy_database
from shared.kernel.errors import DanglianError
from tests.hub.conftest import City
from tests.hub.receiving.handover import YILING_ARCHIVE, HandedOver, Hub, Unit


@dataclass
class Lost:
    """What happened after the backup, as the node still has it."""

    batch: HandedOver
    verdict: dict[str, Any]
    confirmation: dict[str, Any]
    receipt: dict[str, Any]


@pytest.fixture
def lost(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor, tmp_path: Path) -> Lost:
    """The whole way was gone after a backup; then the database of the backup comes back."""
    backup = tmp_path / "backup.sqlite"
    records = unit.records(2)
    copy_database(hub.city.folder.path / "hub.sqlite", backup)
    batch = unit.batch(records)
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work()
    hub.conclude(reviewer, batch.id, "accepted")
    confirmation = unit.confirmation(batch.id)
    unit.send("confirmation", confirmation)
    hub.receive(archivist, batch.id)
    hub.work()
    verdict, receipt = unit.heard("verdict")[0], unit.heard("receipt")[0]
    restore(hub.city, backup)
    return Lost(batch, verdict, confirmation, receipt)


def restore(city: City, backup: Path) -> None:
    city.database.close()
    for path in city.folder.path.glob("hub.sqlite*"):
        path.unlink()
    shutil.copy(backup, city.folder.path / "hub.sqlite")
    city.folder = HubFolder(city.folder.path)
    city.database = city.folder.database()


def tell_offers(unit: Unit, lost: Lost) -> None:
    unit.send("offer", *(each.body for each in lost.batch.offers))
    unit.send("batch", lost.batch.closing)


def evidence(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "document": document}


def test_stream_then_papers_bring_everything_back(hub: Hub, unit: Unit, lost: Lost) -> None:
    tell_offers(unit, lost)
    # The signature comes in the stream before the verdict that it is about.
    unit.send("confirmation", lost.confirmation)
    unit.send("evidence", evidence("verdict", lost.verdict), evidence("receipt", lost.receipt))
    assert hub.batch(lost.batch.id).state == "receiving"
    hub.work()
    assert hub.batch(lost.batch.id).state == "received"
    for each in lost.batch.offers:
        assert hub.custody(each.record) == f"archive:{YILING_ARCHIVE}"
    assert unit.heard("receipt")[-1] == lost.receipt


def test_a_verdict_alone_brings_the_batch_to_the_units_signature(
    hub: Hub, unit: Unit, lost: Lost, archivist: Actor
) -> None:
    tell_offers(unit, lost)
    unit.send("confirmation", lost.confirmation)
    unit.send("evidence", evidence("verdict", lost.verdict))
    assert hub.batch(lost.batch.id).state == "signed_by_unit"
    # What staging had is still there: nothing needs to be checked or sent again.
    # What persons had decided stands in the verdict, though its inspection is lost.
    # The archive's first signature is in the repository, and stands.
    receiving.sign_and_receive(hub.city.folder, archivist, hub.batch(lost.batch.id).id)
    hub.work()
    assert hub.batch(lost.batch.id).state == "received"
    assert unit.heard("receipt") == [lost.receipt]


def test_a_receipt_wins_over_a_review_that_began_again(
    hub: Hub, unit: Unit, lost: Lost, reviewer: Actor
) -> None:
    tell_offers(unit, lost)
    hub.work()
    hub.conclude(reviewer, lost.batch.id, "returned")
    unit.send("evidence", evidence("receipt", lost.receipt))
    hub.work()
    assert hub.batch(lost.batch.id).state == "received"
    with pytest.raises(DanglianError) as told:
        unit.send("evidence", evidence("verdict", lost.verdict))
    assert told.value.code == "other_verdict"


def test_papers_told_twice_are_told_once(hub: Hub, unit: Unit, lost: Lost) -> None:
    tell_offers(unit, lost)
    papers = [evidence("verdict", lost.verdict), evidence("receipt", lost.receipt)]
    unit.send("evidence", *papers, *papers)
    hub.work()
    unit.send("evidence", *papers)
    hub.work()
    assert hub.batch(lost.batch.id).state == "received"
    assert len(unit.heard("receipt")) == 1


def test_only_our_own_signatures_count(hub: Hub, unit: Unit, other_unit: Unit, lost: Lost) -> None:
    tell_offers(unit, lost)
    forged = {**lost.receipt, "by": "别人"}
    for paper in (
        evidence("receipt", forged),
        evidence("verdict", {**lost.verdict, "outcome": "returned"}),
        evidence("verdict", {**lost.verdict, "signature": "nothing"}),
    ):
        with pytest.raises(DanglianError) as told:
            unit.send("evidence", paper)
        assert told.value.code == "bad_signature"
    with pytest.raises(DanglianError) as told:
        other_unit.send("evidence", evidence("receipt", lost.receipt))
    assert told.value.code == "foreign_batch"


def test_a_paper_about_an_unknown_batch_asks_for_the_batch(unit: Unit, lost: Lost) -> None:
    with pytest.raises(DanglianError) as told:
        unit.send("evidence", evidence("receipt", lost.receipt))
    assert told.value.code == "batch_unknown"
