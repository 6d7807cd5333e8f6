"""Steps 2 and 3 of a correction: the description into the repository, then the next version.

The loop looks for corrections in `making`, whatever put them there: a seal a moment ago, a kill in
the middle, or an answer that a node handed back after a restore (then the record may not be in the
archive's custody again yet, and the correction waits). Each piece can be repeated.
"""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.correcting.answers import held_record, tell_keeper
from hub.correcting.models import Correction
from hub.repository import service as repository
from hub.repository.versions import writing_among
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import canonical_json
from shared.kernel.database import Database, locked
from shared.kernel.errors import DanglianError, Unavailable
from shared.records.states import CORRECTION
from shared.storage import ObjectStore, StoredObject

log = logging.getLogger(__name__)

_ACTOR = system_actor("correcting")
_CHUNK = 100


class Making:
    """Makes what was sealed (a step for `Background`)."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def step(self) -> bool:
        """Make some corrections; True when there may be more."""
        with self._database.read() as session:
            waiting = list(
                session.scalars(
                    select(Correction)
                    .where(Correction.state == "making")
                    .order_by(Correction.version, Correction.id)
                    .limit(_CHUNK)
                )
            )
        return sum(self._try(each) for each in waiting) > 0

    def _try(self, correction: Correction) -> bool:
        try:
            return self._go_on(correction)
        except Unavailable:
            raise
        except DanglianError:
            # A person must look at it; the other corrections go on.
            log.exception("correction %s cannot be made", correction.id)
            return False

    def _go_on(self, correction: Correction) -> bool:
        version = correction.version or 0
        with self._database.read() as session:
            record = catalogue.record_of(correction.record_id, session)
            if writing_among([record.id], session):
                return False  # one version after the other
        if not record.received or record.version + 1 < version:
            return False
        stored = repository.store_description(
            self._store,
            correction.archive_code,
            correction.record_id,
            version,
            canonical_json(correction.document or {}),
        )
        with self._database.write() as session:
            return finish_correction(correction.id, stored, session=session)


def finish_correction(correction_id: str, stored: StoredObject, *, session: Session) -> bool:
    """Step 3: the catalogue has the next version, and the node hears it (entry `changed`).

    `stored` is the description in the repository. False when another worker was faster.
    """
    record = held_record(session.get_one(Correction, correction_id).record_id, session)
    correction = locked(session, Correction, correction_id)
    if correction is None or correction.state != "making":
        return False
    if correction.document is None or correction.version is None:
        return False
    catalogue.take_correction(session, record, correction.document["record"])
    repository.note_description(
        session, correction.archive_code, record.id, correction.version, stored
    )
    correction.state = CORRECTION.after("make", correction.state)
    session.flush()
    audit.record(
        session,
        _ACTOR,
        "correction.made",
        f"correction:{correction.id}",
        record=record.id,
        version=correction.version,
    )
    tell_keeper(session, record, "changed", record.id, correction.document)
    return True
