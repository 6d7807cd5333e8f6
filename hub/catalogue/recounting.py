"""The running tally is made anew from the rows on a schedule (protocol §7), fonds by fonds."""

from __future__ import annotations

import logging
from datetime import timedelta

from hub.catalogue.tally import is_right, recount
from hub.federation import service as federation
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database

log = logging.getLogger(__name__)

_ACTOR = system_actor("recount")


class Recounting:
    """Recounts the fonds whose last count is the oldest (a step for `Background`).

    When each was counted is in the database, so a restart begins nothing anew. A tally that is
    right, as it should be, costs no write lock while it is counted.
    """

    def __init__(self, database: Database, *, hours: int) -> None:
        self._database = database
        self._every = timedelta(hours=hours)

    def step(self) -> bool:
        """Recount one fonds; True when others may be due."""
        if not self._every:
            return False
        with self._database.read() as session:
            fonds_id = federation.next_to_recount(now() - self._every, session)
            if fonds_id is None:
                return False
            right = is_right(fonds_id, session=session)
        with self._database.write() as session:
            if not right and recount(fonds_id, session=session):
                log.warning("the tally of fonds %s was wrong and has been made anew", fonds_id)
                audit.record(session, _ACTOR, "fonds.tally_corrected", f"fonds:{fonds_id}")
            else:
                right = True
            federation.note_tally(fonds_id, was_right=right, session=session)
        return True
