"""A hub and nodes as real processes on real servers, and what they take of the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from minio import Minio
from sqlalchemy import func, select

from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.founding import found_hub
from hub.federation.places import HubFolder
from node.office.places import NodeFolder, NodeSettings
from node.office.service import office_of, open_office
from node.sync.agent import Agent
from node.sync.enrolment import enrol
from node.sync.line import Line
from node.transfer.work import TransferWork
from node.wiring import HANDLERS
from shared.demo.services import Service, free_port
from shared.kernel.settings import save_settings
from shared.messaging.link import Link
from shared.messaging.models import OutgoingStream
from shared.messaging.parcel import ByHand
from tests.federation import ADMIN, CITY_DEPARTMENT, Unit
from tests.performance.table import EMBEDDED, SERVERS, seconds
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS

_PATIENCE = 600.0


class Servers:
    """PostgreSQL that keeps its word, RabbitMQ and SeaweedFS, for a whole run."""

    def __init__(self, folder: Path) -> None:
        self.postgresql = PostgreSQL(durable=True)
        self.rabbitmq = RabbitMQ()
        self.seaweedfs = SeaweedFS(folder / "weed")
        self.seaweedfs.start()
        self._buckets = 0

    def client(self) -> Minio:
        """The S3 service, with nothing of ours in between."""
        return Minio(
            self.seaweedfs.host, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False
        )

    def settings(self) -> dict[str, str]:
        """What a hub is told in order to use them, with a place of its own on each."""
        self._buckets += 1
        return {
            **self.rabbitmq.settings(self.rabbitmq.new_vhost()),
            "database": self.postgresql.url(self.postgresql.create()),
            "store": self.seaweedfs.make_bucket(f"town-{self._buckets}"),
            "store_access_key": ACCESS_KEY,
            "store_secret_key": SECRET_KEY,
        }

    @property
    def processes(self) -> dict[str, int]:
        """The first process of the database and of the broker."""
        return {"PostgreSQL": self.postgresql.pid, "RabbitMQ": self.rabbitmq.pid}

    def remove(self) -> None:
        """End them, and leave nothing behind."""
        self.seaweedfs.kill()
        self.rabbitmq.remove()
        self.postgresql.remove()


class Alone(Service):
    """Started from nothing, as it is anywhere: its memory is measured."""

    forked = False


class Town:
    """A hub with its process, and nodes that are enrolled with it; their processes a test runs.

    `servers` are those that the hub uses; without them it is embedded.
    """

    def __init__(self, folder: Path, servers: Servers | None) -> None:
        self.path = folder
        self.servers = servers
        self.stack = EMBEDDED if servers is None else SERVERS
        self.units: list[Unit] = []
        self._processes = ExitStack()
        settings = servers.settings() if servers is not None else {}
        made = HubFolder.create(
            folder / "hub",
            name="宜昌市档案平台",
            city="420500000000",
            database=settings.get("database", ""),
        )
        with made.database().write() as session:
            found_hub(ADMIN, made, session=session)
        made.database().close()
        save_settings(replace(made.settings, port=free_port(18_060), **settings), made.path)
        self.hub = HubFolder(made.path)
        self.hub_process = self._run("hub", "hub", [self.hub.path], self.hub.settings.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_about: object) -> None:
        self._processes.close()
        self.hub.database().close()
        for unit in self.units:
            unit.folder.database().close()

    def unit(self, number: str) -> Unit:
        """A node that is enrolled, but knows no link yet: what it files waits until `connect`."""
        name = f"宜昌市第{number}局"
        with self.hub.database().write() as session:
            fonds = federation.register_fonds(
                ADMIN,
                federation.NewFonds(name=name, division_code=CITY_DEPARTMENT, number=number),
                session=session,
            )
            invitation = federation.create_node_with_code(
                ADMIN, name, CITY_DEPARTMENT, [fonds.id], key=self.hub.keys.hub(), session=session
            )
        path = self.path / number
        path.mkdir()
        save_settings(NodeSettings(name=name, slug=number.lower()), path)
        unit = Unit(None, NodeFolder(path))  # nothing runs in this process
        with unit.folder.database().write() as session:
            open_office(name, session=session)
        enrol(unit.folder, self.hub_process.url, invitation.code, version=version("danglian"))
        with unit.folder.database().write() as session:
            self._link = office_of(session).link
            office_of(session).link = ""
        unit.fonds_id = fonds.id
        unit.work = TransferWork(unit.folder)
        self.units.append(unit)
        return unit

    def connect(self, units: Sequence[Unit]) -> None:
        """Let nodes know the link, from now on."""
        for unit in units:
            with unit.folder.database().write() as session:
                office_of(session).link = self._link

    @contextmanager
    def running(self, units: Sequence[Unit]) -> Iterator[Service]:
        """One process that serves these nodes: pages and agent."""
        process = self._run("node", "node", [unit.folder.path for unit in units], 0)
        try:
            yield process
        finally:
            process.stop()

    def held(self, *units: Unit) -> int:
        """How many records of these nodes the hub's database has: one question, for it costs."""
        of_the_units = CatalogueRecord.fonds_id.in_([unit.fonds_id for unit in units])
        with self.hub.database().read() as session:
            return session.scalar(select(func.count()).where(of_the_units)) or 0

    def agent(self, unit: Unit) -> Agent:
        """A node's agent in this process, without a link."""
        return Agent(unit.folder, ByHand(), HANDLERS, version=version("danglian"))

    def line(self, unit: Unit) -> Link:
        """A node's link in this process; its own process must not run."""
        return Line(unit.folder).open(self._link, unit.node_id)

    def _run(self, name: str, kind: str, folders: Sequence[Path], port: int) -> Service:
        named = [argument for each in folders for argument in ("--dir", str(each))]
        process = Alone(
            name, [kind, "run", *named], port or free_port(18_070), self.path / f"{name}.log"
        )
        process.start()
        self._processes.callback(process.stop)
        process.wait_ready()
        return process


