"""Which servers a city stands on: none (SQLite, a folder), or RabbitMQ, PostgreSQL and S3."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from shared.demo.servers import rabbitmq, seaweedfs
from shared.demo.servers.postgresql import PostgreSQL
from shared.demo.servers.rabbitmq import Epmd, RabbitMQ
from shared.demo.servers.seaweedfs import SeaweedFS
from shared.demo.servers.server import Server, free_ports
from shared.demo.services import Services
from shared.kernel.settings import PREFIX

#: What the hub's settings are called by which each server is reached.
_SETTINGS = {"broker": "link", "database": "database", "store": "store"}
_SHARDS = 2


def choose_ports(taken: frozenset[int]) -> dict[str, int]:
    """Free ports for every server of a city."""
    ports = free_ports(seaweedfs.PORTS, above=seaweedfs.GRPC, taken=taken)
    taken |= frozenset(ports.values())
    return ports | free_ports((*rabbitmq.PORTS, "database"), taken=taken)


class Stack:
    """The real servers of one city. What the environment configures for the hub is not started."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._servers: list[Server] = []
        configured = {
            name for name, setting in _SETTINGS.items() if os.environ.get(PREFIX + setting.upper())
        }
        self._broker = self._database = self._store = None
        if "broker" not in configured:
            self._servers.append(Epmd(folder / "rabbitmq", ports["epmd"]))
            self._broker = RabbitMQ(
                folder / "rabbitmq", {name: ports[name] for name in rabbitmq.PORTS}
            )
            self._servers.append(self._broker)
        if "database" not in configured:
            self._database = PostgreSQL(folder / "postgresql", ports["database"])
            self._servers.append(self._database)
        if "store" not in configured:
            self._store = SeaweedFS(
                folder / "seaweedfs", {name: ports[name] for name in seaweedfs.PORTS}
            )
            self._servers.append(self._store)

    def start(self, services: Services, stopping: threading.Event) -> None:
        """Start them side by side, and wait until all answer."""
        for server in self._servers:
            services.start(server)
        for server in self._servers:
            server.wait_ready(stopping)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What was kept, to be looked at after all has been stopped: database and store alone."""
        keepers = [each for each in (self._database, self._store) if each is not None]
        try:
            for server in keepers:
                server.start()
            for server in keepers:
                server.wait_ready()
            yield
        finally:
            for server in keepers:
                server.stop()

    @property
    def names(self) -> str:
        """What was started, for people."""
        return "、".join(each.name for each in self._servers if not isinstance(each, Epmd))

    def empty(self) -> None:
        """Before the hub is founded: nothing of a founding that was broken off stays."""
        if self._database is not None:
            self._database.empty()

    @property
    def database(self) -> str:
        """The address of the database that was started; empty without one."""
        return self._database.url if self._database is not None else ""

    @property
    def settings(self) -> dict[str, str | int]:
        """What the hub's settings file must say."""
        found: dict[str, str | int] = {}
        if self._broker is not None:
            found |= self._broker.settings | {"shards": _SHARDS}
        if self._store is not None:
            found |= self._store.settings
        return found
