"""The end of a retention period: kept longer, or destroyed with a trace; and put back before."""

from __future__ import annotations

import io
import multiprocessing
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.filing import service as filing
from node.filing.catalogue import catalogue
from node.filing.models import Record
from node.filing.reconciling import tell_again, told_sums
from node.office.models import OfficeState
from node.office.places import NodeFolder
from node.office.service import office_of
from node.office.working import TAKING_IN
from node.registry.files import Keeping, object_name
from node.transfer.erasing import Erasing
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.canonical import digest_of, sha256_hex, sum_of_digests
from shared.kernel.errors import Invalid, NotAllowed, WrongState
from shared.kernel.files import folder_lock
from shared.records.record_wire import content_digest, record_from_wire
from tests.node.browser import Browser
from tests.node.conftest import Node

OLD = {"year": 2010, "retention": "D10", "date": "2010-05-06"}


def filed(node: Node, clerk: Actor, count: int = 1, **values: object) -> list[str]:
    ids = node.collect(clerk, count, **{**OLD, **values})
    node.close(clerk, year=int(str(values.get("year", 2010))))
    return ids


PEOPLE = {"appraised_by": "张鉴定", "watched_by": ("甲监销", "乙监销")}


def dispose(
    node: Node,
    actor: Actor,
    record_id: str,
    reason: str = "2024年鉴定：无查考价值",
    **people: Any,
) -> int:
    with node.database.write() as session:
        record = session.get_one(Record, record_id)
        return len(filing.dispose(actor, record, reason, session=session, **{**PEOPLE, **people}))


def extend(
    node: Node, actor: Actor, record_id: str, retention: str, reason: str = "仍可查考"
) -> str:
    with node.database.write() as session:
        record = session.get_one(Record, record_id)
        return filing.extend(actor, record, retention, reason, session=session).id


