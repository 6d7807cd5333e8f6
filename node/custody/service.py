"""The verbs of the hand-over of a whole fonds, as a node does them.

The hub's word decides (entry `hand_over`): until it assigns the fonds to the taking node, the
giving one is its keeper, frozen; a call-off takes effect by the hub's answer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from node.corrections import whole as of_corrections
from node.custody.models import Bundle, HandOver
from node.filing import service as filing
from node.intake import whole as of_intake
from node.office.models import Standing
from node.office.service import (
    fonds_of,
    office_of,
    require_grant,
    require_writable,
    set_standing,
    tell_hub,
)
from node.transfer import whole as of_transfer
from shared import audit
from shared.kernel import jobs
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.clock import now, utc_text
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import Seal, sign_document
from shared.records.hand_over import STATEMENT_FORMAT
from shared.records.states import HAND_OVER
from shared.records.values import NAME_LENGTH, REASON_LENGTH, required_text

#: Jobs: the giving node writes inventory and bundles; the taking one verifies, then takes in.
WRITE, CHECK, TAKE_IN = "custody.write", "custody.check", "custody.take_in"
SEEING = (Role.CLERK, Role.LEADER)
#: Who decides for the unit.
DECIDING = (Role.LEADER,)
FINAL = ("done", "called_off")
_BROKEN_OFF = (jobs.JobState.FAILED, jobs.JobState.STOPPED)
_BEFORE_ASSIGNMENT = ("asked", "proposed", "frozen", "given", "arrived")
_BY_ITSELF = system_actor("custody")


def ask(actor: Actor, fonds_id: str, wish: str, reason: str, *, session: Session) -> HandOver:
    """Ask the hub that another unit keep a fonds from now on; an administrator there decides.

    Raises WrongState when the fonds is not written here, or is being handed over already.
    """
    require(actor, *DECIDING, fonds=fonds_id)
    require_writable(fonds_id, session)
    require_grant(session)
    if open_one(fonds_id, session=session) is not None:
        raise WrongState(
            "这个全宗已有正在办理的交接。", "请在“全宗交接”页面查看。", code="hand_over_open"
        )
    wish = required_text(wish, "wish", max_length=NAME_LENGTH)
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    asked = HandOver(
        id=new_id(),
        fonds_id=fonds_id,
        fonds_name=fonds_of(fonds_id, session).name,
        leaving=True,
        counterpart=wish,
        state="asked",
        reason=reason,
        asked_by=actor.name,
    )
    session.add(asked)
    session.flush()
    tell_asked(asked, session=session)
    audit.record(session, actor, "hand_over.asked", asked, fonds=fonds_id, wish=wish)
    return asked


def tell_asked(asked: HandOver, *, session: Session) -> None:
    """Say what was asked for (again, in a new epoch)."""
    body = {
        "hand_over_id": asked.id,
        "fonds_id": asked.fonds_id,
        "wish": asked.counterpart,
        "reason": asked.reason,
        "by": asked.asked_by,
    }
    tell_hub(session, "hand_over_asked", asked.id, body)


def hindrances(hand_over: HandOver, *, session: Session) -> list[str]:
    """What must end before the fonds can be frozen, as sentences with their remedies."""
    said = []
    batches = of_transfer.on_the_way(hand_over.fonds_id, session=session)
    if batches:
        names = "、".join(f"“{each.title}”" for each in batches[:3])
        said.append(
            f"有 {len(batches)} 批移交还没有办结（{names}）：请等档案馆办结，或撤回、放弃后再交接。"
        )
    if imports := of_intake.unfinished(hand_over.fonds_id, session=session):
        said.append(f"有 {imports} 次导入还没有完成：请确认导入或放弃。")
    if asked := of_corrections.unanswered(hand_over.fonds_id, session=session):
        said.append(f"有 {asked} 份更正申请还没有答复：请等档案馆答复后再交接。")
    if divergent := len(filing.open_divergences([hand_over.fonds_id], session=session)):
        said.append(f"有 {divergent} 件与平台不一致，等待选择：请先在“不一致”页面处理。")
    return said


def freeze(actor: Actor, hand_over_id: str, *, session: Session) -> HandOver:
    """Stop writing the fonds 停写: from here on nothing of it changes on this node.

    Raises WrongState while a batch is on the way, an import unfinished or a difference unsettled.
    """
    hand_over = _to_decide(actor, hand_over_id, session, leaving=True, verb="freeze")
    require_grant(session)
    require_writable(hand_over.fonds_id, session)
    if said := hindrances(hand_over, session=session):
        raise WrongState(f"暂不能停写：{said[0]}", "处理后再停写。", code="fonds_busy")
    fonds = fonds_of(hand_over.fonds_id, session)
    set_standing(fonds, Standing.LEAVING, hand_over.counterpart, session=session)
    hand_over.frozen_at, hand_over.frozen_by = now(), actor.name
    body = {"hand_over_id": hand_over.id, "by": actor.name}
    tell_hub(session, "hand_over_frozen", hand_over.id, body)
    audit.record(
        session, actor, "hand_over.frozen", hand_over, _records_of(hand_over, session),
        fonds=hand_over.fonds_id,
    )  # fmt: skip
    return hand_over


def draft_statement(actor: Actor, hand_over_id: str, *, session: Session) -> dict[str, Any]:
    """The statement 交接清单 that this unit is to seal; changes nothing.

    The giving side signs what it has written; the taking side what it has verified.
    """
    hand_over = _to_decide(actor, hand_over_id, session)
    _require_signable(hand_over)
    if hand_over.leaving:
        return _statement(actor, hand_over, session)
    return dict((hand_over.document or {})["statement"])


def seal_statement(statement: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """The statement with this unit's seal, for `sign`: `{statement, signed}`.

    A seal may lie in a device or a service: it signs outside of transactions.
    """
    return {"statement": dict(statement), "signed": sign_document(seal, statement)}


def sign(
    actor: Actor, hand_over_id: str, draft: Mapping[str, Any], *, session: Session
) -> HandOver:
    """Put the signature of `seal_statement` into the up stream: this side agrees."""
    hand_over = _to_decide(actor, hand_over_id, session)
    _require_signable(hand_over)
    require_grant(session)
    audit.require_witness(session)
    hand_over.signed_at, hand_over.signed_by = now(), actor.name
    kind = "hand_over_given" if hand_over.leaving else "hand_over_taken"
    hand_over.signed_body = {"hand_over_id": hand_over.id, "by": actor.name, **draft}
    tell_hub(session, kind, hand_over.id, hand_over.signed_body)
    audit.record(
        session, actor, "hand_over.signed", hand_over,
        audit.Act(each=[each["sha256"] for each in draft["statement"]["bundles"]]),
        inventory=draft["statement"]["inventory"],
    )  # fmt: skip
    return hand_over


def call_off(actor: Actor, hand_over_id: str, reason: str, *, session: Session) -> HandOver:
    """Ask the hub to call the hand-over off 取消交接 (the taking side: refuse it).

    Until the hub has answered, everything stays as it is. Raises WrongState after the assignment.
    """
    hand_over = _to_decide(actor, hand_over_id, session, verb="call_off")
    require_grant(session)
    _ask_call_off(actor, hand_over, reason, session)
    return hand_over


def _ask_call_off(actor: Actor, hand_over: HandOver, reason: str, session: Session) -> None:
    hand_over.called_off = required_text(reason, "reason", max_length=REASON_LENGTH)
    body = {
        "hand_over_id": hand_over.id,
        "by": actor.name,
        "reason": hand_over.called_off,
    }
    tell_hub(session, "hand_over_called_off", hand_over.id, body)
    audit.record(session, actor, "hand_over.call_off_asked", hand_over, reason=hand_over.called_off)


def _to_decide(
    actor: Actor,
    hand_over_id: str,
    session: Session,
    *,
    leaving: bool | None = None,
    verb: str | None = None,
) -> HandOver:
    hand_over = hand_over_of(actor, hand_over_id, session=session)
    require(actor, *DECIDING, fonds=hand_over.fonds_id)
    if leaving is not None and hand_over.leaving is not leaving:
        raise WrongState("这一步由对方单位办理。", "请等对方办理。")
    if verb is not None:
        HAND_OVER.after(verb, hand_over.state)
    return hand_over


def _require_signable(hand_over: HandOver) -> None:
    wanted = "frozen" if hand_over.leaving else "arrived"
    if hand_over.state != wanted or hand_over.inventory is None:
        raise WrongState(
            f"交接现为“{HAND_OVER.label(hand_over.state)}”，还不能签字。",
            "请等清点或核对完毕后再签字。",
            code="not_signable",
        )
    if hand_over.called_off is not None or hand_over.signed_at is not None:
        raise WrongState("已签字，或已申请取消。", "请等市级平台答复。", code="not_signable")


def _statement(actor: Actor, hand_over: HandOver, session: Session) -> dict[str, Any]:
    said, written = hand_over.document or {}, hand_over.inventory or {}
    return {
        "format": STATEMENT_FORMAT,
        "hub_id": said["hub_id"],
        "hand_over_id": hand_over.id,
        "fonds_id": hand_over.fonds_id,
        "from_node": said["from_node"],
        "to_node": said["to_node"],
        "inventory": written["sha256"],
        "bundles": [
            {"id": each.id, "sha256": each.sha256, "size": each.size}
            for each in bundles_of(hand_over.id, session=session)
        ],
        "counts": written["counts"],
        "sums": written["sums"],
        "by": actor.name,
        "at": utc_text(),
    }


def settle(hand_over: HandOver, *, session: Session) -> None:
    """Everything is taken in and proven: open the fonds, and tell the hub (the last step)."""
    set_standing(fonds_of(hand_over.fonds_id, session), Standing.OPEN, session=session)
    hand_over.taken_in_at = now()
    tell_settled(hand_over, session=session)
    audit.record(
        session, _BY_ITSELF, "hand_over.taken_in", hand_over, _records_of(hand_over, session),
        fonds=hand_over.fonds_id,
    )  # fmt: skip


def _records_of(hand_over: HandOver, session: Session) -> audit.Act:
    """What an event says of a hand-over: the ids of all records of the fonds, drafts among them."""
    return audit.Act(each=filing.ids_in(hand_over.fonds_id, session=session))


def tell_settled(hand_over: HandOver, *, session: Session) -> None:
    """Say that everything is here (again, in a new epoch)."""
    body = {"hand_over_id": hand_over.id, "by": office_of(session).name}
    tell_hub(session, "hand_over_settled", hand_over.id, body)


# ---- questions


def hand_over_of(actor: Actor, hand_over_id: str, *, session: Session) -> HandOver:
    """A hand-over that the actor may see. Raises NotFound."""
    found = session.get(HandOver, hand_over_id)
    if found is None or not actor.may(*SEEING, fonds=found.fonds_id):
        raise NotFound("没有这次全宗交接。", "请回到“全宗交接”列表重新查看。")
    return found


def listing(actor: Actor, *, session: Session) -> Select[HandOver]:
    """The hand-overs that the actor may see, as a statement to page through."""
    known = session.scalars(select(HandOver.fonds_id).distinct()).all()
    seen = [each for each in known if actor.may(*SEEING, fonds=each)]
    return select(HandOver).where(HandOver.fonds_id.in_(seen))


def open_one(fonds_id: str, *, session: Session) -> HandOver | None:
    """The hand-over of a fonds that has not ended, if there is one."""
    return session.scalar(
        select(HandOver)
        .where(HandOver.fonds_id == fonds_id, HandOver.state.not_in(FINAL))
        .order_by(HandOver.created_at.desc())
        .limit(1)
    )


def waiting_for_us(*, session: Session) -> list[HandOver]:
    """The hand-overs in which this unit's leader does the next step."""
    candidates = session.scalars(
        select(HandOver)
        .where(HandOver.state.in_(("proposed", "frozen", "arrived")))
        .where(HandOver.called_off.is_(None), HandOver.signed_at.is_(None))
        .order_by(HandOver.created_at, HandOver.id)
    )
    return [
        each
        for each in candidates
        if (each.leaving and each.state == "proposed" and each.frozen_at is None)
        or (each.leaving and each.state == "frozen" and each.inventory is not None)
        or (not each.leaving and each.state == "arrived" and each.inventory is not None)
    ]


