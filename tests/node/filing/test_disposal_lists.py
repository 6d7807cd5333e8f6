"""A unit's 销毁清册: what is over goes on one list, another person approves it, two watch."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from node.filing import disposal_lists as lists
from node.filing.models import DisposalList, Record
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Invalid, NotAllowed, WrongState
from shared.kernel.keys import document_is_signed_by
from shared.messaging.models import OutgoingEntry
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.node.filing.test_disposal import a_volume, filed

WATCHING = ("甲监销", "乙监销")


def propose(node: Node, who: Actor, ids: list[str]) -> str:
    with node.database.write() as session:
        return lists.propose(who, node.fonds, "到期清册", "无查考价值", ids, session=session).id


def approve(node: Node, who: Actor, list_id: str, watching: tuple[str, ...] = WATCHING) -> None:
    with node.database.read() as session:
        draft = lists.draft_decision(who, list_id, watching, session=session)
    sealed = lists.seal_decision(draft, node.folder.keys.seal())
    with node.database.write() as session:
        lists.decide(who, sealed, session=session)


def due(node: Node, who: Actor) -> set[str]:
    with node.database.read() as session:
        return {each.id for each in session.scalars(lists.due(who, session=session))}


def test_a_sealed_list_destroys_all_of_it_at_once(node: Node, clerk: Actor, leader: Actor) -> None:
    first, second = filed(node, clerk, 2)
    (running,) = filed(node, clerk, year=2023)
    assert due(node, clerk) == {first, second}
    with pytest.raises(Invalid, match="不能列入"):
        propose(node, clerk, [first, running])
    list_id = propose(node, clerk, [first])
    assert due(node, clerk) == {second}
    with pytest.raises(Invalid, match="不能列入"):
        propose(node, clerk, [first, second])
    approve(node, leader, list_id)
    assert node.state(first)["state"] == "disposed"
    assert node.state(second)["state"] == "filed"
    with node.database.read() as session:
        document = dict(session.get_one(DisposalList, list_id).document or {})
    signed = document.pop(lists.SEAL)
    assert document_is_signed_by(node.folder.keys.seal().public, document, signed)
    assert [each["record_id"] for each in document["lines"]] == [first]
    with node.database.read() as session:
        told = session.scalars(
            select(OutgoingEntry.body).where(OutgoingEntry.kind == "disposal_list")
        ).all()
    assert [json.loads(each) for each in told] == [{**document, lists.SEAL: signed}]
    assert node.told()[-1]["events"][-1]["description"] == (
        f"{clerk.name}鉴定，{leader.name}批准，甲监销、乙监销监销"
    )
    with pytest.raises(WrongState):
        approve(node, leader, list_id)


def test_nobody_approves_what_he_drew_up(node: Node, clerk: Actor, leader: Actor) -> None:
    volume, items = a_volume(node, clerk)
    both = Actor(clerk.id, clerk.name, (Grant(Role.CLERK), Grant(Role.LEADER)))
    list_id = propose(node, both, [volume])
    for who in (both, clerk):
        with pytest.raises(NotAllowed):
            approve(node, who, list_id)
    with pytest.raises(Invalid):
        approve(node, leader, list_id, ("甲监销", leader.name))
    assert node.state(volume)["state"] == "filed"
    approve(node, leader, list_id)
    assert {node.state(each)["state"] for each in (volume, *items)} == {"disposed"}


def test_from_the_page_of_what_is_over_to_the_printed_list(node: Node, clerk: Actor) -> None:
    first, second = filed(node, clerk, 2)
    clerks = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    leaders = Browser(node, "leader", "李镇长", Grant(Role.LEADER))
    said = {"ids": [first, second], "fonds": node.fonds, "title": "", "reason": "过期"}
    page = clerks.client.post("/filing/due", data={**said, "csrf_token": clerks.token()})
    assert page.status_code == 422
    assert page.text.count(" checked") == 2, "what was ticked stays ticked"
    answer = clerks.post("/filing/due", {**said, "title": "到期清册"})
    path = answer.request.path
    assert "拟制人不能批准自己的清册" in answer.text
    assert "没有期限届满的档案" in clerks.get("/filing/due").text
    clerks.post(path, {"watched_by": "甲", "watched_by_too": "乙"}, status=403)
    assert (
        "四个不同的人"
        in leaders.post(path, {"watched_by": "甲", "watched_by_too": "甲"}, status=422).text
    )
    done = leaders.post(path, {"watched_by": "甲", "watched_by_too": "乙"}).text
    assert "已批准并销毁" in done
    assert leaders.get(f"{path}/pdf").data.startswith(b"%PDF")
    assert "到期清册" in leaders.get("/filing/disposals?state=done").text
    with node.database.read() as session:
        assert {session.get_one(Record, each).state for each in (first, second)} == {"disposed"}
