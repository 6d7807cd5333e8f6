"""What was approved and is watched is carried out: sealed, buried, then erased; or kept longer.

The state `executing` is the journal. The papers are drafted in one transaction, sealed outside,
and in the next everything counts at once: the list, the tombstones, the catalogue, the nodes. From
there `hub.repository.tombstones` removes the bytes. What is kept longer goes the way of a
correction, record by record.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting import service as correcting
from hub.disposal.models import Appraisal, AppraisalLine
from hub.disposal.proposing import obstacle, require_destroyable
from hub.disposal.service import lines_of
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.repository import service as repository
from hub.repository import tombstones
from hub.repository.models import DisposalList
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, DanglianError, NotFound, Unavailable
from shared.kernel.identifiers import new_id
from shared.kernel.keys import Seal, sign_document
from shared.records.corrections import corrected
from shared.records.retention import OPINION_NAMES, Opinion, retention_name
from shared.records.states import APPRAISAL

log = logging.getLogger(__name__)

_ACTOR = system_actor("disposal")


class Executing:
    """Carries out the lists that two have signed to watch (a `Background` step)."""

    def __init__(self, folder: HubFolder) -> None:
        self._folder = folder
        self._database = folder.database()

    def step(self) -> bool:
        """Go on with each list; True when there may be more to do at once."""
        with self._database.read() as session:
            waiting = session.scalars(
                select(Appraisal)
                .where(Appraisal.state == "executing")
                .order_by(Appraisal.begun_at, Appraisal.id)
            ).all()
        return sum(self._try(each) for each in waiting) > 0

    def _try(self, appraisal: Appraisal) -> bool:
        try:
            return self._go_on(appraisal)
        except Unavailable:
            raise
        except DanglianError as error:
            # Something has changed between draft and decision, or a person must look: the next
            # step drafts anew, and the other lists go on.
            log.warning("appraisal %s waits: %s", appraisal.id, error.message)
            return False

    def _go_on(self, appraisal: Appraisal) -> bool:
        with self._database.read() as session:
            is_sealed = session.get(DisposalList, appraisal.id) is not None
        if not is_sealed:
            self._seal(appraisal)
            return True
        if self._keep_longer(appraisal):
            return True
        with self._database.write() as session:
            return finish(appraisal.id, session=session)

    def _seal(self, appraisal: Appraisal) -> None:
        with self._database.read() as session:
            document, stones = draft(appraisal, session=session)
        seal = self._folder.keys.seal(appraisal.archive_code)
        sealed = _sealed(document, seal)
        stones = [_sealed({**each, "list_digest": digest_of(sealed)}, seal) for each in stones]
        with self._database.write() as session:
            settle(sealed, stones, session=session)

    def _keep_longer(self, appraisal: Appraisal) -> bool:
        """Have the next record kept longer; False when there is none left that can be now."""
        with self._database.read() as session:
            waiting = [
                line
                for line in lines_of(appraisal.id, session=session)
                if line.opinion != Opinion.DESTROY and not line.is_done and line.problem is None
            ]
        done = 0
        for line in waiting:
            try:
                done += self._extend(appraisal, line)
            except Unavailable:
                raise
            except DanglianError as error:
                # Another correction is under way, or the fonds is handed over: it is asked again,
                # and `doctor` names a list that waits for long.
                log.warning("record %s is not kept longer yet: %s", line.record_id, error.message)
        return done > 0

    def _extend(self, appraisal: Appraisal, line: AppraisalLine) -> bool:
        with self._database.read() as session:
            record = catalogue.record_of(line.record_id, session)
            if record.retention == line.longer:
                document = None
            else:
                event = _event("续存", appraisal, line, session)
                document = correcting.draft_extension(
                    record, str(line.longer), event, correction_id=new_id(), session=session
                )
        if document is not None:
            seal = self._folder.keys.seal(appraisal.archive_code)
            document = {**document, tombstones.SEAL: sign_document(seal, document)}
            with self._database.write() as session:
                correcting.settle_correction(_ACTOR, document, session=session)
            return False  # it is done when the correction is made
        with self._database.write() as session:
            session.get_one(AppraisalLine, (line.appraisal_id, line.record_id)).is_done = True
        return True


def _sealed(document: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    return {**document, tombstones.SEAL: sign_document(seal, document)}


# ---- between the transactions


def draft(appraisal: Appraisal, *, session: Session) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The decision list and the tombstones, ready for the seal; changes nothing.

    A record that must not be destroyed any more stands in the list with the reason why not.
    """
    lines = lines_of(appraisal.id, session=session)
    records = catalogue.records_of([line.record_id for line in lines], session)
    problems = _problems(appraisal, lines, records, session)
    told, stones = [], []
    for line in lines:
        record, problem = records[line.record_id], problems.get(line.record_id)
        if line.opinion == Opinion.DESTROY and problem is None:
            stones.append(_stone(appraisal, line, record, session))
        told.append(_told(line, record, problem, session))
    last = appraisal.witnesses[-1]
    document = {
        "list_id": appraisal.id,
        "archive": appraisal.archive_code,
        "archive_name": federation.archive_of(appraisal.archive_code, session).name,
        "title": appraisal.title,
        "lines": told,
        "drawn": _person(appraisal.drawn),
        "approved": _person(appraisal.approved or {}),
        "witnesses": [_person(each) for each in appraisal.witnesses],
        "at": last["at"],
    }
    return document, stones


