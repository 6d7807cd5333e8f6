"""The verbs of the hand-over of a whole fonds at the hub: propose, call off, assign.

Until the assignment the giving node is the keeper; the assignment is made in the one transaction
that takes the second signature, so that there is exactly one writer at any time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.correcting import service as correcting
from hub.custody.bundles import bundles_of
from hub.custody.models import Bundle, HandOver
from hub.custody.telling import tell_both
from hub.federation import service as federation
from hub.federation.events import RecordAnswered
from hub.federation.models import Node, NodeState
from hub.receiving import service as receiving
from hub.repository import service as repository
from shared.audit import Act
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, system_actor
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.messaging.log import lock_streams
from shared.records.states import HAND_OVER
from shared.records.values import REASON_LENGTH, required_text

__all__ = [
    "ASSIGNED",
    "ENDED",
    "HandOver",
    "assign",
    "begin",
    "bundles_of",
    "call_off",
    "conclude",
    "hand_over_of",
    "hand_over_shown_to",
    "hand_overs_seen_by",
    "held_hand_over",
    "hindrances",
    "is_certain",
    "latest_of",
    "open_one",
    "others_open",
    "propose",
    "refuse_answer",
    "take_bundle",
    "takers",
]

ASSIGNED = ("assigned", "done")
ENDED = ("done", "called_off")
_SEES = (Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR)
_SYSTEM = system_actor("custody")


def propose(
    actor: Actor, fonds_id: str, to_node: str, reason: str, *, key: SigningKey, session: Session
) -> HandOver:
    """Propose that another node keep a fonds from now on; what its unit asked for is taken up.

    Raises WrongState when nobody keeps the fonds yet, another hand-over of it is under way, or
    batches of it are; Invalid when the taking node is not enrolled or keeps it already.
    """
    (fonds,) = federation.locked_fonds([fonds_id], session, to_node)
    federation.require_over_fonds(actor, fonds)
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    if fonds.keeping_node is None:
        raise WrongState("这个全宗还没有保管单位。", "请直接指定保管单位。")
    taking = federation.node_of(to_node, session)
    if taking.state != NodeState.ENROLLED or taking.id == fonds.keeping_node:
        raise Invalid(
            "node",
            f"“{taking.name}”不能接管：尚未联网，或现在就由它保管。",
            "请选择另一个已联网的单位。",
            code="cannot_take",
        )
    if said := hindrances(fonds_id, session=session):
        raise WrongState(said, "请等这些办结或撤回后再提出。", code="fonds_busy")
    hand_over = open_one(fonds_id, session=session)
    if hand_over is not None and hand_over.state != "asked":
        raise WrongState(
            "这个全宗已有正在办理的交接。", "请先办完或取消它。", code="hand_over_open"
        )
    if hand_over is None:
        hand_over = begin(fonds_id, fonds.keeping_node, actor.name, reason, session=session)
    hand_over.to_node = taking.id
    hand_over.reason = reason
    _move(hand_over, HAND_OVER.after("propose", hand_over.state))
    tell_both(hand_over, key=key, session=session)
    audit(
        session, actor, "hand_over.proposed", f"fonds:{fonds_id}",
        hand_over=hand_over.id, from_node=hand_over.from_node, to_node=taking.id, reason=reason,
    )  # fmt: skip
    return hand_over


def begin(
    fonds_id: str,
    from_node: str,
    begun_by: str,
    reason: str,
    *,
    session: Session,
    id: str | None = None,
) -> HandOver:
    """A new hand-over, as if it had been asked for."""
    hand_over = HandOver(
        id=id or new_id(),
        fonds_id=fonds_id,
        from_node=from_node,
        state="asked",
        reason=reason,
        begun_by=begun_by,
        generation=federation.hub_of(session).generation,
    )
    session.add(hand_over)
    session.flush()
    return hand_over


def call_off(
    actor: Actor, hand_over_id: str, reason: str, *, key: SigningKey, session: Session
) -> HandOver:
    """Call a hand-over off 取消交接, before the assignment: the giving node writes on.

    After a restore of the hub it counts when both nodes have said that it was not assigned.
    """
    hand_over = held_hand_over(hand_over_id, session)
    fonds = federation.fonds_of(hand_over.fonds_id, session)
    if not federation.reaches(actor, fonds):
        raise no_hand_over()
    federation.require_over_fonds(actor, fonds)
    HAND_OVER.after("call_off", hand_over.state)
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    hand_over.ended = {"by": actor.name, "reason": reason}
    audit(
        session, actor, "hand_over.called_off", f"fonds:{fonds.id}",
        hand_over=hand_over.id, reason=reason,
    )  # fmt: skip
    conclude(hand_over, key=key, session=session)
    return hand_over


def conclude(hand_over: HandOver, *, key: SigningKey, session: Session) -> None:
    """End a hand-over, if all that its end needs is here: a call-off, or both signatures."""
    if not is_certain(hand_over, session):
        return
    if hand_over.ended is not None and HAND_OVER.may("call_off", hand_over.state):
        _move(hand_over, "called_off")
        tell_both(hand_over, key=key, session=session)
    elif hand_over.state == "arrived" and hand_over.to_signed is not None:
        assign(hand_over, key=key, session=session)


def is_certain(hand_over: HandOver, session: Session) -> bool:
    """Whether this hub knows how the hand-over stands: not so right after its own restore."""
    generation = federation.hub_of(session).generation
    if hand_over.generation >= generation:
        return True
    heard = [hand_over.heard_from]
    if hand_over.to_node is not None:
        heard.append(hand_over.heard_to)
    return all(each >= generation for each in heard)


def assign(hand_over: HandOver, *, key: SigningKey, session: Session) -> None:
    """Both have signed: from this transaction on the taking node is the keeper."""
    (fonds,) = federation.locked_fonds([hand_over.fonds_id], session, str(hand_over.to_node))
    _move(hand_over, "assigned")
    hand_over.ended = None
    for other in others_open(hand_over, session=session):
        other.ended = {"by": "市级平台", "reason": "这个全宗已由另一次交接改派保管"}
        _move(other, "called_off")
        tell_both(other, key=key, session=session)
    # First the hand-over, so that the taking node holds the fonds closed until all of it is in.
    tell_both(hand_over, key=key, session=session)
    federation.assign_fonds(fonds, str(hand_over.to_node), key=key, session=session)
    archive = fonds.receiving_archive or fonds.reviewing_archive
    if archive is not None:
        paper = {
            "statement": hand_over.statement,
            "from_signed": hand_over.from_signed,
            "to_signed": hand_over.to_signed,
        }
        repository.keep_paper(session, archive, "hand-overs", hand_over.id, paper)
    audit(
        session, _SYSTEM, "hand_over.assigned", f"fonds:{fonds.id}",
        Act(each=catalogue.ids_in(fonds.id, session)),
        hand_over=hand_over.id, from_node=hand_over.from_node, to_node=hand_over.to_node,
    )  # fmt: skip


def take_bundle(session: Session, event: receiving.UploadArrived) -> None:
    """A bundle is whole in staging; when all are, the taking node is told to fetch them."""
    bundle = session.get(Bundle, event.upload_id)
    if bundle is not None:
        bundle.arrived = True
        session.flush()


def refuse_answer(session: Session, event: RecordAnswered) -> None:
    """No archive alters what was counted: from the freeze on until the new keeper has it all.

    Raises WrongState.
    """
    moving = session.scalar(
        select(HandOver)
        .where(HandOver.fonds_id == event.fonds_id, HandOver.state.not_in(ENDED))
        .where(HandOver.state != "asked")
        .with_for_update()
    )
    if moving is not None and moving.state != "proposed":
        raise WrongState(
            "这件档案的全宗正在交接给另一个单位。",
            "请等交接办完或取消后再更正；进度见“全宗交接”页面。",
            code="fonds_moving",
        )


def _move(hand_over: HandOver, state: str) -> None:
    hand_over.state = state
    hand_over.changed_at = now()


# ---- questions


def hindrances(fonds_id: str, *, session: Session) -> str | None:
    """Why a fonds cannot be handed over now, as far as the hub knows; None when it can."""
    if batches := receiving.open_batches(fonds_id, session=session):
        names = "、".join(f"“{each.title}”" for each in batches[:3])
        return f"这个全宗有 {len(batches)} 批移交还没有办结（{names}）。"
    if corrections := correcting.open_corrections(fonds_id, session=session):
        return f"这个全宗有 {corrections} 份更正还没有办结。"
    return None


def hand_over_of(hand_over_id: str, session: Session) -> HandOver:
    """A hand-over by its id. Raises NotFound."""
    found = session.get(HandOver, hand_over_id)
    if found is None:
        raise no_hand_over()
    return found


def no_hand_over() -> NotFound:
    """How a hand-over answers that there is not, or of which the actor may not know."""
    return NotFound("没有这次全宗交接。", "请回到列表重新查看。", code="hand_over_unknown")


def held_hand_over(hand_over_id: str, session: Session) -> HandOver:
    """A hand-over by its id, held for a change after the streams of both nodes. Raises NotFound."""
    seen = hand_over_of(hand_over_id, session)
    lock_streams(session, [each for each in (seen.from_node, seen.to_node) if each])
    return locked(session, HandOver, hand_over_id) or seen


def open_one(fonds_id: str, *, session: Session) -> HandOver | None:
    """The hand-over of a fonds that has not ended, if there is one."""
    return session.scalar(
        select(HandOver)
        .where(HandOver.fonds_id == fonds_id, HandOver.state.not_in(ENDED))
        .order_by(HandOver.begun_at.desc())
        .limit(1)
    )


def others_open(hand_over: HandOver, *, session: Session) -> list[HandOver]:
    """Other hand-overs of the same fonds that have not been assigned or ended."""
    return list(
        session.scalars(
            select(HandOver)
            .where(HandOver.fonds_id == hand_over.fonds_id, HandOver.id != hand_over.id)
            .where(HandOver.state.not_in((*ASSIGNED, "called_off")))
        )
    )


def latest_of(fonds_id: str, *, session: Session) -> HandOver | None:
    """The newest hand-over of a fonds, ended or not."""
    return session.scalar(
        select(HandOver)
        .where(HandOver.fonds_id == fonds_id)
        .order_by(HandOver.begun_at.desc())
        .limit(1)
    )


def takers(fonds_id: str, session: Session) -> list[Node]:
    """The nodes that could take a fonds over."""
    keeping = federation.fonds_of(fonds_id, session).keeping_node
    return [
        each for each in federation.nodes(session, state=NodeState.ENROLLED) if each.id != keeping
    ]


def hand_overs_seen_by(actor: Actor) -> Select[Any]:
    """The hand-overs of the fonds that an actor of the archives has to do with."""
    fonds = federation.fonds_seen_by(actor).subquery()
    return select(HandOver).where(HandOver.fonds_id.in_(select(fonds.c.id)))


def hand_over_shown_to(actor: Actor, hand_over_id: str, session: Session) -> HandOver:
    """The hand-over, when the actor may look at it. Raises NotFound."""
    found: HandOver | None = session.scalar(
        hand_overs_seen_by(actor).where(HandOver.id == hand_over_id)
    )
    if found is None or not actor.has(*_SEES):
        raise NotFound("没有这次全宗交接，或您无权查看。", "请从列表中选择。")
    return found
