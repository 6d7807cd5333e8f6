"""A hub that is served, its archivists, and a consumer of another body with its real client."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask

from hub.app import make_app
from hub.federation.places import HubFolder
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import Terms
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import SHANGHAI, now, today
from shared.kernel.settings import save_settings
from shared.web import Server, serve
from tests.hub.conftest import City

TOKEN, ME = "/api/v1/oauth/token", "/api/v1/shared/me"


def day(days: int) -> str:
    return (now().astimezone(SHANGHAI) + timedelta(days=days)).strftime("%Y-%m-%d")


def terms(**changes: Any) -> Terms:
    told = Terms(
        purpose="汇聚全省开放档案目录", audience="government", services=("records", "oai"),
        since=today(), until=day(365), requests=1000,
    )  # fmt: skip
    return replace(told, **changes)


@dataclass
class Desk:
    """The people who keep consumers, and the hub as it is served."""

    city: City
    applicant: Actor
    approver: Actor
    server: Server | None = None
    app: Flask | None = None

    def consumer(self, **changes: Any) -> Consumer:
        """One that is approved."""
        with self.city.database.write() as session:
            made = consumers.apply(
                self.applicant, "省档案目录汇聚", "湖北省档案馆", terms(**changes), session=session
            )
            return consumers.approve(self.approver, made.id, session=session)

    def secret(self, consumer: Consumer) -> str:
        with self.city.database.write() as session:
            return consumers.rotate_secret(self.applicant, consumer.id, session=session)

    def suspend(self, consumer: Consumer) -> None:
        with self.city.database.write() as session:
            consumers.suspend(self.applicant, consumer.id, "对方要求", session=session)

    def resume(self, consumer: Consumer) -> None:
        with self.city.database.write() as session:
            consumers.resume(self.approver, consumer.id, session=session)

    def client(self, consumer: Consumer, **more: Any) -> OAuth2Session:
        """A real client of it, with a token."""
        client = OAuth2Session(consumer.id, self.secret(consumer), **more)
        client.fetch_token(self.url + TOKEN)
        return client

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def serve(self, **settings: Any) -> None:
        """Serve the hub's pages and API, under the address that it says it has."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        told = {"public_url": f"http://127.0.0.1:{port}", "port": port, **settings}
        save_settings(replace(self.city.folder.settings, **told), self.city.folder.path)
        self.app = make_app(HubFolder(self.city.folder.path))
        self.server = serve(self.app, "127.0.0.1", port, threads=4)


@pytest.fixture
def desk(city: City) -> Iterator[Desk]:
    desk = Desk(city, city.person(Grant(Role.ARCHIVIST)), city.person(Grant(Role.ARCHIVIST)))
    yield desk
    if desk.server is not None:
        desk.server.stop()


@pytest.fixture
def served(desk: Desk) -> Desk:
    desk.serve()
    return desk


def code_of(answer: requests.Response) -> str:
    told: str = answer.json()["code"]
    return told


def wait_for_log(desk: Desk, count: int) -> list[Any]:
    """The lines of the log once so many have their outcome: it is written after the answer."""
    from sqlalchemy import select

    from hub.sharing.consumers.models import ConsumerRequest

    for _ in range(100):
        with desk.city.database.read() as session:
            lines = list(session.scalars(select(ConsumerRequest).order_by(ConsumerRequest.id)))
        if sum(each.status is not None for each in lines) >= count:
            return lines
        time.sleep(0.05)
    raise AssertionError("the outcome was not written")
