"""A whole fonds passes from node to node: real services, databases, folders, and the hub's HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.correcting import service as correcting
from hub.custody import service as hub_custody
from hub.federation import service as federation
from hub.federation.epochs import raise_generation
from hub.federation.key_roll import roll_hub_key
from hub.federation.places import HubFolder
from node.corrections import service as corrections
from node.custody import inventory
from node.custody import service as custody
from node.custody.following import tell_evidence
from node.filing import service as filing
from node.office.service import standing_of
from node.registry import service as registry
from node.transfer import service as transfer
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.jobs import Job
from tests.end_to_end.killed_custody import node_hands_over
from tests.federation import ADMIN, ARCHIVIST, CLERK, LEADER, Federation, Unit, everywhere_the_same
from tests.killed import dies

NOTHING_WRONG = {"lost": 0, "doubled": 0, "altered": 0}


class TwoUnits:
    """A city in which one unit will hand its fonds over to another."""

    def __init__(self, path: Path, seed: int | None = None) -> None:
        self.city = Federation(path, seed=seed)
        self.giving = self.city.enrol("宜昌市旅游发展委员会", number="A101")
        self.taking = self.city.enrol("宜昌市文化和旅游局", number="A102")
        self.fonds_id = self.giving.fonds_id
        self.city.serve()

    def fill(self) -> dict[str, str]:
        """Everything that a fonds can hold: registry, drafts, filed, void, late, returned batch."""
        unit = self.giving
        ids = unit.file(6)
        self.city.settle()
        batch_id = unit.offer(ids[:3], "退回的批次")
        self.city.settle()
        self.city.conclude(batch_id, "returned", returned=ids[:1])
        self.city.settle()
        with unit.folder.database().write() as session:
            record = session.get_one(filing.Record, ids[5])
            filing.remove_filed(CLERK, record, "与第2件重复", session=session)
            draft = filing.collect_many(
                CLERK,
                self.fonds_id,
                [
                    {"title": "还没有整理的文件", "holding": "electronic", "location": "二楼库房"},
                    {
                        "title": "整理中的文件",
                        "date": "2024-03-05",
                        "year": 2024,
                        "retention": "Y",
                        "organ": "BGS",
                        "organ_name": "办公室",
                        "holding": "paper",
                        "box": "12",
                    },
                ],
                session=session,
            ).ids
            document = registry.register(
                CLERK, self.fonds_id, "incoming", {"title": "在办的来文"}, session=session
            )
            registry.take_in_hand(CLERK, document, handler="周办事", session=session)
            registered = document.id
        unit.add_file(draft[0], b"%PDF-1.4 draft" * 9)
        self.city.settle()
        return {"batch": batch_id, "draft": draft[0], "document": registered, "first": ids[0]}

    def ask_correction(self, unit: Unit, record_id: str, title: str) -> str:
        with unit.folder.database().write() as session:
            return corrections.ask(
                CLERK, record_id, {"title": title}, "题名漏字", session=session
            ).id

    def propose(self, *, settle: bool = True) -> str:
        with self.city.hub.database().write() as session:
            hand_over_id = hub_custody.propose(
                ADMIN,
                self.fonds_id,
                self.taking.node_id,
                "机构改革，职能划入",
                key=self.city.hub.keys.hub(),
                session=session,
            ).id
        if settle:
            self.city.settle()
        return hand_over_id

    def freeze(self, hand_over_id: str) -> None:
        with self.giving.folder.database().write() as session:
            custody.freeze(LEADER, hand_over_id, session=session)

    def sign(self, unit: Unit, hand_over_id: str) -> None:
        database = unit.folder.database()
        with database.read() as session:
            draft = custody.draft_signature(
                LEADER, hand_over_id, unit.folder.keys.seal(), session=session
            )
        with database.write() as session:
            custody.sign(LEADER, hand_over_id, draft, session=session)

    def call_off(self, unit: Unit, hand_over_id: str, reason: str) -> None:
        with unit.folder.database().write() as session:
            custody.call_off(LEADER, hand_over_id, reason, session=session)

    def states(self, hand_over_id: str) -> tuple[str, str, str]:
        """How it stands at the hub, at the giving and at the taking node."""
        with self.city.hub.database().read() as session:
            found = [hub_custody.hand_over_of(hand_over_id, session).state]
        for unit in (self.giving, self.taking):
            with unit.folder.database().read() as session:
                found.append(session.get_one(custody.HandOver, hand_over_id).state)
        return found[0], found[1], found[2]

    def writers(self) -> list[str]:
        """Which of the two nodes may write into the fonds now (asked by doing it)."""
        found = []
        for name, unit in (("giving", self.giving), ("taking", self.taking)):
            try:
                with unit.folder.database().write() as session:
                    registry.register(
                        CLERK, self.fonds_id, "internal", {"title": "试写"}, session=session
                    )
                    session.rollback()
                found.append(name)
            except (WrongState, NotFound):
                continue
        return found

    def keeper(self) -> str | None:
        with self.city.hub.database().read() as session:
            return federation.fonds_of(self.fonds_id, session).keeping_node

    def inventory(self, unit: Unit) -> dict[str, Any]:
        with unit.folder.database().read() as session:
            return inventory.inventory_of(self.fonds_id, session)

    def problems(self, unit: Unit) -> list[str]:
        with unit.folder.database().read() as session:
            return [job.problem for job in session.query(Job) if job.problem]

    def pass_time(self, turns: int = 15) -> None:
        for _ in range(turns):
            self.city.turn()
            self.city.clock.seconds += 25

    def everything(self, hand_over_id: str) -> None:
        """From proposed to done."""
        self.freeze(hand_over_id)
        self.city.settle()
        self.sign(self.giving, hand_over_id)
        self.city.settle()
        self.sign(self.taking, hand_over_id)
        self.city.settle()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., TwoUnits]]:
    made: list[TwoUnits] = []

    def begin(seed: int | None = None) -> TwoUnits:
        made.append(TwoUnits(tmp_path, seed))
        return made[-1]

    yield begin
    for each in made:
        each.city.stop_serving()


@pytest.fixture
def two(start: Callable[..., TwoUnits]) -> TwoUnits:
    return start()


def as_taken_over(two: TwoUnits) -> Unit:
    """The taking node, as the keeper of the fonds that came."""
    two.taking.fonds_id = two.fonds_id
    return two.taking


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
        assert {each.state for each in session.query(corrections.Correction)} == {"made"}
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


@pytest.mark.parametrize(
    ("side", "when"),
    [("giving", "proposed"), ("hub", "frozen"), ("taking", "arrived")],
)
def test_it_can_be_called_off_by_either_side_until_the_assignment(
    two: TwoUnits, side: str, when: str
) -> None:
    two.giving.file(2)
    two.city.settle()
    hand_over_id = two.propose()
    if when != "proposed":
        two.freeze(hand_over_id)
        two.city.settle()
    if when == "arrived":
        two.sign(two.giving, hand_over_id)
        two.city.settle()
    if side == "hub":
        with two.city.hub.database().write() as session:
            hub_custody.call_off(
                ADMIN,
                hand_over_id,
                "改革方案有变",
                key=two.city.hub.keys.hub(),
                session=session,
            )
    else:
        unit = two.giving if side == "giving" else two.taking
        two.call_off(unit, hand_over_id, "接管的库房还没有腾出")
    assert two.writers() == (["giving"] if when == "proposed" else [])
    two.city.settle()
    assert two.states(hand_over_id) == ("called_off",) * 3
    assert two.writers() == ["giving"]
    assert two.keeper() == two.giving.node_id
    two.everything(two.propose())
    assert two.writers() == ["taking"]


def test_a_call_off_that_crosses_the_second_signature_loses_no_writer_and_makes_no_second(
    two: TwoUnits,
) -> None:
    two.giving.file(2)
    two.city.settle()
    hand_over_id = two.propose()
    two.freeze(hand_over_id)
    two.city.settle()
    two.sign(two.giving, hand_over_id)
    two.city.settle()
    two.sign(two.taking, hand_over_id)
    two.call_off(two.giving, hand_over_id, "后悔了")
    two.city.settle()
    assert two.writers() in (["giving"], ["taking"])
    assert len(set(two.states(hand_over_id))) == 1


def test_over_a_link_that_loses_repeats_reorders_and_tears_and_processes_that_die(
    start: Callable[..., TwoUnits],
) -> None:
    two = start(1)
    two.giving.file(5)
    two.city.settle()
    hand_over_id = two.propose()
    for step in ("freeze", "give", "take"):
        two.city.link.storm = True
        if step == "freeze":
            two.freeze(hand_over_id)
        else:
            two.sign(two.giving if step == "give" else two.taking, hand_over_id)
        for turn in range(20):
            two.city.turn()
            two.city.clock.seconds += 7
            assert len(two.writers()) <= 1
            if turn % 6 == 1:
                two.giving.start()
                two.taking.start()
                two.city.start_hub()
        two.city.settle()
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert two.writers() == ["taking"]
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


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
            tell_evidence(session, [session.get_one(custody.HandOver, hand_over_id)])
    two.city.settle()
    for unit in (two.giving, two.taking):
        with unit.folder.database().read() as session:
            assert session.get_one(custody.HandOver, hand_over_id).refused is None
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


class _Idle:
    """In place of a process that is not running."""

    def step(self) -> bool:
        return False


def until_it_lives(unit: Unit, what: str) -> int:
    """Let the hand-over work of a node die at every point of a kind, one after the other."""
    for at in (1, 2, 5, 13, 34):
        if not dies(node_hands_over, unit.folder.path, what, at):
            return at - 1
    raise AssertionError("it never lived")


@pytest.mark.faults
@pytest.mark.parametrize("what", ["commit", "bundle-after", "file-before"])
def test_killed_at_every_step_it_loses_nothing_and_repeats_nothing(
    two: TwoUnits, what: str
) -> None:
    two.fill()
    ids = [id_ for id_, state in two.giving.states().items() if state == "collected"]
    for number in range(3):
        two.giving.add_file(ids[0], bytes([65 + number]) * 30_000, f"附件{number}.pdf")
    before = two.inventory(two.giving)
    hand_over_id = two.propose()
    two.giving.custody = two.taking.custody = _Idle()  # type: ignore[assignment]
    two.freeze(hand_over_id)
    two.pass_time()
    died = until_it_lives(two.giving, what)
    two.sign(two.giving, hand_over_id)
    two.pass_time()
    died += until_it_lives(two.taking, what)
    two.sign(two.taking, hand_over_id)
    two.pass_time()
    died += until_it_lives(two.taking, what)
    assert died >= 3
    two.pass_time()
    assert two.states(hand_over_id) == ("done", "done", "done")
    assert two.inventory(two.taking) == before
    assert two.writers() == ["taking"]
    assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG


class TestRestores:
    def backup(self, two: TwoUnits, path: Path) -> None:
        two.city.hub.database().close()
        shutil.copytree(two.city.hub.path, path)

    def restore(self, two: TwoUnits, path: Path) -> None:
        city = two.city
        city.stop_serving()
        city.hub.database().close()
        shutil.rmtree(city.hub.path)
        shutil.copytree(path, city.hub.path)
        city.hub = HubFolder(city.hub.path)
        with city.hub.database().write() as session:
            raise_generation(session)
        city.start_hub()
        city.serve()

    @pytest.mark.parametrize("when", ["before", "arrived"])
    def test_a_hub_restored_to_before_the_assignment_hears_of_it_from_the_nodes(
        self, two: TwoUnits, tmp_path: Path, when: str
    ) -> None:
        two.giving.file(3)
        two.city.settle()
        path = tmp_path / "backup"
        if when == "before":
            self.backup(two, path)
        hand_over_id = two.propose()
        two.freeze(hand_over_id)
        two.city.settle()
        two.sign(two.giving, hand_over_id)
        two.city.settle()
        if when == "arrived":
            self.backup(two, path)
        two.sign(two.taking, hand_over_id)
        two.city.settle()
        unit = as_taken_over(two)
        unit.file(2, year=2022, word="接管后")
        two.city.settle()

        self.restore(two, path)
        for _ in range(12):
            two.city.turn()
            two.city.clock.seconds += 30
            assert two.writers() == ["taking"]
        two.city.settle()
        assert two.keeper() == two.taking.node_id
        assert two.states(hand_over_id) == ("done", "done", "done")
        assert everywhere_the_same(two.city, unit) == NOTHING_WRONG

    def test_a_hub_restored_after_a_call_off_assigns_nothing(
        self, two: TwoUnits, tmp_path: Path
    ) -> None:
        two.giving.file(3)
        two.city.settle()
        hand_over_id = two.propose()
        two.freeze(hand_over_id)
        two.city.settle()
        two.sign(two.giving, hand_over_id)
        two.city.settle()
        path = tmp_path / "backup"
        self.backup(two, path)
        two.call_off(two.giving, hand_over_id, "不办了")
        two.city.settle()
        assert two.writers() == ["giving"]
        self.restore(two, path)
        for _ in range(12):
            two.city.turn()
            two.city.clock.seconds += 30
            assert two.writers() == ["giving"]
        two.city.settle()
        assert two.keeper() == two.giving.node_id
        assert two.states(hand_over_id) == ("called_off",) * 3

    def test_a_giving_node_restored_to_before_it_froze_calls_the_hand_over_off(
        self, two: TwoUnits, tmp_path: Path
    ) -> None:
        two.giving.file(3)
        two.city.settle()
        hand_over_id = two.propose()
        yesterday = two.giving.copy(tmp_path / "yesterday")
        two.giving.start()
        two.freeze(hand_over_id)
        two.city.settle()
        two.sign(two.giving, hand_over_id)
        two.city.settle()
        two.city.nodes[0] = two.giving = yesterday
        self.grant_again(two, yesterday)
        assert two.states(hand_over_id) == ("called_off",) * 3
        assert two.writers() == ["giving"]

    def test_a_giving_node_restored_to_before_the_assignment_ends_as_a_mirror(
        self, two: TwoUnits, tmp_path: Path
    ) -> None:
        two.giving.file(3)
        two.city.settle()
        hand_over_id = two.propose()
        yesterday = two.giving.copy(tmp_path / "yesterday")
        two.giving.start()
        two.everything(hand_over_id)
        two.city.nodes[0] = two.giving = yesterday
        self.grant_again(two, yesterday)
        assert two.states(hand_over_id) == ("done",) * 3
        assert two.writers() == ["taking"]
        assert everywhere_the_same(two.city, as_taken_over(two)) == NOTHING_WRONG

    def grant_again(self, two: TwoUnits, unit: Unit) -> None:
        for _ in range(12):
            two.city.turn()
            two.city.clock.seconds += 30
            with two.city.hub.database().read() as session:
                asking = [node.id for node in two.city.post.asking(session)]
            for node_id in asking:
                with two.city.hub.database().write() as session:
                    two.city.post.grant(ADMIN, node_id, session=session)
        two.city.settle()
        assert unit.state() == "active"
