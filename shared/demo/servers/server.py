"""A server that the demo starts for itself, and starts again when it dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.demo.services import Process, ServiceFailed, free_port

_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
#: How long an earlier process may take to give its port back.
_FREE_SECONDS = 20.0


class Server(Process):
    """One program in the foreground, that answers on a port after a while.

    Its files lie in `folder`, and outlive it. Should the demo be killed, it dies too.
    """

    #: How it is asked to end, and what it gets when the demo is gone.
    ends_by = signal.SIGTERM
    dies_by = signal.SIGKILL

    def __init__(self, name: str, folder: Path, port: int) -> None:
        super().__init__(name, folder / "output.log")
        self.folder = folder
        self.port = port
        self.environment: dict[str, str] = {}

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """The program with its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does its work now."""

    def start(self) -> None:
        """Start the program; `wait_ready` waits for its answer."""
        end = time.monotonic() + _FREE_SECONDS
        while free_port(self.port) != self.port and time.monotonic() < end:
            time.sleep(0.1)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [_setpriv(), f"--pdeathsig={self.dies_by.name.removeprefix('SIG')}",
                 *self._identity(), *self.command()],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._whole_environment(),
                start_new_session=True,
            )  # fmt: skip
        (self.folder / "server.pid").write_text(f"{self.process.pid}\n", encoding="ascii")

    def wait_ready(self, stopping: threading.Event | None = None) -> None:
        """Wait until it answers. Raises ServiceFailed with the end of its log."""
        end = time.monotonic() + _START_SECONDS
        while not (self.running and self.answers()):
            if time.monotonic() > end or (stopping is not None and stopping.is_set()):
                raise ServiceFailed(f"{self.name}没有启动。\n{self.log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""
        self.end(self.ends_by, _STOP_SECONDS)

    def _identity(self) -> Sequence[str]:
        """Under which account it runs; empty for our own."""
        return ()

    def _whole_environment(self) -> Mapping[str, str]:
        return {**os.environ, **self.environment}


def _setpriv() -> str:
    found = shutil.which("setpriv")
    if found is None:
        raise ServiceFailed("没有 setpriv：演示的真实服务器只能在 Linux 上启动。")
    return found


def found_program(name: str, package: str, *places: Path) -> Path:
    """A program in one of some folders or on PATH. Raises ServiceFailed naming the package."""
    for place in places:
        if (place / name).exists():
            return place / name
    found = shutil.which(name)
    if found is None:
        raise ServiceFailed(f"没有 {name}：请安装 Debian 软件包 {package} 后再用 --stack full。")
    return Path(found)


def free_ports(names: Sequence[str], *, above: int = 0, taken: frozenset[int]) -> dict[str, int]:
    """A free port for each name; with `above`, the port that much higher is free too."""
    ports: dict[str, int] = {}
    wanted = 30_000 + time.monotonic_ns() % 15_000
    for name in names:
        while True:
            wanted = free_port(wanted + 1, taken | frozenset(ports.values()))
            if not above or free_port(wanted + above) == wanted + above:
                break
        ports[name] = wanted
    return ports
