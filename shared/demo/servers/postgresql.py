"""A private PostgreSQL for the demo, with a password of its own."""

from __future__ import annotations

import os
import pwd
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.demo.servers.server import Server, found_program
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Unavailable
from shared.kernel.files import write_atomically

if TYPE_CHECKING:
    import psycopg

_INSTALLED = Path("/usr/lib/postgresql")
_USER, _DATABASE = "danglian", "archives"


class PostgreSQL(Server):
    """One cluster with one database; made at the first start."""

    #: Connections are cut, and what is committed is kept.
    ends_by = dies_by = signal.SIGINT

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__("PostgreSQL", folder, port)
        self._bin = found_program(
            "initdb", "postgresql",
            *sorted(_INSTALLED.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True),
        ).resolve().parent  # fmt: skip
        self._data = _home(folder) / "data"

    @property
    def url(self) -> str:
        """How the hub's setting `database` names it."""
        return f"postgresql+psycopg://{_USER}:{self._password}@127.0.0.1:{self.port}/{_DATABASE}"

    def start(self) -> None:
        """Make the cluster unless it is there, and start the server."""
        if not (self._data / "made").exists():
            self._make()
        super().start()

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
        }
        given = (f"--{name}={value}" for name, value in settings.items())
        return [self._bin / "postgres", "-D", self._data, *given]

    def answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError):
            self._connect().close()
            return True
        return False

    def empty(self) -> None:
        """Make the database anew, empty. Raises Unavailable when the server is away."""
        import psycopg

        try:
            with self._connect() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
                connection.execute(f"CREATE DATABASE {_DATABASE}")
        except psycopg.OperationalError as error:
            raise Unavailable("数据库服务器暂时不可用。", "演示会自动重试。") from error

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        address = self.url.replace("+psycopg", "").removesuffix(_DATABASE) + "postgres"
        return psycopg.connect(address, autocommit=True, connect_timeout=5)

    def _make(self) -> None:
        home = self._data.parent
        home.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(home / "password", secrets.token_hex(16).encode(), mode=0o600)
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            for path in (home, home / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        half = self._data.with_name("half")
        self._run("rm", "-rf", half, self._data)
        self._run(
            self._bin / "initdb", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
            f"--username={_USER}", f"--pwfile={home / 'password'}", f"--pgdata={half}",
        )  # fmt: skip
        self._run("mv", half, self._data)
        self._run("touch", self._data / "made")

    @property
    def _password(self) -> str:
        return (self._data.with_name("password")).read_text(encoding="ascii")

    def _identity(self) -> Sequence[str]:
        # A server of PostgreSQL refuses to run as root.
        root = os.geteuid() == 0
        return ("--reuid=postgres", "--regid=postgres", "--init-groups") if root else ()

    def _run(self, *arguments: str | Path) -> None:
        as_other = ["setpriv", *self._identity()] if self._identity() else []
        subprocess.run(
            [*as_other, *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            check=True,
            capture_output=True,
        )


def _home(folder: Path) -> Path:
    """Where the cluster lies: in the folder; for root where the server's account can go too."""
    if os.geteuid() != 0:
        return folder
    name = f"danglian-demo-{sha256_hex(str(folder.resolve()).encode())[:12]}"
    return Path(tempfile.gettempdir()) / name
