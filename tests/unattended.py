"""The unattended demo as a process of its own, whose processes are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from shared.demo.city import OFFICES
from tests.city import base_port
from tests.processes import running_on

_SERVERS = ("rabbitmq", "postgresql", "seaweedfs")
_SLUGS = tuple(office.slug for office in OFFICES)


class Run:
    """The unattended demo as a process, and the killer of its processes."""

    def __init__(self, folder: Path, seed: int, stack: str, *, records: int) -> None:
        self.folder = folder
        self.stack = stack
        #: How much longer than the small run a larger one takes, so that kills come all along.
        self.longer = max(1.0, records / 400)
        self._seed = seed
        self._records = records
        self._port = base_port()
        self._log = folder.parent / "demo.log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "shared.command", "demo", "--once", "--json"]
        command += ["--dir", str(self.folder), "--records", str(self._records)]
        command += ["--seed", str(self._seed), "--port", str(self._port)]
        command += ["--stack", self.stack]
        with self._log.open("ab") as log, (self.folder.parent / "out").open("wb") as out:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> bool:
        """Kill one service, or the demo itself; whether it was there to be killed."""
        if name == "demo":
            if self.process.poll() is not None:
                return False
            self.process.kill()
            self.process.wait()
            self.process = self._start()
            return True
        if name in _SERVERS:
            return _kill_server(self.folder / "servers" / name)
        folder = self.folder / ("hub" if name == "hub" else f"nodes/{name}")
        pid = running_on(folder)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return pid is not None

    def finish(self) -> dict[str, Any]:
        """Wait for the end; what it said of the comparison."""
        code = self.process.wait(600 * self.longer)
        said = (self.folder.parent / "out").read_text(encoding="utf-8").strip().splitlines()
        assert said, self._log.read_text(encoding="utf-8")[-3000:]
        result: dict[str, Any] = json.loads(said[-1])
        assert code == 0, result
        return result


def _kill_server(folder: Path) -> bool:
    try:
        os.kill(int((folder / "server.pid").read_text()), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def killed_once(run: Run, chance: random.Random) -> dict[str, Any]:
    """Kill every process of the city once, at moments that chance takes; what it said at its end.

    None is left out: one that was not there yet has its turn later.
    """
    all_of_them = ["hub", *_SLUGS, "demo", *(_SERVERS if run.stack == "full" else ())]
    victims = chance.sample(all_of_them, len(all_of_them))
    killed = []
    end = time.monotonic() + 180 * run.longer
    while victims and time.monotonic() < end and run.process.poll() is None:
        time.sleep(chance.uniform(0.5, 7.0 * run.longer))
        name = victims.pop(0)
        if run.kill(name):
            killed.append(name)
        else:
            victims.append(name)
    result = run.finish()
    assert sorted(killed) == sorted(all_of_them)
    return result
