"""The look-up 查证: does an archive keep the record with this number and this title?

For other platforms that have a matter in hand (一网通办 and the like). Only what the archives'
resource catalogue shares through the platform is told; of everything else, what is not there
included, the answer is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.sharing import service as sharing
from hub.sharing.lookup.models import LookupUse
from hub.sharing.policies import Audience
from hub.sharing.resources import service as resources
from shared import audit
from shared.identity import TooManyAttempts
from shared.kernel.actor import Actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import format_utc, now
from shared.kernel.database import locked
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id
from shared.records.security import refuse_classified
from shared.records.text import CODE_LENGTH, NAME_LENGTH, TITLE_LENGTH, required_text

#: What somebody may look a record up for 查证目的, by its code.
PURPOSES = {
    "government_service": "办理政务服务事项",
    "notarisation": "公证",
    "litigation": "行政复议、诉讼、仲裁",
    "supervision": "监督检查、审计、巡察",
    "compilation": "编史修志",
}
#: Purposes for which also the existence of records that are not open may be told, where their
#: archive shares these under conditions.
OFFICIAL = frozenset({"government_service", "notarisation", "litigation", "supervision"})
_HOUR = len("2026-11-26T08")
_KEPT_HOURS = 48


@dataclass(frozen=True)
class Answer:
    """What a look-up says. `lookup_id` is under what the audit log has it.

    The archive is that which keeps the record; None when nothing may be told.
    """

    lookup_id: str
    exists: bool
    archive_code: str | None = None
    archive_name: str | None = None


@dataclass(frozen=True)
class Asker:
    """Who looks up, what is shared with it, and whose records its terms let it ask for.

    `covers` takes an archive's code and a fonds; None for those of all archives.
    """

    actor: Actor
    audience: Audience = Audience.GOVERNMENT
    covers: Callable[[str, str], bool] | None = None


@dataclass(frozen=True)
class Question:
    """What is asked: number and title, what for, and the number of the matter in hand 办件编号."""

    number: str
    title: str
    purpose: str
    matter: str


def read_question(number: object, title: object, purpose: object, matter: object) -> Question:
    """A question in the value domain. Raises Invalid, Classified."""
    if purpose not in PURPOSES:
        raise Invalid(
            "purpose", "没有这种查证目的。", f"可用：{'、'.join(PURPOSES)}。", code="bad_purpose"
        )
    question = Question(
        required_text(number, "number", max_length=CODE_LENGTH),
        required_text(title, "title", max_length=TITLE_LENGTH),
        str(purpose),
        required_text(matter, "matter", max_length=NAME_LENGTH),
    )
    refuse_classified(question.title, field="title")
    return question


def look_up(asker: Asker, question: Question, *, most: int, session: Session) -> Answer:
    """Answer a question; the asker's ration of the hour is `most`, a tenth of it for misses.

    Raises TooManyAttempts beyond that: the audit then has no look-up, for there was none.
    """
    use = _use(asker.actor, session)
    if use.asked >= most or use.missed >= max(1, most // 10):
        raise TooManyAttempts(
            "本小时的查证次数已用完。", "请在下一个小时再查；不够用的，请联系系统管理员。"
        )
    lookup_id = new_id()
    told = [
        row
        for row in catalogue.received_named(question.number, question.title, session)
        if may_be_told(row, question.purpose, asker, session)
    ]
    found = told[0] if told else None
    use.asked += 1
    use.missed += found is None
    session.flush()
    # Not what was typed: it may be anything.
    audit.record(
        session, asker.actor, "record.looked_up",
        f"record:{found.id}" if found is not None else f"lookup:{lookup_id}",
        lookup=lookup_id, purpose=question.purpose, matter=question.matter,
        digest=sha256_hex(question.number.encode()), found=found is not None,
    )  # fmt: skip
    if found is None or found.archive is None:
        return Answer(lookup_id, exists=False)
    archive = federation.archive_of(found.archive, session)
    return Answer(lookup_id, True, archive.code, archive.name)


def may_be_told(record: CatalogueRecord, purpose: str, asker: Asker, session: Session) -> bool:
    """Whether it may be said that a record exists: the one rule of the look-up.

    What is shared with the asker's audience (`SharingState`), within its terms, may be told, opened
    records for every purpose, others under conditions for official ones; and its archive has
    published a resource that shares such records through the platform.
    """
    if record.archive is None:
        return False
    if asker.covers is not None and not asker.covers(record.archive, record.fonds_id):
        return False
    state = sharing.state_of(record.id, asker.audience, session)
    if state is None or state.standing == "hidden":
        return False
    is_open = state.standing == "open"
    if not is_open and purpose not in OFFICIAL:
        return False
    coverage = "open" if is_open else "controlled"
    return any(
        document["coverage"] == coverage
        and document["sharing"]["type"] != "none"
        and "platform_service" in document["sharing"]["methods"]
        for document in resources.documents_in_force(session, archive=record.archive)
    )


def _use(actor: Actor, session: Session) -> LookupUse:
    """The row of an account and this hour, held until the end of the transaction."""
    moment = now()
    hour = format_utc(moment)[:_HOUR]
    row = locked(session, LookupUse, (actor.id, hour))
    if row is None:
        past = format_utc(moment - timedelta(hours=_KEPT_HOURS))[:_HOUR]
        session.execute(delete(LookupUse).where(LookupUse.hour < past))
        row = LookupUse(account_id=actor.id, hour=hour, asked=0, missed=0)
        session.add(row)
        session.flush()
    return row
