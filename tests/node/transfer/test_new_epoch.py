"""Batches when the grant is lost, and in the epoch that a new grant begins."""

from __future__ import annotations

from typing import Any

import pytest

from node.transfer import service as transfer
from node.transfer.inspections import runs_of
from shared.kernel.errors import WrongState
from tests.node.conftest import Node, lose_grant
from tests.node.transfer.conftest import Archive, Office


def forget(node: Node, batch_id: str) -> None:
    """As restored from before the batch."""
    with node.database.write() as session:
        batch = session.get_one(transfer.Batch, batch_id)
        for each in (
            *transfer.records_of(batch_id, session=session),
            *runs_of(batch, session=session),
        ):
            session.delete(each)
        session.flush()
        session.delete(batch)


def held(office: Office, batch_id: str, *, whole: bool, count: int = 99) -> dict[str, Any]:
    """What the hub says that it holds of a batch."""
    return {
        "batch_id": batch_id,
        "fonds_id": office.node.fonds,
        "title": "2023年文书档案",
        "whole": whole,
        "offers": [
            {
                "offer_id": each.offer_id,
                "record_id": each.record_id,
                "record_version": each.record_version,
                "package_sha256": each.package_sha256,
                "size": each.package_size,
            }
            for each in office.lines(batch_id)[:count]
        ],
    }


def test_offering_needs_the_grant_and_goes_on_when_it_is_back(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id = office.prepared(office.filed(2))
    office.inspect(batch_id)
    office.approve(batch_id)
    lose_grant(node)
    with node.database.write() as session, pytest.raises(WrongState, match="定号和移交"):
        transfer.offer(office.clerk, batch_id, session=session)
    assert archive.told("offer") == []


def test_in_a_new_epoch_the_same_offers_are_told_again_with_the_same_packages(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(3)
    before = archive.told("offer")
    with node.database.write() as session:
        transfer.reoffer(session)
    while office.work.step():
        pass
    after = archive.told("offer")
    assert after[:3] == before
    assert after[3:] == before
    assert archive.told("batch")[0] == archive.told("batch")[1]
    assert office.batch(batch_id).state == "offered"


def test_a_signed_batch_is_confirmed_again_in_a_new_epoch(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(1)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    office.sign(batch_id)
    with node.database.write() as session:
        transfer.reoffer(session)
    while office.work.step():
        pass
    first, second = archive.told("confirmation")
    assert first == second
    assert office.batch(batch_id).state == "signed"


def test_a_batch_that_this_folder_forgot_is_taken_over_from_the_verdict(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(2)
    verdict = archive.verdict(batch_id)
    forget(node, batch_id)
    archive.send(transfer.apply_verdict, verdict)
    assert office.batch(batch_id).state == "accepted"
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    assert {node.state(each)["state"] for each in ids} == {"received"}


def test_a_forgotten_batch_that_the_hub_holds_whole_is_followed_on(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(2)
    body, verdict = held(office, batch_id, whole=True), archive.verdict(batch_id)
    forget(node, batch_id)
    archive.send(transfer.adopt_batch, body)
    archive.send(transfer.adopt_batch, body)
    with node.database.write() as session:
        transfer.reoffer(session)
    assert not office.work.step()
    assert office.batch(batch_id).state == "offered"
    archive.send(transfer.apply_verdict, verdict)
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    assert {node.state(record_id)["state"] for record_id in ids} == {"received"}


def test_a_forgotten_batch_that_is_not_whole_is_withdrawn_and_can_be_offered_again(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, ids = office.offered(3)
    body = held(office, batch_id, whole=False)
    forget(node, batch_id)
    archive.send(transfer.adopt_batch, body)
    with node.database.write() as session:
        transfer.reoffer(session)
    assert archive.kinds()[-1] == "withdraw"
    archive.send(transfer.apply_withdrawn, {"batch_id": batch_id, "granted": True, "reason": None})
    assert {node.state(record_id)["state"] for record_id in ids} == {"filed"}
    with node.database.write() as session:
        again = transfer.correct_and_offer_again(office.clerk, batch_id, session=session)
    assert again.count == 3


def test_an_offering_in_which_nothing_was_lost_goes_on_in_a_new_epoch(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id = office.prepared(office.filed(60))
    office.inspect(batch_id)
    office.approve(batch_id)
    with node.database.write() as session:
        transfer.offer(office.clerk, batch_id, session=session)
    office.work.step()
    office.work.step()
    assert len(archive.told("offer")) == 50
    archive.send(transfer.adopt_batch, held(office, batch_id, whole=False, count=50))
    with node.database.write() as session:
        transfer.reoffer(session)
    while office.work.step():
        pass
    assert office.batch(batch_id).state == "offered"
    offers = archive.told("offer")
    assert len(offers) == 110
    assert len({each["package"]["sha256"] for each in offers}) == 60
