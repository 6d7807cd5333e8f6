"""Viruses in what comes in: found by clamd on receipt, and a clamd that is away for a while."""

from __future__ import annotations

import pytest

from hub.receiving import service as receiving
from hub.receiving.checking import Checking
from shared.inspection.clamd import Clamd
from shared.kernel.errors import Unavailable
from tests.hub.receiving.handover import Hub, Unit
from tests.servers.clamav import EICAR, SIGNATURE, ClamAV


def checking(hub: Hub, address: str) -> Checking:
    folder = hub.city.folder
    return Checking(folder.database(), folder.staging, clamd=Clamd(address))


def test_a_package_with_a_virus_cannot_be_accepted(hub: Hub, unit: Unit, clamav: ClamAV) -> None:
    batch = unit.hand_over_file("附件.txt", EICAR)
    assert checking(hub, clamav.address).step()
    (offer,) = hub.offers(batch.id).values()
    assert not offer.sound
    finding = next(each for each in offer.report["findings"] if each["code"] == "virus_found")
    assert finding["actual"] == SIGNATURE
    hub.work()
    with hub.city.database.read() as session:
        (run,) = receiving.runs_of(hub.batch(batch.id), session=session)
    assert run.scanner.startswith("ClamAV ")
    assert (run.verdict, run.tally["items"]["4-2"]) == ("failed", {"failed": 1})


def test_without_a_scanner_nothing_reads_as_scanned(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over(1)
    hub.work()
    (offer,) = hub.offers(batch.id).values()
    outcomes = {each["number"]: each["outcome"] for each in offer.report["checks"]}
    assert (outcomes["4-1"], outcomes["4-2"]) == ("not_run", "not_run")
    with hub.city.database.read() as session:
        found = receiving.inspection_of(hub.batch(batch.id), session=session)
    assert "4-2" in [each.item.number for each in found.not_run]


def test_packages_wait_for_a_scanner_that_is_away(hub: Hub, unit: Unit, clamav: ClamAV) -> None:
    batch = unit.hand_over(1)
    clamav.stop()
    try:
        with pytest.raises(Unavailable):
            checking(hub, clamav.address).step()
        (offer,) = hub.offers(batch.id).values()
        assert offer.checked_at is None
    finally:
        clamav.start()
    assert checking(hub, clamav.address).step()
    (offer,) = hub.offers(batch.id).values()
    assert (offer.checked_at is not None, offer.sound) == (True, True)
