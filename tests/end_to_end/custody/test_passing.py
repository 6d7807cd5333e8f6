"""A whole fonds passes from node to node: real services, databases, folders, and the hub's HTTP."""

from __future__ import annotations

import pytest

from hub.correcting import service as correcting
from hub.federation.key_roll import roll_hub_key
from node.corrections.models import Correction
from node.custody import service as custody
from node.custody.following import tell_evidence
from node.custody.models import HandOver
from node.filing import service as filing
from node.office.service import standing_of
from node.registry import service as registry
from node.transfer import service as transfer
from shared.audit import root_of
from shared.kernel.errors import WrongState
from tests.audit_digests import many_of
from tests.end_to_end.custody.two_units import TwoUnits, as_taken_over
from tests.federation import ADMIN, ARCHIVIST, CLERK, LEADER, NOTHING_WRONG, everywhere_the_same


def test_a_whole_fonds_passes_to_another_node_and_nothing_of_it_is_lost(two: TwoUnits) -> None:
    made = two.fill()
    before = two.inventory(two.giving)
    assert two.writers() == ["giving"]
    hand_over_id = two.propose()
    two.freeze(hand_over_id)
    assert two.writers() == []
    two.city.settle()
    assert two.states(hand_over_id)[:2] == ("frozen", "frozen")
    two.sign(two.giving, hand_over_id)
    two.city.settle()
    assert two.states(hand_over_id) == ("arrived", "arrived", "arrived")
    assert two.keeper() == two.giving.node_id
    assert two.writers() == []
    two.sign(two.taking, hand_over_id)
    two.city.settle()
    assert two.problems(two.taking) == []
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert two.keeper() == two.taking.node_id
    assert two.writers() == ["taking"]
    assert two.inventory(two.taking) == before
    assert two.inventory(two.giving) == before  # a mirror of what left
    with two.giving.folder.database().read() as session:
        assert standing_of(two.fonds_id, session) == "left"
        assert two.fonds_id in [each.id for each in filing.fonds_seen(CLERK, session=session)]
    with two.taking.folder.database().read() as session:
        file = filing.files_of(made["draft"], session=session)[0]
        document = registry.document_of(CLERK, made["document"], session=session)
        assert (document.state, document.handler) == ("in_hand", "周办事")
    assert two.taking.folder.files.exists(f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256}")
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG
    # Who has the list of either node can show of each record that it was handed over.
    for node, action in ((two.giving, "hand_over.frozen"), (two.taking, "hand_over.taken_in")):
        with node.folder.database().read() as session:
            ids = filing.ids_in(two.fonds_id, session=session)
            assert many_of(action, session) == (len(ids), root_of(ids))
    with two.giving.folder.database().read() as session:
        said = session.get_one(HandOver, hand_over_id).signed_body["statement"]
        digests = [each["sha256"] for each in said["bundles"]]
        assert many_of("hand_over.signed", session) == (len(digests), root_of(digests))


def test_the_new_keeper_numbers_on_where_the_old_one_ended_and_hands_over_to_the_archive(
    two: TwoUnits,
) -> None:
    made = two.fill()
    two.everything(two.propose())
    unit = as_taken_over(two)
    with unit.folder.database().write() as session:
        late = filing.collect_many(
            CLERK,
            two.fonds_id,
            [
                {
                    "title": "接管后补交的一件",
                    "date": "2023-06-01",
                    "year": 2023,
                    "retention": "D30",
                    "organ": "BGS",
                    "organ_name": "办公室",
                    "holding": "paper",
                }
            ],
            session=session,
        ).ids[0]
        filing.file_late(CLERK, session.get_one(filing.Record, late), session=session)
        assert session.get_one(filing.Record, late).number == 7
        filing.close_class(CLERK, two.fonds_id, "WS", 2024, session=session)
        next_one = registry.register(
            CLERK, two.fonds_id, "incoming", {"title": "接管后的第一份来文"}, session=session
        )
        assert next_one.serial == 2
    two.city.settle()
    with unit.folder.database().write() as session:
        record = session.get_one(filing.Record, made["first"])
        filing.edit_returned(CLERK, record, {"title": "补全后的题名"}, session=session)
    filed = [id_ for id_, state in unit.states().items() if state == "filed"]
    batch_id = unit.offer(filed, "接管后移交进馆")
    two.city.settle()
    two.city.conclude(batch_id, "accepted")
    two.city.settle()
    unit.sign(batch_id)
    two.city.settle()
    two.city.sign(batch_id)
    two.city.settle()
    assert unit.batch_state(batch_id) == "received"
    assert everywhere_the_same(two.city, unit) == NOTHING_WRONG


