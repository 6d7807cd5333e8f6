"""A unit that hands over, and the hub that takes in: the story of a batch in short words."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.federation.enrolment import Application, enrol
from hub.federation.models import Fonds, Node
from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from hub.receiving.models import Batch, Offer
from hub.review import service as review
from hub.wiring import handlers, steps
from shared.kernel.actor import Actor
from shared.kernel.canonical import digest_of, sha256_hex
from shared.kernel.clock import utc_text
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey, sign_document
from shared.messaging.entry import Entry
from shared.messaging.models import OutgoingEntry
from shared.packaging import build_package
from shared.records.holdings import FileKind, Holding
from shared.records.record import ComputerFile, Document, Record, content_digest, record_to_wire
from tests.hub.conftest import City
from tests.records import pdf

YILING_ARCHIVE, ZHIJIANG_ARCHIVE, CITY_ARCHIVE = "420506", "420583", "420500"


@dataclass
class Offered:
    """One offer as the unit made it."""

    offer_id: str
    record: Record
    package: bytes
    body: dict[str, Any]

    @property
    def sha256(self) -> str:
        return sha256_hex(self.package)


@dataclass
class HandedOver:
    """One batch as the unit made it."""

    id: str
    offers: list[Offered]
    closing: dict[str, Any]


class Unit:
    """An office with its fonds, its node and its seal."""

    def __init__(self, city: City, name: str, division: str, number: str, **more: Any) -> None:
        self.city = city
        self.seal = SigningKey.generate()
        self._next = 1
        with city.database.write() as session:
            self.fonds: Fonds = city.fonds(name, division, session, number=number, **more)
            invitation = federation.create_node_with_code(
                city.admin, name, division, [self.fonds.id], key=city.key, session=session
            )
            self.node: Node = invitation.node
            self._enrol(invitation.code, session)

    def _enrol(self, code: str, session: Any) -> None:
        application = Application(
            code=code,
            device_public=SigningKey.generate().public.hex,
            seal_public=self.seal.public.hex,
            instance_id=new_id(),
        )
        enrol(
            application,
            key=self.city.key,
            link="embedded:///nowhere",
            holdings=lambda node_id, session: [],
            session=session,
        )

    # ---- the unit's side

    def send(self, kind: str, *bodies: dict[str, Any], as_node: str | None = None) -> None:
        """Have the hub apply entries of one kind, as one run."""
        apply = handlers(self.city.folder)[kind]
        entries = [Entry(seq, kind, new_id(), body) for seq, body in enumerate(bodies, 1)]
        with self.city.database.write() as session, session.begin_nested():
            apply(session, as_node or self.node.id, entries)

    def tell(self, *records: Record) -> None:
        """Tell the catalogue of records."""
        with self.city.database.write() as session:
            catalogue.apply_records(session, self.node.id, self.city.entries(*records))

    def records(self, count: int, *, extra: int = 0, **more: Any) -> list[tuple[Record, bytes]]:
        """Frozen records, each with one PDF, told to the catalogue."""
        made = []
        for _ in range(count):
            content = pdf(f"{self.fonds.id} {self._next}", extra)
            file = ComputerFile(
                new_id(), "正文.pdf", len(content), sha256_hex(content), "pdf",
                FileKind.BORN_DIGITAL,
            )  # fmt: skip
            changes = {
                "state": "offered",
                "holding": Holding.ELECTRONIC,
                "author": self.fonds.name,
                "pages": 1,
                "documents": (Document(new_id(), "正本", None, 1, (file,)),),
            }
            record = self.city.record(self.fonds, self._next, **{**changes, **more})
            self._next += 1
            made.append((record, content))
        self.tell(*(record for record, _ in made))
        return made

    def package(self, record: Record, content: bytes, offer_id: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file"
            file.write_bytes(content)
            target = Path(folder) / "package.zip"
            build_package(
                record,
                {each.id: file for each in record.files},
                offer_id=offer_id,
                unit=self.fonds.forming_unit,
                fonds=self.fonds.shape,
                seal=self.seal,
                target=target,
            )
            return target.read_bytes()

    def offered(
        self, record: Record, content: bytes, batch_id: str, *, inline: bool = True
    ) -> Offered:
        offer_id = new_id()
        package = self.package(record, content, offer_id)
        body = {
            "offer_id": offer_id,
            "batch_id": batch_id,
            "record_id": record.id,
            "record_version": record.version,
            "record_digest": content_digest(record),
            "package": {
                "sha256": sha256_hex(package),
                "size": len(package),
                "inline": base64.b64encode(package).decode() if inline else None,
            },
        }
        return Offered(offer_id, record, package, body)

    def batch(
        self, records: Sequence[tuple[Record, bytes]], *, inline: bool = True,
        batch_id: str | None = None,
    ) -> HandedOver:  # fmt: skip
        batch_id = batch_id or new_id()
        offers = [self.offered(*each, batch_id, inline=inline) for each in records]
        closing = {
            "batch_id": batch_id,
            "fonds_id": self.fonds.id,
            "title": "2024年文书档案",
            "offers": [each.offer_id for each in offers],
            "count": len(offers),
            "bytes": sum(len(each.package) for each in offers),
            "approved_by": "李负责",
            "approved_at": utc_text(),
            "offered_by": "张三",
            "offered_at": utc_text(),
            "self_check": {"at": utc_text(), "records": len(offers), "with_errors": 0,
                           "with_warnings": 0},
        }  # fmt: skip
        return HandedOver(batch_id, offers, closing)

    def hand_over(self, count: int = 3, *, inline: bool = True, **more: Any) -> HandedOver:
        """Offer so many new records in one batch."""
        batch = self.batch(self.records(count, **more), inline=inline)
        self.send("offer", *(each.body for each in batch.offers))
        self.send("batch", batch.closing)
        return batch

    def hand_over_marked(self) -> HandedOver:
        """Offer one record whose text bears a mark of classification, which no node lets out."""
        return self.hand_over_file("正文.txt", "机密★10年\n关于某事的报告\n".encode())

    def hand_over_file(self, name: str, content: bytes) -> HandedOver:
        """Offer one record of this one file."""
        ((record, _),) = self.records(1)
        file = ComputerFile(
            new_id(), name, len(content), sha256_hex(content), name[-3:], FileKind.BORN_DIGITAL
        )
        document = Document(new_id(), "正本", None, 1, (file,))
        changed_record = replace(record, version=2, documents=(document,))
        self.tell(changed_record)
        batch = self.batch([(changed_record, content)])
        self.send("offer", *(each.body for each in batch.offers))
        self.send("batch", batch.closing)
        return batch

    def sign(self, batch_id: str, **changes: Any) -> None:
        """Sign the form that the hub sent with its verdict."""
        self.send("confirmation", self.confirmation(batch_id, **changes))

    def confirmation(
        self, batch_id: str, *, of: dict[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        form = of or self.heard("verdict")[-1]["form"]
        signed = sign_document(self.seal, form)
        return {
            "batch_id": batch_id,
            "form": form,
            "form_digest": digest_of(form),
            "signed_by": "李负责",
            "signed_at": utc_text(),
            "signature": signed["signature"],
            "key": signed["key"],
            **changes,
        }

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """What the hub has told this unit's node, oldest first."""
        import json

        with self.city.database.read() as session:
            rows = session.scalars(
                select(OutgoingEntry)
                .where(OutgoingEntry.peer == self.node.id, OutgoingEntry.kind == kind)
                .order_by(OutgoingEntry.seq)
            )
            return [json.loads(row.body) for row in rows]


