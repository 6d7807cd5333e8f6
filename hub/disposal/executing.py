"""What was approved and is watched is carried out: sealed, buried, then erased; or kept longer.

The state `executing` is the journal of an appraisal until its list is sealed (`deciding`); then the
list is (`burying`), and a tombstone that of its record: `hub.repository.tombstones` removes the
bytes. What is kept longer goes the way of a correction, record by record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.correcting import service as correcting
from hub.disposal import burying, deciding
from hub.disposal.deciding import ACTOR
from hub.disposal.models import Appraisal, AppraisalLine
from hub.disposal.service import lines_of
from hub.federation.places import HubFolder
from hub.repository import tombstones
from hub.repository.models import DisposalList
from shared import audit
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import DanglianError, Unavailable
from shared.kernel.identifiers import new_id
from shared.kernel.keys import Seal, sign_document
from shared.records.retention import Opinion
from shared.records.states import APPRAISAL

log = logging.getLogger(__name__)


class Executing:
    """Carries out the lists that two have signed to watch (a `Background` step)."""

    def __init__(self, folder: HubFolder) -> None:
        self._folder = folder
        self._database = folder.database()

    def step(self) -> bool:
        """Go on with each list; True when there may be more to do at once."""
        with self._database.read() as session:
            sealed = burying.unburied(session=session)
            waiting = session.scalars(
                select(Appraisal)
                .where(Appraisal.state == "executing")
                .order_by(Appraisal.begun_at, Appraisal.id)
            ).all()
        buried = [self._try(each, partial(self._bury, each)) for each in sealed]
        gone_on = [self._try(each.id, partial(self._go_on, each)) for each in waiting]
        return any((*buried, *gone_on))

    def _try(self, list_id: str, carry_out: Callable[[], bool]) -> bool:
        try:
            return carry_out()
        except Unavailable:
            raise
        except DanglianError as error:
            # Something has changed between draft and decision, or a person must look: the next
            # step drafts anew, and the other lists go on.
            log.warning("appraisal %s waits: %s", list_id, error.message)
            return False

    def _bury(self, list_id: str) -> bool:
        with self._database.read() as session:
            stones = burying.draft(list_id, session=session)
        if not stones:
            return False
        seal = self._folder.keys.seal(stones[0]["archive"])
        stones = [_sealed(each, seal) for each in stones]
        with self._database.write() as session:
            burying.settle(list_id, stones, session=session)
        return True

    def _go_on(self, appraisal: Appraisal) -> bool:
        with self._database.read() as session:
            decided = session.get(DisposalList, appraisal.id)
        if decided is None:
            self._seal(appraisal)
            return True
        if self._keep_longer(appraisal, decided.document):
            return True
        with self._database.write() as session:
            return finish(appraisal.id, session=session)

    def _seal(self, appraisal: Appraisal) -> None:
        with self._database.read() as session:
            document = deciding.draft(appraisal, session=session)
        sealed = _sealed(document, self._folder.keys.seal(appraisal.archive_code))
        with self._database.write() as session:
            deciding.settle(sealed, session=session)

    def _keep_longer(self, appraisal: Appraisal, document: Mapping[str, Any]) -> bool:
        """Have the next record kept longer; False when there is none left that can be now."""
        with self._database.read() as session:
            waiting = [
                line
                for line in lines_of(appraisal.id, session=session)
                if line.opinion != Opinion.DESTROY and not line.is_done and line.problem is None
            ]
        told = {each["record_id"]: each for each in document["lines"]}
        done = 0
        for line in waiting:
            try:
                done += self._extend(line, document, told[line.record_id])
            except Unavailable:
                raise
            except DanglianError as error:
                # Another correction is under way, or the fonds is handed over: it is asked again,
                # and `doctor` names a list that waits for long.
                log.warning("record %s is not kept longer yet: %s", line.record_id, error.message)
        return done > 0

    def _extend(
        self, line: AppraisalLine, decided: Mapping[str, Any], told: Mapping[str, Any]
    ) -> bool:
        with self._database.read() as session:
            record = catalogue.record_of(line.record_id, session)
            if record.retention == line.longer:
                document = None
            else:
                event = burying.event("续存", decided, told)
                document = correcting.draft_version(
                    record,
                    {"retention": str(line.longer)},
                    event,
                    correction_id=new_id(),
                    session=session,
                )
        if document is not None:
            document = _sealed(document, self._folder.keys.seal(decided["archive"]))
            with self._database.write() as session:
                correcting.settle_correction(ACTOR, document, session=session)
            return False  # it is done when the correction is made
        with self._database.write() as session:
            session.get_one(AppraisalLine, (line.appraisal_id, line.record_id)).is_done = True
        return True


def _sealed(document: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    return {**document, tombstones.SEAL: sign_document(seal, document)}


def finish(appraisal_id: str, *, session: Session) -> bool:
    """Close a list when no store has bytes of it any more, and all else is done. False before."""
    appraisal = locked(session, Appraisal, appraisal_id)
    if appraisal is None or appraisal.state != "executing":
        return False
    buried = tombstones.buried(appraisal_id, session=session)
    open_lines = [
        line
        for line in lines_of(appraisal_id, session=session)
        if not line.is_done and line.problem is None and line.record_id not in buried
    ]
    if open_lines or tombstones.count_unerased(appraisal_id, session=session):
        return False
    appraisal.state, appraisal.ended_at = APPRAISAL.after("finish", appraisal.state), now()
    session.flush()
    audit.record(session, ACTOR, "appraisal.done", f"appraisal:{appraisal_id}")
    return True
