"""What the hub says of a hand-over (entry `hand_over`), and what a node does then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from node.custody import service
from node.custody.models import Bundle, HandOver
from node.office.models import Standing
from node.office.service import (
    office_of,
    require_hub_signature,
    set_standing,
    standing_of,
    tell_hub,
    tell_hub_many,
)
from shared import audit
from shared.kernel import jobs
from shared.kernel.actor import system_actor
from shared.kernel.errors import NotAllowed
from shared.records.fonds import Fonds
from shared.records.values import REMARK_LENGTH, repair_text

_HUB = system_actor("市级平台")
_ASSIGNED = ("assigned", "done")
_FORGOTTEN = "本机由备份恢复，已不知道这次交接，须重新清点"


def apply_hand_over(session: Session, body: dict[str, Any]) -> None:
    """Follow the hub's word on a hand-over; the same word again changes nothing.

    Body: the hand-over whole (`hub/custody/telling.py`), signed by the hub. Raises NotAllowed for
    one that the hub did not sign, or that is none of this node's.
    """
    office = office_of(session)
    require_hub_signature(body, session)
    if office.node_id not in (body["from_node"], body["to_node"]):
        raise NotAllowed("这次交接与本机无关。", "请联系市档案馆核对。", code="foreign_hand_over")
    hand_over = session.get(HandOver, str(body["hand_over_id"]))
    before = hand_over.state if hand_over is not None else None
    if hand_over is None:
        hand_over = HandOver(
            id=str(body["hand_over_id"]),
            fonds_id=str(body["fonds_id"]),
            fonds_name=Fonds.from_wire(body["fonds"]).name,
            leaving=body["from_node"] == office.node_id,
            state="",
        )
        session.add(hand_over)
    if before in _ASSIGNED and body["state"] not in _ASSIGNED:
        # A hub that was restored to before the assignment; it has our evidence, or will have it.
        tell_evidence(session, [hand_over])
        return
    hand_over.state = str(body["state"])
    hand_over.document = dict(body)
    other = body["to_name"] if hand_over.leaving else body["from_name"]
    hand_over.counterpart = str(other or body["wish"] or "")
    hand_over.reason = str(body["reason"])
    hand_over.refused = None
    if hand_over.leaving and body.get("lacking"):
        _send_again(session, [hand_over.id], Bundle.id.in_(body["lacking"]))
    session.flush()
    if before == hand_over.state:
        return
    if hand_over.leaving:
        _follow_leaving(hand_over, session)
    else:
        _follow_coming(hand_over, before, session)
    audit.record(session, _HUB, "hand_over.followed", hand_over, state=hand_over.state)
    session.flush()


def note_refusal(session: Session, body: dict[str, Any]) -> bool:
    """Show a refusal of the hub (entry `refused`) at its hand-over; False when it names none.

    What was refused did not happen: a signature may be given again.
    """
    hand_over = session.get(HandOver, str(body.get("subject") or ""))
    if hand_over is None:
        return False
    said = f"{body.get('problem') or ''}{body.get('remedy') or ''}"
    hand_over.refused = repair_text(said)[:REMARK_LENGTH]
    if hand_over.state in ("frozen", "arrived"):
        hand_over.signed_at = hand_over.signed_by = hand_over.signed_body = None
    if hand_over.state not in service.FINAL:
        hand_over.called_off = None
    audit.record(session, _HUB, "hand_over.refused", hand_over, code=str(body.get("code")))
    return True


def _follow_leaving(hand_over: HandOver, session: Session) -> None:
    fonds = Fonds.from_wire((hand_over.document or {})["fonds"])
    state = hand_over.state
    if state == "proposed":
        if standing_of(fonds.id, session) != Standing.OPEN:
            _refuse(hand_over, "本机已不保管这个全宗", session)
    elif state in ("frozen", "given", "arrived"):
        done_here = hand_over.frozen_at if state == "frozen" else hand_over.signed_at
        if done_here is None:
            # Restored to before that step: what was counted is not what is here now.
            set_standing(fonds, Standing.LEAVING, hand_over.counterpart, session=session)
            _refuse(hand_over, _FORGOTTEN, session)
        elif state == "frozen":
            service.submit(
                hand_over, service.WRITE, f"清点全宗：{hand_over.fonds_name}", session=session
            )
    elif state in _ASSIGNED:
        _stop_job(hand_over, session)
        set_standing(fonds, Standing.LEFT, hand_over.counterpart, session=session)
        if state == "done":
            service.forget_bundles(hand_over, session=session)
    elif state == "called_off":
        _end(hand_over, session)
        if standing_of(fonds.id, session) == Standing.LEAVING:
            set_standing(fonds, Standing.OPEN, session=session)


def _follow_coming(hand_over: HandOver, before: str | None, session: Session) -> None:
    said: Mapping[str, Any] = hand_over.document or {}
    state = hand_over.state
    if state in ("arrived", "assigned"):
        _expect(hand_over, said, session)
    if state == "assigned":
        fonds = Fonds.from_wire(said["fonds"])
        set_standing(fonds, Standing.ARRIVING, hand_over.counterpart, session=session)
        service.go_on_taking(hand_over, session=session)
    elif state == "done":
        if before is None:
            # Restored to before it was taken in: the hub's records have come as `held` entries.
            set_standing(Fonds.from_wire(said["fonds"]), Standing.OPEN, session=session)
        service.forget_bundles(hand_over, session=session)
    elif state == "called_off":
        _end(hand_over, session)


def _expect(hand_over: HandOver, said: Mapping[str, Any], session: Session) -> None:
    """Write down the bundles that are to be fetched; the loop of the process fetches them."""
    known = session.scalar(select(Bundle.id).where(Bundle.hand_over_id == hand_over.id).limit(1))
    if known is not None:
        return
    for number, each in enumerate(said["statement"]["bundles"], 1):
        session.add(
            Bundle(
                id=each["id"],
                hand_over_id=hand_over.id,
                number=number,
                sha256=each["sha256"],
                size=each["size"],
            )
        )
    session.flush()


def _refuse(hand_over: HandOver, reason: str, session: Session) -> None:
    hand_over.called_off = reason
    body = {"hand_over_id": hand_over.id, "by": office_of(session).name, "reason": reason}
    tell_hub(session, "hand_over_called_off", hand_over.id, body)


def _end(hand_over: HandOver, session: Session) -> None:
    said = (hand_over.document or {}).get("ended") or {}
    hand_over.called_off = str(said.get("reason") or hand_over.called_off or "")
    _stop_job(hand_over, session)
    service.forget_bundles(hand_over, session=session)


def _stop_job(hand_over: HandOver, session: Session) -> None:
    job = session.get(jobs.Job, hand_over.job_id or "")
    if job is not None:
        jobs.stop(job)


def tell_evidence(session: Session, hand_overs: list[HandOver]) -> None:
    """Hand back to the hub what it said last of these hand-overs, signed by itself."""
    tell_hub_many(
        session,
        [
            ("hand_over_evidence", each.id, {"document": each.document})
            for each in hand_overs
            if each.document is not None
        ],
    )


def meet_restored_hub(session: Session) -> None:
    """The hub was restored: say what it had told of each hand-over, and offer bundles again."""
    known = list(session.scalars(select(HandOver).order_by(HandOver.created_at, HandOver.id)))
    tell_evidence(session, known)
    _send_again(session, [each.id for each in known if each.leaving])


def _send_again(session: Session, hand_overs: list[str], *only: ColumnElement[bool]) -> None:
    """Offer bundles that had gone up once more; the hub takes those that it lacks."""
    wanted = update(Bundle).where(Bundle.hand_over_id.in_(hand_overs), *only)
    session.execute(wanted.values(moved=False))


def finish_adoption(session: Session) -> None:
    """In a new epoch: tell the hub again what it may not have heard of each open hand-over."""
    for each in session.scalars(select(HandOver).order_by(HandOver.created_at, HandOver.id)):
        tell_evidence(session, [each])
        said = each.document or {}
        if each.called_off and each.state not in service.FINAL:
            body = {"hand_over_id": each.id, "by": office_of(session).name}
            tell_hub(session, "hand_over_called_off", each.id, {**body, "reason": each.called_off})
        elif each.leaving and each.state == "proposed" and each.frozen_at is not None:
            body = {"hand_over_id": each.id, "by": str(each.frozen_by)}
            tell_hub(session, "hand_over_frozen", each.id, body)
        elif each.signed_body is not None and each.state in ("frozen", "arrived"):
            kind = "hand_over_given" if each.leaving else "hand_over_taken"
            tell_hub(session, kind, each.id, each.signed_body)
        elif not each.leaving and each.state == "assigned" and each.taken_in_at is not None:
            service.tell_settled(each, session=session)
        elif each.state == "asked" and not said:
            service.tell_asked(each, session=session)
