"""Hub and node with their real services, put back to yesterday or copied: in one process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.federation.epochs import raise_generation
from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice
from hub.wiring import handlers, holdings
from node.office.service import office_of
from node.sync.recovery import ask_again
from node.wiring import Correspondence
from shared.messaging.link import node_queue
from tests.city import wait_for
from tests.federation import NOTHING_WRONG, Federation, Unit, everywhere_the_same


class TestANodeRestoredFromYesterday:
    def test_is_noticed_and_gets_back_what_the_hub_holds(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        unit.file(4, word="昨天")
        city.settle()
        yesterday = unit.copy(tmp_path / "yesterday")
        unit.start()
        today = unit.file(3, year=2022, word="今天")
        batch_id = unit.offer(today)
        city.settle()
        city.nodes = [yesterday]
        yesterday.file(2, year=2021, word="恢复后")
        city.turn()
        city.clock.seconds += 30
        city.settle()
        assert yesterday.state() == "recovering"
        city.grant()
        city.settle()
        assert yesterday.state() == "active"
        assert everywhere_the_same(city, yesterday) == NOTHING_WRONG
        assert len(yesterday.states()) == 9
        city.finish(yesterday, batch_id)
        assert everywhere_the_same(city, yesterday) == NOTHING_WRONG

    def test_from_before_a_receipt_ends_as_a_mirror_of_what_was_received(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        ids = unit.file(4)
        batch_id = unit.offer(ids)
        city.settle()
        yesterday = unit.copy(tmp_path / "yesterday")
        unit.start()
        city.finish(unit, batch_id)
        city.nodes = [yesterday]
        city.settle()
        yesterday.agent.greet_soon()
        for _ in range(5):
            city.clock.seconds += 30
            city.turn()
        if yesterday.state() == "recovering":
            city.grant()
        city.settle()
        assert yesterday.state() == "active"
        assert set(yesterday.states().values()) == {"received"}
        assert yesterday.batch_state(batch_id) == "received"

    @pytest.mark.parametrize("filed_since", [0, 2])
    def test_from_before_a_verdict_that_it_had_acknowledged_gets_that_verdict_again(
        self, city: Federation, unit: Unit, tmp_path: Path, filed_since: int
    ) -> None:
        ids = unit.file(2)
        batch_id = unit.offer(ids)
        city.settle()
        yesterday = unit.copy(tmp_path / "yesterday")
        unit.start()
        city.conclude(batch_id, "accepted")
        city.settle()
        assert unit.batch_state(batch_id) == "accepted"
        city.nodes = [yesterday]
        if filed_since:
            yesterday.file(filed_since, year=2021)
        city.settle()
        assert yesterday.state() == "active"
        assert yesterday.batch_state(batch_id) == "accepted"
        assert everywhere_the_same(city, yesterday) == NOTHING_WRONG


class TestACopyOfANode:
    def test_only_one_of_the_two_may_send_and_nothing_of_either_is_lost(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        unit.file(3, word="共同")
        city.settle()
        copy = unit.copy(tmp_path / "copy")
        unit.start()
        unit.file(2, year=2022, word="原机")
        city.settle()
        copy.file(2, year=2022, word="副本")
        city.nodes = [unit, copy]
        city.settle()
        assert (unit.state(), copy.state()) == ("active", "recovering")
        city.grant()
        city.settle()
        assert copy.state() == "active"
        city.pass_time()  # they share a queue: whom an answer reaches is chance, again each time
        assert unit.state() == "superseded"
        assert everywhere_the_same(city, copy) == NOTHING_WRONG
        assert len(copy.states()) == 7

    def test_the_one_that_fell_silent_leaves_what_comes_to_the_other(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        city.settle()
        copy = unit.copy(tmp_path / "copy")
        unit.start()
        unit.file(1, word="原机")
        city.settle()
        copy.file(1, word="副本")
        city.nodes = [unit, copy]
        city.settle()
        city.grant()
        city.pass_time()  # they share a queue: whom an answer reaches is chance, again each time
        assert unit.state() == "superseded"
        queue = node_queue(copy.node_id)
        city.link.send(queue, [b"for whoever has the grant"])
        assert not unit.agent.step_in()
        assert city.link.size(queue) == 1

    def test_while_it_waits_for_its_grant_it_takes_nothing_out_of_the_queue(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        unit.file(3)
        city.settle()
        city.serve()
        with unit.folder.database().write() as session:
            office_of(session).link = city.hub.settings.link
        copy = unit.copy(tmp_path / "copy")
        with copy.folder.database().write() as session:
            ask_again(session, office_of(session), "由本机接替")
        link, queue = city.hub.open_link(), node_queue(copy.node_id)
        # Its clock stands still: nothing is sent a second time because an answer is late.
        post = PostOffice(city.hub, link, handlers(city.hub), holdings, clock=city.clock)
        before, after = Correspondence(unit.folder), Correspondence(copy.folder)

        def work(*many: Correspondence) -> None:
            for each in many:
                each.step_out()
                each.step_in()
            post.step_in()
            post.step_out()

        def asks() -> bool:
            work(after)
            with city.hub.database().read() as session:
                return bool(post.asking(session))

        link.send(queue, [b"for whoever has the grant"])
        wait_for(asks, "the copy to ask for its grant")
        assert link.size(queue) == 1
        city.grant()
        work(before)

        def takes_over() -> bool:
            work(after, before)
            return copy.state() == "active"

        wait_for(takes_over, "the copy to have adopted what the hub holds")
        assert everywhere_the_same(city, copy) == NOTHING_WRONG
        for each in (before, after, link):
            each.close()
        city.stop_serving()


class TestAHubRestoredFromYesterday:
    def test_gets_back_from_the_nodes_all_that_came_since(
        self, city: Federation, unit: Unit, tmp_path: Path
    ) -> None:
        first = unit.file(4, word="昨天")
        early = unit.offer(first[:2], "备份前")
        city.settle()
        backup = tmp_path / "backup"
        city.hub.database().close()
        shutil.copytree(city.hub.path, backup)
        city.start_hub()
        city.conclude(early, "accepted")
        city.settle()
        unit.sign(early)
        city.settle()
        city.sign(early)
        later = unit.file(3, year=2022, word="今天")
        late = unit.offer(later, "备份后")
        city.settle()
        assert unit.batch_state(early) == "received"

        city.hub.database().close()
        shutil.rmtree(city.hub.path)
        shutil.copytree(backup, city.hub.path)
        city.hub = HubFolder(city.hub.path)
        city.start_hub()
        for _ in range(6):
            city.clock.seconds += 30
            city.turn()
        with city.hub.database().read() as session:
            assert city.post.restore_suspected(session)
        with city.hub.database().write() as session:
            raise_generation(session)
        city.start_hub()
        city.settle()
        assert everywhere_the_same(city, unit) == NOTHING_WRONG
        assert city.batch_states()[early] == "received"
        city.finish(unit, late)
        assert everywhere_the_same(city, unit) == NOTHING_WRONG

    @pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.at_length)])
    def test_a_record_that_was_returned_meanwhile_and_sent_again_is_not_refused_for_good(
        self, city: Federation, unit: Unit, tmp_path: Path, times: int
    ) -> None:
        ids = unit.file(3)
        city.settle()
        backup = tmp_path / "backup"
        city.hub.database().close()
        shutil.copytree(city.hub.path, backup)
        city.start_hub()
        returned = []
        for time in range(times):
            returned.append(unit.offer(ids, f"第{time + 1}次移交"))
            city.settle()
            city.conclude(returned[-1], "returned", returned=ids[:1])
            city.settle()
        last_batch = unit.offer(ids, "最后一次移交")
        city.finish(unit, last_batch)

        city.hub.database().close()
        shutil.rmtree(city.hub.path)
        shutil.copytree(backup, city.hub.path)
        city.hub = HubFolder(city.hub.path)
        with city.hub.database().write() as session:
            raise_generation(session)
        city.start_hub()
        city.settle()
        states = city.batch_states()
        # Of several rounds that came back the hub knows the first; the others name versions that
        # its catalogue has left behind.
        assert states[returned[0]] == "returned"
        assert states[last_batch] == "received"
        assert everywhere_the_same(city, unit) == NOTHING_WRONG
