"""Many writers at a time, on PostgreSQL: nothing doubled or lost, nobody waits in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.custody import service as custody
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from hub.receiving import uploads
from hub.receiving.models import Accession, Receipt, Verdict
from shared.audit import verify_chain
from shared.identity import disable_account
from shared.identity.models import Account
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.errors import DanglianError, Unavailable
from shared.kernel.keys import sign_document
from shared.messaging.envelope import Header
from shared.messaging.inbox import Answer, apply_run, open_incoming
from shared.messaging.models import IncomingStream
from shared.messaging.run import RawEntry, pack_run, unpack_run
from shared.records.hand_over import STATEMENT_FORMAT
from shared.records.record import record_to_wire
from shared.storage import PART_SIZE, Stretch
from tests.hub.conftest import YILING, City, found
from tests.hub.receiving.conftest import archivist, hub, other_unit, reviewer, unit
from tests.hub.receiving.handover import Hub, Unit
from tests.people import employ
from tests.servers.postgresql import PostgreSQL

__all__ = ["archivist", "hub", "other_unit", "reviewer", "unit"]

DATABASES = ("postgresql",)

HANDLERS = {"record": catalogue.apply_records, "reconcile": catalogue.apply_reconcile}


def together(*actions: Callable[[], Any]) -> list[Any]:
    """Do all at the same moment, each in a thread; what they returned, or the error of each."""
    results: list[Any] = [None] * len(actions)
    gate = threading.Barrier(len(actions))

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = actions[number]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def patiently(action: Callable[[], Any]) -> Any:
    """Again while the database is away, as the loops of the hub do."""
    for _ in range(50):
        try:
            return action()
        except Unavailable:
            threading.Event().wait(0.2)
    raise AssertionError("the database did not come back")


class Stream:
    """What a node tells, as runs."""

    def __init__(self, city: City, unit: Unit, count: int, size: int = 20) -> None:
        self.city, self.unit = city, unit
        self.records = [city.record(unit.fonds, number) for number in range(1, count + 1)]
        with city.database.write() as session:
            digest = open_incoming(session, unit.node.id, recipient="hub", epoch=1).digest
        self.runs: list[tuple[Header, bytes]] = []
        entries = [
            RawEntry(seq, "record", record.id, canonical_json(record_to_wire(record)))
            for seq, record in enumerate(self.records, 1)
        ]
        for after in range(0, count, size):
            part = entries[after : after + size]
            body = pack_run(digest, part)
            last = part[-1].seq
            header = Header(unit.node.id, "hub", "up", "run", epoch=1, after=after, last=last)
            self.runs.append((header, body))
            digest = unpack_run(body, after=after, last=last).digest_at(last)

    def apply(self) -> None:
        """All runs in order, each until it was applied."""
        for header, body in self.runs:
            patiently(lambda run=(header, body): self._apply(*run))

    def _apply(self, header: Header, body: bytes) -> None:
        while True:
            with self.city.database.write() as session:
                answer, refusals = apply_run(session, header, body, HANDLERS)
            assert not refusals
            if answer is Answer.ACK:
                return

    def cursor(self) -> int:
        with self.city.database.read() as session:
            return session.get_one(IncomingStream, self.unit.node.id).seq


def whole(city: City, *streams: Stream) -> None:
    """Every record once, the tally right, the chain of the audit whole."""
    with city.database.read() as session:
        for each in streams:
            held = session.scalars(
                select(CatalogueRecord.id)
                .where(CatalogueRecord.fonds_id == each.unit.fonds.id)
                .order_by(CatalogueRecord.code_key)
            ).all()
            assert held == [record.id for record in each.records]
        assert verify_chain(session) == []
    with city.database.write() as session:
        assert not any(catalogue.recount(each.unit.fonds.id, session=session) for each in streams)


def test_the_same_runs_taken_by_four_workers_count_once(
    city: City, unit: Unit, other_unit: Unit
) -> None:
    ours, theirs = Stream(city, unit, 100), Stream(city, other_unit, 100)
    outcome = together(ours.apply, ours.apply, theirs.apply, theirs.apply)
    assert outcome == [None] * 4
    assert (ours.cursor(), theirs.cursor()) == (100, 100)
    whole(city, ours, theirs)


def test_connections_that_are_cut_again_and_again_lose_and_double_nothing(
    city: City, unit: Unit, postgresql: PostgreSQL
) -> None:
    ours = Stream(city, unit, 200, size=10)
    name = str(city.database.engine.url.database)
    done = threading.Event()

    def cut() -> None:
        while not done.wait(0.15):
            postgresql.cut(name)

    knife = threading.Thread(target=cut)
    knife.start()
    try:
        ours.apply()
    finally:
        done.set()
        knife.join()
    whole(city, ours)


def test_of_two_reviewers_and_two_archivists_one_each_decides(
    city: City, hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor
) -> None:
    batches = [unit.hand_over(2) for _ in range(3)]
    hub.work()
    for batch in batches:
        outcome = together(*[lambda id_=batch.id: hub.conclude(reviewer, id_, "accepted")] * 2)
        assert sum(isinstance(each, DanglianError) for each in outcome) == 1, outcome
        unit.sign(batch.id)
    signed = together(
        *(lambda id_=batch.id: hub.receive(archivist, id_) for batch in batches for _ in range(2))
    )
    assert sum(isinstance(each, DanglianError) for each in signed) == len(batches), signed
    finishing = [receiving.steps(city.folder)["receiving.finish"] for _ in range(2)]
    for _ in range(20):
        together(*finishing)
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Verdict)) == len(batches)
        assert session.scalar(select(func.count()).select_from(Receipt)) == len(batches)
        numbers = session.scalars(select(Accession.number).order_by(Accession.number)).all()
        assert numbers == [1, 2, 3]
        assert verify_chain(session) == []
    with city.database.write() as session:
        assert not catalogue.recount(unit.fonds.id, session=session)
    assert len(unit.heard("verdict")) == len(unit.heard("receipt")) == len(batches)


def test_the_last_parts_of_a_package_that_come_together_complete_it(city: City, unit: Unit) -> None:
    (offered,) = unit.hand_over(1, inline=False, extra=PART_SIZE + 100_000).offers
    body = {"what": "upload", "offer_id": offered.offer_id, "sha256": offered.sha256,
            "size": len(offered.package)}  # fmt: skip
    with city.database.write() as session:
        grant = receiving.grant_upload(session, unit.node.id, body)
    first, second = offered.package[:PART_SIZE], offered.package[PART_SIZE:]

    def note(number: int, part: bytes, session: Session) -> bool:
        granted = uploads.held_upload(session, grant["upload_id"], grant["token"])
        return uploads.note_parts(session, granted, Stretch(number), sha256=sha256_hex(part))

    def the_second() -> None:
        with city.database.write() as session:
            note(2, second, session)

    other = threading.Thread(target=the_second)
    with city.database.write() as session:
        assert not note(1, first, session)
        other.start()
        # Without a lock it would count now, and see one part.
        other.join(1.0)
        assert other.is_alive()
    other.join()
    with city.database.read() as session:
        assert session.get_one(receiving.Offer, offered.offer_id).arrived


def test_a_number_that_two_give_at_once_is_given_once(city: City) -> None:
    with city.database.write() as session:
        many = [city.fonds(f"第{number}局", YILING, session).id for number in range(4)]
        archive = federation.fonds_of(many[0], session).receiving_archive

    def give(fonds_id: str) -> None:
        with city.database.write() as session:
            federation.assign_number(
                city.admin, fonds_id, str(archive), "J007", key=city.key, session=session
            )

    outcome = together(*(lambda id_=each: give(id_) for each in many))
    assert outcome.count(None) == 1
    codes = {each.code for each in outcome if each is not None}
    assert codes <= {"number_taken", "saved_meanwhile"}


def test_two_administrators_cannot_shut_each_other_out(city: City) -> None:
    names = ("first", "second")
    with city.database.write() as session:
        for name in names:
            employ(
                name, "管理员", "Dl-test-2024", [Grant(Role.SYSTEM_ADMINISTRATOR)],
                session=session,
            )  # fmt: skip

    def disable(name: str) -> None:
        with city.database.write() as session:
            account = session.scalars(select(Account).where(Account.login == name)).one()
            disable_account(city.admin, account, session=session)

    outcome = together(*(lambda name=name: disable(name) for name in names))
    assert [getattr(each, "code", None) for each in outcome].count("last_one") == 1


def test_a_fonds_that_moves_while_its_node_tells_of_it_is_in_one_hand(
    city: City, unit: Unit, other_unit: Unit
) -> None:
    ours = Stream(city, unit, 100, size=5)

    def move() -> None:
        with city.database.write() as session:
            # What a hand-over does once both have signed; `reassign_fonds` is for empty fonds.
            (fonds,) = federation.locked_fonds([unit.fonds.id], session, other_unit.node.id)
            federation.assign_fonds(fonds, other_unit.node.id, key=city.key, session=session)

    together(ours.apply, move)
    with city.database.read() as session:
        hands = session.scalars(
            select(CatalogueRecord.node_id)
            .where(CatalogueRecord.fonds_id == unit.fonds.id)
            .distinct()
        ).all()
    assert set(hands) <= {other_unit.node.id}
    with city.database.write() as session:
        assert not catalogue.recount(unit.fonds.id, session=session)


class Handing:
    """The hand-over of one unit's fonds to another, as both nodes tell of it."""

    def __init__(self, city: City, giving: Unit, taking: Unit) -> None:
        self.city, self.giving, self.taking = city, giving, taking
        with city.database.write() as session:
            self.id = custody.propose(
                city.admin, giving.fonds.id, taking.node.id, "机构改革", key=city.key,
                session=session,
            ).id  # fmt: skip

    def call_off(self) -> None:
        with self.city.database.write() as session:
            custody.call_off(
                self.city.admin, self.id, "方案有变", key=self.city.key, session=session
            )

    def refuse(self) -> None:
        body = {"hand_over_id": self.id, "by": "周局长", "reason": "库房未腾出"}
        self.taking.send("hand_over_called_off", body)

    def freeze(self) -> None:
        self.giving.send("hand_over_frozen", {"hand_over_id": self.id, "by": "李局长"})

    def give(self) -> None:
        self.giving.send("hand_over_given", self._signed(self.giving))

    def arrive(self) -> None:
        """All bundles are here, as if they had been uploaded."""
        with self.city.database.write() as session:
            for bundle in custody.bundles_of(self.id, session):
                bundle.arrived = True

    def take(self) -> None:
        self.taking.send("hand_over_taken", self._signed(self.taking))

    def _signed(self, unit: Unit) -> dict[str, Any]:
        with self.city.database.read() as session:
            sums = catalogue.sums_of([self.giving.fonds.id], session)
            hub_id = federation.hub_of(session).hub_id
        statement = {
            "format": STATEMENT_FORMAT, "hub_id": hub_id, "hand_over_id": self.id,
            "fonds_id": self.giving.fonds.id,
            "from_node": self.giving.node.id, "to_node": self.taking.node.id,
            "inventory": sha256_hex(b"inventory"),
            "bundles": [{"id": self.id, "sha256": sha256_hex(b"bundle"), "size": 6}],
            "counts": {"records": 3}, "sums": sums, "by": "李局长", "at": "2026-01-02",
        }  # fmt: skip
        signed = sign_document(unit.seal, statement)
        return {"hand_over_id": self.id, "statement": statement, "by": "李局长", "signed": signed}

    def ends(self) -> set[str]:
        """How it stands: at the hub, and as each node was told last."""
        with self.city.database.read() as session:
            found = {custody.hand_over_of(self.id, session).state}
        for side in (self.giving, self.taking):
            told = [each for each in side.heard("hand_over") if each["hand_over_id"] == self.id]
            found.add(told[-1]["state"])
        return found


