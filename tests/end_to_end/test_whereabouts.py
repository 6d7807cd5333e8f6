"""到哪了: what the panel says of each record is what both databases say, at every step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from hub.catalogue.models import CatalogueRecord
from hub.federation.models import Node
from hub.receiving import service as receiving
from hub.sharing import service as sharing
from hub.sharing.policies import Audience
from node.filing import service as filing
from node.office.models import OfficeState
from node.office.service import office_of
from node.sync.agent import _clock_offset
from node.sync.models import Acknowledgement, SharedCursor, SharedRecord
from node.sync.progress import acknowledged_at, note_acknowledgement, note_batches
from node.sync.recovery import begin_recovery
from node.sync.sharing import note_shared
from node.transfer import service as transfer
from node.whereabouts.journey import UNKNOWN, Step, journey_of
from node.whereabouts.light import light_of
from node.whereabouts.places import PLACES, Place, counts
from shared.kernel.actor import system_actor
from shared.kernel.clock import format_utc, now
from shared.kernel.jobs import job_of, stop, submit
from shared.messaging.models import OutgoingStream
from tests.federation import ADMIN, ARCHIVIST, CLERK, Federation, Unit

A_RECORD = "01a21a81-1cc7-747f-aa9f-0d13ecbab24e"


def where(unit: Unit, record_id: str) -> tuple[str, dict[str, Step]]:
    with unit.folder.database().read() as session:
        record = session.get_one(filing.Record, record_id)
        journey = journey_of(record, session=session)
        return str(journey.place), {each.code: each for each in journey.steps}


def counted(unit: Unit) -> dict[str, int]:
    with unit.folder.database().read() as session:
        return counts([unit.fonds_id], session)


def light(unit: Unit) -> tuple[str, str]:
    with unit.folder.database().read() as session:
        found = light_of(session)
        return found.level, found.words


def edit(unit: Unit, record_id: str, **values: Any) -> None:
    with unit.folder.database().write() as session:
        record = session.get_one(filing.Record, record_id)
        filing.edit_returned(CLERK, record, values, session=session)


def edited_title(unit: Unit, record_id: str) -> None:
    edit(unit, record_id, title="改过的题名")


def test_a_record_is_followed_from_the_first_day_to_the_receipt(
    city: Federation, unit: Unit
) -> None:
    one, two = unit.file(2)
    place, steps = where(unit, two)
    assert place == Place.QUEUED
    assert steps["queued"].state == "now"
    assert steps["queued"].at is not None
    assert steps["queued"].note == "前面还有 1 条。"
    assert steps["accepted"].state == "ahead"

    before = now()
    city.settle()
    place, steps = where(unit, two)
    assert place == Place.ACCEPTED
    assert steps["accepted"].state == "done"
    assert before <= steps["accepted"].at <= now()
    assert steps["inspected"].state == "ahead"

    batch_id = unit.offer([one, two])
    assert where(unit, one)[0] == Place.QUEUED
    city.settle()
    place, steps = where(unit, one)
    assert place == Place.UNDER_REVIEW
    with city.hub.database().read() as session:
        reviewable = session.query(receiving.Batch).one().reviewable_at
    assert (steps["inspected"].state, steps["inspected"].at) == ("done", reviewable)
    assert (steps["reviewed"].state, steps["reviewed"].at) == ("now", reviewable)

    city.conclude(batch_id, "accepted")
    city.settle()
    place, steps = where(unit, one)
    assert place == Place.PASSED
    assert steps["reviewed"].state == "done"
    assert steps["reviewed"].at is not None
    unit.sign(batch_id)
    city.settle()
    assert where(unit, one)[0] == Place.SIGNED
    city.sign(batch_id)
    city.settle()
    place, steps = where(unit, one)
    assert place == Place.RECEIVED
    with unit.folder.database().read() as session:
        received = session.get_one(transfer.Batch, batch_id).received_at
    assert (steps["received"].state, steps["received"].at) == ("done", received)
    assert steps["shared"].state == "ahead"
    assert "现在没有共享" in steps["shared"].note
    saved, queued = steps["saved"].at, steps["queued"].at
    assert saved == queued, "it was said to have been saved when the receipt came"
    assert counted(unit) == {"received": 2}


def share(city: Federation) -> None:
    policy = sharing.NewPolicy(("code", "title"), "馆务会决定", closed_fields=("code",))
    with city.hub.database().write() as session:
        archive = session.scalars(select(CatalogueRecord)).first().archive
        sharing.set_policy(ARCHIVIST, archive, Audience.GOVERNMENT, policy, session=session)


def withdraw(city: Federation, record_id: str) -> None:
    with city.hub.database().write() as session:
        sharing.withdraw(ARCHIVIST, record_id, "有人提出异议", session=session)


def pass_time(city: Federation) -> None:
    """Long enough to decide, to give positions, and for the next greeting."""
    for _ in range(4):
        city.turn()
        city.clock.seconds += 60


def test_what_the_archive_shares_is_said_of_each_record_until_it_takes_it_back(
    city: Federation, unit: Unit
) -> None:
    shared, kept_back = city.received(unit, 2)
    share(city)
    withdraw(city, kept_back)
    pass_time(city)
    step = where(unit, shared)[1]["shared"]
    assert (step.state, step.note) == ("done", "已向省级共享平台共享目录。")
    assert step.at is not None
    assert where(unit, kept_back)[1]["shared"].state == "ahead"

    withdraw(city, shared)
    pass_time(city)
    assert where(unit, shared)[1]["shared"].state == "ahead"


def test_a_fonds_that_came_later_has_its_records_told_too(city: Federation, unit: Unit) -> None:
    (record_id,) = city.received(unit, 1)
    share(city)
    pass_time(city)
    with unit.folder.database().write() as session:
        # As at a node to which the fonds was assigned after all this had been told.
        session.execute(delete(SharedRecord))
        session.execute(update(SharedCursor).values(fonds="of others"))
    pass_time(city)
    assert where(unit, record_id)[1]["shared"].state == "done"


@pytest.mark.parametrize(
    "said",
    [
        None, [], {"public": []}, {"public": {"cursor": 1, "records": []}},
        {"public": {"cursor": "1-1", "records": [["x", 1], [None], ["x"], 5]}},
        {"public": {"cursor": "1-1", "records": [[A_RECORD, 1 << 80]]}},
        {"public": {"cursor": "1" * 41, "records": []}}, {"everybody": {"cursor": "1-1"}},
    ],
)  # fmt: skip
def test_what_cannot_be_read_of_sharing_is_left_out(unit: Unit, said: Any) -> None:
    with unit.folder.database().write() as session:
        note_shared(session, said)
        assert session.query(SharedRecord).count() == 0


def test_a_record_edited_after_the_hub_had_it_says_that_its_newest_change_waits(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    edited_title(unit, record_id)
    place, steps = where(unit, record_id)
    assert place == Place.QUEUED
    assert "最新的修改还没有送到" in steps["accepted"].note
    city.settle()
    assert where(unit, record_id)[0] == Place.ACCEPTED


def test_a_refused_change_is_shown_as_refused_until_it_is_told_anew(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    refused = {
        "seq": 1, "subject": record_id, "code": "x", "field": "title",
        "problem": "题名里有平台不认的字", "remedy": "请改正", "title": "",
    }  # fmt: skip
    with unit.folder.database().write() as session:
        stream = session.query(OutgoingStream).one()
        filing.note_refusal(session, {**refused, "seq": stream.seq})
    place, steps = where(unit, record_id)
    assert place == Place.REFUSED
    assert steps["accepted"].state == "problem"
    assert "题名里有平台不认的字" in steps["accepted"].note
    assert light(unit) == ("red", "可以关机，有事待办")
    # To put it aside does not make the hub have it.
    with unit.folder.database().write() as session:
        for each in filing.open_objections(record_id, session=session):
            filing.settle_objection(CLERK, each.id, session=session)
    assert where(unit, record_id)[0] == Place.REFUSED
    edited_title(unit, record_id)
    assert where(unit, record_id)[0] == Place.QUEUED
    city.settle()
    assert where(unit, record_id)[0] == Place.ACCEPTED


def test_a_refused_offer_is_shown_at_its_record(city: Federation, unit: Unit) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    unit.offer([record_id])
    with unit.folder.database().write() as session:
        offer = session.query(transfer.BatchRecord).one()
        stream = session.query(OutgoingStream).one()
        body = {"seq": stream.seq, "subject": offer.offer_id, "code": "x", "problem": "档号重复"}
        assert transfer.note_refusal(session, body)
    city.settle()
    place, steps = where(unit, record_id)
    assert place == Place.REFUSED
    assert "档号重复" in steps["accepted"].note


def test_a_batch_that_the_hub_did_not_take_is_told_at_the_batch(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    batch_id = unit.offer([record_id])
    with unit.folder.database().write() as session:
        body = {"seq": 9, "subject": batch_id, "code": "offers_missing", "problem": "缺 1 件。"}
        assert transfer.note_refusal(session, body)
        assert not transfer.note_refusal(session, {**body, "subject": record_id})
    with unit.folder.database().read() as session:
        (notice,) = transfer.notices(system_actor("test"), session=session)
        assert (notice.batch_id, notice.code) == (batch_id, "offers_missing")
        assert "缺 1 件" in notice.message


def test_a_returned_record_says_so_and_why(city: Federation, unit: Unit) -> None:
    one, two = unit.file(2)
    batch_id = unit.offer([one, two])
    city.settle()
    city.conclude(batch_id, "returned", returned=[one])
    city.settle()
    place, steps = where(unit, one)
    assert place == Place.RETURNED
    assert steps["reviewed"].state == "problem"
    assert "题名不完整" in steps["reviewed"].note


def test_a_verdict_that_was_faster_than_the_news_of_the_check_says_when_its_time_comes(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    batch_id = unit.offer([record_id])
    for _ in range(3):  # no time passes, so nobody greets
        city.turn()
    city.conclude(batch_id, "returned", returned=[record_id])
    city.turn()
    inspected = where(unit, record_id)[1]["inspected"]
    assert (inspected.state, inspected.at) == ("done", None)
    assert inspected.note == "时间在下次与平台联系后显示。"
    city.settle()
    assert where(unit, record_id)[1]["inspected"].at is not None


def test_what_the_hub_says_of_an_earlier_listing_or_of_nothing_does_not_count(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    batch_id = unit.offer([record_id])
    city.settle()
    assert where(unit, record_id)[0] == Place.UNDER_REVIEW
    news: list[Any] = [
        {"batch_id": batch_id, "state": "checking", "listed": "0" * 64},
        {"batch_id": batch_id, "state": "eaten", "listed": None},
        {"batch_id": "x" * 36, "state": "checking", "listed": None},
        {"batch_id": 7, "state": "checking"},
        "nonsense",
    ]
    with unit.folder.database().write() as session:
        note_batches(session, news)
        note_batches(session, "nonsense")
    assert where(unit, record_id)[0] == Place.UNDER_REVIEW
    # What was heard before the batch was offered is about something else.
    with unit.folder.database().write() as session:
        session.get_one(transfer.Batch, batch_id).offered_at = now() + timedelta(minutes=1)
    place, steps = where(unit, record_id)
    assert place == Place.OFFERED
    assert steps["inspected"].state == "now"


def test_what_was_acknowledged_before_times_were_kept_has_no_invented_time(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    with unit.folder.database().write() as session:
        session.execute(delete(Acknowledgement))
    accepted = where(unit, record_id)[1]["accepted"]
    assert (accepted.state, accepted.at, accepted.note) == ("done", None, UNKNOWN)


def test_after_a_restore_of_the_hub_what_it_lost_counts_as_waiting_again(
    city: Federation, unit: Unit
) -> None:
    with unit.folder.database().write() as session:
        for seq in (3, 8):
            note_acknowledgement(session, 1, seq)
        first = acknowledged_at(session, 1, 2)
        note_acknowledgement(session, 1, 5)
        assert acknowledged_at(session, 1, 2) == first
        assert acknowledged_at(session, 1, 5) is not None
        assert acknowledged_at(session, 1, 6) is None
        assert acknowledged_at(session, 2, 1) is None


def test_after_a_new_grant_adopted_records_are_at_the_hub_since_an_unknown_time(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    with unit.folder.database().write() as session:
        begin_recovery(session, "test")
    place, steps = where(unit, record_id)
    assert place == Place.HELD_UP
    assert light(unit)[0] == "red"
    city.pass_time(10)
    with city.hub.database().write() as session:
        node = city.post.asking(session)[0]
        city.post.reception.grant(ADMIN, node.id, session=session)
    city.settle()
    place, steps = where(unit, record_id)
    assert place == Place.ACCEPTED
    assert (steps["accepted"].at, steps["accepted"].note) == (None, UNKNOWN)


def test_the_light_tells_the_clerk_whether_the_pc_can_be_switched_off(
    city: Federation, unit: Unit
) -> None:
    city.settle()
    assert light(unit) == ("green", "可以关机")
    unit.file(2)
    with unit.folder.database().read() as session:
        stream = session.query(OutgoingStream).one()
        waiting = stream.seq - stream.acked
    assert light(unit) == ("yellow", f"可以关机，待送 {waiting}")
    with unit.folder.database().write() as session:
        job = submit(session, "intake.take", {}, title="导入")
        job_id = job.id
    assert light(unit) == ("red", "暂时不要关机")
    with unit.folder.database().write() as session:
        stop(job_of(job_id, session=session))
    city.settle()
    assert light(unit) == ("green", "可以关机")


def test_a_package_that_waits_for_a_line_that_is_down_keeps_nobody_at_the_office(
    city: Federation, unit: Unit
) -> None:
    (record_id,) = unit.file(1)
    city.settle()
    unit.offer([record_id])
    with unit.folder.database().write() as session:
        offer = session.query(transfer.BatchRecord).one()
        offer.inline, offer.uploaded, offer.told = False, False, True
    assert light(unit) == ("red", "暂时不要关机")
    assert "上传" in where(unit, record_id)[1]["inspected"].note
    with unit.folder.database().write() as session:
        office_of(session).last_contact = now() - timedelta(hours=1)
    assert light(unit)[0] == "yellow"


def test_a_node_that_was_superseded_needs_a_person(city: Federation, unit: Unit) -> None:
    with unit.folder.database().write() as session:
        office = office_of(session)
        office.state, office.notice = OfficeState.SUPERSEDED, "另一台电脑已接替本机。"
    assert light(unit) == ("red", "可以关机，有事待办")


def test_every_record_is_at_exactly_one_place(city: Federation, unit: Unit) -> None:
    filed = unit.file(4)
    city.settle()
    unit.offer(filed[:2])
    city.settle()
    edited_title(unit, filed[2])
    with unit.folder.database().write() as session:
        filing.collect_many(CLERK, unit.fonds_id, [{"title": "关于新事项的通知"}], session=session)
    assert counted(unit) == {"draft": 1, "queued": 1, "accepted": 1, "under_review": 2}
    assert set(PLACES) == {str(each) for each in Place}


def test_the_hub_knows_of_each_node_what_waits_there_and_how_its_clock_goes(
    city: Federation, unit: Unit
) -> None:
    city.pass_time(4)
    unit.file(3)
    # It greets, but its runs are lost.
    unit.agent.greet_soon()
    city.clock.seconds += 60
    before = now()
    unit.agent.step_out()
    city.post.step_in()
    with city.hub.database().read() as session:
        node = session.query(Node).one()
        assert node.backlog
        assert node.oldest_waiting is not None
        assert node.oldest_waiting <= before
        assert node.clock_offset_ms is not None
        assert abs(node.clock_offset_ms) < 30_000
    city.settle()
    city.pass_time(4)
    with city.hub.database().read() as session:
        node = session.query(Node).one()
        assert (node.backlog, node.oldest_waiting) == (0, None)


def test_an_answer_that_was_long_on_its_way_does_not_put_the_clock_wrong(
    city: Federation, unit: Unit
) -> None:
    sent = now() - timedelta(hours=9)
    late = {"asked": format_utc(sent), "time": format_utc(sent)}
    assert _clock_offset(late) is None
    quick = {"asked": format_utc(now()), "time": format_utc(now() + timedelta(hours=2))}
    assert abs(_clock_offset(quick) - timedelta(hours=2)) < timedelta(seconds=5)
    assert _clock_offset({"asked": format_utc(now() + timedelta(hours=1)), "time": "x"}) is None
