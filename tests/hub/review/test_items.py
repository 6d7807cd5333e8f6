"""Items that are for persons to inspect 人工检测: decided once for a batch, by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from hub.receiving import service as receiving
from hub.receiving.models import Batch, InspectionRun, ManualDecision
from hub.receiving.service import ItemDecided
from hub.review import service as review
from shared.audit.models import AuditEvent
from shared.inspection.scheme import Occasion, load_scheme
from shared.inspection.verdict import BatchVerdict, Verdict
from shared.kernel.actor import Actor, system_actor
from shared.kernel.errors import Invalid, NotAllowed, NotFound, WrongState
from tests.hub.desk import Browser
from tests.hub.receiving.handover import HandedOver, Hub, Unit

SCHEME = load_scheme()
MANDATORY = [
    each.number
    for each in SCHEME.items(Occasion.RECEIVING)
    if each.asks_person and each.mandatory and not each.number.startswith("4-")
] + ["4-7"]


@pytest.fixture
def batch(hub: Hub, unit: Unit) -> HandedOver:
    batch = unit.hand_over(2)
    hub.work()
    return batch


@pytest.fixture
def decide(hub: Hub, batch: HandedOver) -> Callable[..., BatchVerdict]:
    def decide(who: Actor, *decided: ItemDecided) -> BatchVerdict:
        with hub.city.database.write() as session:
            return receiving.decide_items(who, batch.id, decided, session=session)

    return decide


def found(hub: Hub, batch: HandedOver) -> BatchVerdict:
    with hub.city.database.read() as session:
        row = session.get_one(Batch, hub.batch(batch.id).id)
        return receiving.inspection_of(row, session=session)


def conclude(hub: Hub, who: Actor, batch: HandedOver, outcome: str = "accepted") -> Batch:
    """As it is, without deciding anything before."""
    return review.conclude(hub.city.folder, who, batch.id, outcome)


def test_what_persons_must_inspect_waits_for_them(hub: Hub, batch: HandedOver) -> None:
    said = found(hub, batch)
    assert said.verdict is Verdict.OPEN
    assert [each.item.number for each in said.undecided] == MANDATORY
    # No carrier came, so nobody is asked about one.
    assert {"4-4", "4-5", "4-6"}.isdisjoint(each.item.number for each in said.asked)


def test_a_batch_is_not_accepted_before_persons_have_decided(
    hub: Hub, unit: Unit, batch: HandedOver, reviewer: Actor,
    decide: Callable[..., BatchVerdict],
) -> None:  # fmt: skip
    with pytest.raises(WrongState) as told:
        conclude(hub, reviewer, batch)
    assert told.value.code == "manual_undecided"
    assert "操作过程安全性检测" in told.value.message
    *some, last = MANDATORY
    decide(reviewer, *(ItemDecided(each, True) for each in some))
    with pytest.raises(WrongState):
        conclude(hub, reviewer, batch)
    decide(reviewer, ItemDecided(last, True))
    assert conclude(hub, reviewer, batch).state == "accepted"
    inspection = unit.heard("verdict")[0]["inspection"]
    assert inspection["scheme"] == SCHEME.version
    assert [each["number"] for each in inspection["decisions"]] == MANDATORY
    assert {each["by"] for each in inspection["decisions"]} == {reviewer.name}


def test_a_batch_that_a_person_found_failing_can_only_go_back(
    hub: Hub, batch: HandedOver, reviewer: Actor, decide: Callable[..., BatchVerdict]
) -> None:
    decide(reviewer, *(ItemDecided(each, True) for each in MANDATORY))
    said = decide(reviewer, ItemDecided("4-7", False, "移动硬盘没有加密。"))
    assert said.verdict is Verdict.FAILED
    with pytest.raises(WrongState) as told:
        conclude(hub, reviewer, batch)
    assert told.value.code == "manual_failed"
    assert conclude(hub, reviewer, batch, "returned").state == "returned"
    with pytest.raises(WrongState):
        decide(reviewer, ItemDecided("4-7", True))


def test_a_batch_that_was_accepted_before_is_decided_before_the_archive_signs(
    hub: Hub, unit: Unit, batch: HandedOver, reviewer: Actor, archivist: Actor
) -> None:
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    with hub.city.database.write() as session:
        session.delete(session.get_one(ManualDecision, (batch.id, "4-7")))
    with pytest.raises(WrongState) as told:
        receiving.sign_and_receive(hub.city.folder, archivist, batch.id)
    assert told.value.code == "manual_undecided"
    hub.decide_items(archivist, batch.id)
    assert receiving.sign_and_receive(hub.city.folder, archivist, batch.id).state == "receiving"


def test_a_failure_needs_its_reason_and_an_item_must_be_one_for_persons(
    reviewer: Actor, decide: Callable[..., BatchVerdict]
) -> None:
    with pytest.raises(Invalid) as told:
        decide(reviewer, ItemDecided("4-7", False, "  "))
    assert told.value.code == "reason_missing"
    for number in ("1-1", "4-5", "9-9", ""):
        with pytest.raises(Invalid):
            decide(reviewer, ItemDecided(number, True))


def test_nobody_decides_for_another_archive_and_no_program_for_a_person(
    batch: HandedOver, hub: Hub, other_reviewer: Actor, decide: Callable[..., BatchVerdict]
) -> None:
    with pytest.raises(NotFound):
        decide(other_reviewer, ItemDecided("4-7", True))
    with pytest.raises(NotAllowed):
        decide(system_actor("demo"), ItemDecided("4-7", True))
    assert found(hub, batch).asked
    assert all(each.waits for each in found(hub, batch).asked)


def test_who_decided_and_when_is_kept_and_audited(
    hub: Hub, batch: HandedOver, reviewer: Actor, decide: Callable[..., BatchVerdict]
) -> None:
    said = decide(reviewer, ItemDecided("2-8", True, "抽查两件"))
    (decided,) = [each.decision for each in said.items if each.decision]
    assert (decided.number, decided.by, decided.reason) == ("2-8", reviewer.name, "抽查两件")
    with hub.city.database.read() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "batch.items_decided")
        ).one()
    assert "2-8" in str(event.details)


def test_every_run_leaves_an_operation_record(
    hub: Hub, unit: Unit, batch: HandedOver, reviewer: Actor
) -> None:
    def runs() -> list[InspectionRun]:
        with hub.city.database.read() as session:
            return receiving.runs_of(hub.batch(batch.id), session=session)

    (run,) = runs()
    assert (run.occasion, run.scheme, run.verdict) == ("receiving", SCHEME.version, "open")
    assert run.tool == "danglian-inspection/1"
    assert run.tally["records"] == 2
    conclude(hub, reviewer, batch, "returned")
    again = unit.batch(unit.records(1), batch_id=batch.id)
    unit.send("offer", *(each.body for each in again.offers))
    unit.send("batch", again.closing)
    hub.work()
    assert len(runs()) == 2  # the second round, and the first


def test_two_clicks_decide_everything(hub: Hub, batch: HandedOver, desk: Flask) -> None:
    browser = Browser(desk, "reviewer")
    page = browser.get(f"/review/{batch.id}").text
    assert "人工检测项都合格" in page
    assert "决定之前不能通过" in page
    assert browser.send(f"/review/{batch.id}/items", {"all": "1"}).status_code == 302
    page = browser.get(f"/review/{batch.id}").text
    assert "人工检测项都合格" not in page
    assert "整批通过" in page
    assert found(hub, batch).undecided == ()
    refused = browser.send(
        f"/review/{batch.id}/items", {"number": "4-7", "outcome": "failed", "reason": ""}
    )
    assert refused.status_code == 422
