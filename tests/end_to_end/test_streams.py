"""Hub and node with their real services: the whole way, and every restore, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from hub.federation import service as federation
from hub.federation.models import TallyCheck
from node.filing import service as filing
from node.sync.models import Reconciliation
from node.sync.reconciling import Schedule, ask, due_at, last, latest
from node.transfer import service as transfer
from shared.kernel.clock import now
from shared.messaging.entry import RUN_ENTRIES
from shared.messaging.envelope import read_envelope
from shared.messaging.link import hub_queue
from tests.federation import CLERK, NOTHING_WRONG, Federation, Unit, everywhere_the_same
from tests.servers.postgresql import PostgreSQL

#: What does not copy the hub's files runs on both.
BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database(database_kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The setting `database` of the hub."""
    if database_kind == "sqlite":
        yield ""
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def seed() -> int | None:
    """Of the weather on the link; fair without one."""
    return None


@pytest.fixture
def city(tmp_path: Path, database: str, seed: int | None) -> Iterator[Federation]:
    federation = Federation(tmp_path, seed=seed, database=database)
    yield federation
    federation.hub.database().close()


@BOTH
def test_what_a_clerk_files_stands_in_the_city_s_catalogue(city: Federation, unit: Unit) -> None:
    unit.file(30)
    city.settle()
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


@BOTH
def test_a_batch_goes_all_the_way_to_the_archive(city: Federation, unit: Unit) -> None:
    ids = unit.file(5)
    city.finish(unit, unit.offer(ids))
    assert set(unit.states().values()) == {"received"}
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


@BOTH
def test_a_returned_record_can_be_corrected_and_sent_again(city: Federation, unit: Unit) -> None:
    ids = unit.file(3)
    batch_id = unit.offer(ids)
    city.settle()
    city.conclude(batch_id, "returned", returned=ids[:1])
    city.settle()
    assert unit.batch_state(batch_id) == "returned"
    with unit.folder.database().write() as session:
        record = session.get_one(filing.Record, ids[0])
        filing.edit_returned(CLERK, record, {"title": "补全后的题名"}, session=session)
    city.finish(unit, unit.offer(ids, "再次移交"))
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


@BOTH
def test_a_corrected_form_that_both_sides_sign_receives_a_part(
    city: Federation, unit: Unit
) -> None:
    ids = unit.file(4)
    batch_id = unit.offer(ids)
    city.settle()
    city.conclude(batch_id, "corrected", returned=ids[:1])
    city.settle()
    unit.sign(batch_id)
    city.settle()
    city.sign(batch_id)
    city.settle()
    assert [unit.states()[each] for each in ids] == ["filed", "received", "received", "received"]
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_unit_that_does_not_agree_with_the_corrected_form_takes_its_batch_back(
    city: Federation, unit: Unit
) -> None:
    ids = unit.file(3)
    batch_id = unit.offer(ids)
    city.settle()
    city.conclude(batch_id, "corrected", returned=ids[:1])
    city.settle()
    with unit.folder.database().write() as session:
        transfer.withdraw(CLERK, batch_id, "三件应一并移交", session=session)
    city.settle()
    assert (unit.batch_state(batch_id), city.batch_states()[batch_id]) == ("withdrawn",) * 2
    assert set(unit.states().values()) == {"filed"}
    city.finish(unit, unit.offer(ids, "重新移交"))


@BOTH
def test_a_withdrawal_that_crosses_the_verdict_on_the_line_still_counts(
    city: Federation, unit: Unit
) -> None:
    ids = unit.file(2)
    batch_id = unit.offer(ids)
    city.settle()
    with unit.folder.database().write() as session:
        transfer.withdraw(CLERK, batch_id, "漏了一件", session=session)
    city.conclude(batch_id, "accepted")
    city.settle()
    assert (unit.batch_state(batch_id), city.batch_states()[batch_id]) == ("withdrawn",) * 2
    assert set(unit.states().values()) == {"filed"}


@pytest.mark.parametrize(
    ("database_kind", "seed"),
    [
        *(("sqlite", seed) for seed in (0, 4, 5)),
        ("postgresql", 7),
        *(pytest.param("sqlite", seed, marks=pytest.mark.at_length) for seed in (1, 2, 3)),
        pytest.param("postgresql", 6, marks=pytest.mark.at_length),
    ],
)
def test_the_whole_way_over_a_link_that_loses_repeats_reorders_and_tears(
    city: Federation, seed: int
) -> None:
    unit = city.enrol("宜昌市文化和旅游局", number="A101")
    ids = unit.file(12)
    batch_id = unit.offer(ids[:6])
    for turn in range(40):
        city.turn()
        city.clock.seconds += 7
        if turn % 9 == seed:
            unit.start()
            city.start_hub()
    city.finish(unit, batch_id)
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


