"""A hub and nodes in one process, with real services, databases and folders, over a link whose
weather the test decides. What the loops of the processes do, a test does step by step here.
"""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from hub.app import make_app
from hub.federation import service as federation
from hub.federation.enrolment import Application, enrol
from hub.federation.fonds import NewFonds, register_fonds
from hub.federation.founding import found_hub
from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice
from hub.receiving import service as receiving
from hub.receiving.verdicts import Ruling
from hub.wiring import handlers, holdings, news_of, steps
from node.custody import service as custody
from node.custody.work import CustodyWork
from node.filing import service as filing
from node.office.models import OfficeState
from node.office.places import NodeFolder, NodeSettings
from node.office.service import office_of, open_office
from node.registry.files import keep_file
from node.sync.agent import Agent
from node.sync.enrolment import take_enrolment
from node.sync.uploads import Fetcher, Uploader
from node.transfer import service as transfer
from node.transfer.work import TransferWork
from node.wiring import HANDLERS
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.jobs import Job
from shared.kernel.settings import save_settings
from shared.messaging.models import DeadLetter, OutgoingStream
from shared.web import Server, serve
from tests.prepared import prepared
from tests.stormy_link import StormyLink

CITY_DEPARTMENT = "420500000000"
ADMIN = Actor("account:admin", "系统管理员", (Grant(Role.SYSTEM_ADMINISTRATOR),))
CLERK = Actor("account:clerk", "张档案", (Grant(Role.CLERK),))
LEADER = Actor("account:leader", "李局长", (Grant(Role.LEADER),))
REVIEWER = Actor("account:reviewer", "王审核", (Grant(Role.REVIEWER),))
ARCHIVIST = Actor("account:archivist", "赵接收", (Grant(Role.ARCHIVIST),))


class Clock:
    """Goes only when the test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Desk:
    """What the people of a hub do, on its folder."""

    hub: HubFolder

    def conclude(self, batch_id: str, outcome: str, returned: Sequence[str] = ()) -> None:
        """The reviewer's decision on a batch; the records `returned` with a reason."""
        reason = {"field": "title", "problem": "题名不完整", "remedy": "请补全题名", "code": "x"}
        rulings = {}
        with self.hub.database().read() as session:
            for offer in session.query(receiving.Offer):
                refused = offer.record_id in returned
                rulings[offer.id] = Ruling(
                    "returned" if refused else "accepted", (reason,) if refused else ()
                )
        self._decide_items(batch_id)
        receiving.conclude(self.hub, REVIEWER, batch_id, outcome, lambda _session: rulings)

    def _decide_items(self, batch_id: str) -> None:
        """The reviewer finds everything good that is for persons to inspect."""
        with self.hub.database().write() as session:
            batch = session.get_one(receiving.Batch, batch_id)
            if batch.state == "under_review":
                waiting = receiving.inspection_of(batch, session=session).undecided
                decided = [receiving.ItemDecided(each.item.number, True) for each in waiting]
                receiving.decide_items(REVIEWER, batch_id, decided, session=session)

    def batch_states(self) -> dict[str, str]:
        with self.hub.database().read() as session:
            return {row.batch_id: row.state for row in session.query(receiving.Batch)}

    def sign(self, batch_id: str) -> None:
        """The archivist's signature: received."""
        receiving.sign_and_receive(self.hub, ARCHIVIST, batch_id)


def _found(path: Path, database: str = "") -> HubFolder:
    hub = HubFolder.create(path, name="宜昌市档案平台", city="420500000000", database=database)
    with hub.database().write() as session:
        found_hub(ADMIN, hub, session=session)
    hub.establish()
    return hub


def _founded(path: Path) -> None:
    _found(path).database().close()


def _empty_node(path: Path) -> None:
    save_settings(NodeSettings(name=""), path)
    NodeFolder(path).database().close()


def _copied(path: Path) -> HubFolder:
    """A hub that was just founded; one that is there, a copy of another city's, stays as it is."""
    if not path.exists():
        prepared(_founded, path)
    link = f"embedded://{path / 'link.sqlite'}"
    save_settings(replace(HubFolder(path).settings, link=link), path)
    return HubFolder(path)


