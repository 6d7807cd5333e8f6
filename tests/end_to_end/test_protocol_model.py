"""The protocol under schedules that hypothesis thinks up: every fault of a link, kills, restores.

Hub and node are the real ones, with their real databases; only the link is played. The model knows
what must be there in the end: what the hub has taken, and what the instance filed that has the
grant. After each schedule everything settles, and both sides are compared.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from hub.catalogue.models import CatalogueRecord
from hub.federation.epochs import raise_generation
from hub.federation.letters import FAILED
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from node.filing import service as filing
from node.office.models import OfficeState
from node.office.service import office_of
from node.sync.recovery import ask_again
from node.transfer import service as transfer
from shared.messaging.link import hub_queue, node_queue
from shared.messaging.models import DeadLetter, IncomingStream, OutgoingStream
from tests.federation import ADMIN, Federation, Unit, everywhere_the_same
from tests.stormy_link import StormyLink

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3 * 3600)]

#: As many as CI has time for; `make test-faults` asks for a real number.
_SCHEDULES = int(os.environ.get("SCHEDULES", "8"))
_STEPS = 30
_MOST_BATCHES = 2
_FIRST_YEAR = 1950
_NUMBER = "A101"

#: What takes part in the protocol. The other steps at a hub look after what it keeps.
_STEPS_OF_THE_HUB = ("receiving.", "correcting.", "custody.", "repository.papers")

_sides = st.sampled_from(["hub", "node"])
_places = st.integers(0, 30)
FAULTS = ["lose", "repeat", "delay", "tear", "flip", "purge"]


class PlayedLink(StormyLink):
    """A link that does to single messages what the schedule says."""

    most = 20

    def receive(self, queue: str, *, wait_seconds: float, most: int = 1) -> Sequence:  # type: ignore[type-arg]
        """As ever, but only so many at a time."""
        return super().receive(queue, wait_seconds=wait_seconds, most=min(most, self.most))

    def lose(self, queue: str, place: int) -> None:
        """One message never arrives."""
        if waiting := self._queues[queue]:
            del waiting[place % len(waiting)]

    def repeat(self, queue: str, place: int) -> None:
        """One message comes again after all others."""
        if waiting := self._queues[queue]:
            waiting.append(waiting[place % len(waiting)])

    def delay(self, queue: str, place: int) -> None:
        """One message comes after all others."""
        if waiting := self._queues[queue]:
            waiting.append(waiting.pop(place % len(waiting)))

    def tear(self, queue: str, place: int) -> None:
        """One message arrives cut off."""
        if waiting := self._queues[queue]:
            at = place % len(waiting)
            waiting[at] = waiting[at][: len(waiting[at]) * (place + 1) // 32]

    def flip(self, queue: str, place: int) -> None:
        """One bit of one message is another."""
        if waiting := self._queues[queue]:
            at = place % len(waiting)
            bit = len(waiting[at]) * place // 31
            changed = bytearray(waiting[at])
            changed[min(bit, len(changed) - 1)] ^= 1 << (place % 8)
            waiting[at] = bytes(changed)


def _file(unit: Unit, count: int, number: int) -> dict[str, str]:
    """Let a unit file records, in a year of their own; returns the title of each."""
    word = f"{number}次"
    ids = unit.file(count, year=_FIRST_YEAR + number, word=word)
    return {each: f"关于第{index}号{word}的通知" for index, each in enumerate(ids, 1)}


class City(Federation):
    """A city that does what the protocol is about, and nothing else."""

    def start_hub(self) -> None:
        super().start_hub()
        self.steps = {
            name: step for name, step in self.steps.items() if name.startswith(_STEPS_OF_THE_HUB)
        }


@dataclass(frozen=True)
class _Folder:
    """The folder of a hub and of its one node, which nobody works with: it is copied."""

    place: tempfile.TemporaryDirectory[str]
    fonds_id: str
    titles: dict[str, str]

    @property
    def path(self) -> Path:
        return Path(self.place.name)


@cache
def _yesterday() -> _Folder:
    """The city as all schedules find it: yesterday all was well, and both sides were backed up.

    To found it, make its keys and enrol its node takes longer than most schedules.
    """
    place = tempfile.TemporaryDirectory(prefix="danglian-city-")
    city = Federation(Path(place.name))
    unit = city.enrol("宜昌市文化和旅游局", number=_NUMBER)
    titles = _file(unit, 2, 0)
    city.settle()
    unit.folder.database().close()
    city.hub.database().close()
    return _Folder(place, unit.fonds_id, titles)


class Schedule(RuleBasedStateMachine):
    """One city under one schedule."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name)
        began = _yesterday()
        shutil.copytree(began.path, self._path / "city")
        self.link = PlayedLink()
        # Who is first is each time the same.
        self.city = City(self._path / "city", seed=0, link=self.link)
        first = self.city.take_up(self._path / "city" / _NUMBER, began.fonds_id)
        self.city.nodes.append(first)
        self.titles = dict(began.titles)
        #: What each instance that is alive filed or began with.
        self.filed: dict[Unit, set[str]] = {first: set(began.titles)}
        self.at_hub: set[str] = set()
        self.node_copies = [began.path / _NUMBER]
        self.hub_copies = [began.path / "hub"]
        self.generation = 1
        self.batches = 0
        self._number = 0

    def teardown(self) -> None:
        """Check what must be there in the end, unless the schedule already went wrong."""
        try:
            self._settle()
            self._check()
        finally:
            for unit in self.city.nodes:
                unit.folder.database().close()
            self.city.hub.database().close()
            self._folder.cleanup()

    # ---- what people do

    @property
    def unit(self) -> Unit:
        """The instance in the office; a copy of it may be alive beside it."""
        return self.city.nodes[0]

    def _active(self) -> bool:
        return self.unit.state() == OfficeState.ACTIVE

    def _fresh(self, what: str) -> Path:
        self._number += 1
        return self._path / f"{what}-{self._number}"

    @precondition(_active)
    @rule(count=st.integers(1, 3))
    def file(self, count: int) -> None:
        """Records are filed and their class is closed."""
        self._file(self.unit, count)

    def _file(self, unit: Unit, count: int) -> None:
        self._number += 1
        titles = _file(unit, count, self._number)
        self.filed[unit] |= set(titles)
        self.titles |= titles

    @precondition(lambda self: self._active() and self.batches < _MOST_BATCHES)
    @rule()
    def offer(self) -> None:
        """A record that was filed is offered."""
        filed = [each for each, state in self.unit.states().items() if state == "filed"]
        if filed:
            self.batches += 1
            self.unit.offer(filed[:1], f"第{self.batches}批")

    @precondition(lambda self: self.batches)
    @rule(outcome=st.sampled_from(["accepted", "returned", "accepted and signed"]))
    def conclude(self, outcome: str) -> None:
        """The archivist decides on what is under review; both sides sign what was accepted."""
        self._conclude(outcome.removesuffix(" and signed"))
        if outcome == "accepted and signed":
            self.go_on(3, 12)
            self._sign()
            self.go_on(3, 12)
        self._sign()

    def _conclude(self, outcome: str) -> None:
        for batch_id, state in self.city.batch_states().items():
            if state == "under_review":
                returned = self._records_of(batch_id) if outcome == "returned" else []
                self.city.conclude(batch_id, outcome, returned=returned)

    def _records_of(self, batch_id: str) -> list[str]:
        with self.city.hub.database().read() as session:
            offers = session.scalars(
                select(receiving.Offer.record_id).where(receiving.Offer.batch_id == batch_id)
            )
            return list(offers)

    def _sign(self) -> None:
        if self._active():
            with self.unit.folder.database().read() as session:
                query = select(transfer.Batch.id).where(transfer.Batch.state == "accepted")
                accepted = list(session.scalars(query))
            for batch_id in accepted:
                self.unit.sign(batch_id)
        for batch_id, state in self.city.batch_states().items():
            if state == "signed_by_unit":
                self.city.sign(batch_id)

    @rule()
    def grant(self) -> None:
        """An administrator grants whoever asks."""
        with self.city.hub.database().read() as session:
            asking = [node.id for node in self.city.post.asking(session)]
        for node_id in asking:
            with self.city.hub.database().write() as session:
                self.city.post.reception.grant(ADMIN, node_id, session=session)

    # ---- what the processes do

    @rule(turns=st.integers(1, 5), seconds=st.sampled_from([1, 12, 25, 300]))
    def go_on(self, turns: int, seconds: int) -> None:
        """Everybody works for a while."""
        self.link.most = 20
        for _ in range(turns):
            self.city.turn()
            self.city.clock.seconds += seconds

    @rule(
        step=st.sampled_from(["hub in", "hub out", "hub works", "node in", "node out"]),
        place=_places,
        most=st.integers(1, 4),
    )
    def step(self, step: str, place: int, most: int) -> None:
        """One process does one step, and takes in only so many messages."""
        self.link.most = most
        agent = self.city.nodes[place % len(self.city.nodes)].agent
        match step:
            case "hub in":
                self.city.post.step_in()
            case "hub out":
                self.city.post.step_out()
            case "hub works":
                for work in self.city.steps.values():
                    work()
            case "node in":
                agent.step_in()
            case "node out":
                agent.step_out()

    # ---- what goes wrong

    @rule(side=_sides, place=_places, how=st.sampled_from(FAULTS))
    def message(self, side: str, place: int, how: str) -> None:
        """A message is lost, comes twice, late, torn or altered; or all that wait are lost."""
        queue = self._queue(side)
        if how == "purge":
            self.link.purge(queue)
        else:
            getattr(self.link, how)(queue, place)

    def _queue(self, side: str) -> str:
        hub_id = self.city.hub.settings.hub_id
        return hub_queue(hub_id) if side == "hub" else node_queue(self.unit.node_id)

    @rule(side=_sides, place=_places)
    def kill(self, side: str, place: int) -> None:
        """A process begins anew: only what is on its disk is remembered."""
        if side == "hub":
            self.city.start_hub()
        else:
            self.city.nodes[place % len(self.city.nodes)].start()

    @rule(side=_sides)
    def copy(self, side: str) -> None:
        """A backup of a folder is made."""
        at_hub = side == "hub"
        folder = self.city.hub if at_hub else self.unit.folder
        copies = self.hub_copies if at_hub else self.node_copies
        folder.database().close()
        copies.append(self._fresh(f"{side}-copy"))
        shutil.copytree(folder.path, copies[-1])

    def _from_copy(self, place: int) -> Unit:
        path = self._fresh("node")
        shutil.copytree(self.node_copies[place % len(self.node_copies)], path)
        unit = self.city.take_up(path, self.unit.fonds_id)
        self.filed[unit] = set(unit.states())
        return unit

    @rule(place=_places)
    def restore_the_node(self, place: int) -> None:
        """The office's computer is lost; a backup takes its place."""
        self._note_what_is_held()
        lost = self.unit
        self.city.nodes[0] = self._from_copy(place)
        self.filed.pop(lost)
        lost.folder.database().close()

    @precondition(lambda self: len(self.city.nodes) < 2)
    @rule(place=_places)
    def start_a_copy(self, place: int) -> None:
        """A backup is started somewhere else while the office goes on."""
        self.city.nodes.append(self._from_copy(place))

    @precondition(lambda self: len(self.city.nodes) > 1)
    @rule(count=st.integers(1, 2))
    def file_in_the_copy(self, count: int) -> None:
        """Somebody works on the copy."""
        copy = self.city.nodes[1]
        if copy.state() == OfficeState.ACTIVE:
            self._file(copy, count)

    @rule(place=_places)
    def restore_the_hub(self, place: int) -> None:
        """The hub's folder is put back from a backup, and a new generation begins."""
        self._note_what_is_held()
        path = self.city.hub.path
        self.city.hub.database().close()
        shutil.rmtree(path)
        shutil.copytree(self.hub_copies[place % len(self.hub_copies)], path)
        self.city.hub = HubFolder(path)
        self._next_generation()
        self.at_hub = self._catalogue().keys() & self.titles.keys()

    def _next_generation(self) -> None:
        """As `hub recover` does it, which finds the last generation in the store."""
        self.generation += 1
        with self.city.hub.database().write() as session:
            raise_generation(session, to=self.generation)
        self.city.start_hub()

    # ---- what must be there

    def _catalogue(self) -> dict[str, str]:
        with self.city.hub.database().read() as session:
            return {row.id: row.title for row in session.query(CatalogueRecord)}

    def _note_what_is_held(self) -> None:
        self.at_hub |= self._catalogue().keys()
        for unit, ids in self.filed.items():
            ids |= set(unit.states())

    def _settle(self) -> None:
        self._note_what_is_held()
        self.link.most = 100
        quiet = 0
        # One of two copies may be silent for a while after the other one has all.
        enough = 2 if len(self.city.nodes) == 1 else 5
        for _ in range(300):
            self.city.turn()
            self.city.clock.seconds += 25
            granted = self._granted()
            self._help(granted)
            still = granted and self.city.settled() and all(map(self._streams_agree, granted))
            quiet = quiet + 1 if still else 0
            if quiet == enough:
                return
        raise AssertionError("the streams did not settle")

    def _granted(self) -> list[Unit]:
        return [unit for unit in self.city.nodes if unit.state() == OfficeState.ACTIVE]

    def _help(self, granted: Sequence[Unit]) -> None:
        """What people do for a node that stands still."""
        with self.city.hub.database().read() as session:
            suspected = self.city.post.restore_suspected(session)
        assert suspected is None, "a hub that was told of its restore suspects none"
        if granted:
            # A hub that was restored to before a grant is asked for it again by who has it.
            if self._asking() & {self._instance(unit) for unit in granted}:
                self.grant()
            return
        unit = self.unit
        with unit.folder.database().write() as session:
            office = office_of(session)
            if office.state == OfficeState.SUPERSEDED:
                ask_again(session, office, "asked by command")
        self.grant()

    def _asking(self) -> set[str | None]:
        with self.city.hub.database().read() as session:
            return {node.asking_instance for node in self.city.post.asking(session)}

    def _instance(self, unit: Unit) -> str:
        with unit.folder.database().read() as session:
            return office_of(session).instance_id

    def _check(self) -> None:
        # Copies that have told the same cannot be told apart, nor need they be.
        for unit in self._granted():
            self._check_instance(unit)
        with self.city.hub.database().read() as session:
            assert session.query(DeadLetter).filter_by(reason=FAILED).count() == 0

    def _check_instance(self, unit: Unit) -> None:
        must = self.filed[unit] | self.at_hub
        states = unit.states()
        catalogue = self._catalogue()
        assert must - states.keys() == set(), "lost at the node"
        assert must - catalogue.keys() == set(), "lost at the hub"
        assert everywhere_the_same(self.city, unit) == {"lost": 0, "doubled": 0, "altered": 0}
        with unit.folder.database().read() as session:
            titles = {row.id: row.title for row in session.query(filing.Record)}
        for record_id, title in self.titles.items():
            assert titles.get(record_id, title) == title
            assert catalogue.get(record_id, title) == title
        assert self._streams_agree(unit)

    def _streams_agree(self, unit: Unit) -> bool:
        """Whether each side has applied the very log that the other one wrote, to its end."""
        hub_id, node_id = self.city.hub.settings.hub_id, unit.node_id
        with (
            self.city.hub.database().read() as at_hub,
            unit.folder.database().read() as at_node,
        ):
            pairs = [
                (sender.get_one(OutgoingStream, peer), receiver.get_one(IncomingStream, me))
                for sender, receiver, peer, me in (
                    (at_node, at_hub, hub_id, node_id),
                    (at_hub, at_node, node_id, hub_id),
                )
            ]
            return all(
                (told.epoch, told.seq, told.digest) == (taken.epoch, taken.seq, taken.digest)
                for told, taken in pairs
            )


def test_whatever_happens_and_when_nothing_is_lost_doubled_or_altered() -> None:
    run_state_machine_as_test(
        Schedule,
        settings=settings(
            max_examples=_SCHEDULES,
            stateful_step_count=_STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
