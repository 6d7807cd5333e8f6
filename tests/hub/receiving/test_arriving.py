"""What the hub takes and what it refuses, entry by entry; and withdrawing."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hub.federation import service as federation
from hub.receiving.service import Batch, Offer
from shared.kernel.actor import Actor
from shared.kernel.errors import DanglianError
from shared.kernel.identifiers import new_id
from tests.hub.conftest import YILING, City
from tests.hub.receiving.handover import Hub, Unit, changed

DATABASES = ("sqlite", "postgresql")


def refused(unit: Unit, kind: str, *bodies: dict[str, Any], as_node: str | None = None) -> str:
    with pytest.raises(DanglianError) as told:
        unit.send(kind, *bodies, as_node=as_node)
    assert told.value.message
    assert told.value.remedy
    return told.value.code


def test_a_repeated_run_changes_nothing(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over(2)
    before = hub.offers(batch.id)
    for _ in range(2):
        unit.send("offer", *(each.body for each in batch.offers))
        unit.send("batch", batch.closing)
    after = hub.offers(batch.id)
    assert {each: (o.state, o.offered_at) for each, o in before.items()} == {
        each: (o.state, o.offered_at) for each, o in after.items()
    }
    assert hub.batch(batch.id).count == 2


def test_the_same_offer_id_with_another_content_is_refused(unit: Unit) -> None:
    batch = unit.hand_over(1)
    body = {**batch.offers[0].body, "record_digest": "0" * 64}
    assert refused(unit, "offer", body) == "offer_altered"


def test_an_offer_of_a_version_that_the_catalogue_lacks_is_refused(unit: Unit) -> None:
    ((record, content),) = unit.records(1)
    newer = changed(record, title="另一题名")
    offered = unit.offered(newer, content, new_id())
    assert refused(unit, "offer", offered.body) == "record_unknown"


def test_an_offer_about_a_foreign_fonds_is_refused(unit: Unit, other_unit: Unit) -> None:
    ((record, content),) = unit.records(1)
    offered = unit.offered(record, content, new_id())
    assert refused(other_unit, "offer", offered.body) == "foreign_fonds"


def test_a_record_that_an_archive_has_received_cannot_be_offered_again(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    records = unit.records(1)
    batch = unit.batch(records)
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work()
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    again = unit.offered(*records[0], new_id())
    assert refused(unit, "offer", again.body) == "in_archive_custody"
    # Told again as it was, the old offer is recognised all the same.
    unit.send("offer", batch.offers[0].body)
    unit.send("batch", batch.closing)
    unit.send("confirmation", unit.confirmation(batch.id))


def test_a_second_offer_of_a_record_waits_for_the_end_of_the_first(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    records = unit.records(1)
    first = unit.batch(records)
    unit.send("offer", first.offers[0].body)
    unit.send("batch", first.closing)
    second = unit.batch(records)
    assert refused(unit, "offer", second.offers[0].body) == "already_offered"
    unit.send("withdraw", {"batch_id": first.id, "by": "张三", "reason": "材料有误"})
    unit.send("offer", second.offers[0].body)
    unit.send("batch", second.closing)
    hub.work()
    hub.conclude(reviewer, second.id, "returned")
    third = unit.batch(records)
    unit.send("offer", third.offers[0].body)


def test_a_village_that_no_archive_receives_cannot_offer(city: City) -> None:
    with city.database.read() as session:
        village = federation.divisions_below(YILING, session)[-1]
    unit = Unit(city, "某村村民委员会", village, "V001")
    assert unit.fonds.receiving_archive is None
    ((record, content),) = unit.records(1)
    offered = unit.offered(record, content, new_id())
    assert refused(unit, "offer", offered.body) == "no_receiving_archive"


def test_a_damaged_or_oversized_package_in_an_entry_is_refused(unit: Unit) -> None:
    ((record, content),) = unit.records(1)
    offered = unit.offered(record, content, new_id())
    package = {**offered.body["package"], "inline": base64.b64encode(b"other").decode()}
    assert refused(unit, "offer", {**offered.body, "package": package}) == "package_damaged"
    big = base64.b64encode(bytes(65537)).decode()
    package = {"sha256": "0" * 64, "size": 65537, "inline": big}
    assert refused(unit, "offer", {**offered.body, "package": package}) == "package_too_large"
    package = {**offered.body["package"], "inline": "!!!"}
    assert refused(unit, "offer", {**offered.body, "package": package}) == "package_damaged"


@pytest.mark.parametrize("name", ["offer_id", "record_digest", "package"])
def test_a_malformed_offer_is_refused_by_the_name_of_its_field(unit: Unit, name: str) -> None:
    ((record, content),) = unit.records(1)
    body = unit.offered(record, content, new_id()).body
    with pytest.raises(DanglianError) as told:
        unit.send("offer", {**body, name: "nonsense"})
    assert told.value.field is not None
    assert told.value.field.startswith(name)


def test_a_batch_whose_offers_were_refused_is_refused_and_can_be_withdrawn(
    hub: Hub, unit: Unit
) -> None:
    batch = unit.batch(unit.records(2))
    unit.send("offer", batch.offers[0].body)
    assert refused(unit, "batch", batch.closing) == "offers_missing"
    unit.send("withdraw", {"batch_id": batch.id, "by": "张三", "reason": None})
    assert unit.heard("withdrawn") == [{"batch_id": batch.id, "granted": True, "reason": None}]
    assert hub.batch(batch.id).state == "withdrawn"


def test_a_closed_batch_takes_no_more_offers_and_no_other_list(unit: Unit) -> None:
    batch = unit.hand_over(1)
    ((record, content),) = unit.records(1)
    late = unit.offered(record, content, batch.id)
    assert refused(unit, "offer", late.body) == "batch_closed"
    assert refused(unit, "batch", {**batch.closing, "title": "改名"}) == "batch_altered"


def test_another_node_cannot_close_withdraw_or_sign_a_batch(
    hub: Hub, unit: Unit, other_unit: Unit, reviewer: Actor
) -> None:
    batch = unit.batch(unit.records(1))
    unit.send("offer", batch.offers[0].body)
    stranger = other_unit.node.id
    assert refused(unit, "batch", batch.closing, as_node=stranger) == "foreign_batch"
    unit.send("batch", batch.closing)
    withdraw = {"batch_id": batch.id, "by": None, "reason": None}
    assert refused(unit, "withdraw", withdraw, as_node=stranger) == "foreign_batch"
    hub.work()
    hub.conclude(reviewer, batch.id, "accepted")
    confirmation = unit.confirmation(batch.id)
    assert refused(unit, "confirmation", confirmation, as_node=stranger) == "foreign_batch"


def test_a_batch_too_large_for_one_form_is_refused_before_anyone_works_on_it(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.receiving import arrival

    monkeypatch.setattr(arrival, "ENTRY_BYTES", arrival._FRAME + 2 * arrival._LINE)
    batch = unit.batch(unit.records(2))
    unit.send("offer", *(each.body for each in batch.offers))
    assert refused(unit, "batch", batch.closing) == "batch_too_large"


def test_a_withdrawal_is_granted_until_the_unit_has_signed_and_not_after(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    first, second = unit.hand_over(1), unit.hand_over(1)
    hub.work()
    unit.send("withdraw", {"batch_id": first.id, "by": "张三", "reason": "材料有误"})
    unit.send("withdraw", {"batch_id": first.id, "by": "张三", "reason": "材料有误"})
    hub.conclude(reviewer, second.id, "accepted")
    unit.sign(second.id)
    unit.send("withdraw", {"batch_id": second.id, "by": "张三", "reason": "材料有误"})
    answers = [(each["batch_id"], each["granted"]) for each in unit.heard("withdrawn")]
    assert answers == [(first.id, True), (first.id, True), (second.id, False)]
    assert "不能撤回" in unit.heard("withdrawn")[-1]["reason"]
    assert hub.batch(second.id).state == "signed_by_unit"
    with hub.city.database.read() as session:
        assert session.get_one(Offer, first.offers[0].offer_id).state == "withdrawn"


def test_withdrawn_and_returned_packages_are_cleared_from_staging(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    first, second = unit.hand_over(1), unit.hand_over(1)
    hub.work("receiving.check")
    staging = hub.city.folder.staging
    assert staging.parts(first.offers[0].offer_id) == [1]
    unit.send("withdraw", {"batch_id": first.id, "by": None, "reason": None})
    hub.conclude(reviewer, second.id, "returned")
    hub.work()
    for batch in (first, second):
        with pytest.raises(DanglianError):
            staging.parts(batch.offers[0].offer_id)


class TestTheUnitsSignature:
    def ready(self, hub: Hub, unit: Unit, reviewer: Actor) -> str:
        batch = unit.hand_over(2)
        hub.work()
        hub.conclude(reviewer, batch.id, "accepted")
        return batch.id

    def test_a_signature_of_another_seal_is_refused(
        self, hub: Hub, unit: Unit, other_unit: Unit, reviewer: Actor
    ) -> None:
        batch_id = self.ready(hub, unit, reviewer)
        seal, unit.seal = unit.seal, other_unit.seal
        assert refused(unit, "confirmation", unit.confirmation(batch_id)) == "bad_signature"
        unit.seal = seal
        unit.sign(batch_id)

    def test_a_form_changed_by_one_character_is_refused(
        self, hub: Hub, unit: Unit, reviewer: Actor
    ) -> None:
        batch_id = self.ready(hub, unit, reviewer)
        signed = unit.confirmation(batch_id)
        form = {**signed["form"], "remarks": "另"}
        assert refused(unit, "confirmation", {**signed, "form": form}) == "form_altered"
        from shared.kernel.canonical import digest_of

        changed_form = {**signed, "form": form, "form_digest": digest_of(form)}
        assert refused(unit, "confirmation", changed_form) == "bad_signature"

    def test_the_units_own_form_is_not_the_archives(
        self, hub: Hub, unit: Unit, reviewer: Actor
    ) -> None:
        from shared.kernel.canonical import digest_of
        from shared.kernel.keys import sign_document

        batch_id = self.ready(hub, unit, reviewer)
        signed = unit.confirmation(batch_id)
        form = {**signed["form"], "remarks": "另"}
        own = sign_document(unit.seal, form)
        body = {
            **signed, "form": form, "form_digest": digest_of(form), "signature": own["signature"]
        }  # fmt: skip
        assert refused(unit, "confirmation", body) == "other_form"
        assert hub.batch(batch_id).state == "accepted"

    def test_the_same_signature_again_is_nothing(
        self, hub: Hub, unit: Unit, reviewer: Actor
    ) -> None:
        batch_id = self.ready(hub, unit, reviewer)
        for _ in range(2):
            unit.sign(batch_id)
        assert hub.batch(batch_id).state == "signed_by_unit"


def test_every_table_of_these_rooms_says_where_it_comes_from() -> None:
    from hub.repository import models as repository
    from hub.review import models as review

    tables = [
        cls.__table__
        for module in (repository, review, __import__("hub.receiving.models", fromlist=["x"]))
        for cls in vars(module).values()
        if hasattr(cls, "__table__")
    ]
    assert Batch.__table__ in tables
    for table in tables:
        assert table.info["origin"] in {"repository", "nodes", "backup", "derived"}