class Federation(Desk):
    """The hub of a city, with whatever nodes a test enrols."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int | None = None,
        database: str = "",
        another: bool = False,
        link: StormyLink | None = None,
    ) -> None:
        """A city like every other one on a file; `another` has an identity of its own.

        A folder to which a city was copied is that city; its nodes come back by `take_up`.
        """
        self.path = folder
        self.link = link or StormyLink(seed)
        self.clock = Clock()
        self.nodes: list[Unit] = []
        self.server: Server | None = None
        self._chance = random.Random(seed)
        if database or another:
            self.hub = _found(folder / "hub", database)
        else:
            self.hub = _copied(folder / "hub")
        self.start_hub()

    def start_hub(self) -> None:
        """Start the hub's process anew."""
        self.post = PostOffice(
            *(self.hub, self.link, handlers(self.hub), holdings),
            news=news_of,
            clock=self.clock,
        )
        self.steps = steps(self.hub)

    def dead_letters(self) -> list[str]:
        """Why the hub put messages aside."""
        with self.hub.database().read() as session:
            return [letter.reason for letter in session.query(DeadLetter)]

    def serve(self) -> None:
        """Let the nodes reach the hub over HTTP: parts of packages and bundles go there."""
        self.server = serve(make_app(self.hub), "127.0.0.1", 0, threads=2)
        for unit in self.nodes:
            with unit.folder.database().write() as session:
                office_of(session).hub_url = self.server.url

    def stop_serving(self) -> None:
        """The hub's web side goes away; a test that served must stop."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def enrol(self, name: str, *, number: str, division: str = CITY_DEPARTMENT) -> Unit:
        """Register a fonds, make a node for it, and enrol it."""
        key = self.hub.keys.hub()
        with self.hub.database().write() as session:
            fonds = register_fonds(
                ADMIN,
                NewFonds(name=name, division_code=division, number=number),
                session=session,
            )
            invitation = federation.create_node_with_code(
                ADMIN, name, division, [fonds.id], key=key, session=session
            )
        unit = Unit.make(self, self.path / number, name)
        self._enrol(unit, invitation.code)
        unit.fonds_id = fonds.id
        unit.start()
        self.nodes.append(unit)
        return unit

    def take_up(self, path: Path, fonds_id: str) -> Unit:
        """Start a node that is in this folder, and enrolled."""
        unit = Unit(self, NodeFolder(path))
        unit.fonds_id = fonds_id
        unit.start()
        return unit

    def enrol_again(self, unit: Unit, path: Path) -> Unit:
        """The unit's computer is replaced: a new folder with new keys, under a new epoch."""
        twin = Unit.make(self, path, "新电脑")
        with self.hub.database().write() as session:
            code = federation.new_code(ADMIN, unit.node_id, session=session).code
        self._enrol(twin, code)
        twin.fonds_id = unit.fonds_id
        twin.start()
        return twin

    def _enrol(self, unit: Unit, code: str) -> None:
        with unit.folder.database().read() as session:
            instance = office_of(session).instance_id
        application = Application(
            code=code,
            device_public=unit.folder.keys.device().public.hex,
            seal_public=unit.folder.keys.seal().public.hex,
            instance_id=instance,
        )
        with self.hub.database().write() as session:
            answer = enrol(
                application,
                key=self.hub.keys.hub(),
                link="",
                holdings=holdings,
                session=session,
            )
        take_enrolment(unit.folder, "http://127.0.0.1:1", answer)

    def pass_time(self, turns: int = 30) -> None:
        """Fair weather and passing time, while some are away."""
        self.link.storm = False
        for _ in range(turns):
            self.turn()
            self.clock.seconds += 25

    def turn(self) -> None:
        """Let every loop of every process do its step once."""
        for unit in self.nodes:
            unit.agent.step_out()
        self.post.step_in()
        for step in self.steps.values():
            step()
        self.post.step_out()
        for unit in self._chance.sample(self.nodes, len(self.nodes)):
            unit.agent.step_in()
            unit.work.step()
            unit.custody.step()
            if self.server is not None:
                unit.uploader.step()
                unit.fetcher.step()

    def settle(self, turns: int = 120) -> None:
        """Fair weather and passing time, until nothing waits anywhere."""
        self.link.storm = False
        quiet = 0
        for _ in range(turns):
            self.turn()
            self.clock.seconds += 25
            quiet = quiet + 1 if self.settled() else 0
            # What is being checked may wait for a store that is away or slow.
            if quiet > (3 if "checking" in self.batch_states().values() else 1):
                return
        raise AssertionError("the streams did not settle")

    def received(self, unit: Unit, count: int) -> list[str]:
        """So many new records of a unit, which its archive has received."""
        ids = unit.file(count)
        self.finish(unit, unit.offer(ids))
        return ids

    def finish(self, unit: Unit, batch_id: str) -> None:
        """Bring a batch that was offered to its end: received."""
        self.settle()
        assert self.batch_states()[batch_id] == "under_review"
        self.conclude(batch_id, "accepted")
        self.settle()
        unit.sign(batch_id)
        self.settle()
        self.sign(batch_id)
        self.settle()
        assert self.batch_states()[batch_id] == "received"
        assert unit.batch_state(batch_id) == "received"

    def grant(self) -> None:
        """Let the node that asks for it send under a new epoch."""
        with self.hub.database().read() as session:
            node = self.post.asking(session)[0]
        with self.hub.database().write() as session:
            self.post.reception.grant(ADMIN, node.id, session=session)

    def settled(self) -> bool:
        """Whether every log is acknowledged, and no hand-over of a fonds has work to do."""
        databases = [self.hub.database()]
        if self.server is not None and any(unit.is_handing_over() for unit in self.nodes):
            return False
        databases += [
            unit.folder.database() for unit in self.nodes if unit.state() == OfficeState.ACTIVE
        ]
        for database in databases:
            with database.read() as session:
                if any(row.acked != row.seq for row in session.query(OutgoingStream)):
                    return False
        return True


