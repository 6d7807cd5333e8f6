"""A record whose retention is over is kept longer, or destroyed, and what stays says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub.catalogue import service as catalogue
from hub.correcting import service as correcting
from hub.disposal import service as disposal
from hub.disposal.holds import lift_hold, place_hold
from hub.disposal.models import AppraisalLine
from hub.disposal.proposing import due
from hub.repository.models import DisposalList, FileFault, KeptObject, KeptPackage
from hub.repository.versions import EventKind, add_version
from shared.audit.models import AuditEvent
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Conflict, DanglianError, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from tests.hub.disposal.conftest import Room
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE


def lines(room: Room, appraisal_id: str) -> dict[str, AppraisalLine]:
    with room.hub.city.database.read() as session:
        return {each.id: each for each in disposal.lines_of(appraisal_id, session=session)}


def test_what_four_people_decide_is_destroyed_in_both_stores_and_leaves_a_tombstone(
    room: Room,
) -> None:
    gone, longer, raised = room.ids
    appraisal_id = room.drawn()
    room.judged(appraisal_id, [gone], "destroy")
    room.judged(appraisal_id, [longer], "extend", longer="D30")
    room.judged(appraisal_id, [raised], "raise")
    room.submit(appraisal_id)
    room.approve(appraisal_id)
    room.watch(appraisal_id)
    with room.hub.city.database.read() as session:
        assert session.scalars(due(YILING_ARCHIVE)).all() == []
    room.work(3)

    assert room.appraisal(appraisal_id).state == "done"
    room.is_gone(gone, appraisal_id)
    room.all_is_well()
    made = room.record(gone)
    assert (made.version, made.wire["state"]) == (2, "disposed")
    assert [each["action"] for each in made.wire["events"]][-2:] == ["接收", "销毁"]
    assert made.title == room.records[0].title
    assert [room.record(each).retention for each in (longer, raised)] == ["D30", "Y"]
    assert room.record(longer).wire["events"][-1]["action"] == "续存"
    with room.hub.city.database.read() as session:
        assert session.scalars(select(FileFault)).all() == []
        for table in (KeptObject, KeptPackage):
            kept = set(session.scalars(select(table.record_id)))
            assert gone not in kept
            assert {longer, raised} <= kept
        listed = session.get_one(DisposalList, appraisal_id)
        assert (listed.destroyed, len(listed.document["lines"])) == (1, 3)
        done = set(session.scalars(select(AuditEvent.action)))
    assert {
        "appraisal.begun", "appraisal.judged", "appraisal.submitted", "appraisal.approved",
        "appraisal.witnessed", "disposal.sealed", "record.erased", "appraisal.done",
    } <= done  # fmt: skip
    (told,) = room.unit.heard("disposed")
    assert (told["record"]["id"], told["list_id"]) == (gone, appraisal_id)
    assert [each["record"]["retention"] for each in room.unit.heard("changed")] == ["D30", "Y"]


def test_nobody_does_two_of_the_four(room: Room) -> None:
    both = (Grant(Role.ARCHIVIST, YILING_ARCHIVE), Grant(Role.LEADER, YILING_ARCHIVE))
    room.appraiser = Actor(room.appraiser.id, "甲", both)
    room.leader = Actor(room.leader.id, "乙", both)
    appraisal_id = room.drawn(room.ids[:1])
    room.judged(appraisal_id, room.ids[:1], "destroy")
    room.submit(appraisal_id)
    with pytest.raises(NotAllowed):
        room.approve(appraisal_id, room.appraiser)
    room.approve(appraisal_id)
    for who in (room.appraiser, room.leader):
        with pytest.raises(NotAllowed):
            room.watch(appraisal_id, who)
    first, second = room.witnesses
    room.watch(appraisal_id, first)
    with pytest.raises(NotAllowed):
        room.watch(appraisal_id, first)
    room.hub.work()
    assert room.record(room.ids[0]).state == "received"
    room.watch(appraisal_id, second)
    room.work()
    room.is_gone(room.ids[0], appraisal_id)


PEOPLE = st.builds(
    Grant,
    st.sampled_from(Role),
    st.sampled_from([None, YILING_ARCHIVE, ZHIJIANG_ARCHIVE]),
    st.sampled_from([None, "another fonds"]),
)
VERBS = ("drawn", "submit", "approve", "watch", "call_off")
MAY = {
    "drawn": {Role.APPRAISER, Role.ARCHIVIST},
    "submit": {Role.APPRAISER, Role.ARCHIVIST},
    "approve": {Role.LEADER},
    "watch": {Role.APPRAISER, Role.ARCHIVIST, Role.REVIEWER, Role.LEADER},
    "call_off": {Role.APPRAISER, Role.ARCHIVIST, Role.LEADER},
}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(grant=PEOPLE, verb=st.sampled_from(VERBS))
def test_who_may_do_what(room: Room, grant: Grant, verb: str) -> None:
    """Only a role of this verb, for this archive and whatever fonds, gets past the first line."""
    who = Actor(new_id(), "某人", (grant,))
    may = (
        grant.role in MAY[verb]
        and grant.archive_code in (None, YILING_ARCHIVE)
        and grant.fonds_id is None
    )
    does = {
        "drawn": lambda list_id, session: disposal.remove_lines(
            who, list_id, room.ids[:1], session=session
        ),
        "submit": lambda list_id, session: disposal.submit(who, list_id, session=session),
        "approve": lambda list_id, session: disposal.approve(who, list_id, session=session),
        "watch": lambda list_id, session: disposal.witness(who, list_id, session=session),
        "call_off": lambda list_id, session: disposal.call_off(
            who, list_id, "不再需要", session=session
        ),
    }
    with room.hub.city.database.write() as session:
        made = disposal.begin(room.appraiser, YILING_ARCHIVE, "清册", room.ids, session=session)
        disposal.judge(room.appraiser, made.id, room.ids, "destroy", "到期", session=session)
        if verb in ("approve", "watch"):
            disposal.submit(room.appraiser, made.id, session=session)
        if verb == "watch":
            disposal.approve(room.leader, made.id, session=session)
        try:
            does[verb](made.id, session)
            done = True
        except (NotAllowed, NotFound):  # to who has nothing to do with it, it is not there
            done = False
        session.rollback()  # the room is shared by all examples
    assert done == may


def test_what_must_not_be_destroyed_is_named_when_the_list_is_submitted(
    room: Room, tmp_path: Path
) -> None:
    held, asked, written = room.ids
    database = room.hub.city.database
    appraisal_id = room.drawn()
    with pytest.raises(Invalid, match="没有鉴定意见"):
        room.submit(appraisal_id)
    room.judged(appraisal_id, room.ids, "destroy")
    with pytest.raises(Invalid, match="不能列入"):
        room.drawn([held])
    with database.write() as session:
        place_hold(room.leader, held, "诉讼调档", session=session)
    with pytest.raises(Conflict) as caught:
        room.submit(appraisal_id)
    assert caught.value.code == "held"
    with database.write() as session:
        lift_hold(room.leader, held, session=session)
    rendition = tmp_path / "正文.ofd"
    rendition.write_bytes(b"made-up bytes")
    facts = {"source": "正文.pdf", "tool": "工具", "reason": "长期保存"}
    event = EventKind.MIGRATION
    files = {rendition.name: rendition}
    add_version(room.folder, room.appraiser, written, event, files, facts=facts)
    with pytest.raises(Conflict) as caught:
        room.submit(appraisal_id)
    assert caught.value.code == "later"
    room.hub.work()
    correcting.make(room.folder, room.appraiser, asked, {"title": "更正后的题名"}, "核对原件")
    with pytest.raises(Conflict) as caught:
        room.submit(appraisal_id)
    assert caught.value.code == "correction_open"
    room.hub.work()
    room.submit(appraisal_id)


def test_a_hold_after_the_approval_keeps_its_record_and_the_list_says_why(room: Room) -> None:
    held, gone, _other = room.ids
    appraisal_id = room.decided([held, gone])
    with room.hub.city.database.write() as session:
        place_hold(room.leader, held, "审计调档", session=session)
    room.work()
    room.is_gone(gone, appraisal_id)
    assert room.record(held).state == "received"
    assert "审计调档" in str(lines(room, appraisal_id)[held].problem)
    assert room.appraisal(appraisal_id).state == "done"
    room.all_is_well()


def test_a_volume_goes_whole_or_stays_whole(room: Room) -> None:
    """What travels in the package of another has a tombstone of its own, without a package."""
    city, unit = room.hub.city, room.unit
    over = {
        "year": 2010, "retention": "D10", "organ": None, "organ_name": None,
        "class_code": "KU", "subclass": "01", "volume_number": 8,
    }  # fmt: skip
    code = "J001-KU·01·2010-D10-008"
    volume = city.record(unit.fonds, 8, level="volume", code=code, **over)
    items = [
        city.record(
            unit.fonds, number, level="item", parent_id=volume.id,
            code=f"{code}-{number:04d}", **over,
        )
        for number in (1, 2)
    ]  # fmt: skip
    ids = [each.id for each in (volume, *items)]
    receipt = room.record(room.ids[0]).receipt_id
    unit.tell(volume, *items)
    with city.database.write() as session:
        catalogue.set_custody(session, ids, YILING_ARCHIVE, str(receipt))
    with city.database.read() as session:
        listed = {each.id for each in session.scalars(due(YILING_ARCHIVE))}
    assert listed == {volume.id, *room.ids}
    first = room.decided([volume.id])
    with city.database.write() as session:
        place_hold(room.leader, items[1].id, "审计", session=session)
    room.work()
    assert {str(each.problem)[:4] for each in lines(room, first).values()} == {
        "同一案卷",
        "这件档案",
    }
    assert {room.record(each).state for each in ids} == {"received"}
    with city.database.write() as session:
        lift_hold(room.leader, items[1].id, session=session)
    again = room.decided([volume.id])
    room.work()
    for each in ids:
        room.is_gone(each, again)


def test_what_is_destroyed_is_neither_corrected_nor_listed_again(room: Room) -> None:
    gone = room.ids[0]
    room.decided([gone])
    room.work()
    with pytest.raises(WrongState) as caught:
        correcting.make(room.folder, room.appraiser, gone, {"title": "更正"}, "核对原件")
    assert caught.value.code == "destroyed"
    with pytest.raises(DanglianError):
        room.drawn([gone])
    with room.hub.city.database.write() as session, pytest.raises(WrongState):
        place_hold(room.leader, gone, "诉讼", session=session)


def test_a_leader_sends_a_list_back_or_it_is_called_off(room: Room) -> None:
    appraisal_id = room.drawn()
    room.judged(appraisal_id, room.ids, "destroy")
    room.submit(appraisal_id)
    with room.hub.city.database.write() as session:
        disposal.send_back(room.leader, appraisal_id, "请逐件写明理由", session=session)
    with room.hub.city.database.write() as session:
        disposal.remove_lines(room.appraiser, appraisal_id, room.ids[1:], session=session)
    assert list(lines(room, appraisal_id)) == room.ids[:1]
    assert room.appraisal(appraisal_id).returned == "请逐件写明理由"
    with room.hub.city.database.write() as session:
        disposal.call_off(room.appraiser, appraisal_id, "另行鉴定", session=session)
    assert room.drawn() != appraisal_id
