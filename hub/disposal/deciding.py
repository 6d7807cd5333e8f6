"""The sealed list: drafted in one transaction, sealed outside, and in a small one it counts.

From there is no way back: the list says which records are destroyed, and `burying` goes by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.disposal.models import Appraisal, AppraisalLine
from hub.disposal.proposing import obstacles, require_at_rest, require_nowhere_needed
from hub.disposal.service import lines_of
from hub.federation import service as federation
from hub.repository import service as repository
from hub.repository import tombstones
from hub.repository.models import DisposalList
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, NotFound
from shared.records.retention import Opinion
from shared.records.states import APPRAISAL

#: Who carries out what was decided.
ACTOR = system_actor("disposal")


def draft(appraisal: Appraisal, *, session: Session) -> dict[str, Any]:
    """The decision list, ready for the seal; changes nothing.

    A record that must not be destroyed any more stands in the list with the reason why not.
    """
    lines = lines_of(appraisal.id, session=session)
    records = catalogue.records_of([line.record_id for line in lines], session)
    problems = _problems(appraisal, lines, session)
    return {
        "list_id": appraisal.id,
        "archive": appraisal.archive_code,
        "archive_name": federation.archive_of(appraisal.archive_code, session).name,
        "title": appraisal.title,
        "lines": [
            _told(line, records[line.record_id], problems.get(line.record_id), session)
            for line in lines
        ],
        "drawn": _person(appraisal.drawn),
        "approved": _person(appraisal.approved or {}),
        "witnesses": [_person(each) for each in appraisal.witnesses],
        "at": appraisal.witnesses[-1]["at"],
    }


def _problems(
    appraisal: Appraisal, lines: Sequence[AppraisalLine], session: Session
) -> dict[str, str]:
    """Why records are not destroyed now, by id. A volume goes whole, or stays whole."""
    wanted = [line for line in lines if line.opinion == Opinion.DESTROY]
    barred = obstacles([line.record_id for line in wanted], appraisal.archive_code, session)
    found = {record_id: problem.message for record_id, problem in barred.items()}
    staying = {line.whole_id for line in wanted if line.record_id in found}
    for line in wanted:
        if line.whole_id in staying:
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
        **package_told(record, session),
    }


def package_told(record: CatalogueRecord, session: Session) -> dict[str, Any]:
    """The digest and size of what is kept of a record; empty where it travelled in another's."""
    try:
        kept = repository.kept_package(str(record.archive), record.id, session=session)
    except NotFound:
        return {"package_sha256": None, "size": None}
    return {"package_sha256": kept.sha256, "size": kept.size}


def _person(signed: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": signed["name"], "at": signed["at"]}


def settle(document: Mapping[str, Any], *, session: Session) -> None:
    """Let the sealed list count: no way back. `burying` destroys what it says, some at a time.

    Raises Conflict, and nothing has happened, when something else bars one of the records than did
    when the list was drafted.
    """
    appraisal = locked(session, Appraisal, document["list_id"])
    if appraisal is None or session.get(DisposalList, appraisal.id) is not None:
        return  # another worker was faster
    APPRAISAL.after("finish", appraisal.state)
    gone = [each for each in document["lines"] if each["is_destroyed"]]
    fonds_ids = sorted({each["fonds_id"] for each in gone})
    federation.locked_fonds(fonds_ids, session)
    lines = lines_of(appraisal.id, session=session)
    problems = _problems(appraisal, lines, session)
    told = {each["record_id"]: each["problem"] for each in document["lines"] if each["problem"]}
    if problems != told:
        raise Conflict(
            "清册里的档案在签章之前有了变动。", "平台会重新核对。", code="changed_meanwhile"
        )
    require_at_rest(fonds_ids, session)
    require_nowhere_needed(gone, session)
    tombstones.note_list(session, document)
    for line in lines:
        if line.record_id in problems:
            line.problem = problems[line.record_id]
    session.flush()
    audit.record(
        session, ACTOR, "disposal.sealed", f"appraisal:{appraisal.id}",
        audit.Act(each=[each["record_id"] for each in gone]),
        archive=appraisal.archive_code, count=len(gone), sha256=digest_of(dict(document)),
    )  # fmt: skip
