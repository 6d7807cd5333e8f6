"""A private PostgreSQL for tests: its own folder and socket, no port, gone when the tests are."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

_INSTALLED = Path("/usr/lib/postgresql")
_PATIENCE = 60.0


def _bin() -> Path:
    found = sorted(_INSTALLED.glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    pytest.fail("没有 PostgreSQL：请安装 Debian 软件包 postgresql。")


class PostgreSQL:
    """One server, started at once. `durable` makes it keep its word over `kill`.

    Its folder is made in `where`, a short path that every account may walk through.
    """

    def __init__(self, *, durable: bool = False, where: Path | None = None) -> None:
        self._bin = _bin()
        # Short, because it holds the socket; open to the account that the server runs under.
        self.folder = Path(tempfile.mkdtemp(prefix="dl-pg-", dir=where))
        self._durable = durable
        self._count = 0
        # A server of PostgreSQL refuses to run as root.
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as = ["--reuid=postgres", "--regid=postgres", "--init-groups"]
        self._run(
            "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C",
            *(() if durable else ("--no-sync",)), f"--pgdata={self.folder / 'data'}",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "150",
            "shared_buffers": "64MB",
            "jit": "off",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        with (self.folder / "log").open("a") as log:
            self._server = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig=INT", *self._as, self._bin / "postgres"),
                    *("-D", self.folder / "data"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    @property
    def pid(self) -> int:
        """The process that has started all others of the server."""
        return self._server.pid

    def stop(self) -> None:
        """Shut down at once, but cleanly; connections are cut."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(_PATIENCE)

    def kill(self) -> None:
        """`kill -9`: nothing is said to anybody."""
        self._server.kill()
        self._server.wait(_PATIENCE)

    def restart(self) -> None:
        """Stop and start: every connection is cut."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop, and leave nothing behind."""
        if self._server.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def dsn(self, name: str) -> str:
        """How psycopg itself reaches a database."""
        return f"host={self.folder} user=postgres dbname={name}"

    def url(self, name: str) -> str:
        """How a hub's setting `database` names it."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """A new database, empty or a copy of another one that nobody is connected to; its name."""
        self._count += 1
        name = f"test_{self._count}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, and whoever is connected to it."""
        self.do(f"DROP DATABASE {name} WITH (FORCE)")

    def cut(self, name: str) -> int:
        """Cut every connection to a database; how many there were."""
        return len(
            self.do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE datname = '{name}' AND pid <> pg_backend_pid()")
        )  # fmt: skip

    def do(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            ["setpriv", *self._as, self._bin / program, *arguments] if self._as
            else [self._bin / program, *arguments],
            cwd="/",
            check=True,
            capture_output=True,
        )  # fmt: skip