def test_a_hand_over_that_is_called_off_while_its_nodes_tell_of_it_ends_one_way(
    city: City, hub: Hub, unit: Unit, other_unit: Unit
) -> None:
    unit.tell(*(city.record(unit.fonds, number) for number in range(1, 4)))

    def race(*actions: Callable[[], None]) -> None:
        outcome = together(*(lambda each=each: patiently(each) for each in actions))
        # Whoever comes too late for a call-off is told so; nothing else goes wrong.
        assert {getattr(each, "code", each) for each in outcome} <= {None, "wrong_state"}, outcome

    for turn in range(12):
        handing = Handing(city, unit, other_unit)
        if turn % 2:
            handing.freeze()
            race(handing.call_off, handing.give, handing.refuse)
        else:
            race(handing.call_off, handing.freeze, handing.refuse)
        assert handing.ends() == {"called_off"}

    handing = Handing(city, unit, other_unit)
    handing.freeze()
    handing.give()
    handing.arrive()
    hub.work("custody")
    assert handing.ends() == {"arrived"}
    race(handing.call_off, handing.take)
    (end,) = handing.ends()
    with city.database.read() as session:
        keeper = federation.fonds_of(unit.fonds.id, session).keeping_node
        assert verify_chain(session) == []
    kept_by = {"called_off": unit.node.id, "assigned": other_unit.node.id}
    assert keeper == kept_by[end]


@pytest.fixture
def durable() -> Iterator[PostgreSQL]:
    server = PostgreSQL(durable=True)
    yield server
    server.remove()


def test_what_was_acknowledged_survives_a_kill_of_the_server(
    durable: PostgreSQL, tmp_path: Path
) -> None:
    found(tmp_path / "hub", durable.url(durable.create()))
    folder = HubFolder(tmp_path / "hub")
    city = City(folder, folder.database(), folder.keys.hub())
    ours = Stream(city, Unit(city, "夷陵区发展和改革局", YILING, "J001"), 200, size=10)
    worker = threading.Thread(target=ours.apply)
    worker.start()
    for _ in range(3):
        threading.Event().wait(0.3)
        acknowledged = patiently(ours.cursor)
        durable.kill()
        durable.start()
        assert patiently(ours.cursor) >= acknowledged
    worker.join()
    whole(city, ours)
    city.database.close()
