"""A private RabbitMQ for tests: own folder, ports, node name and epmd, gone when they are."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
import pytest
import requests

from hub.federation.broker import DEAD_QUEUE, STREAM_QUEUE
from shared.messaging.link import Link, is_dead_queue
from shared.messaging.links import open_link
from tests.servers.certificates import make_certificates

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
#: Should the tests be killed, the broker dies with them.
_ENDS_WITH_US = ("setpriv", "--pdeathsig=KILL")
_PATIENCE = 120.0
_CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{amqp}
listeners.ssl.1 = 127.0.0.1:{amqps}
ssl_options.cacertfile = {folder}/tls/ca.pem
ssl_options.certfile = {folder}/tls/server.pem
ssl_options.keyfile = {folder}/tls/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
management.ssl.ip = 127.0.0.1
management.ssl.port = {management_tls}
management.ssl.cacertfile = {folder}/tls/ca.pem
management.ssl.certfile = {folder}/tls/server.pem
management.ssl.keyfile = {folder}/tls/server.key
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 600MB
log.file.level = warning
"""


@dataclass(frozen=True)
class Ports:
    """The free ports that one broker took."""

    amqp: int
    amqps: int
    management: int
    management_tls: int
    distribution: int
    epmd: int


class RabbitMQ:
    """One broker, started at once. Its administrator is made up; the account `guest` never is."""

    user = "tests"

    def __init__(self) -> None:
        if not _SERVER.exists():
            pytest.fail("没有 RabbitMQ：请安装 Debian 软件包 rabbitmq-server。")
        self.folder = Path(tempfile.mkdtemp(prefix="dl-mq-"))
        self.password = secrets.token_hex(12)
        self.ports = _free_ports()
        self._count = 0
        self._http = requests.Session()
        self._http.auth = (self.user, self.password)
        self.ca = make_certificates(self.folder / "tls", "localhost")
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].")
        (self.folder / "environment.conf").touch()
        (self.folder / "rabbitmq.conf").write_text(
            _CONFIGURATION.format(
                folder=self.folder, user=self.user, password=self.password, **vars(self.ports)
            )
        )
        # In the foreground, so that it is ours to end; the broker finds it and starts no other.
        self._epmd = subprocess.Popen(
            [*_ENDS_WITH_US, "epmd", "-port", str(self.ports.epmd), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
        )
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    # ---- its life

    def start(self) -> None:
        """Start the broker and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self._server = subprocess.Popen(
                [*_ENDS_WITH_US, _SERVER],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment(),
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > deadline or self._server.poll() is not None:
                said = (self.folder / "output").read_text(errors="replace")[-3000:]
                raise AssertionError(f"RabbitMQ does not start: {said}")
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """The process that has started all others of the broker."""
        return self._server.pid

    def stop(self) -> None:
        """Shut down cleanly; connections are closed."""
        self._server.terminate()
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
        """End the broker and its epmd, and leave nothing behind."""
        if self._server.poll() is None:
            self.kill()
        self._epmd.terminate()
        self._epmd.wait(_PATIENCE)
        self._http.close()
        shutil.rmtree(self.folder)

    # ---- how it is reached

    def address(self, vhost: str, *, tls: bool = False) -> str:
        """How a setting names it."""
        scheme, port = ("amqps", self.ports.amqps) if tls else ("amqp", self.ports.amqp)
        return f"{scheme}://localhost:{port}/{vhost}"

    def settings(self, vhost: str, *, tls: bool = False) -> dict[str, str]:
        """What a hub is told in order to use it."""
        management = f"https://localhost:{self.ports.management_tls}"
        return {
            "link": self.address(vhost, tls=tls),
            "broker_management": management if tls else self.management,
            "broker_user": self.user,
            "broker_password": self.password,
            "broker_ca": str(self.ca) if tls else "",
        }

    @property
    def management(self) -> str:
        """The address of its management API."""
        return f"http://localhost:{self.ports.management}"

    def open(self, vhost: str) -> Link:
        """A link with the administrator's account."""
        return open_link(self.address(vhost), account=(self.user, self.password))

    def parameters(self, vhost: str) -> pika.ConnectionParameters:
        """How pika itself reaches it with the administrator's account."""
        credentials = pika.PlainCredentials(self.user, self.password)
        return pika.ConnectionParameters("localhost", self.ports.amqp, vhost, credentials)

    # ---- the administrator's hand

    def new_vhost(self) -> str:
        """A virtual host of its own for one test; its name."""
        self._count += 1
        name = f"v{self._count}"
        self.call("PUT", "vhosts", name)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.call("PUT", "permissions", name, self.user, body=everything)
        return name

    def declare(self, vhost: str, queue: str) -> None:
        """A queue as the hub declares its own (`hub.federation.broker`)."""
        arguments = DEAD_QUEUE if is_dead_queue(queue) else STREAM_QUEUE
        self.call("PUT", "queues", vhost, queue, body={"durable": True, "arguments": arguments})

    def call(self, method: str, *path: str, body: Any = None) -> Any:
        """One call of the management API; the answer as JSON, or None."""
        url = f"http://127.0.0.1:{self.ports.management}/api/" + "/".join(
            quote(part, safe="") for part in path
        )
        answer = self._http.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    # ---- inside

    def _answers(self) -> bool:
        url = f"http://127.0.0.1:{self.ports.management}/api/overview"
        try:
            if not self._http.get(url, timeout=5).ok:
                return False
            with socket.create_connection(("127.0.0.1", self.ports.amqp), 5):
                return True
        except (OSError, requests.RequestException):
            return False

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": folder,
            "RABBITMQ_NODENAME": f"danglian{self.ports.amqp}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.ports.amqp),
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/environment.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ("-kernel inet_dist_use_interface {127,0,0,1}"),
            # Then its script becomes the broker, instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


def _free_ports() -> Ports:
    """Ports that nobody listens on; held open together, so that they are different ones."""
    probes = [socket.socket() for _ in Ports.__dataclass_fields__]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return Ports(*(probe.getsockname()[1] for probe in probes))
    finally:
        for probe in probes:
            probe.close()