class Unit:
    """One node and the short words of its clerk."""

    def __init__(self, federation_: Federation, folder: NodeFolder) -> None:
        self.federation = federation_
        self.folder = folder
        self.fonds_id = ""

    @classmethod
    def make(cls, federation_: Federation, path: Path, name: str) -> Unit:
        prepared(_empty_node, path)
        save_settings(NodeSettings(name=name, retransmit_seconds=10, hello_seconds=20), path)
        unit = cls(federation_, NodeFolder(path))
        with unit.folder.database().write() as session:
            open_office(name, session=session)
        return unit

    def start(self) -> None:
        """Start the node's process anew: only what is on the disk is remembered."""
        self.work = TransferWork(self.folder)
        self.custody = CustodyWork(self.folder)
        self.uploader = Uploader(self.folder, clock=self.federation.clock)
        self.fetcher = Fetcher(self.folder, clock=self.federation.clock)
        self.agent = Agent(
            self.folder,
            self.federation.link,
            HANDLERS,
            version=version("danglian"),
            clock=self.federation.clock,
        )

    def copy(self, path: Path) -> Unit:
        """The same node's folder somewhere else, as a backup or a copied PC has it."""
        self.folder.database().close()
        shutil.copytree(self.folder.path, path)
        return self.federation.take_up(path, self.fonds_id)

    @property
    def node_id(self) -> str:
        """The id that the hub gave it."""
        with self.folder.database().read() as session:
            return str(office_of(session).node_id)

    def is_handing_over(self) -> bool:
        """Whether bundles of a fonds wait to be written, moved or taken in."""
        with self.folder.database().read() as session:
            moving = [custody.next_to_move(session, leaving=leaving) for leaving in (True, False)]
            working = session.query(Job).filter(
                Job.kind.startswith("custody."), Job.state.in_(("waiting", "running"))
            )
            return any(moving) or working.count() > 0

    def state(self) -> str:
        with self.folder.database().read() as session:
            return office_of(session).state

    def file(
        self, count: int, *, year: int = 2023, word: str = "事项", files: Sequence[bytes] = ()
    ) -> list[str]:
        """Collect records on paper and close their class.

        The first ones are electronic as well, each with one of these files.
        """
        rows = [
            {
                "title": f"关于第{index}号{word}的通知",
                "date": f"{year}-{index % 12 + 1:02d}-{index % 28 + 1:02d}",
                "author": "宜昌市某局",
                "doc_no": f"宜{word}〔{year}〕{index}号",
                "year": year,
                "retention": "D30",
                "organ": "BGS",
                "organ_name": "办公室",
                "holding": "both" if index <= len(files) else "paper",
            }
            for index in range(1, count + 1)
        ]
        with self.folder.database().write() as session:
            ids = filing.collect_many(CLERK, self.fonds_id, rows, session=session).ids
        for record_id, content in zip(ids, files, strict=False):
            self.add_file(record_id, content)
        with self.folder.database().write() as session:
            filing.close_class(CLERK, self.fonds_id, "WS", year, session=session)
        return list(ids)

    def states(self) -> dict[str, str]:
        with self.folder.database().read() as session:
            return {row.id: row.state for row in session.query(filing.Record)}

    def add_file(self, record_id: str, content: bytes, name: str = "正文.pdf") -> str:
        """Give a record a computer file; returns its digest."""
        stored = keep_file(self.folder.files, io.BytesIO(content), name)
        with self.folder.database().write() as session:
            record = session.get_one(filing.Record, record_id)
            filing.attach(CLERK, record, "正本", stored, session=session)
        return stored.sha256

    def offer(self, record_ids: Sequence[str], title: str = "移交批次") -> str:
        """Prepare, inspect, approve and offer a batch."""
        database = self.folder.database()
        with database.write() as session:
            batch_id = transfer.prepare(
                CLERK, self.fonds_id, list(record_ids), title, session=session
            ).id
            opinion = {"opening_opinion": "open", "opening_reason": "不涉及敏感内容"}
            transfer.set_opinions(CLERK, batch_id, opinion, session=session)
            job = transfer.inspect(CLERK, batch_id, session=session).id
        self.work.finish(job)
        with database.write() as session:
            transfer.approve(LEADER, batch_id, session=session)
        with database.write() as session:
            job = transfer.offer(CLERK, batch_id, session=session).id
        assert self.work.finish(job).state == "done"
        return batch_id

    def batch_state(self, batch_id: str) -> str:
        with self.folder.database().read() as session:
            return session.get_one(transfer.Batch, batch_id).state

    def sign(self, batch_id: str) -> None:
        """The unit leader's signature of the form."""
        database = self.folder.database()
        with database.read() as session:
            draft = transfer.draft_signature(LEADER, batch_id, session=session)
        draft = transfer.seal_draft(draft, self.folder.keys.seal())
        with database.write() as session:
            transfer.sign(LEADER, batch_id, draft, session=session)


