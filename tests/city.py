"""A private hub and four nodes as real processes, in a folder and on ports of their own.

It is the demo city, with the hands of a test on it: it is brought to a stage and stopped, its
folders are copied and put back, its processes are killed.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from shared.demo.city import OFFICES, FondsPlan, Office
from shared.demo.commands import Commands
from shared.demo.comparison import Comparison
from shared.demo.demo import DemoCity
from shared.demo.goals import Goal, Goals
from shared.demo.plan import CityPlan
from shared.demo.report import Reporter
from shared.demo.services import Service

#: Nodes greet their hub, and send again, more often than in real life.
QUICK = {"DANGLIAN_HELLO_SECONDS": "3", "DANGLIAN_RETRANSMIT_SECONDS": "5"}
FENXIANG = next(each for each in OFFICES if each.slug == "fenxiang")


def base_port() -> int:
    """Where the ports of a city begin: elsewhere than in the worker beside this one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return random.randrange(21_000, 39_000, 200) + 100 * (worker % 2)


def prepared(title: str, fonds: FondsPlan) -> Goal:
    """Every batch is prepared, and none is offered."""
    return Goal.PREPARING


class City:
    """One city in one folder; what is inside `running` happens while its processes live."""

    def __init__(self, folder: Path, *, records: int, seed: int = 1) -> None:
        self.folder = folder
        self._plan = CityPlan(records, seed)
        self._port = base_port()

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    def node(self, office: Office) -> Path:
        return self.folder / "nodes" / office.slug

    @contextmanager
    def running(self, goals: Goals, *, bring_on: bool = True) -> Iterator[DemoCity]:
        """Start everything and, unless told otherwise, let everybody work up to these goals."""
        city = self._open(goals)
        try:
            city.start()
            if bring_on:
                assert city.bring_on(), city.failure
            yield city
        finally:
            city.stop()

    def compare(self) -> Comparison:
        """Everything came to its end: compare what all databases say."""
        return self._open(prepared).compare(finished=True)

    def _open(self, goals: Goals) -> DemoCity:
        reporter = Reporter(as_json=True)
        city = DemoCity.open(
            self.folder,
            self._plan,
            reporter,
            threading.Event(),
            base_port=self._port,
            goals=goals,
            environment=QUICK,
        )
        city.patience_seconds = 60.0
        return city


@contextmanager
def commands() -> Iterator[Commands]:
    """Single `danglian` commands."""
    run = Commands()
    try:
        yield run
    finally:
        run.close()


@contextmanager
def one_more_node(folder: Path, log_file: Path) -> Iterator[Service]:
    """A node process on a folder that the city knows nothing of."""
    port = random.randrange(41_000, 60_000)
    service = Service("copy", ["node", "run", "--dir", str(folder)], port, log_file, dict(QUICK))
    service.start()
    try:
        service.wait_ready()
        yield service
    finally:
        service.stop()


def put_back(backup: Path, folder: Path) -> None:
    """Replace a data folder by an older copy of it."""
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)


def copy_live(folder: Path, target: Path) -> None:
    """Copy a data folder while its process runs, as people do; a torn copy is made anew."""
    for _ in range(5):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore_dangling_symlinks=True)
        with closing(sqlite3.connect(target / "node.sqlite")) as database:
            if database.execute("PRAGMA quick_check").fetchone() == ("ok",):
                return
    raise AssertionError("no whole copy of a running node in five attempts")


def wait_for(question: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
    """Ask until the answer is true; fail with what was waited for."""
    end = time.monotonic() + seconds
    pause = 0.02
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for: {what}")
        time.sleep(pause)
        pause = min(0.4, pause * 1.5)
