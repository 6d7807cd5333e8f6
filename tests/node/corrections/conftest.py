"""An office whose batch was received, and an archive at the other end that corrects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.corrections import service as corrections
from node.corrections.models import Correction
from node.filing import service as filing
from node.transfer import service as transfer
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import utc_text
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey, sign_document
from shared.records.corrections import corrected
from tests.node.conftest import make_node
from tests.node.transfer.conftest import Archive, Office, archive, office
from tests.prepared import prepared

__all__ = ["archive", "office"]


@dataclass
class Mirror:
    """Received records of an office, and what its archive says of them."""

    office: Office
    archive: Archive
    ids: list[str]

    @property
    def id(self) -> str:
        return self.ids[0]

    def wire(self) -> dict[str, Any]:
        with self.office.node.database.read() as session:
            return filing.wires([self.id], session=session)[0]

    def ask(self, actor: Actor, reason: str = "题名漏字", **values: Any) -> str:
        with self.office.node.database.write() as session:
            return corrections.ask(actor, self.id, values, reason, session=session).id

    def all(self) -> dict[str, Correction]:
        with self.office.node.database.read() as session:
            return {each.id: each for each in session.query(Correction)}

    def request(self, correction_id: str) -> dict[str, Any] | None:
        found = self.all().get(correction_id)
        return found.request if found else None

    def changed(
        self, correction_id: str | None = None, *, seal: SigningKey | None = None,
        spoil: dict[str, Any] | None = None, **values: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """The archive's answer, as it comes down: corrected."""
        event = {
            "id": new_id(), "action": "更正", "time": utc_text(), "agent": "钱接收",
            "agent_unit": "市档案馆", "basis": "核对原件", "description": None,
        }  # fmt: skip
        record = corrected(self.wire(), values, [event], state="received")
        return self._sealed(
            {
                "correction_id": correction_id or new_id(),
                "record": record,
                "record_digest": digest_of(record),
                "request": self.request(correction_id) if correction_id else None,
                "reason": "核对原件",
            },
            seal,
            spoil,
        )

    def declined(self, correction_id: str, reason: str = "与原件一致") -> dict[str, Any]:
        """The archive's answer, as it comes down: it stays as it is."""
        return self._sealed(
            {
                "correction_id": correction_id,
                "request": self.request(correction_id),
                "reason": reason,
            },
            None,
            None,
        )

    def _sealed(
        self, said: dict[str, Any], seal: SigningKey | None, spoil: dict[str, Any] | None
    ) -> dict[str, Any]:
        document = {"archive": "420500", **said, "by": "钱接收", "at": utc_text()}
        signed = sign_document(seal or self.archive.seal, document)
        return {**document, "archive_signature": signed, **(spoil or {})}

    def send(self, kind: str, body: dict[str, Any]) -> None:
        from node.wiring import HANDLERS
        from shared.messaging.entry import Entry

        with self.office.node.database.write() as session:
            HANDLERS[kind](session, "hub", [Entry(1, kind, self.id, body)])

    def notices(self) -> list[str]:
        with self.office.node.database.read() as session:
            return [each.code for each in transfer.notices(system_actor("test"), session=session)]


def _received(path: Path) -> tuple[SigningKey, list[str]]:
    """A node whose batch was received: the seal of its archive, and the records."""
    node = make_node(path)
    archive = Archive(node)
    office = Office(
        node,
        Actor("account:clerk", "张档案", (Grant(Role.CLERK),)),
        Actor("account:leader", "李镇长", (Grant(Role.LEADER),)),
    )
    batch_id, ids = office.offered(2)
    archive.send(transfer.apply_verdict, archive.verdict(batch_id))
    office.sign(batch_id)
    archive.send(transfer.apply_receipt, archive.receipt(batch_id))
    node.database.close()
    return archive.seal, ids


@pytest.fixture
def mirror(office: Office, archive: Archive) -> Mirror:
    node = office.node
    node.database.close()
    archive.seal, ids = prepared(_received, node.folder.path)
    found = Mirror(office, archive, ids)
    assert found.wire()["state"] == "received"
    return found
