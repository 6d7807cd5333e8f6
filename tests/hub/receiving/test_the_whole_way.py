"""A batch on its whole way: offered, checked, reviewed, signed by both, received."""

from __future__ import annotations

import io
import zipfile

import pytest

from hub.audit_names import TIME_LINES, subject_names
from hub.receiving import service as receiving
from hub.repository import service as repository
from hub.review.service import Decided
from shared.kernel.actor import Actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import NotAllowed, NotFound, WrongState
from shared.kernel.keys import document_is_signed_by
from shared.packaging import verify_receipt
from shared.verifier.receipt import root_is_signed
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit

DATABASES = ("sqlite", "postgresql")

REASON = {"field": "title", "problem": "题名不规范。", "remedy": "请改正。", "code": "reviewer"}


def test_a_sound_batch_is_checked_accepted_signed_and_received(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    batch = unit.hand_over(3)
    assert hub.batch(batch.id).state == "checking"
    hub.work()
    found = hub.batch(batch.id)
    assert (found.state, found.checked, found.errors) == ("under_review", 3, 0), hub.codes(batch.id)

    hub.conclude(reviewer, batch.id, "accepted")
    (verdict,) = unit.heard("verdict")
    signature = verdict.pop("signature")
    assert document_is_signed_by(hub.city.key.public, verdict, signature)
    assert verdict["form"]["count"]["records"] == 3

    unit.sign(batch.id)
    assert hub.batch(batch.id).state == "signed_by_unit"
    hub.receive(archivist, batch.id)
    assert hub.batch(batch.id).state == "receiving"
    hub.work()
    assert hub.batch(batch.id).state == "received"

    (receipt,) = unit.heard("receipt")
    listed = {each["record_id"]: each["record_digest"] for each in receipt["contents"]["records"]}
    for each in batch.offers:
        with zipfile.ZipFile(io.BytesIO(each.package)) as package:
            assert listed[each.record.id] == sha256_hex(package.read("record.json"))
    signature = receipt.pop("archive_signature")
    seal = hub.city.folder.keys.seal(YILING_ARCHIVE)
    assert document_is_signed_by(seal.public, receipt, signature)
    for each in batch.offers:
        assert hub.custody(each.record) == f"archive:{YILING_ARCHIVE}"
        with hub.city.database.read() as session:
            kept = repository.kept_package(YILING_ARCHIVE, each.record.id, session=session)
        with repository.open_package(hub.city.folder.store, kept) as stream:
            assert stream.read() == each.package
    assert repository.verify(hub.city.database, hub.city.folder.store, YILING_ARCHIVE) == []
    # The auditor looks by the number for what happened to one record: all of it was in bulk.
    with hub.city.database.read() as session:
        (offer, *_) = receiving.offers_of(found.id, session=session)
        (about,) = TIME_LINES.called(session, str(offer.code))
        assert about == f"record:{offer.record_id}"
        assert TIME_LINES.parts(session, about) == [f"batch:{found.id}"]
        assert subject_names(session, [about])[about] == offer.code, "and never its title"


def test_papers_and_packages_can_be_read_from_the_store_alone(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    batch = unit.hand_over(1)
    hub.work()
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    store = hub.city.folder.store
    names = list(store.names("archives/"))
    kinds = {name.split("/")[2] for name in names}
    assert kinds == {"ocfl", "verdicts", "receipts", "accessions"}
    slip = repository.receipt_beside(store, YILING_ARCHIVE, batch.offers[0].record.id)
    assert slip is not None
    read = repository.read_document(slip)
    assert read is not None
    signed = read.pop("signed")
    assert document_is_signed_by(hub.city.folder.keys.seal(YILING_ARCHIVE).public, read, signed)
    assert read["package_sha256"] == sha256_hex(batch.offers[0].package)


def test_returned_records_carry_their_reasons_and_can_be_offered_again(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    batch = unit.hand_over(2)
    hub.work()
    first = batch.offers[0]
    hub.decide(reviewer, batch.id, Decided(first.offer_id, "returned", [REASON]))
    hub.conclude(reviewer, batch.id, "returned")
    (verdict,) = unit.heard("verdict")
    reasons = {each["offer_id"]: each["reasons"] for each in verdict["offers"]}
    assert reasons[first.offer_id] == [REASON]
    assert reasons[batch.offers[1].offer_id][0]["problem"] == "整批退回"
    assert verdict["form"] is None

    again = unit.batch([(each.record, b"") for each in ()], batch_id=batch.id)
    assert again.offers == []
    corrected = unit.hand_over(2)
    hub.work()
    assert hub.batch(corrected.id).state == "under_review"


def test_a_returned_batch_may_come_again_under_its_own_id(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    records = unit.records(2)
    first = unit.batch(records)
    unit.send("offer", *(each.body for each in first.offers))
    unit.send("batch", first.closing)
    hub.work()
    hub.conclude(reviewer, first.id, "returned")
    second = unit.batch(records, batch_id=first.id)
    unit.send("offer", *(each.body for each in second.offers))
    unit.send("batch", second.closing)
    # The first round told again is recognised, and changes nothing.
    unit.send("offer", *(each.body for each in first.offers))
    unit.send("batch", first.closing)
    hub.work()
    assert (hub.batch(first.id).round, hub.batch(first.id).state) == (2, "under_review")
    hub.conclude(reviewer, first.id, "accepted")
    unit.sign(first.id)
    hub.receive(archivist, first.id)
    hub.work()
    assert len(unit.heard("receipt")[0]["offers"]) == 2


def test_a_unit_that_reads_it_signs_the_root_of_catalogue_and_files(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    batch = unit.batch(unit.records(3))
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", {**batch.closing, "reads_form": "danglian-handover-form/2"})
    hub.work()
    hub.decide(reviewer, batch.id, Decided(batch.offers[0].offer_id, "returned", [REASON]))
    hub.conclude(reviewer, batch.id, "corrected")
    form = unit.heard("verdict")[-1]["form"]
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    (receipt,) = unit.heard("receipt")
    assert form["format"] == "danglian-handover-form/2"
    assert form["merkle_root"] == receipt["contents"]["merkle_root"]
    assert root_is_signed(receipt)
    seal = hub.city.folder.keys.seal(YILING_ARCHIVE)
    assert verify_receipt(receipt, unit.seal.public, seal.public) == []


def test_a_corrected_form_receives_a_part_and_returns_the_rest(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    batch = unit.hand_over(3)
    hub.work()
    bad = batch.offers[1]
    hub.decide(reviewer, batch.id, Decided(bad.offer_id, "returned", [REASON]))
    with pytest.raises(WrongState) as told:
        hub.conclude(reviewer, batch.id, "accepted")
    assert told.value.code == "some_returned"
    hub.conclude(reviewer, batch.id, "corrected")
    (verdict,) = unit.heard("verdict")
    assert verdict["form"]["count"]["records"] == 2
    assert verdict["form"]["corrects"]
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    (receipt,) = unit.heard("receipt")
    assert {each["offer_id"] for each in receipt["offers"]} == {
        batch.offers[0].offer_id,
        batch.offers[2].offer_id,
    }
    assert hub.custody(bad.record) == f"node:{unit.node.id}"


def test_who_is_of_another_county_neither_sees_nor_touches(
    hub: Hub, unit: Unit, other_reviewer: Actor
) -> None:
    batch = unit.hand_over(1)
    hub.work()
    with hub.city.database.read() as session:
        assert session.scalars(receiving.batches_seen_by(other_reviewer)).all() == []
        with pytest.raises(NotFound):
            receiving.batch_seen_by(other_reviewer, batch.id, session=session)
    with pytest.raises(NotFound):
        hub.decide(other_reviewer, batch.id, Decided(batch.offers[0].offer_id, "accepted"))
    with pytest.raises(NotFound):
        hub.conclude(other_reviewer, batch.id, "returned")
    with pytest.raises(NotFound):
        receiving.conclude(
            hub.city.folder, other_reviewer, batch.id, "returned", lambda session: {}
        )


def test_a_reviewer_cannot_receive_nor_an_archivist_review(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    batch = unit.hand_over(1)
    hub.work()
    with pytest.raises(NotAllowed):
        hub.conclude(archivist, batch.id, "accepted")
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    with pytest.raises(NotAllowed):
        hub.receive(reviewer, batch.id)


def test_central_keeping_the_county_reviews_and_the_city_receives(hub: Hub) -> None:
    city = hub.city
    from tests.hub.conftest import YILING

    unit = Unit(
        city, "夷陵区樟村坪镇人民政府", YILING, "A182",
        reviewing_archive="420506", receiving_archive="420500",
    )  # fmt: skip
    batch = unit.hand_over(1)
    hub.work()
    with pytest.raises(NotAllowed):
        hub.conclude(city.reviewer("420500"), batch.id, "accepted")
    hub.conclude(city.reviewer("420506"), batch.id, "accepted")
    unit.sign(batch.id)
    with pytest.raises(NotAllowed):
        hub.receive(city.archivist("420506"), batch.id)
    hub.receive(city.archivist("420500"), batch.id)
    county, keeper = city.reviewer("420506"), city.reviewer("420500")
    with city.database.read() as session:
        offers = list(hub.offers(batch.id).values())
        assert receiving.titles_hidden(county, offers, session=session) == set()
    hub.work()
    # Who has only reviewed does not see into it any more.
    with city.database.read() as session:
        assert receiving.titles_hidden(county, offers, session=session) == {offers[0].id}
        assert receiving.titles_hidden(keeper, offers, session=session) == set()
        with pytest.raises(NotAllowed):
            receiving.form_seen_by(county, batch.id, session=session)
        assert receiving.form_seen_by(keeper, batch.id, session=session).startswith(b"%PDF")
    assert hub.custody(batch.offers[0].record) == "archive:420500"


def test_accession_numbers_run_on_in_each_archive(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    labels = []
    for _ in range(3):
        batch = unit.hand_over(1)
        hub.work()
        hub.conclude(reviewer, batch.id, "accepted")
        unit.sign(batch.id)
        hub.receive(archivist, batch.id)
        hub.work()
        with hub.city.database.read() as session:
            accession = receiving.accession_of(hub.batch(batch.id), session=session)
            assert accession is not None
            labels.append(accession.number)
    assert labels == [1, 2, 3]
