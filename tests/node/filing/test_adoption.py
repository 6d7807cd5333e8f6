"""After a new grant: the newer copy wins, never the restored one, and nobody's work vanishes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from node.filing import service as filing
from node.filing.models import Record
from shared.kernel.actor import Actor
from shared.kernel.clock import utc_text
from shared.kernel.identifiers import new_id
from shared.records.record_wire import content_digest
from tests.node.conftest import Node, make_node


def adopt(node: Node, *held: dict[str, Any], custody: str = "node") -> None:
    with node.database.write() as session:
        filing.begin_adoption(session)
        for each in held:
            body = {"record": each, "digest": content_digest(each), "custody": custody}
            filing.adopt_held(session, body)


def finish(node: Node) -> list[dict[str, Any]]:
    before = len(node.told())
    with node.database.write() as session:
        filing.finish_adoption(session)
    return node.told()[before:]


def filed(node: Node, clerk: Actor, count: int = 1) -> list[dict[str, Any]]:
    node.collect(clerk, count)
    node.close(clerk)
    return node.told()


def elsewhere_edited(held: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(held) | changes
    made["version"] += 1
    made["events"].append(
        {
            "id": new_id(), "action": "修改", "time": utc_text(), "agent": "张档案",
            "agent_unit": "樟村坪镇人民政府", "basis": None, "description": None,
        }
    )  # fmt: skip
    return made


def test_what_the_hub_holds_already_is_not_told_again(node: Node, clerk: Actor) -> None:
    adopt(node, *filed(node, clerk, 3))
    assert finish(node) == []


def test_what_the_hub_lacks_is_told_again(node: Node, clerk: Actor) -> None:
    told = filed(node, clerk, 3)
    adopt(node, told[0])
    assert [each["id"] for each in finish(node)] == [told[1]["id"], told[2]["id"]]


def test_a_local_version_that_is_newer_than_the_held_one_is_kept_and_told(
    node: Node, clerk: Actor
) -> None:
    (held,) = filed(node, clerk)
    with node.database.write() as session:
        record = session.get_one(Record, held["id"])
        filing.edit(clerk, record, {"title": "改过的题名"}, session=session)
    adopt(node, held)
    assert node.state(held["id"])["title"] == "改过的题名"
    (told,) = finish(node)
    assert (told["title"], told["version"]) == ("改过的题名", 2)


def test_a_restored_node_takes_the_newer_version_without_asking(node: Node, clerk: Actor) -> None:
    (old,) = filed(node, clerk)
    held = elsewhere_edited(old, title="昨天改的题名")
    adopt(node, held)
    with node.database.read() as session:
        assert filing.open_divergences([node.fonds], session=session) == []
        wire = filing.wire(session.get_one(Record, old["id"]), session=session)
    assert content_digest(wire) == content_digest(held)
    assert finish(node) == []


def test_a_node_that_forgot_a_record_takes_it_with_its_number(node: Node, clerk: Actor) -> None:
    (like,) = filed(node, clerk)
    unknown = {**copy.deepcopy(like), "id": new_id(), "number": 7}
    unknown["code"] = unknown["code"][:-4] + "0007"
    unknown["documents"] = [
        {
            "id": new_id(), "role": "正本", "title": None, "order": 1,
            "files": [
                {"id": new_id(), "name": "文.pdf", "size": 3, "sha256": "a" * 64,
                 "format": "pdf", "kind": "born_digital"}
            ],
        }
    ]  # fmt: skip
    for event in unknown["events"]:
        event["id"] = new_id()
    adopt(node, like, unknown)
    with node.database.read() as session:
        wire = filing.wire(session.get_one(Record, unknown["id"]), session=session)
    assert content_digest(wire) == content_digest(unknown)
    assert finish(node) == []
    (late,) = node.collect(clerk, 1)
    with node.database.write() as session:
        filing.file_late(clerk, session.get_one(Record, late), session=session)
    assert node.state(late)["number"] == 8


def test_a_class_that_was_closed_before_the_restore_is_closed_again(
    node: Node, clerk: Actor
) -> None:
    """The folder is from before the closing; the drafts come back as filed records."""
    first, second = node.collect(clerk, 2)
    with node.database.read() as session:
        drafts = filing.wires([first, second], session=session)
    held = []
    for number, draft in enumerate(reversed(drafts), 1):
        code = f"A182-WS·2023-D30-BGS-{number:04d}"
        held.append(elsewhere_edited(draft, state="filed", number=number, code=code))
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
    adopt(node, *held)
    assert [node.state(each)["number"] for each in (first, second)] == [2, 1]
    with node.database.read() as session:
        assert len(filing.closed_classes([node.fonds], session=session)) == 1


def test_two_different_versions_are_both_shown_and_the_clerk_chooses(
    node: Node, clerk: Actor
) -> None:
    (old,) = filed(node, clerk)
    with node.database.write() as session:
        record = session.get_one(Record, old["id"])
        filing.edit(clerk, record, {"title": "本机的题名"}, session=session)
    adopt(node, elsewhere_edited(old, title="平台的题名"))
    assert node.state(old["id"])["title"] == "平台的题名"
    with node.database.write() as session:
        (divergence,) = filing.open_divergences([node.fonds], session=session)
        (difference,) = filing.differences(divergence)
        assert (difference.local, difference.held) == ("本机的题名", "平台的题名")
        filing.settle_divergence(clerk, divergence.id, "local", session=session)
    assert node.state(old["id"])["title"] == "本机的题名"
    assert node.state(old["id"])["version"] == 3


def test_a_number_that_the_hub_holds_for_another_record_is_given_up(
    node: Node, clerk: Actor
) -> None:
    (ours,) = filed(node, clerk)
    theirs = copy.deepcopy(ours) | {"id": new_id(), "title": "平台上的一件"}
    for event in theirs["events"]:
        event["id"] = new_id()
    adopt(node, theirs)
    row = node.state(ours["id"])
    assert (row["number"], row["former_codes"]) == (2, [ours["code"]])
    assert node.state(theirs["id"])["number"] == 1
    assert [each["id"] for each in finish(node)] == [ours["id"]]


def test_a_record_in_the_archives_custody_is_received_here_too(node: Node, clerk: Actor) -> None:
    (held,) = filed(node, clerk)
    adopt(node, held, custody="archive:420500")
    assert node.state(held["id"])["state"] == "received"
    assert finish(node) == []


def test_items_may_come_back_before_their_volume(node: Node, clerk: Actor, tmp_path: Path) -> None:
    with node.database.write() as session:
        volume = filing.collect(
            clerk, node.fonds,
            {
                "level": "volume", "class_code": "KU", "subclass": "01", "year": 2023,
                "retention": "D30", "title": "凭证", "date": "2023-12-31", "box": "3",
            },
            session=session,
        )  # fmt: skip
        for number in (1, 2):
            filing.collect(
                clerk, node.fonds,
                {
                    "level": "item", "parent_id": volume.id, "title": f"凭证{number}",
                    "date": "2023-12-31",
                },
                session=session,
            )  # fmt: skip
    node.close(clerk, "KU")
    told = node.told()
    empty = make_node(tmp_path / "empty")
    adopt(empty, *reversed(told))
    with empty.database.read() as session:
        wires = filing.wires([each["id"] for each in told], session=session)
        assert wires == told
        assert len(filing.inside(told[0]["id"], session=session)) == 2
    assert finish(empty) == []
    empty.database.close()
