"""Preparing a batch: who may, what stops it, and what is said to whoever is too early."""

from __future__ import annotations

import pytest

from node.filing import service as filing
from node.transfer import service as transfer
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from tests.node.conftest import VILLAGE, Node
from tests.node.test_command import run, user
from tests.node.transfer.conftest import Archive, Office


def test_only_the_leader_in_person_approves_and_signs(
    node: Node, office: Office, archive: Archive, clerk: Actor
) -> None:
    batch_id = office.prepared(office.filed(1))
    office.inspect(batch_id)
    for actor in (clerk, system_actor("demo")):
        with node.database.write() as session, pytest.raises(NotAllowed):
            transfer.approve(actor, batch_id, session=session)
    office.approve(batch_id)
    assert office.batch(batch_id).approved_by == "李镇长"


def test_nothing_is_approved_before_it_was_inspected_as_it_is_now(
    node: Node, office: Office
) -> None:
    ids = office.filed(2)
    batch_id = office.prepared(ids)
    with node.database.write() as session, pytest.raises(WrongState, match="还没有检测"):
        transfer.approve(office.leader, batch_id, session=session)
    office.inspect(batch_id)
    with node.database.write() as session:
        record = session.get_one(filing.Record, ids[0])
        filing.edit(office.clerk, record, {"remark": "补记"}, session=session)
    with node.database.write() as session, pytest.raises(WrongState, match="又有修改"):
        transfer.approve(office.leader, batch_id, session=session)


def test_a_record_with_errors_stops_the_offer(node: Node, office: Office) -> None:
    node.collect(office.clerk, 1)  # said to be electronic, without any file
    node.close(office.clerk)
    with node.database.read() as session:
        [record] = filing.records_for_transfer(node.fonds, session=session)
    batch_id = office.prepared([record.id])
    job = office.inspect(batch_id)
    assert "1 件不合格" in job.result["message"]
    with node.database.write() as session, pytest.raises(WrongState, match="检测不合格"):
        transfer.approve(office.leader, batch_id, session=session)


def test_a_record_is_in_one_open_batch_only(node: Node, office: Office) -> None:
    ids = office.filed(2)
    batch_id = office.prepared(ids[:1])
    with node.database.write() as session, pytest.raises(Conflict, match="已在批次"):
        transfer.prepare(office.clerk, node.fonds, ids, "又一批", session=session)
    with node.database.write() as session:
        transfer.give_up(office.clerk, batch_id, session=session)
        assert transfer.prepare(office.clerk, node.fonds, ids, "一批", session=session).count == 2


def test_controlled_needs_a_reason(node: Node, office: Office) -> None:
    batch_id = office.prepared(office.filed(2))
    with node.database.write() as session, pytest.raises(Invalid, match="理由"):
        transfer.set_opinions(
            office.clerk, batch_id, {"opening_opinion": "controlled"}, session=session
        )
    with node.database.write() as session:
        values = {"opening_opinion": "controlled", "opening_reason": "涉及个人隐私"}
        assert transfer.set_opinions(office.clerk, batch_id, values, session=session) == 2


def test_a_village_neither_sees_nor_touches_the_batches_of_the_town(
    node: Node, office: Office, villager: Actor
) -> None:
    batch_id = office.prepared(office.filed(1))
    with node.database.read() as session:
        assert transfer.batches(villager, session=session) == []
        with pytest.raises(NotFound):
            transfer.batch_of(villager, batch_id, session=session)
        both = Actor("b", "b", (Grant(Role.LEADER, fonds_id=VILLAGE),))
        assert transfer.batches(both, session=session) == []


def test_a_record_that_fails_is_taken_out_of_the_batch_on_the_command_line(
    node: Node, office: Office
) -> None:
    where = ("--dir", node.folder.path)
    user(node.folder.path, "zhang", "clerk")
    ids = office.filed(3)
    batch_id = office.prepared(ids)
    left = run("transfer", "take-out", batch_id, ids[1], *where)
    assert left["records"] == 2
    assert [each.record_id for each in office.lines(batch_id)] == [ids[0], ids[2]]
    again = run("transfer", "take-out", batch_id, ids[1], *where, code=2)
    assert "不在这个批次" in again["problem"]
    last = run("transfer", "take-out", batch_id, ids[0], ids[2], *where, code=2)
    assert "至少要有一件" in last["problem"]


def test_a_clerk_who_offered_too_early_was_told_to_approve(node: Node, office: Office) -> None:
    batch_id = office.prepared(office.filed(1))
    with node.database.write() as session, pytest.raises(WrongState) as early:
        transfer.offer(office.clerk, batch_id, session=session)
    assert early.value.remedy == "请先运行“移交前检测”。"
    office.inspect(batch_id)
    with node.database.write() as session, pytest.raises(WrongState) as unapproved:
        transfer.offer(office.clerk, batch_id, session=session)
    assert unapproved.value.remedy == "检测已通过，请单位负责人批准后再提交。"
