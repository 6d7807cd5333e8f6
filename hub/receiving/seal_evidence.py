"""What shows later that seals counted when a batch was received 接收: who counted then.

The certificates of both sides, the roots and certificates that were configured, and the lists of
revoked ones in force, as they were at receipt. They are papers of the repository, written down in
the transaction that moves custody; each list once, whatever receipts name it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hub.receiving.models import Receipt
from hub.repository import service as repository
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now, utc_text
from shared.seals import Revocation, Verdict
from shared.seals.trust import revocation_of
from shared.storage import ObjectStore
from shared.verifier.certificates import Authorities, Certificate, NotTrusted
from shared.verifier.signatures import NotChecked

_EVIDENCE, LISTS = "evidence", "revocations"


@dataclass(frozen=True)
class SealEvidence:
    """The evidence of one receipt, and the lists that it names, by their SHA-256."""

    document: dict[str, Any]
    lists: Mapping[str, dict[str, Any]]


def gather(receipt: Mapping[str, Any], authorities: Authorities) -> SealEvidence:
    """The evidence of now for a receipt: chain and revocation of both seals, and who counts."""
    lists = {
        sha256_hex(each.der): {"list": b64encode(each.der).decode()} for each in authorities.revoked
    }
    document = {
        "receipt_id": receipt["receipt_id"],
        "archive": receipt["archive"],
        "at": utc_text(),
        "seals": [
            seal_of(side, str(receipt[f"{side}_signature"].get("public_key")), authorities)
            for side in ("unit", "archive")
        ],
        "trusted": _written(authorities.trusted),
        "certificates": _written(authorities.others),
        "revocations": sorted(lists),
    }
    return SealEvidence(document, lists)


def seal_of(side: str, key: str, authorities: Authorities) -> dict[str, Any]:
    """What the certificate of a side's seal is worth now; a key without one is only registered."""
    said: dict[str, Any] = {
        "side": side,
        "public_key": key,
        "verdict": Verdict.UNVERIFIABLE.value,
        "why": None,
        "revocation": Revocation.UNKNOWN.value,
        "chain": [],
    }
    certificate = authorities.certificate_of(key)
    if certificate is None:
        return {**said, "why": "没有这个印章的证书，只按登记的公钥核对"}
    try:
        moment = now()
        chain = authorities.chain_of(certificate, moment)
        known = revocation_of(chain, authorities, moment)
    except (NotTrusted, NotChecked) as error:
        return {**said, "why": str(error), "chain": _written([certificate])}
    except (ValueError, IndexError):
        return {**said, "why": "证书已损坏", "chain": _written([certificate])}
    return {
        **said,
        "verdict": Verdict.VALID.value,
        "revocation": known.value,
        "chain": _written(chain),
    }


def _written(certificates: Sequence[Certificate]) -> list[str]:
    return [b64encode(each.der).decode() for each in certificates]


def keep(session: Session, receipt: Receipt, evidence: SealEvidence) -> None:
    """Have the evidence of a receipt written to the store after this commit."""
    code = receipt.archive_code
    for digest, paper in evidence.lists.items():
        repository.keep_paper(session, code, LISTS, digest, paper)
    repository.keep_paper(session, code, _EVIDENCE, receipt.id, evidence.document)


def stored(store: ObjectStore, archive_code: str, receipt_id: str) -> SealEvidence | None:
    """The evidence of a receipt as the store has it; None where there is none."""
    document = repository.paper_of(store, archive_code, _EVIDENCE, receipt_id)
    if document is None or not _is_shaped(document):
        return None
    papers = {
        each: repository.paper_of(store, archive_code, LISTS, each)
        for each in document["revocations"]
    }
    return SealEvidence(
        document, {each: paper for each, paper in papers.items() if paper and _is_list(each, paper)}
    )


def _is_shaped(document: Mapping[str, Any]) -> bool:
    parts = [document.get(name) for name in ("trusted", "certificates", "revocations")]
    return all(
        isinstance(part, list) and all(isinstance(each, str) for each in part) for part in parts
    )


def _is_list(digest: str, paper: Mapping[str, Any]) -> bool:
    """Whether these are the bytes that are named so."""
    try:
        return sha256_hex(b64decode(str(paper.get("list")), validate=True)) == digest
    except ValueError:
        return False


def files_of(receipt_id: str, evidence: SealEvidence) -> Iterator[tuple[str, bytes]]:
    """The evidence as files that `danglian verify` and `danglian seals` take, by name."""
    for kind, name in (("trusted", "roots"), ("certificates", "certificates")):
        if evidence.document[kind]:
            pem = b"".join(map(_pem, evidence.document[kind]))
            yield f"{receipt_id}.{name}.pem", pem
    for number, digest in enumerate(sorted(evidence.lists), 1):
        yield f"{receipt_id}.{number}.crl", b64decode(evidence.lists[digest]["list"])


def _pem(text: str) -> bytes:
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n".encode()