def is_acknowledged(unit: Unit) -> bool:
    """Whether the hub has acknowledged all that a node has told."""
    with unit.folder.database().read() as session:
        return all(row.acked == row.seq for row in session.query(OutgoingStream))


def time_until(question: Callable[[], Any], *, pause: float = 0.01) -> float:
    """Seconds until the answer is true."""
    start = time.perf_counter()
    while not question():
        if time.perf_counter() > start + _PATIENCE:
            raise AssertionError(f"waited for {_PATIENCE:.0f} s")
        time.sleep(pause)
    return time.perf_counter() - start


class Use:
    """What processes use of the machine since this was made: memory, at its peak, and CPU."""

    def __init__(self, servers: Servers | None = None, **processes: Service) -> None:
        self._processes = {name: _pid(each) for name, each in processes.items()}
        self._servers = servers.processes if servers is not None else {}
        self._before = self._cpu()
        for pid in self._processes.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts anew

    @property
    def memory(self) -> str:
        """The peak of resident memory of each process, and of those that it started."""
        return ", ".join(
            f"{name} {' + '.join(str(_peak_mb(each)) for each in family(pid))} MB"
            for name, pid in self._processes.items()
        )

    def _cpu(self) -> dict[str, float]:
        pids = {**self._processes, **self._servers}
        return {name: sum(map(_cpu_seconds, family(pid))) for name, pid in pids.items()}

    @property
    def cpu(self) -> str:
        """How long each process computed, with those that it started."""
        return ", ".join(
            f"{name} {seconds(value - self._before[name])}" for name, value in self._cpu().items()
        )


def peak_mb(process: Service) -> int:
    """The peak of a process's resident memory, in MB."""
    return _peak_mb(_pid(process))


def family(pid: int) -> list[int]:
    """A process, and all that it and they have started and that still run."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parents.setdefault(int(_fields(stat)[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def _peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def _cpu_seconds(pid: int) -> float:
    """What a process has computed, and those that it has started and buried."""
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _fields(stat: Path) -> list[str]:
    """What stands in a process's `stat` behind its name."""
    return stat.read_text().rpartition(")")[2].split()


def _pid(process: Service) -> int:
    assert process.process is not None
    return process.process.pid