def refused_and_open(*, session: Session) -> list[HandOver]:
    """The hand-overs under way of which the hub did not take what this side said last."""
    return list(
        session.scalars(
            select(HandOver)
            .where(HandOver.refused.is_not(None), HandOver.state.not_in(FINAL))
            .order_by(HandOver.created_at, HandOver.id)
        )
    )


def bundles_of(hand_over_id: str, *, session: Session) -> list[Bundle]:
    """The bundles of a hand-over, in order."""
    return list(
        session.scalars(
            select(Bundle).where(Bundle.hand_over_id == hand_over_id).order_by(Bundle.number)
        )
    )


def next_to_move(session: Session, *, leaving: bool) -> list[tuple[str, str, str, int]]:
    """The bundles that wait to be sent (or fetched): hand-over, id, digest and size."""
    # What the hub has lost it asks for until the new keeper has everything.
    states = ("given", "arrived", "assigned") if leaving else ("arrived", "assigned")
    rows = session.execute(
        select(HandOver.id, Bundle.id, Bundle.sha256, Bundle.size)
        .join(Bundle, Bundle.hand_over_id == HandOver.id)
        .where(HandOver.leaving.is_(leaving), HandOver.state.in_(states))
        .where(Bundle.moved.is_(False), HandOver.taken_in_at.is_(None))
        .order_by(HandOver.created_at, Bundle.number)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def bundles_waiting() -> Any:
    """How many bundles of fonds that leave still have to go up, as a scalar subquery."""
    return (
        select(func.count())
        .select_from(Bundle)
        .join(HandOver, HandOver.id == Bundle.hand_over_id)
        .where(HandOver.leaving.is_(True), HandOver.state == "given", Bundle.moved.is_(False))
        .scalar_subquery()
    )


def note_moved(session: Session, bundle_id: str) -> None:
    """A bundle went up, or is here; when all are here they are verified, or taken in."""
    bundle = session.get(Bundle, bundle_id)
    if bundle is None:
        return
    bundle.moved = True
    session.flush()
    hand_over = session.get_one(HandOver, bundle.hand_over_id)
    if not hand_over.leaving:
        go_on_taking(hand_over, session=session)


def go_on_taking(hand_over: HandOver, *, session: Session) -> None:
    """Begin the job that comes next on the taking side, when all bundles are here."""
    bundles = bundles_of(hand_over.id, session=session)
    if not bundles or not all(each.moved for each in bundles):
        return
    if hand_over.state == "arrived" and hand_over.inventory is None:
        submit(hand_over, CHECK, f"核对接管内容：{hand_over.fonds_name}", session=session)
    elif hand_over.state == "assigned" and hand_over.taken_in_at is None:
        submit(hand_over, TAKE_IN, f"并入接管内容：{hand_over.fonds_name}", session=session)


def submit(hand_over: HandOver, kind: str, title: str, *, session: Session) -> None:
    """Begin a job for a hand-over, unless one of this kind is open or done already."""
    if hand_over.job_id is not None:
        job = session.get(jobs.Job, hand_over.job_id)
        if job is not None and job.is_open:
            if job.kind == kind:
                return
            jobs.stop(job)
    arguments = {"hand_over_id": hand_over.id}
    hand_over.job_id = jobs.submit(session, kind, arguments, title=title[:500]).id
    session.flush()


def try_again(actor: Actor, hand_over_id: str, *, session: Session) -> HandOver:
    """Go on with a job of a hand-over that failed or was stopped (a disk full, a file missing)."""
    hand_over = _to_decide(actor, hand_over_id, session)
    job = session.get(jobs.Job, hand_over.job_id or "")
    if job is None or job.state not in _BROKEN_OFF:
        raise WrongState("没有停下的清点或核对。", "请刷新页面查看最新状态。")
    hand_over.job_id = None
    submit(hand_over, job.kind, job.title, session=session)
    audit.record(session, actor, "hand_over.tried_again", hand_over, job=job.kind)
    return hand_over


def forget_bundles(hand_over: HandOver, *, session: Session) -> None:
    """No bundle of a hand-over is needed any more; their files are cleared by the work."""
    session.execute(delete(Bundle).where(Bundle.hand_over_id == hand_over.id))