class Hub:
    """The hub's side: its loops, and the people of its archives."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._loops: tuple[HubFolder | None, dict[str, Callable[[], bool]]] = (None, {})

    def work(self, name: str | None = None) -> None:
        """Let the background loops (or one) do all that waits."""
        folder, every = self._loops
        if folder is not self.city.folder:  # the process was started anew, with other settings
            folder, every = self._loops = (self.city.folder, steps(self.city.folder))
        for step in [every[name]] if name else every.values():
            for _ in range(1000):
                if not step():
                    break

    def batch(self, batch_id: str) -> Batch:
        """The latest round of a node's batch."""
        with self.city.database.read() as session:
            return session.scalars(
                select(Batch).where(Batch.batch_id == batch_id).order_by(Batch.round.desc())
            ).first()

    def offers(self, batch_id: str) -> dict[str, Offer]:
        with self.city.database.read() as session:
            found = receiving.offers_of(self.batch(batch_id).id, session=session, with_reports=True)
            return {offer.id: offer for offer in found}

    def codes(self, batch_id: str) -> set[str]:
        """The codes of all findings in a batch."""
        return {code for offer in self.offers(batch_id).values() for code in offer.finding_codes}

    def decide(self, who: Actor, batch_id: str, *decided: review.Decided) -> None:
        with self.city.database.write() as session:
            review.decide(who, self.batch(batch_id).id, decided, session=session)

    def decide_items(self, who: Actor, batch_id: str) -> None:
        """Decide that everything which is for persons to inspect is good."""
        with self.city.database.write() as session:
            batch = session.get_one(Batch, self.batch(batch_id).id)
            if receiving.may_decide_items(who, batch):
                waiting = receiving.inspection_of(batch, session=session).undecided
                decided = [receiving.ItemDecided(each.item.number, True) for each in waiting]
                receiving.decide_items(who, batch.id, decided, session=session)

    def conclude(self, who: Actor, batch_id: str, outcome: Any) -> Batch:
        """Conclude a review, after deciding what is for persons to inspect."""
        self.decide_items(who, batch_id)
        return review.conclude(self.city.folder, who, self.batch(batch_id).id, outcome)

    def receive(self, who: Actor, batch_id: str) -> Batch:
        """Sign as the archive, after deciding what nobody has decided yet."""
        self.decide_items(who, batch_id)
        return receiving.sign_and_receive(self.city.folder, who, self.batch(batch_id).id)

    def custody(self, record: Record) -> str:
        with self.city.database.read() as session:
            return catalogue.record_of(record.id, session).custody


def changed(record: Record, **changes: Any) -> Record:
    """The next version of a record."""
    return replace(record, version=record.version + 1, **changes)


def stream(content: bytes) -> io.BytesIO:
    return io.BytesIO(content)


__all__ = ["Hub", "Unit", "changed", "pdf", "record_to_wire", "stream"]
