"""The verbs of an appraisal: draw it up, submit, approve or send back, watch, call off.

Four people: who draws the list up 鉴定员, the leader of the archive who approves it, and two who
watch 监销人; nobody is two of them. What was decided `executing` carries out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, delete, func, null, select
from sqlalchemy.orm import Session

from hub.disposal.models import Appraisal, AppraisalLine
from hub.disposal.proposing import due, obstacles, parts_of
from hub.federation import service as federation
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.kernel.identifiers import new_id
from shared.kernel.reach import within_reach
from shared.records.corrections import read_reason
from shared.records.record import RecordLevel
from shared.records.retention import MOST_LISTED, Opinion, outlasts, read_retention, retention_name
from shared.records.states import APPRAISAL
from shared.records.values import TITLE_LENGTH, required_text

#: Who sees the appraisals of an archive, and who may watch a destruction.
PEOPLE = (Role.APPRAISER, Role.ARCHIVIST, Role.REVIEWER, Role.LEADER)
#: Who draws up what is to be destroyed.
DRAWING = (Role.APPRAISER, Role.ARCHIVIST)
WITNESSES = 2
_WHOLE = (RecordLevel.VOLUME, RecordLevel.PROJECT)
_PERMANENT = "Y"


# ---- drawing up


def begin(
    actor: Actor, archive_code: str, title: str, record_ids: Sequence[str], *, session: Session
) -> Appraisal:
    """Draw up a list 鉴定清册 of records whose retention is over; volumes bring what is in them.

    Raises NotAllowed outside the archive, Invalid for no or too many records, or for one that is
    not due.
    """
    require(actor, *DRAWING, archive=archive_code)
    federation.held_archive(archive_code, session)
    name = required_text(title, "title", max_length=TITLE_LENGTH)
    appraisal = Appraisal(
        id=new_id(), archive_code=archive_code, title=name, drawn=_signed(actor), witnesses=[]
    )
    session.add(appraisal)
    session.flush()
    added = _add(appraisal, record_ids, session)
    audit.record(
        session, actor, "appraisal.begun", f"appraisal:{appraisal.id}", audit.Act(each=added),
        archive=archive_code, count=len(added),
    )  # fmt: skip
    return appraisal


def add_lines(
    actor: Actor, appraisal_id: str, record_ids: Sequence[str], *, session: Session
) -> int:
    """Add records to a list that is being drawn up; returns how many lines came. As `begin`."""
    appraisal = _drawn_by(actor, appraisal_id, session)
    federation.held_archive(appraisal.archive_code, session)
    added = _add(appraisal, record_ids, session)
    audit.record(
        session, actor, "appraisal.widened", f"appraisal:{appraisal.id}", audit.Act(each=added),
        count=len(added),
    )  # fmt: skip
    return len(added)


def _add(appraisal: Appraisal, record_ids: Sequence[str], session: Session) -> list[str]:
    wanted = list(dict.fromkeys(record_ids))
    if not wanted:
        raise Invalid("records", "没有选择档案。", "请勾选要鉴定的档案。", code="required")
    if len(wanted) > MOST_LISTED:
        raise _too_many()
    query = due(appraisal.archive_code)
    record = query.column_descriptions[0]["entity"]
    found = session.scalars(query.where(record.id.in_(wanted))).all()
    if len(found) != len(wanted):
        raise Invalid(
            "records",
            f"有 {len(wanted) - len(found)} 件不能列入：期限未满、已在别的清册，或不归本馆保管。",
            "请刷新后重新选择。",
            code="not_due",
        )
    lines = []
    for top in found:
        below = parts_of([top.id], session) if top.level in _WHOLE else []
        lines += [_line(appraisal, each, top.id) for each in (top, *below)]
    if len(lines) + count_lines(appraisal.id, session=session) > MOST_LISTED:
        raise _too_many()
    session.add_all(lines)
    session.flush()
    return [line.record_id for line in lines]


def _too_many() -> Invalid:
    return Invalid(
        "records", f"一份清册最多 {MOST_LISTED} 件。", "请分成几份。", code="too_many_lines"
    )


def _line(appraisal: Appraisal, record: Any, whole_id: str) -> AppraisalLine:
    return AppraisalLine(
        appraisal_id=appraisal.id,
        record_id=record.id,
        whole_id=whole_id,
        fonds_id=record.fonds_id,
        code=record.code,
        title=record.title,
        year=record.year,
        retention=record.retention,
    )


def remove_lines(
    actor: Actor, appraisal_id: str, record_ids: Sequence[str], *, session: Session
) -> int:
    """Take records off a list that is being drawn up, a volume whole; returns how many lines."""
    appraisal = _drawn_by(actor, appraisal_id, session)
    wholes = _wholes(appraisal.id, record_ids, session)
    gone = session.scalars(
        delete(AppraisalLine)
        .where(AppraisalLine.appraisal_id == appraisal.id, AppraisalLine.whole_id.in_(wholes))
        .returning(AppraisalLine.record_id)
    ).all()
    audit.record(
        session, actor, "appraisal.narrowed", f"appraisal:{appraisal.id}", audit.Act(each=gone),
        count=len(gone),
    )  # fmt: skip
    return len(gone)


def judge(
    actor: Actor,
    appraisal_id: str,
    record_ids: Sequence[str],
    opinion: str,
    reason: str,
    *,
    longer: str | None = None,
    session: Session,
) -> int:
    """Write the opinion 鉴定意见 on records of a list, with its reason; returns on how many lines.

    `longer` is the new retention of what is kept on. A volume and what is in it share one.
    Raises Invalid for an unknown opinion, or a period that is not longer.
    """
    appraisal = _drawn_by(actor, appraisal_id, session)
    if opinion not in set(Opinion):
        raise Invalid("opinion", "请选择销毁、续存或升级。", "选择一项后再保存。")
    why = read_reason(reason)
    period = None
    if opinion == Opinion.RAISE:
        period = _PERMANENT
    elif opinion == Opinion.EXTEND:
        period = read_retention(longer, "longer")
    wholes = _wholes(appraisal.id, record_ids, session)
    lines = session.scalars(
        select(AppraisalLine).where(
            AppraisalLine.appraisal_id == appraisal.id, AppraisalLine.whole_id.in_(wholes)
        )
    ).all()
    for line in lines:
        if period is not None and not outlasts(period, line.retention):
            raise Invalid(
                "longer",
                f"{retention_name(period)}不比{line.code or line.title[:30]}"
                f"现在的{retention_name(line.retention)}更长。",
                "请选择更长的保管期限。",
                code="not_longer",
            )
        line.opinion, line.longer, line.reason = opinion, period, why
    session.flush()
    audit.record(
        session, actor, "appraisal.judged", f"appraisal:{appraisal.id}",
        audit.Act(each=[line.record_id for line in lines]),
        choice=opinion, count=len(lines), reason=why,
    )  # fmt: skip
    return len(lines)


def _wholes(appraisal_id: str, record_ids: Sequence[str], session: Session) -> list[str]:
    """The volumes that these lines belong to, or they themselves. Raises Invalid for none."""
    found = session.scalars(
        select(AppraisalLine.whole_id)
        .where(AppraisalLine.appraisal_id == appraisal_id)
        .where(AppraisalLine.record_id.in_(list(record_ids)[: MOST_LISTED + 1]))
        .distinct()
    ).all()
    if not found:
        raise Invalid("records", "没有选择档案。", "请勾选清册中的档案。", code="required")
    return list(found)


def submit(actor: Actor, appraisal_id: str, *, session: Session) -> Appraisal:
    """Submit a list 送审: every line has its opinion, and nothing stands in the way of any.

    Raises Invalid for a line without opinion, Conflict naming the first record that must not be
    destroyed now.
    """
    appraisal = _drawn_by(actor, appraisal_id, session)
    state = APPRAISAL.after("submit", appraisal.state)
    lines = lines_of(appraisal.id, session=session)
    if not lines or any(line.opinion is None for line in lines):
        missing = sum(line.opinion is None for line in lines)
        raise Invalid(
            "opinion",
            f"还有 {missing} 件没有鉴定意见。" if lines else "清册里没有档案。",
            "请逐件写明销毁、续存或升级，或从清册中移去。",
            code="not_judged",
        )
    require_free(appraisal, lines, session)
    appraisal.state, appraisal.returned = state, None
    session.flush()
    audit.record(
        session, actor, "appraisal.submitted", f"appraisal:{appraisal.id}",
        audit.Act(each=[line.record_id for line in lines]), count=len(lines),
    )  # fmt: skip
    return appraisal


def require_free(appraisal: Appraisal, lines: Sequence[AppraisalLine], session: Session) -> None:
    """Raise Conflict, naming the first, when a record that is to be destroyed must not be now."""
    wanted = [line for line in lines if line.opinion == Opinion.DESTROY]
    problems = obstacles([line.record_id for line in wanted], appraisal.archive_code, session)
    for line in wanted:
        problem = problems.get(line.record_id)
        if problem is not None:
            raise Conflict(
                f"{line.code or line.title[:30]}：{problem.message}", problem.remedy,
                code=problem.code,
            )  # fmt: skip


# ---- the other three people


def send_back(actor: Actor, appraisal_id: str, reason: str, *, session: Session) -> Appraisal:
    """Send a submitted list back to who drew it up, with the reason; by a leader of the archive."""
    appraisal = _held(appraisal_id, session)
    require(actor, Role.LEADER, archive=appraisal.archive_code, missing=_no_appraisal())
    appraisal.state = APPRAISAL.after("return", appraisal.state)
    appraisal.returned = read_reason(reason)
    session.flush()
    audit.record(
        session, actor, "appraisal.returned", f"appraisal:{appraisal.id}",
        reason=appraisal.returned,
    )  # fmt: skip
    return appraisal


def approve(actor: Actor, appraisal_id: str, *, session: Session) -> Appraisal:
    """Approve 批准 a submitted list, as a leader of the archive who did not draw it up.

    Raises NotAllowed for the one who did, and for others than leaders.
    """
    appraisal = _held(appraisal_id, session)
    require(actor, Role.LEADER, archive=appraisal.archive_code, missing=_no_appraisal())
    state = APPRAISAL.after("approve", appraisal.state)
    _require_other(actor, [appraisal.drawn])
    appraisal.state, appraisal.approved = state, _signed(actor)
    session.flush()
    audit.record(session, actor, "appraisal.approved", f"appraisal:{appraisal.id}")
    return appraisal


def witness(actor: Actor, appraisal_id: str, *, session: Session) -> Appraisal:
    """Sign as one of two who watch 监销; with the second one the execution begins.

    Raises NotAllowed for who has drawn up, approved or signed already, and outside the archive.
    """
    appraisal = _held(appraisal_id, session)
    require(actor, *PEOPLE, archive=appraisal.archive_code, missing=_no_appraisal())
    state = APPRAISAL.after("witness", appraisal.state)
    _require_other(actor, [appraisal.drawn, appraisal.approved or {}, *appraisal.witnesses])
    appraisal.witnesses = [*appraisal.witnesses, _signed(actor)]
    if len(appraisal.witnesses) == WITNESSES:
        state = APPRAISAL.after("execute", state)
    appraisal.state = state
    session.flush()
    audit.record(
        session, actor, "appraisal.witnessed", f"appraisal:{appraisal.id}",
        count=len(appraisal.witnesses),
    )  # fmt: skip
    return appraisal


def call_off(actor: Actor, appraisal_id: str, reason: str, *, session: Session) -> Appraisal:
    """Call a list off 撤销 before it is executed: by who drew it up, or a leader of the archive."""
    appraisal = _held(appraisal_id, session)
    require(actor, *DRAWING, Role.LEADER, archive=appraisal.archive_code, missing=_no_appraisal())
    appraisal.state = APPRAISAL.after("call_off", appraisal.state)
    appraisal.returned, appraisal.ended_at = read_reason(reason), now()
    session.flush()
    audit.record(
        session, actor, "appraisal.called_off", f"appraisal:{appraisal.id}",
        reason=appraisal.returned,
    )  # fmt: skip
    return appraisal


def _require_other(actor: Actor, before: Sequence[Mapping[str, Any]]) -> None:
    if actor.system or any(each.get("id") == actor.id for each in before):
        raise NotAllowed(
            "拟制、批准、监销须由不同的人办理，同一个人不能办两项。",
            "请由另一位同事登录后办理。",
            code="same_person",
        )


def _signed(actor: Actor) -> dict[str, Any]:
    return {"id": actor.id, "name": actor.name, "at": utc_text()}


# ---- questions


def appraisals_seen_by(actor: Actor) -> Select[Appraisal]:
    """The appraisals of the actor's archives."""
    return select(Appraisal).where(within_reach(actor, PEOPLE, null(), Appraisal.archive_code))


