"""The demo city as a whole: founded, started, kept going, compared, stopped."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from shared.demo import founding
from shared.demo.city import OFFICES, Office
from shared.demo.commands import CommandFailed, Commands, Stopped
from shared.demo.comparison import Comparison, NodePlace, compare
from shared.demo.desk import Desk, HubRefused
from shared.demo.goals import Goals
from shared.demo.plan import CityPlan
from shared.demo.report import Reporter
from shared.demo.rooms import Room
from shared.demo.servers.stack import Stack, choose_ports
from shared.demo.services import Service, ServiceFailed, Services, free_port
from shared.kernel.errors import Conflict, Unavailable
from shared.kernel.files import write_atomically

_PLAN_FILE = "city.json"
#: Between two looks: a short while after something has changed, longer while nothing does.
_PAUSE_SECONDS, _LONG_PAUSE_SECONDS = 0.8, 2.5
#: Without any change for so long, whatever hinders is told, and the demo ends.
_PATIENCE_SECONDS = 240.0
#: What passes when a process that was killed is there again.
_PASSING = (CommandFailed, HubRefused, requests.RequestException)


@dataclass(frozen=True)
class Saved:
    """What a city was begun with; it stays so."""

    records: int
    seed: int
    titles: str | None
    ports: dict[str, int]
    stack: str = "embedded"


class DemoCity:
    """One folder with a hub, four nodes, and the papers that were made for them."""

    def __init__(
        self,
        folder: Path,
        saved: Saved,
        reporter: Reporter,
        stopping: threading.Event,
        goals: Goals,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._saved = saved
        self._plan = CityPlan(
            saved.records, saved.seed, Path(saved.titles) if saved.titles else None
        )
        self._reporter = reporter
        self._stopping = stopping
        self._services = Services(reporter.say)
        self._stack = Stack(folder / "servers", saved.ports) if saved.stack == "full" else None
        self._hub_commands = Commands()
        self._rooms = [
            Room(
                office,
                self.node_folder(office),
                folder / "papers" / office.slug,
                plan=self._plan,
                say=reporter.say,
                goals=goals,
            )
            for office in OFFICES
        ]
        self._hub = self._service("hub", "市级平台", ["hub", "run", "--dir", str(self.hub_folder)])
        self._nodes = {
            office.slug: self._service(
                office.slug, office.name, ["node", "run", "--dir", str(self.node_folder(office))]
            )
            for office in OFFICES
        }
        for service in (self._hub, *self._nodes.values()):
            service.environment.update(environment or {})
        self._desk = Desk(lambda: self._hub.url, reporter.say, goals)
        self.patience_seconds = _PATIENCE_SECONDS
        self._changed = time.monotonic()
        self._states: dict[str, object] = {}
        self._hindrance: dict[str, str] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        wanted: CityPlan,
        reporter: Reporter,
        stopping: threading.Event,
        *,
        base_port: int,
        goals: Goals,
        stack: str = "embedded",
        environment: Mapping[str, str] | None = None,
    ) -> DemoCity:
        """A city that is there goes on as it was begun; else a new one is planned."""
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _PLAN_FILE
        if path.exists():
            saved = Saved(**json.loads(path.read_text(encoding="utf-8")))
            if saved.stack != stack:
                raise Conflict(
                    f"{folder} 是用 --stack {saved.stack} 建立的演示城市。",
                    "请用同样的选项接着来，或用 --dir 另选一个文件夹。",
                )
            if (saved.records, saved.seed) != (wanted.records, wanted.seed):
                reporter.say("演示", f"继续已有的演示：{saved.records} 件，种子 {saved.seed}")
        else:
            if any(path.name != "run.lock" for path in folder.iterdir()):
                raise Conflict(
                    f"{folder} 不是空文件夹，也不是演示城市。", "请用 --dir 另选一个文件夹。"
                )
            titles = str(wanted.titles.resolve()) if wanted.titles else None
            ports = _choose_ports(base_port)
            if stack == "full":
                ports |= choose_ports(frozenset(ports.values()))
            saved = Saved(wanted.records, wanted.seed, titles, ports, stack)
            content = json.dumps(asdict(saved), ensure_ascii=False, indent=1)
            write_atomically(path, content.encode())
        return cls(folder, saved, reporter, stopping, goals, environment=environment)

    @property
    def hub_folder(self) -> Path:
        """The hub's data folder."""
        return self.folder / "hub"

    def node_folder(self, office: Office) -> Path:
        """A node's data folder."""
        return self.folder / "nodes" / office.slug

    @property
    def urls(self) -> dict[str, str]:
        """Where the browser finds hub and nodes."""
        return {"hub": self._hub.url} | {slug: each.url for slug, each in self._nodes.items()}

    # ---- life

    def start(self) -> None:
        """Found what is not founded, and start every process."""
        stack = self._stack
        if stack is not None:
            stack.start(self._services, self._stopping)
            self._reporter.say("服务器", f"已启动：{stack.names}")
        self._patiently(
            lambda: founding.found_hub(self._hub_commands, self.hub_folder, self._hub.port, stack)
        )
        self._services.start(self._hub)
        self._patiently(lambda: founding.found_archives(self._hub_commands, self.hub_folder))
        self._patiently(lambda: founding.found_sharing(self._hub_commands, self.hub_folder))
        self._hub.wait_ready(self._stopping)
        self._reporter.say("市级平台", f"已启动：{self._hub.url}")
        with ThreadPoolExecutor(len(self._rooms)) as pool:
            list(pool.map(self._start_node, self._rooms))

    def _start_node(self, room: Room) -> None:
        office, commands = room.office, room.commands
        service = self._nodes[office.slug]
        founding.found_node(commands, office, room.folder, service.port)
        self._patiently(
            lambda: founding.enrol_node(
                commands,
                office,
                room.folder,
                hub=self._hub_commands,
                hub_folder=self.hub_folder,
                url=self._hub.url,
            )
        )
        founding.found_people(commands, office, room.folder)
        service.environment["DANGLIAN_HUB_URL"] = self._hub.url
        self._hub.followers.append(service)
        self._services.start(service)
        service.wait_ready(self._stopping)
        self._reporter.say(office.name, f"已启动：{service.url}")

    def stop(self) -> None:
        """Stop every process, in order."""
        self._stopping.set()
        commands = [self._hub_commands, *(room.commands for room in self._rooms)]
        for each in commands:
            each.stop()
        self._services.stop()
        for each in commands:
            each.close()

    # ---- the scenario

    def bring_on(self) -> bool:
        """Let everybody work until all is where it shall be; False when it was stopped before."""
        self._changed = time.monotonic()
        workers = [threading.Thread(target=self._work, args=(room,)) for room in self._rooms]
        desk = threading.Thread(target=self._sit_at_desk, args=(workers,))
        for thread in (*workers, desk):
            thread.start()
        for thread in (*workers, desk):
            thread.join()
        return not self._stopping.is_set()

    def _work(self, room: Room) -> None:
        slug = room.office.slug
        pause = _PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                if room.step() and room.settled(self._desk.states(), self._desk.correcting()):
                    return
            except Stopped:
                return
            except _PASSING as error:
                self._hindered(slug, error)
            changed = self._note_change(slug, _shape(room.state))
            pause = _PAUSE_SECONDS if changed else min(_LONG_PAUSE_SECONDS, pause * 1.5)
            self._stopping.wait(pause)

    def _sit_at_desk(self, workers: list[threading.Thread]) -> None:
        while any(each.is_alive() for each in workers) and not self._stopping.is_set():
            try:
                if self._desk.step():
                    self._changed = time.monotonic()
            except _PASSING as error:
                self._hindered("hub", error)
            self._stopping.wait(_PAUSE_SECONDS)

    def _note_change(self, slug: str, state: object) -> bool:
        """Whether an office stands elsewhere than before; gives up when nobody does for long."""
        changed = self._states.get(slug) != state
        if changed:
            self._states[slug] = state
            self._changed = time.monotonic()
        if self._services.failed:
            self._give_up(self._services.failed)
        elif time.monotonic() - self._changed > self.patience_seconds:
            told = "\n".join(f"{who}：{what}" for who, what in self._hindrance.items())
            self._give_up(f"{self.patience_seconds:.0f} 秒没有进展。{told}")
        return changed

    def _give_up(self, sentence: str) -> None:
        self.failure = sentence
        self._stopping.set()

    failure: str | None = None

    def _hindered(self, who: str, error: Exception) -> None:
        if self._hindrance.get(who) != str(error):
            self._hindrance[who] = str(error)
            self._reporter.say(who, f"暂不能办理：{error}")

    def _patiently(self, act: Callable[[], None]) -> None:
        """Do something that needs the hub or a server, again while that is not there yet."""
        end = time.monotonic() + 60
        while True:
            try:
                return act()
            except (CommandFailed, Unavailable) as error:
                if error.code != "unavailable" or time.monotonic() > end:
                    raise
            self._stopping.wait(0.5)

    # ---- the comparison

    def compare(self, *, finished: bool) -> Comparison:
        """Compare the databases themselves; the city has been stopped."""
        nodes = [
            NodePlace(room.office.slug, room.office.name, room.folder, tuple(room.given()))
            for room in self._rooms
        ]
        with self._stack.kept() if self._stack is not None else nullcontext():
            return compare(self.hub_folder, nodes, finished=finished)

    def _service(self, slug: str, name: str, arguments: list[str]) -> Service:
        log_file = self.folder / "logs" / f"{slug}.log"
        local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
        return Service(name, arguments, self._saved.ports[slug], log_file, local)


def _choose_ports(base: int) -> dict[str, int]:
    """A free port for everybody, from the base on."""
    ports: dict[str, int] = {}
    for index, slug in enumerate(["hub", *(office.slug for office in OFFICES)]):
        wanted = base if slug == "hub" else base + 10 * index
        ports[slug] = free_port(wanted, frozenset(ports.values()))
    return ports


def _shape(state: object) -> str:
    return json.dumps(state, ensure_ascii=False, default=str)


__all__ = ["DemoCity", "Saved", "ServiceFailed"]
