"""Collecting, arranging, changing, handing over: what a clerk may do, and what is refused."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.filing.history import note_events
from node.filing.models import Event, Record
from node.registry import service as registry
from node.registry.files import StoredFile, keep_file, open_file
from shared.audit import AuditEvent, verify_chain
from shared.kernel.actor import Actor
from shared.kernel.errors import Classified, Invalid, NotAllowed, NotFound, WrongState
from tests.node.conftest import Node

FILE = StoredFile("通知.pdf", 3, "a" * 64, "pdf")


def test_a_village_account_sees_and_files_only_its_own_fonds(
    node: Node, clerk: Actor, villager: Actor
) -> None:
    (town_record,) = node.collect(clerk, 1)
    with node.database.write() as session:
        own = filing.collect(villager, node.village, {"title": "村民会议记录"}, session=session)
        assert own.state == "collected"
        assert [each.id for each in filing.fonds_seen(villager, session=session)] == [node.village]
        with pytest.raises(NotFound):
            filing.record_of(villager, town_record, session=session)
        with pytest.raises(NotAllowed):
            filing.collect(villager, node.fonds, {"title": "通知"}, session=session)
        with pytest.raises(NotFound):
            filing.arrange(villager, [town_record], {"retention": "Y"}, session=session)


@pytest.mark.parametrize(
    "values",
    [
        {"title": "某通知", "security": "机密★10年"},
        {"title": "某通知 秘密★20年"},
        {"title": "某通知", "remark": "绝密★长期"},
    ],
)
def test_a_classified_document_leaves_nothing_behind(
    node: Node, clerk: Actor, values: dict[str, str]
) -> None:
    with pytest.raises(Classified), node.database.write() as session:
        filing.collect(clerk, node.fonds, values, session=session)
    with pytest.raises(Classified), node.database.write() as session:
        registry.register(clerk, node.fonds, "incoming", values, session=session)
    with node.database.read() as session:
        assert session.scalar(select(Record.id)) is None
        assert session.scalar(select(AuditEvent.seq)) is None


def test_a_bad_row_says_where_and_nothing_is_half_done(node: Node, clerk: Actor) -> None:
    rows = node.rows(3)
    rows[1]["date"] = "2023-02-30"
    with (
        pytest.raises(Invalid, match=r"第2行.*没有2023年2月30日") as caught,
        node.database.write() as session,
    ):
        filing.collect_many(clerk, node.fonds, rows, session=session)
    assert caught.value.field == "date"
    with node.database.read() as session:
        assert session.scalar(select(Record.id)) is None


def test_a_row_collected_twice_is_recognised(node: Node, clerk: Actor) -> None:
    rows = [{**row, "source_key": f"key-{place}"} for place, row in enumerate(node.rows(4))]
    with node.database.write() as session:
        first = filing.collect_many(clerk, node.fonds, rows[:3], session=session)
        again = filing.collect_many(clerk, node.fonds, rows, session=session)
    assert (first.added, again.added, again.known) == (3, 1, [0, 1, 2])
    assert again.ids[:3] == first.ids


def test_a_selection_is_arranged_at_once(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        ids = [
            filing.collect(clerk, node.fonds, {"title": f"第{n}件"}, session=session).id
            for n in range(3)
        ]
    assert {node.state(each)["state"] for each in ids} == {"collected"}
    with node.database.write() as session:
        filing.arrange(
            clerk, ids, {"year": "2023年", "retention": "30年", "organ": "bgs"}, session=session
        )
    rows = [node.state(each) for each in ids]
    assert {(row["state"], row["retention"], row["organ"]) for row in rows} == {
        ("arranging", "D30", "BGS")
    }
    assert [row["position"] for row in rows] == [1, 2, 3]
    with node.database.write() as session:
        filing.arrange(clerk, ids[:1], {"retention": None}, session=session)
    assert node.state(ids[0])["state"] == "collected"


def test_each_change_after_filing_is_a_version_with_an_event_for_the_hub(
    node: Node, clerk: Actor
) -> None:
    (record_id,) = node.collect(clerk, 1)
    node.close(clerk)
    with node.database.write() as session:
        record = session.get_one(Record, record_id)
        filing.edit(clerk, record, {"title": "更正后的题名", "box": "3"}, session=session)
        filing.edit(clerk, record, {"title": "更正后的题名"}, session=session)
        filing.attach(clerk, record, "附件", FILE, session=session)
        filing.attach(clerk, record, "正本", FILE, session=session)
        with pytest.raises(Invalid, match="决定档号"):
            filing.edit(clerk, record, {"retention": "Y"}, session=session)
    last = node.told()[-1]
    assert [each["version"] for each in node.told()] == [1, 2, 3, 4]
    assert (last["title"], last["box"]) == ("更正后的题名", "3")
    assert [each["role"] for each in last["documents"]] == ["正本", "附件"]
    assert last["events"][2]["description"] == "修改了题名、盒号"


def test_history_only_grows(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 1)
    with node.database.read() as session:
        event = session.scalars(select(Event)).first()
        assert event is not None
        event.agent = "另一人"
        with pytest.raises(RuntimeError, match="only grows"):
            session.flush()


def test_a_digital_copy_is_never_an_electronic_record(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        record = filing.collect(clerk, node.fonds, {"title": "通知"}, session=session)
        with pytest.raises(Invalid, match="数字化副本"):
            filing.attach(clerk, record, "正本", FILE, "digital_copy", session=session)
        filing.edit(clerk, record, {"holding": "paper_with_copy"}, session=session)
        filing.attach(clerk, record, "正本", FILE, "digital_copy", session=session)
        with pytest.raises(Invalid, match="数字化副本"):
            filing.edit(clerk, record, {"holding": "electronic"}, session=session)


def test_an_offered_record_is_frozen_until_it_comes_back_with_reasons(
    node: Node, clerk: Actor
) -> None:
    (record_id, other) = node.collect(clerk, 2)
    node.close(clerk)
    with node.database.write() as session:
        filing.mark_offered(clerk, [record_id, other], session=session)
        record = session.get_one(Record, record_id)
        for change in (
            lambda: filing.edit(clerk, record, {"title": "新题名"}, session=session),
            lambda: filing.attach(clerk, record, "正本", FILE, session=session),
            lambda: filing.remove_filed(clerk, record, "重份", session=session),
        ):
            with pytest.raises(WrongState):
                change()
        reason = {"field": "title", "problem": "题名不完整", "remedy": "请补全", "code": "1-5"}
        filing.mark_returned(clerk, {record_id: [reason], other: []}, session=session)
        (objection,) = filing.open_objections(record_id, session=session)
        assert (objection.field, objection.problem) == ("title", "题名不完整")
        filing.edit_returned(clerk, record, {"title": "完整的题名"}, session=session)
        assert filing.open_objections(record_id, session=session) == []
        filing.mark_offered(clerk, [record_id, other], session=session)
        filing.mark_received(clerk, [record_id, other], {"receipt_id": "r1"}, session=session)
    last = [each for each in node.told() if each["id"] == record_id][-1]
    assert [each["action"] for each in last["events"]] == [
        "收集", "归档", "移交", "退回", "修改", "移交",
    ]  # fmt: skip
    assert node.state(record_id)["state"] == "received"


def test_a_refusal_of_the_hub_is_shown_at_its_record(node: Node, clerk: Actor) -> None:
    (record_id,) = node.collect(clerk, 1)
    body = {
        "seq": 4, "code": "invalid", "field": "title", "problem": "题名有误\n", "remedy": "改",
        "subject": record_id,
    }  # fmt: skip
    with node.database.write() as session:
        assert filing.note_refusal(session, body)
        assert not filing.note_refusal(session, {"subject": "batch", "problem": "x"})
        (objection,) = filing.open_objections(record_id, session=session)
        assert (objection.source, objection.problem) == ("refused", "题名有误")


def test_a_removed_record_can_lose_its_description_too(node: Node, clerk: Actor) -> None:
    (record_id,) = node.collect(clerk, 1)
    node.close(clerk)
    with node.database.write() as session:
        record = session.get_one(Record, record_id)
        filing.attach(clerk, record, "正本", FILE, session=session)
        filing.remove_filed(clerk, record, "不应归档", erase=True, session=session)
    last = node.told()[-1]
    assert (last["title"], last["documents"], last["author"]) == ("（空号）", [], None)


def test_boxes_have_places_and_take_their_records_along(node: Node, clerk: Actor) -> None:
    with node.database.write() as session:
        record = filing.collect(
            clerk, node.fonds, {"title": "通知", "box": "12", "location": "1号库-2架"},
            session=session,
        )  # fmt: skip
        assert record.box_id is not None
        ((box, place),) = session.execute(filing.boxes([node.fonds]))
        assert (box.number, place) == ("12", None)
        assert filing.box_counts([box.id], session=session) == {box.id: 1}
        filing.move_box(clerk, box.id, "2号库", session=session)
        assert filing.wire(record, session=session)["location"] == "2号库"
        second = filing.collect(clerk, node.fonds, {"title": "函", "box": "12"}, session=session)
        assert filing.wire(second, session=session)["location"] == "2号库"


def test_the_audit_chain_holds_every_verb(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 2)
    node.close(clerk)
    with node.database.read() as session:
        actions = list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))
        verify_chain(session)
    assert actions == ["record.collected_many", "class.class_closed"]


def test_files_are_kept_by_digest_and_bad_ones_leave_nothing(node: Node) -> None:
    store = node.folder.files
    kept = keep_file(store, io.BytesIO(b"%PDF-1.7"), "通知.PDF")
    assert (kept.name, kept.size, kept.format) == ("通知.PDF", 8, "pdf")
    with open_file(store, kept.sha256) as stream:
        assert stream.read() == b"%PDF-1.7"
    for content, name, match in (
        (b"", "空.pdf", "0 字节"),
        (b"x", "../x.pdf", "路径"),
        (b"x", "长" * 300 + ".pdf", "255"),
    ):
        with pytest.raises(Invalid, match=match):
            keep_file(store, io.BytesIO(content), name)
    assert len(list(store.names())) == 1


def test_the_documents_of_a_record_stand_in_the_order_of_their_roles(
    node: Node, clerk: Actor
) -> None:
    (record_id,) = node.collect(clerk, 1)
    for role in ("定稿", "附件", "正本", "文件处理单"):
        with node.database.write() as session:
            stored = keep_file(node.folder.files, io.BytesIO(role.encode()), f"{role}.txt")
            record = session.get_one(filing.Record, record_id)
            filing.attach(clerk, record, role, stored, session=session)
    with node.database.read() as session:
        documents = filing.documents_of(record_id, session=session)
        assert [each.role for each in documents] == ["文件处理单", "正本", "附件", "定稿"]
        assert [each.order for each in documents] == [1, 2, 3, 4]


def test_only_known_actions_enter_the_history(node: Node, clerk: Actor) -> None:
    (record_id,) = node.collect(clerk, 1)
    with node.database.write() as session, pytest.raises(ValueError, match="随便"):
        note_events([record_id], "随便", clerk, session=session)