def appraisal_seen_by(actor: Actor, appraisal_id: str, *, session: Session) -> Appraisal:
    """An appraisal that the actor may look at. Raises NotFound, also for another archive's."""
    found = session.scalar(appraisals_seen_by(actor).where(Appraisal.id == appraisal_id))
    if found is None:
        raise _no_appraisal()
    return found


def lines_of(appraisal_id: str, *, session: Session) -> Sequence[AppraisalLine]:
    """The lines of an appraisal, in the order of their codes."""
    return session.scalars(
        select(AppraisalLine)
        .where(AppraisalLine.appraisal_id == appraisal_id)
        .order_by(AppraisalLine.code, AppraisalLine.record_id)
    ).all()


def count_lines(appraisal_id: str, opinion: Opinion | None = None, *, session: Session) -> int:
    """How many lines an appraisal has, or how many of one opinion."""
    query = select(func.count()).where(AppraisalLine.appraisal_id == appraisal_id)
    if opinion is not None:
        query = query.where(AppraisalLine.opinion == opinion)
    return session.scalar(query) or 0


def _no_appraisal() -> NotFound:
    return NotFound("没有这份鉴定清册。", "请回到鉴定处置列表重新查看。")


def _held(appraisal_id: str, session: Session) -> Appraisal:
    found = locked(session, Appraisal, appraisal_id)
    if found is None:
        raise _no_appraisal()
    return found


def _drawn_by(actor: Actor, appraisal_id: str, session: Session) -> Appraisal:
    """An appraisal that is being drawn up, for an archivist of its archive. Raises WrongState."""
    appraisal = _held(appraisal_id, session)
    require(actor, *DRAWING, archive=appraisal.archive_code, missing=_no_appraisal())
    APPRAISAL.after("draw", appraisal.state)
    return appraisal
