"""Records what node and hub of a version say to each other, as fixtures for all later versions.

A story is played with that version's own code, leg by leg: a *leg* is what one side had to say,
taken in by the other. Of each leg are kept the receiver's folder as it stood before, the signed
messages, the answers, and what the receiver then held. `test_mixed_versions.py` lets the present
program take the same messages into the same folder.

It runs in the checkout of a release, with nothing but what that one has:

    cd CHECKOUT && PYTHONPATH=. PYTHON …/tests/released/recorder.py …/tests/released/VERSION

All names and keys in it are made up for the recording, and used nowhere else.
"""

from __future__ import annotations

import inspect
import io
import json
import lzma
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from hub.app import make_app
from hub.catalogue.models import CatalogueRecord
from hub.federation.epochs import raise_generation
from hub.federation.models import Node
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from node.filing import service as filing
from node.filing.models import Objection
from node.office.places import NodeFolder
from node.office.service import office_of
from node.registry.files import keep_file
from node.sync.reconciling import ask
from node.sync.uploads import Uploader
from node.transfer import service as transfer
from shared.kernel.keys import PublicKey
from shared.messaging.envelope import Message, read_envelope
from shared.messaging.link import hub_queue, node_queue
from shared.messaging.log import append
from shared.messaging.models import DeadLetter, IncomingStream, OutgoingStream
from shared.web import serve
from tests.federation import ADMIN, CLERK, Federation, Unit
from tests.node.transfer.conftest import pdf

#: Stands in the settings for the folder that the recording was made in.
PLACE = "/srv/danglian"
LEGS, FOLDERS, MESSAGES = "legs.json", "folders.tar.xz", "messages"
_LARGE = 80_000


def hub_facts(folder: HubFolder, node_id: str) -> dict[str, Any]:
    """What a hub holds of a node: catalogue, batches, place in its stream, dead letters."""
    with folder.database().read() as session:
        stream = session.get_one(IncomingStream, node_id)
        return {
            "epoch": session.get_one(Node, node_id).epoch,
            "records": {row.id: row.digest[:12] for row in session.query(CatalogueRecord)},
            "batches": {row.batch_id: row.state for row in session.query(receiving.Batch)},
            "applied": [stream.epoch, stream.seq, stream.digest[:12]],
            "dead": [row.reason for row in session.query(DeadLetter)],
        }


def node_facts(folder: NodeFolder) -> dict[str, Any]:
    """What a node holds: records, batches, places in both streams, what was refused."""
    with folder.database().read() as session:
        office = office_of(session)
        applied = session.get_one(IncomingStream, office.hub_id)
        told = session.get_one(OutgoingStream, office.hub_id)
        return {
            "state": office.state,
            "epoch": office.epoch,
            "generation": told.generation,
            "records": {row.id: [row.state, row.version] for row in session.query(filing.Record)},
            "batches": {row.id: row.state for row in session.query(transfer.Batch)},
            "applied": [applied.epoch, applied.seq, applied.digest[:12]],
            "acknowledged": [told.epoch, told.acked],
            "objections": sorted(row.source for row in session.query(Objection)),
        }


def outline(message: Message) -> dict[str, Any]:
    """A message that is no run, in words."""
    header = message.header
    return {"kind": header.kind, "after": header.after, "body": message.document()}