@BOTH
def test_reconciling_finds_both_sides_equal_and_repairs_what_is_not(
    city: Federation, unit: Unit
) -> None:
    from hub.catalogue.models import CatalogueRecord, CatalogueTally

    unit.file(5)
    city.settle()
    with unit.folder.database().write() as session:
        ask(CLERK, session=session)
    city.settle()
    with unit.folder.database().read() as session:
        proof = last(session)
        assert proof is not None
        assert proof.answered_at
        assert proof.differing == []
    with city.hub.database().write() as session:
        session.query(CatalogueTally).delete()
        session.execute(text("DELETE FROM catalogue_text"))
        session.query(CatalogueRecord).delete()
    with unit.folder.database().write() as session:
        ask(CLERK, session=session)
    city.settle()
    with unit.folder.database().read() as session:
        proof = last(session)
        assert proof is not None
        assert proof.told_again == 5
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_a_node_compares_by_itself_when_the_last_time_is_a_day_ago(
    city: Federation, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit.file(5)
    city.settle()
    schedule = Schedule(unit.folder, clock=city.clock, after_start=(300, 300))
    database = unit.folder.database()

    def asked() -> list[Reconciliation]:
        schedule.step()
        with database.read() as session:
            return list(latest(session, most=9))

    assert asked() == []  # the computer was switched on a moment ago
    city.clock.seconds += 301
    assert len(asked()) == 1
    assert len(asked()) == 1  # not again while the answer is to come
    city.settle()
    (first,) = asked()
    assert first.answered_at
    assert first.differing == []
    due = due_at(first, 24)
    assert timedelta(hours=21) < due - first.asked_at < timedelta(hours=27)
    monkeypatch.setattr("node.sync.reconciling.now", lambda: due)
    assert len(asked()) == 2


def test_the_hub_recounts_every_fonds_and_says_what_had_been_wrong(
    city: Federation, unit: Unit
) -> None:
    from hub.catalogue.models import CatalogueTally
    from hub.catalogue.recounting import Recounting

    unit.file(5)
    city.settle()
    recounting = Recounting(city.hub.database(), hours=24)

    def corrected() -> list[bool]:
        while recounting.step():
            pass
        with city.hub.database().read() as session:
            ids = [fonds.id for fonds in federation.all_fonds(session)]
            checks = federation.tally_checks(ids, session)
            return [checks[each].corrected_at is not None for each in ids]

    assert corrected() == [False]
    with city.hub.database().write() as session:
        session.execute(update(CatalogueTally).values(records=7))
    assert corrected() == [False]  # counted a moment ago: not yet due
    with city.hub.database().write() as session:
        session.execute(update(TallyCheck).values(checked_at=now() - timedelta(hours=25)))
    assert corrected() == [True]
    with city.hub.database().read() as session:
        assert session.scalar(select(CatalogueTally.records)) == 5


def runs_waiting(city: Federation) -> int:
    """How many runs of changes wait for the hub."""
    queue = city.link.waiting(hub_queue(city.hub.settings.hub_id))
    return sum(read_envelope(each).header.kind == "run" for each in queue)


class TestANodeKilledWhileItTells:
    @pytest.fixture(autouse=True)
    def killed(self, city: Federation, unit: Unit) -> None:
        """Three runs are on their way, and nothing was acknowledged."""
        city.settle()
        unit.file(2 * RUN_ENTRIES + 1)
        while unit.agent.step_out():
            pass
        assert runs_waiting(city) == 3
        unit.start()

    def test_what_had_left_is_not_told_again(self, city: Federation, unit: Unit) -> None:
        unit.agent.step_out()
        assert runs_waiting(city) == 3, "it asks first"
        city.post.step_in()
        while unit.agent.step_in():
            pass
        unit.agent.step_out()
        assert runs_waiting(city) == 0, "the hub has all of them"
        assert everywhere_the_same(city, unit) == NOTHING_WRONG

    def test_where_nobody_answers_it_tells_all_the_same(self, city: Federation, unit: Unit) -> None:
        city.link.purge(hub_queue(city.hub.settings.hub_id))
        unit.agent.step_out()
        city.clock.seconds += 6
        while unit.agent.step_out():
            pass
        assert runs_waiting(city) == 3
        city.settle()
        assert everywhere_the_same(city, unit) == NOTHING_WRONG
