"""Declassification 解密 of what an archive has received: a 密级变更 that two people decide.

An archivist proposes it with its basis, the leader of the archive confirms it (待双人确认). The
act itself is the journal: until the correction that bears its id is there, `Declassifying` drafts
it, seals it outside any transaction, and settles it; from there `making` goes on as with every
correction. What is shared of the record is decided anew by the job of sharing.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting.answers import (
    draft_version,
    held_record,
    require_not_destroyed,
    settle_correction,
)
from hub.correcting.models import Correction
from hub.federation import service as federation
from hub.federation.places import HubFolder
from shared import audit
from shared.identity import acts
from shared.identity.acts import ActKind
from shared.identity.models import ProposedAct
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.clock import format_utc, local_text
from shared.kernel.errors import DanglianError, Unavailable, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import sign_document
from shared.records.corrections import read_reason
from shared.records.security import SECURITY_NAMES, SecurityClass

log = logging.getLogger(__name__)

DECLASSIFY = "record.declassify"
_ACTOR = system_actor("correcting")


def propose_declassification(
    actor: Actor, record_id: str, basis: str, *, session: Session
) -> ProposedAct:
    """Propose that a received record of 内部 or 工作秘密 is so no longer; `basis` says by what.

    Raises NotFound and NotAllowed outside the archive that has it, WrongState before receipt,
    after destruction or where there is nothing to declassify, Invalid without a basis, Conflict
    when it is proposed already.
    """
    record = catalogue.record_of(record_id, session)
    require(
        actor,
        Role.ARCHIVIST,
        archive=record.archive,
        missing=catalogue.no_record(),
        **record.scope,
    )
    _require_restricted(record)
    return acts.propose(
        actor, DECLASSIFY, KINDS,
        subject=f"record:{record.id}",
        title=f"解密：{record.code or record.id}（现为{_name(record.security)}）",
        reason=read_reason(basis),
        arguments={"record": record.id, "security": record.security},
        archive=record.archive,
        session=session,
    )  # fmt: skip


def _declassify(actor: Actor, act: ProposedAct, session: Session) -> str:
    """Decide it, as the second person."""
    record = held_record(str(act.arguments["record"]), session)
    require(
        actor, Role.LEADER, archive=record.archive, **record.scope, missing=catalogue.no_record()
    )
    _require_restricted(record)
    if record.security != act.arguments["security"] or record.archive != act.archive_code:
        raise WrongState("这件档案的密级或保管它的档案馆已经变了。", "请核对后重新提交。")
    audit.record(
        session, actor, "record.declassified", f"record:{record.id}",
        audit.Act(was=record.security, became=str(SecurityClass.NONE)), security=record.security,
        reason=act.reason, proposed_by=act.proposed_by,
    )  # fmt: skip
    return "新的一版正在写入馆藏库，完成后自动告知单位。"


def _require_restricted(record: CatalogueRecord) -> None:
    require_not_destroyed(record)
    if not record.received:
        raise WrongState("这件档案还没有被档案馆接收。", "接收以前由形成单位修改密级。")
    if record.security == SecurityClass.NONE:
        raise WrongState("这件档案没有限制，不用解密。", "请刷新后核对。")


def _name(security: str) -> str:
    return SECURITY_NAMES[SecurityClass(security)]


KINDS: acts.Kinds = {
    DECLASSIFY: ActKind("解密（密级变更）", (Role.ARCHIVIST,), (Role.LEADER,), _declassify)
}


class Declassifying:
    """Makes the next version of what two people have declassified (a step for `Background`)."""

    def __init__(self, folder: HubFolder) -> None:
        self._folder = folder
        self._database = folder.database()

    def step(self) -> bool:
        """Go on with each act that has no correction yet; True when one was settled."""
        with self._database.read() as session:
            decided = acts.done_acts(DECLASSIFY, session=session)
            known = set(
                session.scalars(
                    select(Correction.id).where(Correction.id.in_([each.id for each in decided]))
                )
            )
        settled = [self._try(each) for each in decided if each.id not in known]
        return any(settled)

    def _try(self, act: ProposedAct) -> bool:
        try:
            return self._settle(act)
        except Unavailable:
            raise
        except DanglianError as error:
            # Another correction is under way, or the fonds is handed over: it is asked again.
            log.warning("declassification %s waits: %s", act.id, error.message)
            return False

    def _settle(self, act: ProposedAct) -> bool:
        with self._database.read() as session:
            record = catalogue.record_of(str(act.arguments["record"]), session)
            if record.state == "disposed" or record.security == SecurityClass.NONE:
                return False  # destroyed, or made by a correction that came back
            document = draft_declassification(record, act, session=session)
        seal = self._folder.keys.seal(document["archive"])
        document["archive_signature"] = sign_document(seal, document)
        with self._database.write() as session:
            settle_correction(_ACTOR, document, session=session)
        return True


def draft_declassification(
    record: CatalogueRecord, act: ProposedAct, *, session: Session
) -> dict[str, Any]:
    """The next version of a record that two people have declassified, ready for the seal."""
    archive = str(act.archive_code)
    decided = act.decided_at or act.proposed_at
    change = f"{_name(record.security)}，{local_text(decided)[:10]}解密"
    event = {
        "id": new_id(),
        "action": "密级变更",
        "time": format_utc(decided),
        "agent": act.decided_name,
        "agent_unit": federation.archive_of(archive, session).name,
        "basis": act.reason,
        "description": f"{change}；{act.proposed_name}提出，{act.decided_name}确认",
    }
    return draft_version(
        record,
        {"security": str(SecurityClass.NONE), "security_change": change},
        event,
        correction_id=act.id,
        session=session,
    )