def _problems(
    appraisal: Appraisal,
    lines: Sequence[AppraisalLine],
    records: Mapping[str, CatalogueRecord],
    session: Session,
) -> dict[str, str]:
    """Why records are not destroyed now, by id. A volume goes whole, or stays whole."""
    found: dict[str, str] = {}
    for line in lines:
        if line.opinion == Opinion.DESTROY:
            problem = obstacle(records[line.record_id], appraisal.archive_code, session)
            if problem is not None:
                found[line.record_id] = problem.message
    staying = {line.whole_id for line in lines if line.record_id in found}
    for line in lines:
        if line.whole_id in staying and line.opinion == Opinion.DESTROY:
            found.setdefault(line.record_id, "同一案卷（项目）中有暂时不能销毁的，整卷保留。")
    return found


def _told(
    line: AppraisalLine, record: CatalogueRecord, problem: str | None, session: Session
) -> dict[str, Any]:
    return {
        "record_id": line.record_id,
        "whole_id": line.whole_id,
        "fonds_id": line.fonds_id,
        "fonds_name": federation.fonds_of(line.fonds_id, session).name,
        "code": line.code,
        "title": line.title,
        "date": record.date,
        "year": line.year,
        "retention": line.retention,
        "level": record.level,
        "opinion": line.opinion,
        "longer": line.longer,
        "reason": line.reason,
        "is_destroyed": line.opinion == Opinion.DESTROY and problem is None,
        "problem": problem,
        **_package(record, session),
    }


def _package(record: CatalogueRecord, session: Session) -> dict[str, Any]:
    """The digest and size of what is kept of a record; empty where it travelled in another's."""
    try:
        kept = repository.kept_package(str(record.archive), record.id, session=session)
    except NotFound:
        return {"package_sha256": None, "size": None}
    return {"package_sha256": kept.sha256, "size": kept.size}


def _stone(
    appraisal: Appraisal, line: AppraisalLine, record: CatalogueRecord, session: Session
) -> dict[str, Any]:
    """What stays of a record: its last description, with the event 销毁 at its end."""
    events = [
        *correcting.receipt_event(record, appraisal.archive_code, session),
        _event("销毁", appraisal, line, session),
    ]
    made = corrected(record.wire, {}, events, state="disposed")
    return {
        "record": made,
        "record_digest": digest_of(made),
        "list_id": appraisal.id,
        "archive": appraisal.archive_code,
        "receipt_id": record.receipt_id,
        **_package(record, session),
        "reason": line.reason,
        "drawn": _person(appraisal.drawn),
        "approved": _person(appraisal.approved or {}),
        "witnesses": [_person(each) for each in appraisal.witnesses],
        "at": appraisal.witnesses[-1]["at"],
    }