#: What `everywhere_the_same` says of two sides that have the same.
NOTHING_WRONG = {"lost": 0, "doubled": 0, "altered": 0}


def everywhere_the_same(federation_: Federation, unit: Unit) -> dict[str, int]:
    """Compare what the node filed with what the hub holds: `{lost, doubled, altered}`."""
    from hub.catalogue.models import CatalogueRecord
    from shared.records.record import content_digest

    with unit.folder.database().read() as session:
        ids = [
            row.id
            for row in session.query(filing.Record)
            if row.state in ("filed", "offered", "void")
        ]
        ours = {each["id"]: content_digest(each) for each in filing.wires(ids, session=session)}
        received = {row.id for row in session.query(filing.Record) if row.state == "received"}
    with federation_.hub.database().read() as session:
        held = {
            row.id: row.digest
            for row in session.query(CatalogueRecord).filter_by(fonds_id=unit.fonds_id)
        }
        codes = [
            row.code for row in session.query(CatalogueRecord).filter_by(fonds_id=unit.fonds_id)
        ]
    return {
        "lost": len((ours.keys() | received) - held.keys()),
        "doubled": len(codes) - len(set(codes)),
        "altered": sum(held.get(each) != digest for each, digest in ours.items()),
    }


__all__ = ["Federation", "Unit", "everywhere_the_same", "system_actor"]
