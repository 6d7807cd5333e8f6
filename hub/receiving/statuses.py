"""Whether the certificates of seals and signers were revoked at receipt: asked after the commit.

A responder (OCSP, RFC 6960) is asked about every certificate of both sides' seals and of the seals
that the check found in files, up to the root. Its answers are papers of the repository beside the
lists of revoked ones, each once under its digest, and one paper for the receipt names them. What is
to be done stands in the table: a receipt whose answers are not noted. So a kill loses nothing.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.receiving.models import Batch, Offer, Receipt
from hub.receiving.seal_evidence import LISTS
from hub.repository import service as repository
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import format_utc, now, parse_utc, utc_text
from shared.kernel.database import Database, locked
from shared.packaging.status_service import StatusService
from shared.seals.authorities import AuthoritiesFolder
from shared.storage import ObjectStore
from shared.verifier.certificates import Authorities, Certificate, NotTrusted
from shared.verifier.signatures import NotChecked

log = logging.getLogger(__name__)

STATUSES = "statuses"
_ACTOR = system_actor("receiving")
_CHUNK = 20

Pair = tuple[Certificate, Certificate]


class Asking:
    """Asks about the certificates of receipts (a `Background` step); nothing without a service."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        service: StatusService | None,
        authorities: AuthoritiesFolder | None,
    ) -> None:
        self._database = database
        self._store = store
        self._service = service
        self._authorities = authorities

    def step(self) -> bool:
        """Ask for some receipts; True when there may be more.

        Raises Unavailable when the responder gives no answer: the loop slows down and asks again.
        """
        if self._service is None or self._authorities is None:
            return False
        with self._database.read() as session:
            waiting = session.scalars(unasked().limit(_CHUNK)).all()
        for receipt in waiting:
            self._ask(receipt, self._service, self._authorities.current())
        return len(waiting) == _CHUNK

    def _ask(self, receipt: Receipt, service: StatusService, authorities: Authorities) -> None:
        document = repository.paper_of(self._store, receipt.archive_code, STATUSES, receipt.id)
        answers: dict[str, bytes] = {}
        if document is None:  # else a database that was restored has forgotten it
            with self._database.read() as session:
                wanted = list(_pairs(receipt, authorities, session))
            said = []
            for certificate, issuer in wanted:
                answer = service.ask(certificate, issuer)
                answers[sha256_hex(answer.der)] = answer.der
                since = answer.revoked_since(certificate, issuer)
                said.append(
                    {
                        "certificate": b64encode(certificate.der).decode(),
                        "name": certificate.name,
                        "answer": sha256_hex(answer.der),
                        "revoked_since": format_utc(since) if since else None,
                    }
                )
            document = {
                "receipt_id": receipt.id,
                "archive": receipt.archive_code,
                "at": utc_text(),
                "statuses": said,
            }
        with self._database.write() as session:
            note_statuses(receipt.id, document, answers, session=session)


def unasked() -> Select[Receipt]:
    """The receipts of received batches about whose certificates nobody has been asked."""
    return (
        select(Receipt)
        .join(Batch, Batch.id == Receipt.batch_id)
        .where(Receipt.statuses.is_(None), Batch.received_at.is_not(None))
        .order_by(Receipt.made_at, Receipt.id)
    )


def _pairs(receipt: Receipt, authorities: Authorities, session: Session) -> Iterator[Pair]:
    """Every certificate to ask about, with its issuer, each once."""
    seen: set[bytes] = set()
    for chain in _chains(receipt, authorities, session):
        for certificate, issuer in pairwise(chain):
            if certificate.der not in seen:
                seen.add(certificate.der)
                yield certificate, issuer


def _chains(
    receipt: Receipt, authorities: Authorities, session: Session
) -> Iterator[list[Certificate]]:
    """The ways from both sides' seals, and from the signers in files, to authorities that count.

    What leads to none is asked of nobody: its address is whatever a stranger has written.
    """
    for side in ("unit", "archive"):
        key = str(receipt.document[f"{side}_signature"].get("public_key"))
        if (certificate := authorities.certificate_of(key)) is not None:
            yield from _way(certificate, (), authorities)
    reports = session.scalars(select(Offer.report).where(Offer.batch_id == receipt.batch_id))
    for report in reports:
        for said in (report or {}).get("seals", ()):
            own, *others = (Certificate(b64decode(each)) for each in said["chain"])
            yield from _way(own, others, authorities)


def _way(
    certificate: Certificate, others: Iterable[Certificate], authorities: Authorities
) -> Iterator[list[Certificate]]:
    try:
        yield Authorities(authorities.trusted, authorities.others).chain_of(
            certificate, now(), others
        )
    except (NotTrusted, NotChecked, ValueError, IndexError) as error:
        log.info("nobody is asked about a certificate: %s", error)


def note_statuses(
    receipt_id: str, document: Mapping[str, Any], answers: Mapping[str, bytes], *, session: Session
) -> None:
    """Write down what the responder said, to be kept in the repository after this commit."""
    receipt = locked(session, Receipt, receipt_id)
    if receipt is None or receipt.statuses is not None:
        return
    for digest, der in answers.items():
        paper = {"list": b64encode(der).decode()}
        repository.keep_paper(session, receipt.archive_code, LISTS, digest, paper)
    repository.keep_paper(session, receipt.archive_code, STATUSES, receipt.id, document)
    receipt.statuses = dict(document)
    session.flush()
    revoked = [each["name"] for each in document["statuses"] if each["revoked_since"]]
    audit.record(
        session, _ACTOR, "receipt.statuses_kept", f"batch:{receipt.batch_id}",
        receipt=receipt.id, count=len(document["statuses"]), problems=revoked,
    )  # fmt: skip


def answers_of(store: ObjectStore, receipt: Receipt) -> list[bytes]:
    """The answers that are kept of a receipt, as the responder gave them; files for a verifier."""
    digests = [each["answer"] for each in (receipt.statuses or {}).get("statuses", ())]
    papers = (
        repository.paper_of(store, receipt.archive_code, LISTS, each)
        for each in dict.fromkeys(digests)
    )
    return [b64decode(str(each["list"])) for each in papers if each is not None]


def status_words(receipt: Receipt | None, *, asks: bool) -> str:
    """What the page of a batch says of the answers."""
    if receipt is None:
        return "—"
    if receipt.statuses is None:
        return "等待证书状态服务，不影响接收" if asks else "没有：平台没有设置证书状态服务"
    said = receipt.statuses["statuses"]
    if not said:
        return "没有可查的证书"
    revoked = [
        f"{each['name']}（自 {parse_utc(each['revoked_since']):%Y-%m-%d} 起）"
        for each in said
        if each["revoked_since"]
    ]
    if revoked:
        return f"接收时已吊销：{'、'.join(revoked)}"
    return f"接收时查过 {len(said)} 张证书，都没有吊销"
