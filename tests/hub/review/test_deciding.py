"""Deciding at the desk: reasons, the same cause for many, drafts, and conclusions."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hub.federation import service as federation
from hub.review import service as review
from hub.review.service import Decided
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import SigningKey, sign_document
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit

DATABASES = ("sqlite", "postgresql")

REASON = {"field": "title", "problem": "题名不规范。", "remedy": None, "code": None}


def drafts(hub: Hub, batch_id: str) -> dict[str, str]:
    with hub.city.database.read() as session:
        found = review.decisions_of(hub.batch(batch_id).id, session=session)
        return {each: draft.outcome for each, draft in found.items()}


def test_a_return_needs_a_reason(hub: Hub, unit: Unit, reviewer: Actor) -> None:
    batch = unit.hand_over(1)
    hub.work()
    offer_id = batch.offers[0].offer_id
    with pytest.raises(Invalid) as told:
        hub.decide(reviewer, batch.id, Decided(offer_id, "returned"))
    assert told.value.code == "reason_missing"
    with pytest.raises(Invalid):
        hub.decide(reviewer, batch.id, Decided(offer_id, "returned", [{"problem": "  "}]))
    assert drafts(hub, batch.id) == {}


def test_a_decision_is_a_draft_that_can_be_changed_and_taken_back(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    batch = unit.hand_over(2)
    hub.work()
    first, second = (each.offer_id for each in batch.offers)
    hub.decide(
        reviewer, batch.id, Decided(first, "returned", [REASON]), Decided(second, "accepted")
    )
    assert drafts(hub, batch.id) == {first: "returned", second: "accepted"}
    assert unit.heard("verdict") == []
    hub.decide(reviewer, batch.id, Decided(first, None), Decided(second, "returned", [REASON]))
    assert drafts(hub, batch.id) == {second: "returned"}


def test_all_with_the_same_cause_are_returned_at_once(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    records = unit.records(2, author=None) + unit.records(1)
    batch = unit.batch(records)
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work()
    with hub.city.database.read() as session:
        causes = review.causes_of(hub.batch(batch.id).id, session=session)
    cause = next(each for each in causes if each.count == 2)
    with hub.city.database.write() as session:
        count = review.return_same_cause(
            reviewer, hub.batch(batch.id).id, cause.code, session=session
        )
    assert count == 2
    bad = {each.offer_id for each in batch.offers[:2]}
    assert drafts(hub, batch.id) == dict.fromkeys(bad, "returned")
    hub.conclude(reviewer, batch.id, "corrected")
    reasons = {
        each["offer_id"]: [reason["code"] for reason in each["reasons"]]
        for each in unit.heard("verdict")[0]["offers"]
    }
    assert all(reasons[each] == [cause.code] for each in bad)


def test_after_the_conclusion_nothing_is_decided_any_more(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    batch = unit.hand_over(1)
    hub.work()
    hub.conclude(reviewer, batch.id, "returned")
    with pytest.raises(WrongState):
        hub.decide(reviewer, batch.id, Decided(batch.offers[0].offer_id, "accepted"))
    with pytest.raises(WrongState):
        hub.conclude(reviewer, batch.id, "accepted")


def test_before_the_check_is_done_nothing_is_concluded(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    batch = unit.hand_over(1)
    with pytest.raises(WrongState):
        hub.conclude(reviewer, batch.id, "accepted")


def test_a_corrected_form_needs_both_kinds(hub: Hub, unit: Unit, reviewer: Actor) -> None:
    batch = unit.hand_over(1)
    hub.work()
    for decided in ("accepted", "returned"):
        hub.decide(reviewer, batch.id, Decided(batch.offers[0].offer_id, decided, [REASON]))
        with pytest.raises(WrongState) as told:
            hub.conclude(reviewer, batch.id, "corrected")
        assert told.value.code == "nothing_to_correct"


def test_a_decision_about_an_offer_of_another_batch_is_not_found(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    first, second = unit.hand_over(1), unit.hand_over(1)
    hub.work()
    with pytest.raises(NotFound):
        hub.decide(reviewer, first.id, Decided(second.offers[0].offer_id, "accepted"))


def test_the_archivist_looks_but_does_not_decide(hub: Hub, unit: Unit, archivist: Actor) -> None:
    batch = unit.hand_over(1)
    hub.work()
    with pytest.raises(NotAllowed):
        hub.decide(archivist, batch.id, Decided(batch.offers[0].offer_id, "accepted"))


def test_a_decision_made_while_the_verdict_was_signed_was_passed_over(
    hub: Hub, unit: Unit, reviewer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = unit.hand_over(2)
    hub.work()
    first = batch.offers[0].offer_id

    def meanwhile(key: SigningKey, document: Mapping[str, object]) -> dict[str, str]:
        hub.decide(reviewer, batch.id, Decided(first, "returned", [REASON]))
        return sign_document(key, document)

    monkeypatch.setattr("hub.receiving.service.sign_document", meanwhile)
    with pytest.raises(Conflict):
        hub.conclude(reviewer, batch.id, "accepted")
    assert hub.batch(batch.id).state == "under_review"
    assert drafts(hub, batch.id) == {first: "returned"}
    assert unit.heard("verdict") == []


def test_an_early_transfer_is_accepted_when_the_authority_has_consented(
    hub: Hub, unit: Unit, reviewer: Actor
) -> None:
    """The consent was written down and asked for nowhere."""
    batch = unit.hand_over(1)
    hub.work("receiving.check")
    year = batch.offers[0].record.year
    authority = hub.city.person(Grant(Role.AUTHORITY, YILING_ARCHIVE))
    with hub.city.database.write() as session:
        federation.set_transfer_rule(authority, unit.fonds.id, 50, None, session=session)
    with pytest.raises(WrongState) as told:
        hub.conclude(reviewer, batch.id, "accepted")
    assert told.value.code == "transfer_not_consented"
    assert str(year) in told.value.message
    asked = (unit.fonds.id, "early", (year, year), "机构撤销")
    with hub.city.database.write() as session:
        federation.consent_to_transfer(authority, *asked, session=session)
    assert hub.conclude(reviewer, batch.id, "accepted").state == "accepted"
