"""A node with filed records, and an archive at the other end that answers what it is told."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.office.service import office_of
from node.registry.files import keep_file
from node.transfer import service as transfer
from node.transfer.work import TransferWork
from shared.kernel.actor import Actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import utc_text
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job
from shared.kernel.keys import SigningKey, sign_document
from shared.messaging.models import OutgoingEntry
from tests.node.conftest import Node
from tests.records import pdf

__all__ = ["pdf"]


class Archive:
    """The hub and the archive, as far as a node sees them: what they were told, what they sign."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.hub = SigningKey.generate()
        self.seal = SigningKey.generate()
        with node.database.write() as session:
            office = office_of(session)
            office.hub_public_key = self.hub.public.hex
            office.archives = [
                {"code": "420500", "name": "市档案馆", "seal_public_key": self.seal.public.hex}
            ]

    def told(self, kind: str) -> list[dict[str, Any]]:
        with self.node.database.read() as session:
            rows = session.scalars(
                select(OutgoingEntry).where(OutgoingEntry.kind == kind).order_by(OutgoingEntry.seq)
            )
            return [json.loads(row.body) for row in rows]

    def kinds(self) -> list[str]:
        with self.node.database.read() as session:
            return list(session.scalars(select(OutgoingEntry.kind).order_by(OutgoingEntry.seq)))

    def verdict(
        self,
        batch_id: str,
        outcome: str = "accepted",
        returned: Sequence[str] = (),
        reasons: Sequence[dict[str, Any]] = (),
        **changes: Any,
    ) -> dict[str, Any]:
        offers = [
            {
                "offer_id": offer["offer_id"],
                "record_id": offer["record_id"],
                "record_version": offer["record_version"],
                "package_sha256": offer["package"]["sha256"],
                "outcome": "returned"
                if outcome == "returned" or offer["record_id"] in returned
                else "accepted",
                "reasons": list(reasons) if offer["record_id"] in returned else [],
            }
            for offer in self.told("offer")
            if offer["batch_id"] == batch_id
        ]
        document = {
            "verdict_id": new_id(),
            "batch_id": batch_id,
            "outcome": outcome,
            "offers": list({offer["offer_id"]: offer for offer in offers}.values()),
            "form": None if outcome == "returned" else {"title": "登记表", "count": len(offers)},
            "archive": "420506",
            "by": "赵审核",
            "at": utc_text(),
            **changes,
        }
        return {**document, "signature": sign_document(self.hub, document)}

    def receipt(self, batch_id: str, **changes: Any) -> dict[str, Any]:
        with self.node.database.read() as session:
            batch = session.get_one(transfer.Batch, batch_id)
            lines = [
                {
                    "offer_id": each.offer_id,
                    "record_id": each.record_id,
                    "record_version": each.record_version,
                    "package_sha256": each.package_sha256,
                    "size": each.package_size,
                }
                for each in transfer.records_of(batch_id, session=session)
                if each.outcome != "returned"
            ]
            form = batch.form
        document = {
            "receipt_id": new_id(),
            "batch_id": batch_id,
            "archive": "420500",
            "form": form,
            "form_digest": digest_of(form),
            "offers": lines,
            "unit_signature": {},
            "by": "钱接收",
            "at": utc_text(),
            **changes,
        }
        return {**document, "archive_signature": sign_document(self.seal, document)}

    def send(self, apply: Any, body: dict[str, Any]) -> None:
        with self.node.database.write() as session:
            apply(session, body)


class Office:
    """The people of the office and what they do with a batch."""

    def __init__(self, node: Node, clerk: Actor, leader: Actor) -> None:
        self.node, self.clerk, self.leader = node, clerk, leader
        self.work = TransferWork(node.folder)

    def filed(self, count: int = 3, *, extra: int = 0, content: bytes | None = None) -> list[str]:
        rows = self.node.rows(count)
        for row in rows:
            file = io.BytesIO(content or pdf(row["title"], extra))
            stored = keep_file(self.node.folder.files, file, "正文.pdf")
            row["documents"] = [
                {"role": "正本", "title": None, "files": [{**stored.__dict__, "kind": None}]}
            ]
        with self.node.database.write() as session:
            found = filing.collect_many(self.clerk, self.node.fonds, rows, session=session)
        self.node.close(self.clerk)
        return found.ids

    def prepared(self, ids: Sequence[str], title: str = "2023年文书档案") -> str:
        with self.node.database.write() as session:
            batch = transfer.prepare(self.clerk, self.node.fonds, list(ids), title, session=session)
            opinions = {"opening_opinion": "open", "publicity_attribute": "active"}
            transfer.set_opinions(self.clerk, batch.id, opinions, session=session)
            return batch.id

    def inspect(self, batch_id: str) -> Job:
        with self.node.database.write() as session:
            job = transfer.inspect(self.clerk, batch_id, session=session)
        return self.work.finish(job.id)

    def approve(self, batch_id: str) -> None:
        with self.node.database.write() as session:
            transfer.approve(self.leader, batch_id, session=session)

    def offer(self, batch_id: str) -> Job:
        with self.node.database.write() as session:
            job = transfer.offer(self.clerk, batch_id, session=session)
        return self.work.finish(job.id)

    def offered(self, count: int = 3, **more: Any) -> tuple[str, list[str]]:
        ids = self.filed(count, **more)
        batch_id = self.prepared(ids)
        assert self.inspect(batch_id).state == "done"
        self.approve(batch_id)
        job = self.offer(batch_id)
        assert job.state == "done", job.problem
        return batch_id, ids

    def sign(self, batch_id: str) -> None:
        with self.node.database.read() as session:
            draft = transfer.draft_signature(self.leader, batch_id, session=session)
        draft = transfer.seal_draft(draft, self.node.folder.keys.seal())
        with self.node.database.write() as session:
            transfer.sign(self.leader, batch_id, draft, session=session)

    def batch(self, batch_id: str) -> transfer.Batch:
        with self.node.database.read() as session:
            return session.get_one(transfer.Batch, batch_id)

    def lines(self, batch_id: str) -> list[transfer.BatchRecord]:
        with self.node.database.read() as session:
            return transfer.records_of(batch_id, session=session)


@pytest.fixture
def archive(node: Node) -> Archive:
    return Archive(node)


@pytest.fixture
def office(node: Node, archive: Archive, clerk: Actor, leader: Actor) -> Office:
    return Office(node, clerk, leader)
