"""What the check finds in packages that are not as they should be."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest

from hub.review.service import Decided
from shared.inspection.run import inspect_package
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.keys import SigningKey
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Offered, Unit


def repacked(offered: Offered, content: bytes) -> Offered:
    """The offer as if its package were these bytes."""
    package = {
        "sha256": sha256_hex(content),
        "size": len(content),
        "inline": base64.b64encode(content).decode(),
    }
    return Offered(offered.offer_id, offered.record, content, {**offered.body, "package": package})


def send(unit: Unit, *packages: bytes | None) -> str:
    """Hand over a batch with these packages; None leaves one as it should be."""
    batch = unit.batch(unit.records(len(packages)))
    offers = [
        each if content is None else repacked(each, content)
        for each, content in zip(batch.offers, packages, strict=True)
    ]
    unit.send("offer", *(each.body for each in offers))
    unit.send("batch", batch.closing)
    return batch.id


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(30_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"not a zip", b"PK\x03\x04 torn", bomb()])
def test_what_is_no_package_is_a_finding_and_can_only_be_returned(
    hub: Hub, unit: Unit, reviewer: Actor, content: bytes
) -> None:
    batch_id = send(unit, content, None)
    hub.work()
    found = hub.batch(batch_id)
    assert (found.state, found.checked) == ("under_review", 2)
    bad = next(each for each in hub.offers(batch_id).values() if not each.sound)
    assert bad.errors >= 1
    with pytest.raises(WrongState) as told:
        hub.decide(reviewer, batch_id, Decided(bad.id, "accepted"))
    assert told.value.code == "package_unsound"
    with pytest.raises(WrongState):
        hub.conclude(reviewer, batch_id, "accepted")
    hub.conclude(reviewer, batch_id, "returned")


def test_the_package_of_another_record_is_not_this_one(hub: Hub, unit: Unit) -> None:
    batch = unit.batch(unit.records(2))
    first, second = batch.offers
    swapped = [repacked(first, second.package), repacked(second, first.package)]
    unit.send("offer", *(each.body for each in swapped))
    unit.send("batch", batch.closing)
    hub.work()
    assert {"record_id_differs", "offer_id_differs"} <= hub.codes(batch.id)
    assert not any(each.sound for each in hub.offers(batch.id).values())


def test_a_package_under_another_seal_is_found(hub: Hub, unit: Unit) -> None:
    registered = unit.seal
    unit.seal = SigningKey.generate()
    batch = unit.hand_over(1)
    unit.seal = registered
    hub.work()
    assert "seal_of_another" in hub.codes(batch.id)
    assert not any(each.sound for each in hub.offers(batch.id).values())


def test_bad_metadata_is_beside_its_field_and_a_person_decides(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    batch = unit.hand_over(1, author=None)
    hub.work()
    (offer,) = hub.offers(batch.id).values()
    assert offer.findings
    assert any(each["field"] == "author" for each in offer.report["findings"])
    assert offer.sound
    if offer.errors:
        with pytest.raises(WrongState) as told:
            hub.conclude(reviewer, batch.id, "accepted")
        assert told.value.code == "undecided"
        hub.decide(reviewer, batch.id, Decided(offer.id, "accepted"))
    hub.conclude(reviewer, batch.id, "accepted")


def test_a_record_withdrawn_during_its_check_stays_withdrawn(
    hub: Hub, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = unit.hand_over(1)

    def withdraw_meanwhile(*arguments: object) -> object:
        unit.send("withdraw", {"batch_id": batch.id, "by": None, "reason": None})
        return inspect_package(*arguments)

    monkeypatch.setattr("hub.receiving.checking.inspect_package", withdraw_meanwhile)
    hub.work()
    assert hub.batch(batch.id).state == "withdrawn"
    assert hub.offers(batch.id)[batch.offers[0].offer_id].state == "withdrawn"


def test_a_crash_of_the_inspection_reads_as_not_run_and_stops_nobody_else(
    hub: Hub, unit: Unit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = unit.hand_over(1), unit.hand_over(1)

    def crash_once(path: object, context: object) -> object:
        if context.offer["offer_id"] == first.offers[0].offer_id:  # type: ignore[attr-defined]
            raise RuntimeError("strange")
        return inspect_package(path, context)

    monkeypatch.setattr("hub.receiving.checking.inspect_package", crash_once)
    hub.work()
    assert hub.codes(first.id) == {"not_run"}
    assert not hub.offers(first.id)[first.offers[0].offer_id].sound
    assert hub.batch(second.id).errors == 0
    assert "crashed" in caplog.text


def test_a_classified_file_is_erased_and_its_title_with_it(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over_marked()
    hub.work()
    (offer,) = hub.offers(batch.id).values()
    title = batch.offers[0].record.title
    assert hub.codes(batch.id) == {"classified"}
    assert title not in offer.title
    assert not offer.sound
    assert title not in str(offer.report)
    with pytest.raises(NotFound):
        hub.city.folder.staging.parts(offer.id)


def test_the_desk_showed_the_title_and_files_of_a_record_that_bears_a_mark(
    hub: Hub, unit: Unit
) -> None:
    batch = unit.hand_over_marked()
    hub.work("receiving.check")  # the package is not erased yet
    (offered,) = batch.offers
    desk = make_desk(hub.city, reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE))
    browser, place = Browser(desk, "reviewer"), f"/review/{batch.id}/records/{offered.offer_id}"
    page = browser.get(place).text
    assert "这件带有密级标志" in page
    assert offered.record.title not in page
    assert browser.get(f"{place}/files/{offered.record.files[0].id}").status_code == 404


def test_nobody_opened_a_file_before_it_was_examined(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over(1)
    (offered,) = batch.offers
    desk = make_desk(hub.city, reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE))
    browser = Browser(desk, "reviewer")
    place = f"/review/{batch.id}/records/{offered.offer_id}/files/{offered.record.files[0].id}"
    early = browser.get(place)
    assert early.status_code == 409
    assert "还在检验" in early.text
    hub.work("receiving.check")
    assert browser.get(place).status_code == 200