class _Tap:
    """A web application that remembers the questions that nodes asked it, and its answers."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.heard: list[tuple[bytes, bytes]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        question = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(question)
        answer = b"".join(self._application(environ, start_response))
        if environ["PATH_INFO"] == "/api/v1/nodes/requests":
            self.heard.append((question, answer))
        return [answer]


class Recorder:
    """A hub, its node, and the legs that were recorded."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / "city"
        self._kept = folder / "kept"
        self.city = Federation(self._place)
        self.unit = self.city.enrol("宜昌市文化和旅游局", number="A101")
        self.legs: list[dict[str, Any]] = []
        self._for_node: list[bytes] = []

    # ---- legs

    def up(self, title: str) -> None:
        """What the node has to say is taken in by the hub."""
        while self.unit.work.step():
            pass
        self.unit.agent.step_out()
        self._leg(title, "hub", self._drain(self._hub_queue))

    def _leg(self, title: str, receiver: str, messages: Sequence[bytes]) -> None:
        hears = receiver == "hub"
        folder = self._keep(self.city.hub.path if hears else self.unit.folder.path)
        self.city.link.send(self._hub_queue if hears else self._node_queue, messages)
        if hears:
            while self.city.post.step_in():
                pass
            self.work()
            answers = self._drain(self._node_queue)
            self._for_node += answers
        else:
            while self.unit.agent.step_in():
                pass
            answers = self._drain(self._hub_queue)
            self.city.link.send(self._hub_queue, answers)
        self._note(title, receiver, folder, messages, answers)

    def down(self, title: str) -> None:
        """What the hub has answered and has to say is taken in by the node."""
        self.city.post.step_out()
        messages, self._for_node = self._for_node + self._drain(self._node_queue), []
        self._leg(title, "node", messages)

    def asked(self, title: str) -> None:
        """The node asks over HTTP for a grant, and sends what it is for."""
        tap = _Tap(make_app(self.city.hub))
        server = serve(tap, "127.0.0.1", 0, threads=2)
        with self.unit.folder.database().write() as session:
            office_of(session).hub_url = server.url
        folder = self._keep(self.city.hub.path)
        assert Uploader(self.unit.folder, clock=self.city.clock).step()
        server.stop()
        ((question, answer),) = tap.heard
        self._note(title, "door", folder, [question], [answer])

    def _note(
        self,
        title: str,
        receiver: str,
        folder: str,
        messages: Sequence[bytes],
        answers: Sequence[bytes],
    ) -> None:
        for number, raw in enumerate(messages, 1):
            path = self._kept / folder / MESSAGES / f"{number:02d}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(raw)
        if receiver == "node":
            after = node_facts(self.unit.folder)
        else:
            after = hub_facts(self.city.hub, self.unit.node_id)
        self.legs.append(
            {
                "title": title,
                "receiver": receiver,
                "folder": folder,
                "messages": [read_envelope(raw).header.kind for raw in messages],
                "answers": [outline(self._opened(raw)) for raw in answers],
                "after": after,
            }
        )

    def _opened(self, raw: bytes) -> Message:
        keys: Any = self.city.hub.keys.hub().public
        sealed = read_envelope(raw)
        if sealed.header.direction == "up":
            keys = PublicKey.from_hex(self.unit.folder.keys.device().public.hex)
        return sealed.open(keys)

    @property
    def _hub_queue(self) -> str:
        return hub_queue(self.city.hub.settings.hub_id)

    @property
    def _node_queue(self) -> str:
        return node_queue(self.unit.node_id)

    def _drain(self, queue: str) -> list[bytes]:
        deliveries = self.city.link.receive(queue, wait_seconds=0, most=10_000)
        return [delivery.body for delivery in deliveries]

    def work(self) -> None:
        """The hub's background steps, until none has anything to do."""
        while any(step() for step in self.city.steps.values()):
            pass

    def lose(self) -> None:
        """What the node says now never arrives."""
        self.unit.agent.step_out()
        self._drain(self._hub_queue)

    # ---- folders

    def _keep(self, folder: Path) -> str:
        name = f"{len(self.legs) + 1:02d}"
        self.copy(folder, self._kept / name)
        return name

    def copy(self, folder: Path, to: Path) -> None:
        """A copy of a running side's folder; its databases whole, each in one file."""
        for path in folder.rglob("*"):
            target = to / path.relative_to(folder)
            if path.is_dir() or "sqlite-" in path.name or path.suffix == ".lock":
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".sqlite":
                source, copy = sqlite3.connect(path), sqlite3.connect(target)
                source.backup(copy)
                copy.execute("pragma journal_mode=delete")
                source.close()
                copy.close()
            else:
                shutil.copyfile(path, target)

    def put_back(self, copy: Path) -> None:
        """The hub is restored from a copy, and told so."""
        path = self.city.hub.path
        self.city.hub.database().close()
        shutil.rmtree(path)
        shutil.copytree(copy, path)
        self.city.hub = HubFolder(path)
        with self.city.hub.database().write() as session:
            raise_generation(session)
        self.city.start_hub()

    def write(self, folder: Path, of: str) -> None:
        """The recording: `legs.json` to read, and the folders as an archive."""
        folder.mkdir(parents=True, exist_ok=True)
        said = {
            "version": of,
            "hub_id": self.city.hub.settings.hub_id,
            "node_id": self.unit.node_id,
        }
        lines = ",\n".join(json.dumps(leg, separators=(",", ":")) for leg in self.legs)
        (folder / LEGS).write_text(
            f'{json.dumps(said)[:-1]}, "legs": [\n{lines}\n]}}\n', encoding="utf-8"
        )
        best = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**27}]
        with (
            lzma.open(folder / FOLDERS, "wb", filters=best) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(self._kept.rglob("*"), key=lambda path: (path.name, str(path))):
                if path.is_file():
                    self._add(archive, path)

    def _add(self, archive: tarfile.TarFile, path: Path) -> None:
        content = path.read_bytes()
        if path.suffix == ".toml":
            content = content.replace(str(self._place).encode(), PLACE.encode())
        entry = tarfile.TarInfo(str(path.relative_to(self._kept)))
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


# ---- the story


def _write(unit: Unit, change: Callable[[Any], Any]) -> Any:
    with unit.folder.database().write() as session:
        return change(session)


def _reconcile(session: Any) -> None:
    """The first release did not ask who compares."""
    known = "actor" in inspect.signature(ask).parameters
    ask(CLERK, session=session) if known else ask(session)  # type: ignore[call-arg]


def _file_electronic(unit: Unit) -> str:
    """One record with a computer file that makes its package too large for a message."""
    row = {
        "title": "关于第9号事项的通知",
        "date": "2017-03-04",
        "author": "宜昌市某局",
        "year": 2017,
    }
    row |= {"doc_no": "宜事〔2017〕9号", "retention": "D30", "organ": "BGS", "organ_name": "办公室"}
    row["holding"] = "both"
    with unit.folder.database().write() as session:
        (record_id,) = filing.collect_many(CLERK, unit.fonds_id, [row], session=session).ids
    stored = keep_file(unit.folder.files, io.BytesIO(pdf("正文", _LARGE)), "正文.pdf")
    with unit.folder.database().write() as session:
        record = session.get_one(filing.Record, record_id)
        filing.attach(CLERK, record, "正本", stored, session=session)
        filing.close_class(CLERK, unit.fonds_id, "WS", 2017, session=session)
    return str(record_id)


def _told_by(unit: Unit, record_id: str) -> dict[str, Any]:
    with unit.folder.database().read() as session:
        return dict(filing.wires([record_id], session=session)[0])


def tell(it: Recorder, folder: Path) -> None:
    """The story: from greeting to receipt, with a gap, a refusal, and a restore on either side."""
    city, unit = it.city, it.unit
    it.up("the node greets")
    it.down("the hub answers the greeting")
    ids = unit.file(3)
    it.up("three records are filed")
    it.down("they are acknowledged")

    foreign = _told_by(unit, ids[0]) | {"id": str(uuid4()), "fonds_id": str(uuid4())}
    hub_id = city.hub.settings.hub_id
    _write(unit, lambda session: append(session, hub_id, "record", foreign["id"], foreign))
    _write(unit, _reconcile)
    it.up("a record of a foreign fonds is told, and the sums of all")
    it.down("the foreign record is refused, the sums are answered")
    it.up("refusal and answer are acknowledged")

    unit.file(1, year=2022, word="遗失")
    it.lose()
    unit.file(1, year=2021, word="随后")
    it.up("a run after one that was lost")
    it.down("the hub asks for what is missing")
    it.up("what was missing, and what came after")
    it.down("both are acknowledged")

    batch = unit.offer([_file_electronic(unit)], "撤回的一批")
    it.up("a record with a large package is offered")
    it.asked("the node asks for a grant to upload it")
    it.work()
    it.down("the offer is acknowledged")
    _write(unit, lambda session: transfer.withdraw(CLERK, batch, "漏了一件", session=session))
    it.up("the unit wants it back")
    it.down("it is withdrawn")
    it.up("the withdrawal is acknowledged")

    batch = unit.offer(ids[:1], "退回的一批")
    it.up("a batch is offered that will be returned")
    city.conclude(batch, "returned", returned=ids[:1])
    it.down("the verdict: returned")
    it.up("the verdict is acknowledged")
    before_receipt = folder / "before-receipt"
    it.copy(city.hub.path, before_receipt)

    _write(unit, lambda session: filing.edit_returned(
        CLERK, session.get_one(filing.Record, ids[0]), {"title": "补全后的题名"}, session=session
    ))  # fmt: skip
    batch = unit.offer(ids[:1], "再次移交")
    it.up("the corrected record is offered again")
    city.conclude(batch, "accepted")
    it.down("the verdict: accepted")
    unit.sign(batch)
    it.up("the unit's signature of the form")
    city.sign(batch)
    it.work()
    it.down("the receipt")
    it.up("the receipt is acknowledged")

    it.put_back(before_receipt)
    city.clock.seconds += 60
    it.up("the node greets a hub that was restored from before the receipt")
    it.down("the restored hub says where it stands")
    it.up("the node tells again, and hands back the signed papers")
    it.down("the hub has them")

    yesterday = unit.copy(folder / "yesterday")
    unit.start()
    it.up("the node's program starts anew and greets")
    it.down("the hub says how far it has come")
    unit.file(1, year=2020, word="当天")
    it.up("a record is filed after the node's backup")
    it.down("it is acknowledged")
    it.unit = yesterday
    yesterday.file(3, year=2019, word="恢复后")
    it.lose()  # its greeting: nobody tells it that the hub has come further
    city.clock.seconds += 10
    it.up("the node, restored from that backup, speaks")
    it.down("its log does not continue what the hub has")
    city.clock.seconds += 60
    it.up("the restored node asks for a grant")
    with city.hub.database().write() as session:
        # Release 0.1.0 granted in the post office itself.
        granting = getattr(city.post, "reception", city.post)
        granting.grant(ADMIN, yesterday.node_id, session=session)
    it.down("the new epoch runs ahead of the greeting that leads to it")
    city.clock.seconds += 60
    it.up("the restored node greets again")
    city.clock.seconds += 60
    it.down("the grant, and what the hub holds of the node")
    it.up("what the hub lacked")
    it.down("that is acknowledged")

    it.unit = unit
    unit.file(1, year=2018, word="旧机")
    it.up("the old instance speaks in its epoch")
    it.down("the old instance is told that it is superseded")


def record(target: Path, of: str) -> None:
    """Play the story and write the recording of a version."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder))
        tell(recorder, Path(folder))
        recorder.city.hub.database().close()
        recorder.write(target, of)


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve(), version("danglian"))
