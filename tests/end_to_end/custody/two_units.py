"""A city in which one unit hands its fonds over to another: the short words of these stories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.custody import service as hub_custody
from hub.federation import service as federation
from node.corrections import service as corrections
from node.custody import inventory
from node.custody import service as custody
from node.custody.models import HandOver
from node.filing import service as filing
from node.registry import service as registry
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.jobs import Job
from tests.federation import ADMIN, CLERK, LEADER, Federation, Unit


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

    def receive(self) -> str:
        """One record of the fonds that the archive receives; returns its id."""
        ids = self.giving.file(1, year=2022, word="进馆")
        batch_id = self.giving.offer(ids, "进馆的批次")
        self.city.settle()
        self.city.conclude(batch_id, "accepted")
        self.city.settle()
        self.giving.sign(batch_id)
        self.city.settle()
        self.city.sign(batch_id)
        self.city.settle()
        return ids[0]

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
            statement = custody.draft_statement(LEADER, hand_over_id, session=session)
        draft = custody.seal_statement(statement, unit.folder.keys.seal())
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
                found.append(session.get_one(HandOver, hand_over_id).state)
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

    def give(self, hand_over_id: str) -> None:
        """From proposed to arrived: frozen, signed by the giving unit, uploaded."""
        self.freeze(hand_over_id)
        self.city.settle()
        self.sign(self.giving, hand_over_id)
        self.city.settle()

    def everything(self, hand_over_id: str) -> None:
        """From proposed to done."""
        self.give(hand_over_id)
        self.sign(self.taking, hand_over_id)
        self.city.settle()


def as_taken_over(two: TwoUnits) -> Unit:
    """The taking node, as the keeper of the fonds that came."""
    two.taking.fonds_id = two.fonds_id
    return two.taking


class Idle:
    """In place of a process that is not running."""

    def step(self) -> bool:
        return False
