"""定号: numbers are drafts until a named person closes the class of the year; then they stand."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.filing.models import Category, Record
from shared.kernel.actor import Actor, system_actor
from shared.kernel.errors import DanglianError, Invalid, NotAllowed, WrongState
from shared.records.record_wire import content_digest, record_from_wire, record_to_wire
from tests.node.conftest import Node, forget_number, lose_grant


def codes(node: Node, ids: list[str]) -> list[str | None]:
    return [node.state(each)["code"] for each in ids]


def test_drafts_follow_the_order_and_can_be_rearranged_freely(node: Node, clerk: Actor) -> None:
    first, second, third = node.collect(clerk)
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
    assert codes(node, [first, second, third]) == [
        "A182-WS·2023-D30-BGS-0001",
        "A182-WS·2023-D30-BGS-0002",
        "A182-WS·2023-D30-BGS-0003",
    ]
    with node.database.write() as session:
        filing.move(clerk, session.get_one(Record, third), 1, session=session)
    assert [node.state(each)["number"] for each in (first, second, third)] == [2, 3, 1]
    with node.database.write() as session:
        filing.reorder(clerk, [second, first, third], session=session)
    assert [node.state(each)["number"] for each in (second, first, third)] == [1, 2, 3]
    with node.database.write() as session:
        assert filing.clear_drafts(clerk, node.fonds, "WS", 2023, session=session) == 3
    assert codes(node, [first]) == [None]
    assert node.told() == []


def test_what_is_arranged_together_stands_by_date_however_the_list_was_sorted(
    node: Node, clerk: Actor
) -> None:
    days = ("2023-11-17", "2023-02-04", "2023-07-22")
    ids = [node.collect(clerk, 1, date=day, retention=None)[0] for day in days]
    with node.database.write() as session:
        filing.arrange(clerk, ids, {"retention": "D30"}, session=session)
    assert [node.state(each)["position"] for each in ids] == [3, 1, 2]


def test_closing_freezes_the_numbers_and_tells_the_hub_each_record_once(
    node: Node, clerk: Actor
) -> None:
    ids = node.collect(clerk)
    ids += node.collect(clerk, 2, retention="Y", organ=None, organ_name=None)
    node.close(clerk)
    told = node.told()
    assert [each["id"] for each in told] == ids
    assert [each["code"] for each in told][-1] == "A182-WS·2023-Y-0002"
    for each in told:
        assert each["state"] == "filed"
        assert each["version"] == 1
        assert each["events"][-1]["action"] == "归档"
        assert each["events"][-1]["agent"] == "张档案"
        assert record_to_wire(record_from_wire(each)) == each
    with node.database.read() as session:
        for each in told:
            wire = filing.wire(session.get_one(Record, each["id"]), session=session)
            assert content_digest(wire) == content_digest(each)
    with node.database.write() as session, pytest.raises(WrongState, match="档号已定"):
        filing.arrange(clerk, ids[:1], {"retention": "Y"}, session=session)


def test_closing_needs_a_person_a_grant_a_fonds_number_and_dates(
    node: Node, clerk: Actor, leader: Actor
) -> None:
    (record_id,) = node.collect(clerk, 1, date=None)
    with pytest.raises(WrongState, match="没有日期"):
        node.close(clerk)
    with node.database.write() as session:
        filing.edit(
            clerk, session.get_one(Record, record_id), {"date": "2023年3月1日"}, session=session
        )
    with pytest.raises(NotAllowed, match="具名"):
        node.close(system_actor("定时任务"))
    with pytest.raises(NotAllowed):
        node.close(leader)
    forget_number(node, node.fonds)
    with pytest.raises(WrongState, match="全宗号"):
        node.close(clerk)
    lose_grant(node)
    with pytest.raises(WrongState, match="不能定号"):
        node.close(clerk)
    assert node.state(record_id)["state"] == "arranging"


def test_a_late_find_takes_the_next_number_and_a_removed_one_leaves_a_void(
    node: Node, clerk: Actor
) -> None:
    first, second = node.collect(clerk, 2)
    node.close(clerk)
    (late,) = node.collect(clerk, 1, title="补充的报告")
    with node.database.write() as session:
        filing.file_late(clerk, session.get_one(Record, late), session=session)
    assert node.state(late)["number"] == 3
    with node.database.write() as session:
        filing.remove_filed(clerk, session.get_one(Record, second), "重份文件", session=session)
    void = node.told()[-1]
    assert (void["state"], void["number"], void["void_reason"]) == ("void", 2, "重份文件")
    assert void["version"] == 2
    record_from_wire(void)
    (later,) = node.collect(clerk, 1, title="再补充")
    with node.database.write() as session:
        filing.file_late(clerk, session.get_one(Record, later), session=session)
        assert filing.check_gaps(node.fonds, session=session) == []
    assert node.state(later)["number"] == 4
    assert node.state(first)["number"] == 1


def test_a_late_find_of_a_category_that_was_not_there_starts_at_one(
    node: Node, clerk: Actor
) -> None:
    node.collect(clerk, 1)
    node.close(clerk)
    (late,) = node.collect(clerk, 1, retention="D10")
    with node.database.write() as session:
        filing.file_late(clerk, session.get_one(Record, late), session=session)
    assert node.state(late)["code"] == "A182-WS·2023-D10-BGS-0001"


def test_what_stands_in_the_wrong_class_leaves_a_void_and_is_filed_anew(
    node: Node, clerk: Actor
) -> None:
    (wrong, *_rest) = node.collect(clerk, 2)
    node.close(clerk)
    with node.database.write() as session:
        moved = filing.move_filed(
            clerk,
            session.get_one(Record, wrong),
            {"retention": "Y"},
            "应为永久",
            session=session,
        )
        assert moved.code == "A182-WS·2023-Y-BGS-0001"
        assert moved.former_codes == ["A182-WS·2023-D30-BGS-0001"]
    assert node.state(wrong)["state"] == "void"
    assert [each["state"] for each in node.told()[-2:]] == ["void", "filed"]


def test_numbers_stamped_on_the_originals_stay_and_gaps_need_a_reason(
    node: Node, clerk: Actor
) -> None:
    rows = node.rows(3)
    rows[0]["code"] = "A182-WS.2023-D30-BGS-0004"
    with node.database.write() as session:
        ids = filing.collect_many(clerk, node.fonds, rows, session=session).ids
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
    assert [node.state(each)["number"] for each in ids] == [4, 1, 2]
    with pytest.raises(WrongState, match="缺 1 个号"):
        node.close(clerk)
    node.close(clerk, gap_reason="原件丢失")
    with node.database.read() as session:
        assert filing.check_gaps(node.fonds, session=session) == []
        void = session.scalar(select(Record).where(Record.state == "void"))
        assert void is not None
        assert (void.number, void.void_reason) == (3, "原件丢失")
    record_from_wire(node.told()[-1])


def test_a_code_that_came_with_a_row_must_be_free_and_agree(node: Node, clerk: Actor) -> None:
    def refused(match: str, **values: object) -> None:
        with node.database.write() as session, pytest.raises(Invalid, match=match):
            filing.collect(clerk, node.fonds, {"title": "通知", **values}, session=session)

    with node.database.write() as session:
        filing.collect(
            clerk, node.fonds, {"title": "甲", "code": "A182-WS·2023-Y-0001"}, session=session
        )
    refused("重复", code="A182-WS·2023-Y-0001")
    refused("全宗号", code="B001-WS·2023-Y-0002")
    refused("不一致", code="A182-WS·2023-Y-0002", year=2022)
    with node.database.write() as session:
        old = filing.collect(
            clerk, node.fonds, {"title": "乙", "code": "230-QQ0309-0001-001"}, session=session
        )
        assert (old.former_codes, old.number) == (["230-QQ0309-0001-001"], None)


def test_volumes_are_numbered_in_their_class_and_items_in_their_volume(
    node: Node, clerk: Actor
) -> None:
    with node.database.write() as session:
        volumes = [
            filing.collect(
                clerk,
                node.fonds,
                {
                    "level": "volume", "class_code": "KU", "subclass": "01", "year": 2023,
                    "retention": "D30", "title": f"凭证{n}", "date": "2023-12-31",
                },
                session=session,
            )
            for n in (1, 2)
        ]  # fmt: skip
        items = [
            filing.collect(
                clerk,
                node.fonds,
                {
                    "level": "item",
                    "parent_id": volumes[place].id,
                    "title": f"记账凭证{place}{n}",
                    "date": "2023-06-01",
                },
                session=session,
            )
            for place in (0, 1)
            for n in (1, 2)
        ]
        volume_id, item_ids = volumes[1].id, [each.id for each in items]
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "KU", 2023, session=session)
        filing.move(clerk, session.get_one(Record, volume_id), 1, session=session)
    node.close(clerk, "KU")
    told = {each["id"]: each for each in node.told()}
    assert told[volume_id]["code"] == "A182-KU·01·2023-D30-001"
    assert (told[volume_id]["volume_number"], told[volume_id]["number"]) == (1, None)
    assert [told[each]["code"] for each in item_ids] == [
        "A182-KU·01·2023-D30-002-0001",
        "A182-KU·01·2023-D30-002-0002",
        "A182-KU·01·2023-D30-001-0001",
        "A182-KU·01·2023-D30-001-0002",
    ]
    for each in told.values():
        assert record_to_wire(record_from_wire(each)) == each
    with node.database.write() as session:
        whole = filing.with_whole_volumes([item_ids[2]], session=session)
        assert whole == [volume_id, item_ids[2], item_ids[3]]
        with pytest.raises(Invalid, match="整卷"):
            filing.mark_offered(clerk, [item_ids[2]], session=session)


def test_volumes_of_a_project_run_across_the_years(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        project = filing.collect(
            clerk,
            node.fonds,
            {
                "level": "project", "class_code": "KJ", "subclass": "JJ", "year": 2022,
                "retention": "Y", "project_number": "2022001", "title": "桥", "date": "2022-01-05",
            },
            session=session,
        )  # fmt: skip
        made = []
        for year in (2023, 2022):
            volume = filing.collect(
                clerk,
                node.fonds,
                {
                    "level": "volume", "parent_id": project.id, "year": year, "retention": "Y",
                    "title": f"{year}施工", "date": f"{year}-05-05",
                },
                session=session,
            )  # fmt: skip
            item = filing.collect(
                clerk,
                node.fonds,
                {"level": "item", "parent_id": volume.id, "title": "图", "date": f"{year}-05-05"},
                session=session,
            )
            made.append((volume.id, item.id))
        for year in (2023, 2022):
            filing.draft_numbers(clerk, node.fonds, "KJ", year, session=session)
    node.close(clerk, "KJ", 2022)
    node.close(clerk, "KJ", 2023)
    assert codes(node, [each for pair in made for each in pair]) == [
        "A182-KJ·JJ-2022001-002",
        "A182-KJ·JJ-2022001-002-0001",
        "A182-KJ·JJ-2022001-001",
        "A182-KJ·JJ-2022001-001-0001",
    ]


def test_only_one_of_several_who_close_at_once_succeeds(node: Node, clerk: Actor) -> None:
    ids = node.collect(clerk, 60)
    outcomes: list[str] = []

    def close() -> None:
        try:
            node.close(clerk)
            outcomes.append("closed")
        except WrongState as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["class_closed"] * 3 + ["closed"]
    assert sorted(node.state(each)["number"] for each in ids) == list(range(1, 61))
    assert len(node.told()) == 60


def test_late_finds_of_several_people_at_once_never_share_a_number(
    node: Node, clerk: Actor
) -> None:
    node.collect(clerk, 1)
    node.close(clerk)
    late = node.collect(clerk, 12)
    errors: list[DanglianError] = []

    def file(record_id: str) -> None:
        try:
            with node.database.write() as session:
                filing.file_late(clerk, session.get_one(Record, record_id), session=session)
        except DanglianError as error:  # pragma: no cover - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=file, args=(each,)) for each in late]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(node.state(each)["number"] for each in late) == list(range(2, 14))
    with node.database.read() as session:
        assert session.scalar(select(Category.highest)) == 13


def test_a_late_find_that_was_given_a_draft_number_can_be_filed(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 1)
    node.close(clerk)
    [late] = node.collect(clerk, 1, title="后来找到的通知")
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "WS", 2023, session=session)
    with node.database.write() as session:
        filing.file_late(clerk, session.get_one(filing.Record, late), session=session)
    assert (node.state(late)["state"], node.state(late)["number"]) == ("filed", 2)
