"""Whatever clerks do in whatever order: no final number changes, is skipped or is given twice."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from node.filing import service as filing
from node.filing.models import Record
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import DanglianError, WrongState
from tests.node.conftest import make_node

CLERK = Actor("account:clerk", "张档案", (Grant(Role.CLERK),))
RETENTIONS = st.sampled_from(["Y", "D30"])
PLACES = st.integers(0, 30)


class Numbering(RuleBasedStateMachine):
    """A clerk's year, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.node = make_node(self.path)
        self.final: dict[str, str] = {}
        self.voids: set[str] = set()

    def teardown(self) -> None:
        self.node.database.close()
        shutil.rmtree(self.path)

    def _records(self, *states: str) -> list[str]:
        with self.node.database.read() as session:
            return list(
                session.scalars(
                    select(Record.id).where(Record.state.in_(states)).order_by(Record.id)
                )
            )

    def _chosen(self, place: int, *states: str) -> str | None:
        found = self._records(*states)
        return found[place % len(found)] if found else None

    @rule(count=st.integers(1, 4), retention=RETENTIONS)
    def collect(self, count: int, retention: str) -> None:
        self.node.collect(CLERK, count, retention=retention)

    @rule()
    def draft(self) -> None:
        with self.node.database.write() as session:
            filing.draft_numbers(CLERK, self.node.fonds, "WS", 2023, session=session)

    @rule()
    def undraft(self) -> None:
        with self.node.database.write() as session:
            filing.clear_drafts(CLERK, self.node.fonds, "WS", 2023, session=session)

    @rule(place=PLACES, to=PLACES)
    def move(self, place: int, to: int) -> None:
        if chosen := self._chosen(place, "arranging"):
            with self.node.database.write() as session:
                filing.move(CLERK, session.get_one(Record, chosen), to, session=session)

    @rule(place=PLACES, retention=RETENTIONS)
    def arrange(self, place: int, retention: str) -> None:
        if chosen := self._chosen(place, "arranging"):
            with self.node.database.write() as session:
                filing.arrange(CLERK, [chosen], {"retention": retention}, session=session)

    @rule(place=PLACES)
    def discard(self, place: int) -> None:
        if chosen := self._chosen(place, "arranging"):
            with self.node.database.write() as session:
                filing.discard(CLERK, session.get_one(Record, chosen), "重份", session=session)

    @rule()
    def close(self) -> None:
        try:
            self.node.close(CLERK)
        except WrongState:
            return
        assert not self._records("arranging")

    @rule(place=PLACES)
    def file_late(self, place: int) -> None:
        if chosen := self._chosen(place, "arranging"):
            try:
                with self.node.database.write() as session:
                    filing.file_late(CLERK, session.get_one(Record, chosen), session=session)
            except WrongState:
                return
            assert self.node.state(chosen)["state"] == "filed"

    @rule(place=PLACES)
    def remove(self, place: int) -> None:
        if chosen := self._chosen(place, "filed"):
            with self.node.database.write() as session:
                filing.remove_filed(CLERK, session.get_one(Record, chosen), "重份", session=session)

    @rule(place=PLACES, retention=RETENTIONS)
    def move_class(self, place: int, retention: str) -> None:
        if chosen := self._chosen(place, "filed"):
            try:
                with self.node.database.write() as session:
                    record = session.get_one(Record, chosen)
                    values = {"retention": retention}
                    filing.move_filed(CLERK, record, values, "归错", session=session)
            except DanglianError:
                return

    @invariant()
    def final_numbers_stand(self) -> None:
        with self.node.database.read() as session:
            rows = list(session.scalars(select(Record)))
            codes = {row.id: row.code for row in rows if row.state in ("filed", "void")}
            for record_id, code in self.final.items():
                assert codes[record_id] == code
            self.final = {each: str(code) for each, code in codes.items()}
            assert len(set(self.final.values())) == len(self.final)
            in_categories: dict[str, list[int]] = {}
            for row in rows:
                if row.state in ("filed", "void"):
                    in_categories.setdefault(str(row.category_id), []).append(row.number or 0)
            for numbers in in_categories.values():
                assert sorted(numbers) == list(range(1, len(numbers) + 1))

    @invariant()
    def the_hub_was_told_the_latest_of_each(self) -> None:
        latest = {each["id"]: each for each in self.node.told()}
        assert {each: latest[each]["code"] for each in latest} == self.final
        versions: dict[str, int] = {}
        for each in self.node.told():
            assert each["version"] == versions.get(each["id"], 0) + 1
            versions[each["id"]] = each["version"]


TestNumbering = Numbering.TestCase
TestNumbering.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
