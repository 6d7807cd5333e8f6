"""The services of the city: processes that are started again when they die."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.demo.child import run_service
from shared.demo.forks import FORKS, Forked

_START_SECONDS = 90.0
_STOP_SECONDS = 20.0
#: How long an earlier process may take to give its port back.
_FREE_SECONDS = 15.0
_LOOK_SECONDS = 0.2
#: A service that dies this often within this time is not started again.
_MOST_DEATHS, _DEATHS_WITHIN = 12, 60.0
_HOST = "127.0.0.1"


class ServiceFailed(Exception):
    """A service does not start, or dies again and again."""


def free_port(wanted: int, taken: frozenset[int] = frozenset()) -> int:
    """The wanted port, or the next one that nobody listens on; at last any that is free."""
    for port in [*range(wanted, min(wanted + 200, 65536)), 0]:
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceFailed("没有空闲的端口。")


class Process(ABC):
    """A process of the city that is started again when it dies."""

    def __init__(self, name: str, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.deaths: list[float] = []

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    @abstractmethod
    def start(self) -> None:
        """Start the process."""

    @abstractmethod
    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""

    def log_tail(self) -> str:
        """The end of its log, for people."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-2000:]

    def end(self, by: signal.Signals, patience: float) -> None:
        """Send a signal, and kill the process when it does not end."""
        process = self.process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(by)
            try:
                process.wait(patience)
            except (subprocess.TimeoutExpired, TimeoutError):
                process.kill()
                process.wait()
        if process.stdin is not None:
            process.stdin.close()


class Service(Process):
    """One long-running `danglian … run` with its log.

    `followers` are told its address by a setting, and are started anew when it had to move.
    """

    #: What is run with the words of the command where it is started from nothing.
    module = "shared.demo.child"
    #: Whether it is forked from a process that has the program loaded.
    forked = FORKS is not None

    def __init__(
        self,
        name: str,
        arguments: list[str],
        port: int,
        log_file: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, log_file)
        self.arguments = arguments
        self.port = port
        self.environment = dict(environment or {})
        self.followers: list[Service] = []
        self._log_from = 0

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{_HOST}:{self.port}"

    @property
    def ready(self) -> bool:
        """Whether this very process has said that it listens."""
        if not self.running or not self.log_file.exists():
            return False
        with self.log_file.open("rb") as stream:
            stream.seek(self._log_from)
            said = stream.read().decode("utf-8", "replace")
        return any(_says_url(line) for line in said.splitlines())

    def start(self) -> None:
        """Start the process; on another port when this one is taken meanwhile."""
        end = time.monotonic() + _FREE_SECONDS
        while free_port(self.port) != self.port:
            if time.monotonic() > end:
                self._move()
                break
            time.sleep(0.1)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self._log_from = output.tell()
            environment = {**os.environ, **self.environment}
            if self.forked:
                self.process = Forked(
                    run_service, self._whole_command(), str(self.log_file), environment
                )
                return
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self._whole_command()],
                stdin=subprocess.PIPE,  # its other end is what tells the child that we live
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is the demo's alone: it stops all in order
            )

    def wait_ready(self, stopping: threading.Event | None = None) -> None:
        """Wait until it listens. Raises ServiceFailed with the end of its log."""
        end = time.monotonic() + _START_SECONDS
        while not self.ready:
            if time.monotonic() > end or (stopping is not None and stopping.is_set()):
                raise ServiceFailed(f"{self.name}没有启动。\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""
        self.end(signal.SIGTERM, _STOP_SECONDS)

    def _whole_command(self) -> list[str]:
        return [*self.arguments, "--port", str(self.port), "--json"]

    def _move(self) -> None:
        self.port = free_port(self.port + 1)
        for follower in self.followers:
            follower.environment["DANGLIAN_HUB_URL"] = self.url
            if follower.running and follower.process is not None:
                follower.process.terminate()


def _says_url(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return "url" in json.loads(line)
    except ValueError:
        return False


class Services:
    """Keeps services alive until they are stopped."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._services: list[Process] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="services", daemon=True)
        self._lock = threading.Lock()
        self.failed: str | None = None

    def start(self, service: Process) -> None:
        """Start a service, and again whenever it dies."""
        with self._lock:
            if self._stopping.is_set():
                return
            service.start()
            self._services.append(service)
            if not self._thread.is_alive():
                self._thread.start()

    def stop(self) -> None:
        """Stop them all, the last started first."""
        self._stopping.set()
        with self._lock:
            ours = [each for each in self._services if isinstance(each, Service)]
            for service in reversed(ours):
                if service.running and service.process is not None:
                    service.process.terminate()
            # What they stand on was started before them, and is stopped after them.
            for each in reversed(self._services):
                each.stop()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            with self._lock:
                for service in self._services:
                    if not self._stopping.is_set() and not service.running:
                        self._start_again(service)

    def _start_again(self, service: Process) -> None:
        moment = time.monotonic()
        service.deaths = [at for at in service.deaths if moment - at < _DEATHS_WITHIN]
        service.deaths.append(moment)
        if len(service.deaths) > _MOST_DEATHS:
            self.failed = f"{service.name}反复停止。\n{service.log_tail()}"
            return
        self._say(service.name, "停止了，重新启动")
        service.stop()
        self._stopping.wait(min(2.0, 0.2 * len(service.deaths)))
        service.start()