def test_a_leader_destroys_what_ran_out_and_the_number_keeps_its_trace(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    first, second, _third = filed(node, clerk, 3, box="1")
    assert dispose(node, leader, second) == 1
    told = node.told()[-1]
    assert (told["id"], told["state"], told["number"]) == (second, "disposed", 2)
    assert (told["box"], told["title"]) == (None, "关于第2号事项的通知")
    event = told["events"][-1]
    assert (event["action"], event["agent"]) == ("销毁", "李镇长")
    assert (event["basis"], event["description"]) == (
        "2024年鉴定：无查考价值", "张鉴定鉴定，李镇长批准，甲监销、乙监销监销",
    )  # fmt: skip
    record_from_wire(told)
    with node.database.read() as session:
        assert filing.check_gaps(node.fonds, session=session) == []
        rows = catalogue(clerk, node.fonds, "WS", 2010, session=session).rows
        assert [row.remark for row in rows] == ["", "已销毁", ""]
    for verb in (filing.remove_filed, partial(filing.dispose, **PEOPLE)):
        with pytest.raises(WrongState), node.database.write() as session:
            verb(Actor("a", "甲", (Grant(Role.CLERK), Grant(Role.LEADER))),
                 session.get_one(Record, second), "再次", session=session)  # fmt: skip
    assert node.state(first)["state"] == "filed"


def test_what_must_still_be_kept_is_not_destroyed(node: Node, clerk: Actor, leader: Actor) -> None:
    for values in ({"year": 2010, "retention": "Y"}, {"year": 2023, "retention": "D10"},
                   {"year": 2009, "retention": "C"}):  # fmt: skip
        (record_id,) = filed(node, clerk, **values, class_code="WS")
        with pytest.raises(WrongState, match="还没有届满"):
            dispose(node, leader, record_id)
        assert node.state(record_id)["state"] == "filed"


def test_only_a_leader_in_person_destroys_or_extends_and_says_why(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    (record_id,) = filed(node, clerk)
    for actor in (clerk, system_actor("command")):
        with pytest.raises(NotAllowed):
            dispose(node, actor, record_id)
        with pytest.raises(NotAllowed):
            extend(node, actor, record_id, "Y")
    with pytest.raises(Invalid):
        dispose(node, leader, record_id, " ")
    with pytest.raises(Invalid):
        extend(node, leader, record_id, "Y", " ")
    (draft,) = node.collect(clerk, 1)
    with pytest.raises(WrongState):
        dispose(node, leader, draft)


@pytest.mark.parametrize(
    "people",
    [
        {"watched_by": ("甲监销",)},
        {"watched_by": ("甲监销", "甲监销")},
        {"watched_by": ("甲监销", "李镇长")},
        {"appraised_by": "甲监销"},
        {"appraised_by": " "},
    ],
)
def test_four_different_people_answer_for_a_destruction(
    node: Node, clerk: Actor, leader: Actor, people: dict[str, Any]
) -> None:
    (record_id,) = filed(node, clerk)
    with pytest.raises(Invalid):
        dispose(node, leader, record_id, **people)
    assert node.state(record_id)["state"] == "filed"


def attach(node: Node, clerk: Actor, record_id: str, content: str) -> str:
    """Attach a file of this content; returns where its bytes lie."""
    with Keeping(node.folder.files) as files:
        stored = files.keep(io.BytesIO(content.encode()), "file.txt")
        with node.database.write() as session:
            record = session.get_one(Record, record_id)
            filing.attach(clerk, record, "正本", stored, session=session)
    return object_name(stored.sha256)


def test_the_bytes_of_what_was_destroyed_go_but_for_those_that_others_need(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    gone, other = filed(node, clerk, 2)
    kept = {}
    for record_id, name in ((gone, "only.txt"), (gone, "both.txt"), (other, "both.txt")):
        kept[name] = attach(node, clerk, record_id, name)
    dispose(node, leader, gone)
    erasing = Erasing(node.folder)
    with Keeping(node.folder.files):
        assert not erasing.step(), "nothing is erased while somebody keeps a file"
    assert erasing.step()
    assert not erasing.step()
    assert not node.folder.files.exists(kept["only.txt"])
    assert node.folder.files.exists(kept["both.txt"])
    with node.database.read() as session:
        assert session.get_one(Record, gone).erased_at is not None
    dispose(node, leader, other)
    assert erasing.step()
    assert list(node.folder.files.names()) == []


def kept_by_a_command(path: Path, clerk: Actor, record_id: str, kept: Any, goes_on: Any) -> None:
    """What `danglian node record attach` does, with time between its two steps."""
    folder = NodeFolder(path)
    with Keeping(folder.files) as files:
        stored = files.keep(io.BytesIO(b"the same bytes"), "same.txt")
        kept.set()
        goes_on.wait(60)
        with folder.database().write() as session:
            record = session.get_one(Record, record_id)
            filing.attach(clerk, record, "正本", stored, session=session)


def test_bytes_that_a_command_attaches_elsewhere_are_not_erased_in_between(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    gone, other = filed(node, clerk, 2)
    attach(node, clerk, gone, "the same bytes")
    dispose(node, leader, gone)
    system = multiprocessing.get_context("fork")
    kept, goes_on = system.Event(), system.Event()
    told = (node.folder.path, clerk, other, kept, goes_on)
    command = system.Process(target=kept_by_a_command, args=told)
    command.start()
    erasing = Erasing(node.folder)
    assert kept.wait(60)
    assert not erasing.step()
    goes_on.set()
    command.join(60)
    assert command.exitcode == 0
    assert erasing.step()
    assert [each.rpartition("/")[2] for each in node.folder.files.names()] == [
        sha256_hex(b"the same bytes")
    ]


def test_nothing_is_erased_beside_a_chunk_of_an_import(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    """It keeps files in one step and names them in the next, here or in a command."""
    (gone,) = filed(node, clerk)
    dispose(node, leader, gone)
    erasing = Erasing(node.folder)
    with folder_lock(node.folder.path / TAKING_IN, "导入"):
        assert not erasing.step()
    assert erasing.step()


def test_bytes_that_one_gives_up_and_another_has_kept_stay(node: Node) -> None:
    """Of two who keep the same file at once the first fails after the other is done."""
    files = node.folder.files

    def given_up(content: bytes, *, kept_by_another: bool) -> str:
        with suppress(WrongState), Keeping(files) as keeping:
            stored = keeping.keep(io.BytesIO(content), "file.txt")
            if kept_by_another:
                with Keeping(files) as other:
                    other.keep(io.BytesIO(content), "file.txt")
            raise WrongState("已归档。", "")
        return object_name(stored.sha256)

    assert files.exists(given_up(b"the same bytes", kept_by_another=True))
    assert not files.exists(given_up(b"other bytes", kept_by_another=False))


def test_a_volume_is_destroyed_whole(node: Node, clerk: Actor, leader: Actor) -> None:
    volume, items = a_volume(node, clerk)
    with pytest.raises(WrongState, match="随案卷"):
        dispose(node, leader, items[0])
    assert dispose(node, leader, volume) == 3
    assert {node.state(each)["state"] for each in (volume, *items)} == {"disposed"}


def a_volume(node: Node, clerk: Actor) -> tuple[str, list[str]]:
    (volume,) = node.collect(clerk, 1, **OLD, level="volume", catalogue_number="1")
    items = node.collect(clerk, 2, level="item", parent_id=volume, date="2010-05-06",
                         year=None, retention=None, organ=None, organ_name=None)  # fmt: skip
    node.close(clerk, year=2010)
    return volume, items


def test_an_extended_record_takes_a_number_under_the_longer_period(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    (record_id,) = filed(node, clerk)
    with pytest.raises(Invalid, match="不比现在"):
        extend(node, leader, record_id, "D10")
    kept = node.state(extend(node, leader, record_id, "D30"))
    assert (kept["state"], kept["code"]) == ("filed", "A182-WS·2010-D30-BGS-0001")
    assert kept["former_codes"] == ["A182-WS·2010-D10-BGS-0001"]
    void = node.state(record_id)
    assert (void["state"], void["void_reason"]) == ("void", "仍可查考")
    told = node.told()[-1]
    record_from_wire(told)
    event = told["events"][0]
    assert (event["action"], event["basis"]) == ("续存", "仍可查考")
    assert event["description"] == "保管期限由10年延长为30年，李镇长批准"
    with node.database.read() as session:
        assert filing.check_gaps(node.fonds, session=session) == []


def test_a_volume_whose_code_names_no_period_is_extended_where_it_stands(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    volume, items = a_volume(node, clerk)
    code = node.state(volume)["code"]
    assert extend(node, leader, volume, "Y") == volume
    assert node.state(volume)["code"] == code
    assert {node.state(each)["retention"] for each in (volume, *items)} == {"Y"}


def test_a_destroyed_record_is_told_again_to_a_hub_that_lacks_it(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    (record_id,) = filed(node, clerk)
    dispose(node, leader, record_id)
    before = len(node.told())
    with node.database.write() as session:
        office_of(session).state = OfficeState.ACTIVE
        assert filing.finish_adoption(session) == 1
    assert [each["state"] for each in node.told()[before:]] == ["disposed"]


def test_a_destroyed_record_counts_when_node_and_hub_are_compared(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    (record_id,) = filed(node, clerk)
    dispose(node, leader, record_id)
    told = node.told()[-1]
    item = digest_of([record_id, content_digest(told), "disposed"])
    with node.database.write() as session:
        assert told_sums(session) == {f"{node.fonds}/2010": sum_of_digests([item])}
        assert tell_again([f"{node.fonds}/2010"], session=session) == 1
    assert node.told()[-1] == told


def test_a_record_is_put_back_until_its_retention_is_chosen_again(node: Node, clerk: Actor) -> None:
    first, second = node.collect(clerk, 2)
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
        filing.put_back(clerk, [first], session=session)
    state = node.state(first)
    assert (state["state"], state["number"], state["code"]) == ("collected", None, None)
    assert (state["year"], state["retention"]) == (2023, None)
    with pytest.raises(WrongState, match="退回待整理"), node.database.write() as session:
        filing.put_back(clerk, [first], session=session)
    with node.database.write() as session:
        filing.arrange(clerk, [first], {"retention": "D30"}, session=session)
    assert node.state(first)["state"] == "arranging"
    node.close(clerk)
    with pytest.raises(WrongState), node.database.write() as session:
        filing.put_back(clerk, [second], session=session)


def test_a_stamped_code_is_not_forgotten_when_its_record_is_put_back(
    node: Node, clerk: Actor
) -> None:
    (record_id,) = node.collect(clerk, 1, code="A182-WS·2023-D30-BGS-0001")
    with node.database.write() as session:
        filing.put_back(clerk, [record_id], session=session)
    assert node.state(record_id)["former_codes"] == ["A182-WS·2023-D30-BGS-0001"]


def test_the_record_page_offers_a_leader_what_the_period_allows(node: Node, clerk: Actor) -> None:
    first, second = filed(node, clerk, 2)
    clerks = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    page = clerks.get(f"/filing/{first}").text
    assert "保管期限已经届满" in page
    assert f"/filing/{first}/dispose" not in page
    clerks.post(
        f"/filing/{first}/dispose",
        {
            "reason": "无用",
            "appraised_by": "张鉴定",
            "watched_by": "甲",
            "watched_by_too": "乙",
        },
        status=403,
    )
    leaders = Browser(node, "leader", "李镇长", Grant(Role.LEADER))
    assert f"/filing/{first}/dispose" in leaders.get(f"/filing/{first}").text
    assert (
        "已登记销毁 1 件"
        in leaders.post(
            f"/filing/{first}/dispose",
            {
                "reason": "无用",
                "appraised_by": "张鉴定",
                "watched_by": "甲",
                "watched_by_too": "乙",
            },
        ).text
    )
    path = f"/filing/{second}/extend"
    assert "新的保管期限" in leaders.get(path).text
    assert "不能为空" in leaders.post(path, {"retention": "D30"}, status=422).text
    page = leaders.post(path, {"retention": "D30", "reason": "仍可查考"}).text
    assert "A182-WS·2010-D30-BGS-0001" in page
    (draft,) = node.collect(clerk, 1)
    assert "已退回待整理" in clerks.post(f"/filing/{draft}/put-back").text
