"""A hub that is a client of an identity service, and a node of it, both with their pages served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.app import make_app
from hub.federation.places import HubFolder
from node.app import make_node_app
from node.office.service import office_of
from node.signon.service import ask_about_accounts
from node.sync.asking import HubDoor
from shared.identity import Account
from shared.kernel.actor import Grant, Role, system_actor
from shared.kernel.settings import save_settings
from shared.web import Server, serve
from tests.federation import Federation, Unit
from tests.people import employ
from tests.servers.providers import CLIENT, SECRET

SYSTEM = system_actor("test")
PASSWORD = "danglian-2024"
UNIT_CODE = "11420500MB0000001X"


class SignOnCity:
    """The hub, one unit, and the servers that a test has started."""

    def __init__(self, folder: Path) -> None:
        self.federation = Federation(folder)
        self.unit: Unit = self.federation.enrol("宜昌市文化和旅游局", number="A101")
        self.folder = folder
        self.servers: list[Server] = []
        self.hub: HubFolder = self.federation.hub
        self.app: Flask | None = None

    def settle_hub(self, port: int, **settings: Any) -> str:
        """Give the hub its settings, an administrator, and its address."""
        address = f"http://localhost:{port}"
        told = replace(self.hub.settings, public_url=address, port=port, **settings)
        save_settings(told, self.hub.path)
        self.hub = HubFolder(self.hub.path)
        return address

    def client_of(self, issuer: str) -> dict[str, str]:
        """The settings of a client of this service."""
        secret, mapping = self.folder / "client.secret", self.folder / "claims.toml"
        secret.write_text(SECRET + "\n")
        mapping.write_text(
            '[claims]\nunit = "unit_code"\n'
            '[duties]\n"档案员" = "clerk"\n"系统管理" = "system_administrator"\n'
            f'[units]\n{UNIT_CODE} = "fonds:{self.unit.fonds_id}"\n'
        )
        return {
            "sso_issuer": issuer,
            "sso_client_id": CLIENT,
            "sso_client_secret_file": str(secret),
            "sso_claims": str(mapping),
        }

    def serve(self, port: int) -> None:
        """Serve the hub's pages, and the node's."""
        self.app = make_app(self.hub)
        self.servers.append(serve(self.app, "127.0.0.1", port, threads=4))
        with self.unit.folder.database().write() as session:
            office_of(session).hub_url = f"http://localhost:{port}"
        self.servers.append(serve(make_node_app(self.unit.folder), "127.0.0.1", 0, threads=4))

    @property
    def node_url(self) -> str:
        return self.servers[1].url

    def ask(self) -> int:
        """What the node's loop does every ten minutes."""
        return ask_about_accounts(self.unit.folder, HubDoor(self.unit.folder))

    def account(self, login: str, session: Session) -> Account:
        return session.scalars(select(Account).where(Account.login == login)).one()

    def add(self, login: str, *grants: Grant, **more: Any) -> Account:
        """A local account of the hub."""
        with self.hub.database().write() as session:
            return employ(login, login.title(), PASSWORD, grants, session=session, **more)

    def add_administrator(self, login: str = "boss") -> Account:
        return self.add(login, Grant(Role.SYSTEM_ADMINISTRATOR))

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        for database in (
            self.hub.database(), self.federation.hub.database(), self.unit.folder.database()
        ):  # fmt: skip
            database.close()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[SignOnCity]:
    city = SignOnCity(tmp_path)
    yield city
    city.close()
