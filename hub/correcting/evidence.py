"""Answers of our archives that came back after a restore: from a node, or from our own store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting.answers import record_declined, record_made
from hub.correcting.asking import require_kept
from hub.correcting.models import Correction
from hub.correcting.schemas import EvidenceSchema
from hub.federation import service as federation
from hub.receiving import service as receiving
from hub.repository import service as repository
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Conflict
from shared.kernel.keys import PublicKey
from shared.messaging.entry import Entry
from shared.records import wire
from shared.storage import ObjectStore

_ACTOR = system_actor("correcting")
#: The kinds of `evidence` that are about corrections.
KINDS = ("changed", "declined")


def apply_evidence(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Take back answers that a node hands to a restored hub (entries `evidence`).

    What is known changes nothing. Raises NotAllowed for one that no archive of ours has sealed,
    Conflict for one that contradicts what has been decided since.
    """
    for entry in entries:
        document = wire.load(EvidenceSchema(), entry.body)["document"]
        seals = federation.seals_of(str(document.get("archive")), session)
        receiving.require_signature(seals, document, "archive_signature")
        record = catalogue.record_of(_record_id(document), session)
        require_kept(node_id, record, session)
        adopt(session, document, record)


def _record_id(document: Mapping[str, Any]) -> str:
    return str((document.get("record") or {}).get("id") or document["request"]["record_id"])


def adopt(session: Session, document: Mapping[str, Any], record: CatalogueRecord) -> None:
    """Bring a correction to where an answer of ours, whose seal was checked, says that it is."""
    known = session.get(Correction, document["correction_id"])
    if known is not None and known.document is not None:
        if known.document == document:
            return
        raise _contradicts()
    made = document.get("record")
    if made is None:
        record_declined(document, record, session=session)
    else:
        _require_free(record, made, session)
        record_made(document, record, session=session)
    audit.record(
        session,
        _ACTOR,
        "correction.restored",
        f"correction:{document['correction_id']}",
        record=record.id,
    )


def _require_free(record: CatalogueRecord, made: Mapping[str, Any], session: Session) -> None:
    """No other correction may have made this version since."""
    taken = session.scalar(
        select(Correction.id).where(
            Correction.record_id == record.id, Correction.version == made["version"]
        )
    )
    same = (record.version, record.digest) == (made["version"], digest_of(dict(made)))
    if taken is not None or (record.version >= made["version"] and not same):
        raise _contradicts()


def _contradicts() -> Conflict:
    return Conflict("平台上这件档案已有另一份更正。", "请联系档案馆核对。", code="other_correction")


def correction_in_store(
    store: ObjectStore, archive: str, record_id: str, version: int, seals: Sequence[PublicKey]
) -> dict[str, Any] | None:
    """The correction that made this version already, as the repository has it; None for none.

    That is so when the database was restored to before it. Raises NotAllowed for a description
    that the archive has not sealed.
    """
    content = repository.description_beside(store, archive, record_id, version)
    if content is None:
        return None
    document = repository.read_document(content)
    receiving.require_signature(seals, document or {}, "archive_signature")
    return document
