"""The list of certified copies from the papers, when a hub's database is made anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from hub.reading_room import copies
from hub.reading_room.models import CertifiedCopy
from hub.repository import service as repository
from hub.repository.papers import COPIES, COPY_WITHDRAWALS
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.storage import ObjectStore

KINDS = (COPIES, COPY_WITHDRAWALS)


def take_up(
    database: Database, store: ObjectStore, archive_code: str, seals: Iterable[PublicKey]
) -> int:
    """Note the copies of an archive that only the store has; how many.

    What does not bear the archive's seal is left out.
    """
    keys, count = list(seals), 0
    for document in repository.papers(store, archive_code, COPIES):
        if is_sealed(document, keys):
            with database.write() as session:
                count += _take(document, session)
    for document in repository.papers(store, archive_code, COPY_WITHDRAWALS):
        if is_sealed(document, keys):
            with database.write() as session:
                row = session.get(CertifiedCopy, str(document["copy_id"]))
                if row is not None and row.state == "valid":
                    copies.note_withdrawal(row, document)
    return count


def is_sealed(document: Mapping[str, Any], seals: Iterable[PublicKey]) -> bool:
    """Whether a paper bears a seal of the archive over all that it says."""
    signed = document.get(copies.SEAL)
    if not isinstance(signed, Mapping):
        return False
    rest = {name: value for name, value in document.items() if name != copies.SEAL}
    try:
        key = signer_of(seals, signed)
        return key is not None and document_is_signed_by(key, rest, signed)
    except DanglianError:
        return False  # what stands there is no signature


def _take(document: Mapping[str, Any], session: Session) -> bool:
    if session.get(CertifiedCopy, str(document["copy_id"])) is not None:
        return False
    copies.note(document, session=session)
    return True
