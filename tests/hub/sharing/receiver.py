"""The other side of pushing: a receiver, and an archive that shares with its consumer."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import Consumer
from hub.sharing.policies import Audience
from hub.sharing.pushing import service
from hub.sharing.pushing.models import Push
from hub.sharing.pushing.reaching import reach_of
from hub.sharing.pushing.sending import Pushing
from hub.sharing.pushing.signing import SecretKeeper
from hub.sharing.pushing.webhooks import Webhooks
from shared.kernel.actor import Grant, Role
from shared.kernel.clock import now
from shared.kernel.settings import save_settings
from tests.hub.sharing.conftest import Sharing
from tests.hub.sharing.consumers.conftest import Desk, terms
from tests.servers.answering import Answering

NEAR = "127.0.0.0/8"


class Receiver(Answering):
    """The other side: checks the signature as the standard says, and keeps a copy."""

    media_type = "text/plain"
    path = "hooks?of=danglian"

    def __init__(self) -> None:
        self.secret = ""
        self.signatures: list[str] = []
        self.held: dict[str, dict[str, Any]] = {}
        self.heard: list[tuple[str, dict[str, Any]]] = []
        super().__init__()

    def true_answer(self, question: bytes) -> bytes:
        id_, stamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.new(key, f"{id_}.{stamp}.".encode() + question, hashlib.sha256).digest()
        self.signatures = self.headers["webhook-signature"].split(" ")
        assert f"v1,{b64encode(made).decode()}" in self.signatures
        told = json.loads(question)
        self.heard.append((id_, told))
        if told["after"] is None:
            self.held.clear()
        for each in told["entries"]:
            if each["kind"] == "upsert":
                self.held[each["id"]] = each["record"]
            else:
                self.held.pop(each["id"], None)
        return b""


class Pushes:
    """An archive that shares, a consumer, and its receiver."""

    def __init__(self, archive: Sharing, desk: Desk, receiver: Receiver) -> None:
        self.archive, self.desk, self.receiver = archive, desk, receiver
        settings = replace(archive.city.folder.settings, push_networks=NEAR)
        save_settings(settings, archive.city.folder.path)
        self.reach, self.keeper = reach_of(settings), SecretKeeper(archive.city.folder.path)
        archive.share(Audience.GOVERNMENT)
        archive.share()

    def set(self, consumer: Consumer, url: str = "") -> str:
        with self.archive.city.database.write() as session:
            self.receiver.secret = service.set_push(
                self.desk.applicant, consumer.id, url or self.receiver.url, reach=self.reach,
                keeper=self.keeper, session=session,
            )  # fmt: skip
        return consumer.id

    def begin(self, **terms_: Any) -> str:
        """A consumer on these terms, to whom is pushed."""
        return self.set(self.desk.consumer(**terms_))

    def work(self) -> None:
        self.archive.settle()
        pushing = Pushing(self.archive.city.database, Webhooks(self.reach, self.keeper))
        while pushing.step():
            pass

    def row(self, consumer_id: str) -> Push:
        with self.archive.city.database.read() as session:
            return session.get_one(Push, consumer_id)

    def later(self, consumer_id: str, **changes: Any) -> None:
        """The time for the next try comes."""
        with self.archive.city.database.write() as session:
            row = session.get_one(Push, consumer_id)
            row.due_at = now()
            for name, value in changes.items():
                setattr(row, name, value)

    def change_terms(self, consumer_id: str, **changes: Any) -> None:
        with self.archive.city.database.write() as session:
            consumers.apply_for_change(
                self.desk.applicant, consumer_id, terms(**changes), session=session
            )
            consumers.approve(self.desk.approver, consumer_id, session=session)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def desk(archive: Sharing) -> Desk:
    city = archive.city
    return Desk(city, city.person(Grant(Role.ARCHIVIST)), city.person(Grant(Role.ARCHIVIST)))


@pytest.fixture
def pushes(archive: Sharing, desk: Desk, receiver: Receiver) -> Pushes:
    return Pushes(archive, desk, receiver)