def test_what_an_archive_received_is_corrected_for_whoever_keeps_the_fonds(two: TwoUnits) -> None:
    first, second = two.giving.file(2)
    hand_over_id = two.propose()
    batch_id = two.giving.offer([first, second])
    two.city.settle()
    two.city.conclude(batch_id, "accepted")
    two.city.settle()
    two.giving.sign(batch_id)
    two.city.settle()
    two.city.sign(batch_id)
    two.city.settle()
    asked = two.ask_correction(two.giving, first, "请求更正的题名")
    with pytest.raises(WrongState, match="更正申请还没有答复"):
        two.freeze(hand_over_id)
    two.city.settle()
    correcting.make(
        two.city.hub, ARCHIVIST, first, {"title": "请求更正的题名"}, "属实", correction_id=asked
    )
    two.city.settle()
    two.freeze(hand_over_id)
    two.city.settle()
    before = two.inventory(two.giving)
    with pytest.raises(WrongState, match="正在交接"):
        correcting.make(two.city.hub, ARCHIVIST, second, {"title": "馆内更正"}, "核对原件")
    two.sign(two.giving, hand_over_id)
    two.city.settle()
    two.sign(two.taking, hand_over_id)
    two.city.settle()
    assert two.problems(two.taking) == []
    assert two.inventory(two.taking) == before
    unit = as_taken_over(two)
    asked = two.ask_correction(unit, second, "接管后更正的题名")
    two.city.settle()
    correcting.make(
        two.city.hub, ARCHIVIST, second, {"title": "接管后更正的题名"}, "属实", correction_id=asked
    )
    two.city.settle()
    with unit.folder.database().read() as session:
        assert {each.state for each in session.query(Correction)} == {"made"}
        assert session.get_one(filing.Record, first).title == "请求更正的题名"
        assert session.get_one(filing.Record, second).title == "接管后更正的题名"
    assert everywhere_the_same(two.city, unit) == NOTHING_WRONG


def test_a_batch_on_its_way_must_end_before_the_fonds_is_frozen(two: TwoUnits) -> None:
    ids = two.giving.file(2)
    hand_over_id = two.propose()
    batch_id = two.giving.offer(ids)
    with pytest.raises(WrongState, match="还没有办结"):
        two.freeze(hand_over_id)
    two.city.settle()
    with two.giving.folder.database().write() as session:
        transfer.withdraw(CLERK, batch_id, "先办交接", session=session)
    two.city.settle()
    two.everything(hand_over_id)
    assert two.writers() == ["taking"]


def test_a_fonds_can_come_back(two: TwoUnits) -> None:
    two.fill()
    two.everything(two.propose())
    two.giving, two.taking = two.taking, two.giving
    as_taken_over(two).fonds_id = two.fonds_id
    with two.giving.folder.database().write() as session:
        filing.close_class(CLERK, two.fonds_id, "WS", 2024, session=session)
    two.city.settle()
    now_there = two.inventory(two.giving)
    two.everything(two.propose())
    assert two.problems(two.taking) == []
    assert two.writers() == ["taking"]
    assert two.inventory(two.taking) == now_there
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


def test_what_the_hub_signed_before_its_key_changed_stays_good(two: TwoUnits) -> None:
    two.giving.file(2)
    two.city.settle()
    two.city.nodes = [two.giving]
    hand_over_id = two.propose(settle=False)
    two.pass_time(5)
    roll_hub_key(ADMIN, two.city.hub)
    two.city.start_hub()
    two.city.nodes = [two.giving, two.taking]
    two.city.settle()
    assert two.states(hand_over_id) == ("proposed",) * 3
    two.everything(hand_over_id)
    roll_hub_key(ADMIN, two.city.hub)
    two.city.start_hub()
    for unit in (two.giving, two.taking):
        with unit.folder.database().write() as session:
            tell_evidence(session, [session.get_one(HandOver, hand_over_id)])
    two.city.settle()
    for unit in (two.giving, two.taking):
        with unit.folder.database().read() as session:
            assert session.get_one(HandOver, hand_over_id).refused is None
    assert two.states(hand_over_id) == ("done",) * 3
    assert two.writers() == ["taking"]


def test_a_unit_asks_and_the_hub_takes_it_up(two: TwoUnits) -> None:
    two.giving.file(1)
    with two.giving.folder.database().write() as session:
        hand_over_id = custody.ask(
            LEADER, two.fonds_id, "市文化和旅游局", "本单位并入", session=session
        ).id
    two.city.settle()
    assert two.propose() == hand_over_id
    two.everything(hand_over_id)
    assert two.states(hand_over_id) == ("done", "done", "done")
