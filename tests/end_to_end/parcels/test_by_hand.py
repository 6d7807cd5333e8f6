"""Sneaker-net: a township without any line hands its batches over by sticks alone."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.federation import service as federation
from hub.federation.epochs import raise_generation
from hub.federation.key_roll import roll_hub_key
from hub.federation.models import Node
from node.office.service import office_of
from node.sync.agent import Agent
from node.sync.parcels import standing
from node.transfer import service as transfer
from node.wiring import HANDLERS
from shared.kernel.errors import Invalid, Unavailable, WrongState
from shared.messaging.envelope import Message, next_message, read_envelope
from shared.messaging.parcel import ByHand, Part
from tests.end_to_end.parcels.sticks import (
    LARGE,
    Sticks,
    batch_with_large_packages,
    hand_over,
    packages_there,
)
from tests.end_to_end.test_key_roll import back_up, stop_and_put_back
from tests.federation import ADMIN, CLERK, NOTHING_WRONG, Federation, Unit, everywhere_the_same


def wanted(unit: Unit) -> int:
    with unit.folder.database().read() as session:
        return len(transfer.uploads_wanted(session, limit=None))


def test_a_batch_with_large_packages_is_received_by_four_carries(
    city: Federation, unit: Unit, sticks: Sticks
) -> None:
    batch_id = batch_with_large_packages(unit)
    (first,) = sticks.up(unit)
    assert first.findings == ()
    assert (first.packages, first.missing) == (2, (0, 0))
    assert city.batch_states()[batch_id] == "under_review"
    city.conclude(batch_id, "accepted")
    (verdict,) = sticks.down(unit)
    assert verdict.findings == ()
    assert unit.batch_state(batch_id) == "accepted"
    assert wanted(unit) == 0
    unit.sign(batch_id)
    sticks.up(unit)
    city.sign(batch_id)
    sticks.work()
    sticks.down(unit)
    assert unit.batch_state(batch_id) == "received"
    assert set(unit.states().values()) == {"received"}
    assert city.batch_states()[batch_id] == "received"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def streams(unit: Unit) -> tuple[object, ...]:
    with unit.folder.database().read() as session:
        stand = standing(session)
        return (stand.acknowledged, stand.changes, stand.packages, stand.taken)


class TestWriting:
    def test_moves_nothing_and_the_next_stick_carries_the_same(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_with_large_packages(unit)
        before = streams(unit)
        sticks.write_up(unit)  # is lost
        assert streams(unit) == before
        (taken,) = sticks.up(unit)
        assert taken.changes == before[1]
        assert taken.packages == 2
        sticks.write_down(unit)  # is lost
        (answer,) = sticks.down(unit)
        assert answer.acknowledged == before[1]
        assert streams(unit)[1:3] == (0, 0)

    def test_splits_into_files_no_larger_than_a_stick_takes(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        files = sticks.write_up(unit, file_bytes=1_500_000)
        assert len(files) == 4
        assert all(path.stat().st_size < 1_600_000 for path in files)
        taken = sticks.take_up(files)
        assert [each.findings[0].code for each in taken[:-1]] == ["files_missing"] * 3
        assert taken[-1].findings == ()
        assert taken[-1].missing == (0, 0)
        hand_over(city, unit, sticks, batch_id)

    def test_leaves_nothing_beside_the_parcel_on_the_stick(
        self, unit: Unit, sticks: Sticks
    ) -> None:
        unit.file(1)
        (path,) = sticks.write_up(unit)
        assert list(path.parent.iterdir()) == [path]

    def test_says_that_the_stick_is_too_small(
        self, unit: Unit, sticks: Sticks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch_with_large_packages(unit)
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
        with pytest.raises(Unavailable) as refused:
            sticks.write_up(unit)
        assert refused.value.code == "stick_full"


class TestTakingIn:
    def test_the_same_sticks_twice_and_backwards(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        files = sticks.write_up(unit, file_bytes=1_500_000)
        backwards = sticks.take_up(files[::-1])
        assert "offer_unknown" in {each.code for each in backwards[0].findings}
        again = sticks.take_up([*files, *files])
        assert sum(each.changes for each in again) == 0
        assert again[-1].findings == ()
        assert packages_there(city) == [True] * 3
        first = sticks.write_down(unit)
        sticks.take_down(unit, first)
        sticks.take_down(unit, first)
        hand_over(city, unit, sticks, batch_id)
        sticks.take_up(files)
        sticks.take_down(unit, first)
        assert unit.batch_state(batch_id) == "received"
        assert everywhere_the_same(city, unit) == NOTHING_WRONG

    def test_the_first_of_two_sticks_comes_after_the_second(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        unit.file(3, word="先")
        first = sticks.write_up(unit)
        unit.file(2, year=2022, word="后")
        second = sticks.write_up(unit)
        (taken,) = sticks.take_up(second)
        assert taken.findings == ()
        (late,) = sticks.take_up(first)
        assert (late.changes, late.findings) == (0, ())
        assert everywhere_the_same(city, unit) == NOTHING_WRONG

    def test_a_file_that_a_copy_tore_is_good_up_to_there(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        (path,) = sticks.write_up(unit)
        torn = path.with_name("torn.parcel")
        torn.write_bytes(path.read_bytes()[:-600_000])
        (taken,) = sticks.take_up([torn])
        assert [each.code for each in taken.findings] == ["torn"]
        assert taken.changes > 0
        assert (taken.packages, taken.missing[0]) == (1, 1)
        (whole,) = sticks.take_up([path])
        assert (whole.changes, whole.findings, whole.missing) == (0, (), (0, 0))
        assert whole.parts == 2  # what had come was not written again
        hand_over(city, unit, sticks, batch_id)

    def test_parts_that_came_over_the_line_need_not_come_by_stick(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        (path,) = sticks.write_up(unit)
        for _ in range(3):
            city.turn()
        city.serve()
        try:
            unit.uploader.step()
        finally:
            city.stop_serving()
        (taken,) = sticks.take_up([path])
        assert (taken.packages, taken.parts) == (2, 3)
        city.settle()
        hand_over(city, unit, sticks, batch_id)

    def test_the_upload_goes_on_where_the_stick_ended(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        files = sticks.write_up(unit, file_bytes=1_500_000)
        sticks.take_up(files[:3])
        city.settle()
        city.serve()
        try:
            while unit.uploader.step():
                pass
        finally:
            city.stop_serving()
        assert wanted(unit) == 0
        assert packages_there(city) == [True] * 3
        city.settle()
        hand_over(city, unit, sticks, batch_id)

    def test_a_full_quota_is_said_and_nothing_else_is_held_up(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        with city.hub.database().write() as session:
            session.get_one(Node, unit.node_id).quota_bytes = LARGE + 100_000
        files = sticks.write_up(unit)
        (taken,) = sticks.take_up(files)
        assert [each.code for each in taken.findings] == ["quota_full"]
        assert taken.packages == 1
        assert everywhere_the_same(city, unit) == NOTHING_WRONG
        with city.hub.database().write() as session:
            session.get_one(Node, unit.node_id).quota_bytes = 10 * LARGE
        (taken,) = sticks.take_up(files)
        assert taken.findings == ()
        hand_over(city, unit, sticks, batch_id)

    def test_a_package_of_a_batch_that_was_withdrawn_is_passed_over(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_id = batch_with_large_packages(unit)
        first = sticks.write_up(unit)
        with unit.folder.database().write() as session:
            transfer.withdraw(CLERK, batch_id, "漏了一件", session=session)
        sticks.up(unit)
        (taken,) = sticks.take_up(first)
        assert taken.findings == ()
        sticks.down(unit)
        assert unit.batch_state(batch_id) == "withdrawn"


class TestRestores:
    def test_a_copy_from_yesterday_is_found_out_and_granted_by_sticks_alone(
        self, city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path
    ) -> None:
        unit.file(4, word="昨天")
        sticks.up(unit)
        sticks.down(unit)
        yesterday = unit.copy(tmp_path / "yesterday")
        unit.start()
        unit.file(3, year=2022, word="今天")
        sticks.up(unit)
        yesterday.file(2, year=2021, word="恢复后")
        sticks.up(yesterday)
        (found_out,) = sticks.down(yesterday)
        assert [each.code for each in found_out.findings] == ["waiting_for_grant"]
        (asked,) = sticks.up(yesterday)
        assert "grant_asked" in {each.code for each in asked.findings}
        with city.hub.database().write() as session:
            city.post.reception.grant(ADMIN, yesterday.node_id, session=session)
        (adopted,) = sticks.down(yesterday)
        assert adopted.findings == ()
        assert yesterday.state() == "active"
        sticks.up(yesterday)
        assert everywhere_the_same(city, yesterday) == NOTHING_WRONG
        assert len(yesterday.states()) == 9
        (old,) = sticks.up(unit)
        assert "older_epoch" in {each.code for each in old.findings}
        (silenced,) = sticks.down(unit)
        assert [each.code for each in silenced.findings] == ["superseded"]
        with pytest.raises(WrongState):
            sticks.write_up(unit)

    def test_a_hub_from_yesterday_gets_back_by_sticks_what_came_since(
        self, city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path
    ) -> None:
        unit.file(4, year=2022, word="昨天")
        sticks.up(unit)
        sticks.down(unit)
        backup = back_up(city, tmp_path / "backup")
        batch_id = batch_with_large_packages(unit)
        sticks.up(unit)
        sticks.down(unit)
        of_before = sticks.write_down(unit)
        stop_and_put_back(city, backup, "hub.sqlite", "staging")
        city.start_hub()
        with pytest.raises(WrongState) as stopped:
            sticks.up(unit)
        assert stopped.value.code == "restore_suspected"
        with city.hub.database().write() as session:
            raise_generation(session)
        city.start_hub()
        sticks.up(unit)
        sticks.down(unit)  # the node learns of the restore, and tells again
        (late,) = sticks.take_down(unit, of_before)
        assert [each.code for each in late.findings] == ["older_generation"]
        assert wanted(unit) == 2
        sticks.up(unit)
        hand_over(city, unit, sticks, batch_id)

    def test_a_new_key_of_the_hub_is_followed_by_stick(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        unit.file(2)
        sticks.up(unit)
        of_the_old_key = sticks.write_down(unit)
        roll_hub_key(ADMIN, city.hub)
        roll_hub_key(ADMIN, city.hub)
        city.start_hub()
        (taken,) = sticks.down(unit)
        assert taken.findings == ()
        with unit.folder.database().read() as session:
            assert office_of(session).hub_public_key == city.hub.keys.hub().public.hex
        with pytest.raises(Invalid) as refused:
            sticks.take_down(unit, of_the_old_key)
        assert refused.value.code == "parcel_not_signed"


class TestWhatIsNotForUs:
    def refused(self, take: Callable[[], object]) -> str:
        with pytest.raises(Invalid) as refused:
            take()
        assert refused.value.remedy
        return refused.value.code

    def test_is_named_with_what_to_do(
        self, city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path
    ) -> None:
        other = city.enrol("小溪塔街道办事处", number="B102")
        up, down = sticks.write_up(unit), sticks.write_down(unit)
        elsewhere = Sticks(Federation(tmp_path / "elsewhere", another=True), tmp_path / "others")
        assert self.refused(lambda: sticks.take_up(down)) == "parcel_other_way"
        assert self.refused(lambda: sticks.take_down(unit, up)) == "parcel_other_way"
        assert self.refused(lambda: sticks.take_down(other, down)) == "parcel_other_node"
        assert self.refused(lambda: elsewhere.take_up(up)) == "parcel_other_hub"
        with city.hub.database().write() as session:
            federation.suspend_node(ADMIN, unit.node_id, "清查", session=session)
        assert self.refused(lambda: sticks.take_up(up)) == "parcel_suspended"

    @pytest.mark.parametrize(
        "content",
        [b"", b"DL1", b"PK\x03\x04" + b"x" * 99, b"DL1\xff\xff\xff\xff\xff\xff\xff\xff", b"\0" * 9],
    )
    def test_that_is_no_parcel_at_all(
        self, city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path, content: bytes
    ) -> None:
        path = tmp_path / "x.parcel"
        path.write_bytes(content)
        assert self.refused(lambda: sticks.take_up([path])) == "no_parcel"
        assert self.refused(lambda: sticks.take_down(unit, [path])) == "no_parcel"

    def test_a_flipped_bit_changes_nothing_but_where_reading_ends(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        batch_with_large_packages(unit)
        (path,) = sticks.write_up(unit)
        whole = path.read_bytes()
        chance = random.Random(7)
        for _ in range(12):
            flipped = bytearray(whole)
            flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            path.write_bytes(flipped)
            with contextlib.suppress(Invalid):
                (taken,) = sticks.take_up([path])
                assert [each.code for each in taken.findings] == ["torn"]
        path.write_bytes(whole)
        (taken,) = sticks.take_up([path])
        assert taken.findings == ()
        assert packages_there(city) == [True] * 3
        assert everywhere_the_same(city, unit) == NOTHING_WRONG

    def test_the_end_of_another_file_does_not_make_a_torn_one_whole(
        self, unit: Unit, sticks: Sticks
    ) -> None:
        unit.file(3)
        first, second = (messages_of(sticks.write_up(unit)[0]) for _ in range(2))
        path = sticks.folder / "patched.parcel"
        for patched in ([*first[:-2], first[-1]], [*first[:-1], second[-1]], first[:-1]):
            path.write_bytes(b"".join(patched))
            (taken,) = sticks.take_up([path])
            assert [each.code for each in taken.findings] == ["torn"]

    def test_what_another_unit_signed_has_no_place_in_it(
        self, city: Federation, unit: Unit, sticks: Sticks
    ) -> None:
        other = city.enrol("小溪塔街道办事处", number="B102")
        other.file(2)
        theirs = messages_of(sticks.write_up(other)[0])
        ours = messages_of(sticks.write_up(unit)[0])
        path = sticks.folder / "mixed.parcel"
        path.write_bytes(b"".join([ours[0], *theirs[1:-1], *ours[1:]]))
        (taken,) = sticks.take_up([path])
        assert [each.code for each in taken.findings] == ["torn"]
        assert everywhere_the_same(city, other)["lost"] == 2

    @pytest.mark.parametrize(
        "changed",
        [
            {"number": 0}, {"number": 4}, {"number": 10**9}, {"size": LARGE}, {"size": 1 << 60},
            {"sha256": "0" * 64}, {"sha256": "../../x"}, {"offer_id": "../../../etc"},
            {"content": b""}, {"content": b"x"},
        ],
    )  # fmt: skip
    def test_a_part_that_does_not_fit_its_offer_is_not_taken(
        self, city: Federation, unit: Unit, sticks: Sticks, changed: dict[str, Any]
    ) -> None:
        batch_with_large_packages(unit)
        raw = messages_of(sticks.write_up(unit)[0])
        part = Part.of(Message(read_envelope(raw[-2]).header, read_envelope(raw[-2]).body))
        agent = Agent(unit.folder, ByHand(), HANDLERS, version="0")
        wrong = agent.seal("part", replace(part, **changed).to_body())
        path = sticks.folder / "wrong.parcel"
        first_part = next(at for at, each in enumerate(raw) if kind_of(each) == "part")
        path.write_bytes(b"".join([*raw[:first_part], wrong]))
        (taken,) = sticks.take_up([path])
        assert (taken.parts, taken.packages) == (0, 0)
        assert len(taken.findings) == 2
        assert not (city.hub.path / "etc").exists()


def kind_of(raw: bytes) -> str:
    return read_envelope(raw).header.kind


def messages_of(path: Path) -> list[bytes]:
    """The messages of a file, cover and end with them."""
    with path.open("rb") as stream:
        return list(iter(lambda: next_message(stream), b""))
