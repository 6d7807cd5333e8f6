"""Every process is killed with -9 once, at a random moment of a fixed seed, and started again.

Also broker, database and object store, where the city stands on real ones.
"""

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

import pytest

from tests.city import base_port
from tests.processes import running_on

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3000)]

_SERVERS = ("rabbitmq", "postgresql", "seaweedfs")
_SLUGS = ("minzheng", "shuili", "fenxiang", "dongshi")
#: As many as CI has time for; `make test-faults` asks for a real number.
_RECORDS = int(os.environ.get("RECORDS", "60"))
#: How much longer than the small run a larger one takes, so that kills come all along its way.
_LONGER = max(1.0, _RECORDS / 400)


class Run:
    """The unattended demo as a process, and the killer of its processes."""

    def __init__(self, folder: Path, seed: int, stack: str) -> None:
        self.folder = folder
        self._stack = stack
        self._seed = seed
        self._port = base_port()
        self._log = folder.parent / "demo.log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "shared.command", "demo", "--once", "--json"]
        command += ["--dir", str(self.folder), "--records", str(_RECORDS)]
        command += ["--seed", str(self._seed), "--port", str(self._port)]
        command += ["--stack", self._stack]
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
        code = self.process.wait(600 * _LONGER)
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


@pytest.mark.parametrize(
    ("stack", "seed"), [("embedded", 11), pytest.param("full", 12, marks=pytest.mark.at_length)]
)
def test_nothing_is_lost_doubled_or_altered_when_every_process_is_killed_once(
    tmp_path: Path, stack: str, seed: int
) -> None:
    chance = random.Random(seed)
    run = Run(tmp_path / "city", seed, stack)
    all_of_them = ["hub", *_SLUGS, "demo", *(_SERVERS if stack == "full" else ())]
    victims = chance.sample(all_of_them, len(all_of_them))
    killed = []
    end = time.monotonic() + 180 * _LONGER
    while victims and time.monotonic() < end and run.process.poll() is None:
        time.sleep(chance.uniform(0.5, 7.0 * _LONGER))
        name = victims.pop(0)
        if run.kill(name):
            killed.append(name)
        else:
            victims.append(name)
    result = run.finish()
    assert sorted(killed) == sorted(all_of_them)
    total = result["total"]
    assert (total["lost"], total["doubled"], total["altered"]) == (0, 0, 0), result["problems"]
    assert total["received"] == total["offered"] > 0
