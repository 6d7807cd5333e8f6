"""Viruses in what comes in: found by clamd on receipt, and a clamd that is away for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from hub.receiving.checking import Checking
from hub.receiving.doctor import examine_decoder, examine_scanner, old_definitions
from shared.inspection.clamd import Clamd
from shared.inspection.scanner import Scanner
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Unavailable
from shared.kernel.settings import save_settings
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit
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
    (offered,) = batch.offers
    desk = make_desk(hub.city, reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE))
    place = f"/review/{batch.id}/records/{offered.offer_id}/files/{offered.record.files[0].id}"
    refused = Browser(desk, "reviewer").get(place)
    assert refused.status_code == 409
    assert "已隔离" in refused.text
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


def doctor(hub: Hub, address: str) -> list[str]:
    save_settings(replace(hub.city.folder.settings, clamd=address), hub.city.folder.path)
    return [each.code for each in examine_scanner(HubFolder(hub.city.folder.path))]


def test_the_doctor_asks_the_scanner(hub: Hub, clamav: ClamAV) -> None:
    assert doctor(hub, "") == []
    # The signatures of these tests are no official definitions, and bear no date.
    assert doctor(hub, clamav.address) == ["definitions_undated"]
    clamav.stop()
    try:
        assert doctor(hub, clamav.address) == ["scanner_away"]
    finally:
        clamav.start()


def test_the_doctor_names_a_decoder_that_is_not_there(hub: Hub) -> None:
    def told(path: str) -> list[str]:
        settings = replace(hub.city.folder.settings, media_decoder=path)
        save_settings(settings, hub.city.folder.path)
        return [each.code for each in examine_decoder(HubFolder(hub.city.folder.path))]

    assert told("") == []
    assert told("/no/such/ffmpeg") == ["decoder_away"]


def test_the_doctor_names_old_definitions() -> None:
    def of_age(days: int) -> list[str]:
        made_at = now() - timedelta(days=days)
        return [each.code for each in old_definitions(Scanner("ClamAV", "1", made_at))]

    assert (of_age(6), of_age(8)) == ([], ["definitions_old"])