def _event(
    action: str, appraisal: Appraisal, line: AppraisalLine, session: Session
) -> dict[str, Any]:
    approved = appraisal.approved or {}
    watching = "、".join(each["name"] for each in appraisal.witnesses)
    said = f"{approved['name']}批准，{watching}监销"
    if line.longer is not None:
        name = OPINION_NAMES[Opinion(str(line.opinion))]
        said = (
            f"{name}：保管期限由{retention_name(line.retention)}改为"
            f"{retention_name(line.longer)}，{approved['name']}批准"
        )
    return {
        "id": new_id(),
        "action": action,
        "time": appraisal.witnesses[-1]["at"],
        "agent": appraisal.drawn["name"],
        "agent_unit": federation.archive_of(appraisal.archive_code, session).name,
        "basis": line.reason,
        "description": f"鉴定清册“{appraisal.title[:100]}”，{said}",
    }


def _person(signed: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": signed["name"], "at": signed["at"]}


def settle(document: Mapping[str, Any], stones: list[dict[str, Any]], *, session: Session) -> None:
    """Let the sealed list count: no way back. `tombstones.Erasing` removes the bytes.

    Raises Conflict, and nothing has happened, when one of the records has changed since the draft
    or must not be destroyed any more.
    """
    appraisal = locked(session, Appraisal, document["list_id"])
    if appraisal is None or session.get(DisposalList, document["list_id"]) is not None:
        return  # another worker was faster
    APPRAISAL.after("finish", appraisal.state)
    federation.locked_fonds(sorted({each["record"]["fonds_id"] for each in stones}), session)
    records = catalogue.records_of([each["record"]["id"] for each in stones], session)
    for stone in stones:
        record = records[stone["record"]["id"]]
        require_destroyable(record, appraisal.archive_code, session)
        if record.version + 1 != stone["record"]["version"]:
            raise Conflict(
                f"{record.code}在签章之前有了变动。", "平台会重新核对。", code="changed_meanwhile"
            )
        catalogue.write_version(session, record, stone["record"], state="disposed")
    tombstones.bury(session, document, stones)
    lines = {line.record_id: line for line in lines_of(appraisal.id, session=session)}
    for told in document["lines"]:
        line = lines[told["record_id"]]
        line.problem, line.is_done = told["problem"], told["is_destroyed"]
    session.flush()
    audit.record(
        session, _ACTOR, "disposal.sealed", f"appraisal:{appraisal.id}",
        archive=appraisal.archive_code, count=len(stones), sha256=digest_of(dict(document)),
    )  # fmt: skip
    for stone in stones:
        keeper = federation.fonds_of(stone["record"]["fonds_id"], session).keeping_node
        if keeper is not None:
            federation.tell_node(session, keeper, "disposed", stone["record"]["id"], stone)


def finish(appraisal_id: str, *, session: Session) -> bool:
    """Close a list when no store has bytes of it any more, and all else is done. False before."""
    appraisal = locked(session, Appraisal, appraisal_id)
    if appraisal is None or appraisal.state != "executing":
        return False
    open_lines = [
        line
        for line in lines_of(appraisal_id, session=session)
        if not line.is_done and line.problem is None
    ]
    if open_lines or tombstones.count_unerased(appraisal_id, session=session):
        return False
    appraisal.state, appraisal.ended_at = APPRAISAL.after("finish", appraisal.state), now()
    session.flush()
    audit.record(session, _ACTOR, "appraisal.done", f"appraisal:{appraisal_id}")
    return True
