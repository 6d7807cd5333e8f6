"""A private RabbitMQ for the demo: own folder, ports, node name and epmd."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from shared.demo.servers.server import Server, found_program
from shared.kernel.files import write_atomically

#: The ports that it takes.
PORTS = ("amqp", "management", "distribution", "epmd")
_INSTALLED = Path("/usr/lib/rabbitmq/bin")
_USER = "danglian"
_CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 600MB
log.file.level = warning
"""


class Epmd(Server):
    """The name service of one broker, in the foreground: else the broker would leave one behind."""

    ends_by = signal.SIGKILL

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__("epmd", folder / "epmd", port)
        self._program = found_program("epmd", "rabbitmq-server")

    def command(self) -> Sequence[str | Path]:
        return [self._program, "-port", str(self.port), "-address", "127.0.0.1"]

    def answers(self) -> bool:
        return self.running


class RabbitMQ(Server):
    """One broker with an administrator of its own; the account `guest` is never made."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        super().__init__("RabbitMQ", folder, ports["amqp"])
        self._ports = ports
        self._program = found_program("rabbitmq-server", "rabbitmq-server", _INSTALLED)

    @property
    def settings(self) -> dict[str, str]:
        """What a hub is told in order to use it."""
        return {
            "link": f"amqp://localhost:{self._ports['amqp']}/%2F",
            "broker_management": self._management,
            "broker_user": _USER,
            "broker_password": self._password,
        }

    def start(self) -> None:
        """Write its configuration, and start it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        secret, cookie = self.folder / "password", self.folder / ".erlang.cookie"
        if not secret.exists():
            write_atomically(secret, secrets.token_hex(16).encode(), mode=0o600)
        if not cookie.exists():
            write_atomically(cookie, secrets.token_hex(16).encode(), mode=0o400)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].")
        (self.folder / "environment.conf").touch()
        configuration = _CONFIGURATION.format(user=_USER, password=self._password, **self._ports)
        write_atomically(self.folder / "rabbitmq.conf", configuration.encode(), mode=0o600)
        super().start()

    def command(self) -> Sequence[str | Path]:
        return [self._program]

    def answers(self) -> bool:
        try:
            answer = requests.get(
                f"{self._management}/api/overview", auth=(_USER, self._password), timeout=5
            )
        except requests.RequestException:
            return False
        return answer.ok

    @property
    def _management(self) -> str:
        return f"http://localhost:{self._ports['management']}"

    @property
    def _password(self) -> str:
        return (self.folder / "password").read_text(encoding="ascii")

    def _whole_environment(self) -> Mapping[str, str]:
        folder = str(self.folder)
        return {
            **super()._whole_environment(),
            "LANG": "C.UTF-8",
            "HOME": folder,
            "RABBITMQ_NODENAME": f"danglian{self._ports['amqp']}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._ports["amqp"]),
            "RABBITMQ_DIST_PORT": str(self._ports["distribution"]),
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/environment.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Then its script becomes the broker, instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
