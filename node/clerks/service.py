"""The verbs of a change of clerk."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from node.clerks.inventory import ROLE_NAMES, digest_of, in_hand
from node.clerks.models import ChangeState, ClerkChange
from node.office.service import fonds_here
from node.registry.service import pass_on
from shared import audit
from shared.identity.models import Account
from shared.identity.service import account_of, actor_of, close_account
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import Job, JobState

_BUSINESS = (Role.CLERK, Role.LEADER)


def prepare_change(
    actor: Actor,
    leaving: Account,
    successor: Account,
    reason: str,
    *,
    has_left: bool = False,
    session: Session,
) -> ClerkChange:
    """Draw up what a clerk has in hand, to be handed to another who may work on all of it.

    Whoever is a clerk or leader for all of it may; when the clerk `has_left`, the leader alone,
    also after the account was closed.

    Raises NotAllowed, Invalid without a reason, WrongState unless the successor is another clerk
    with rights for the same fonds, or while a change of this clerk is under way.
    """
    if not reason.strip():
        raise Invalid("reason", "没有写明交接原因。", "请写明，如：调离、退休、病休。")
    open_one = select(ClerkChange.id).where(
        ClerkChange.leaving_id == leaving.id, ClerkChange.state == ChangeState.PREPARED
    )
    if session.scalar(open_one) is not None:
        raise WrongState("这个人的交接已经在办。", "请继续办完，或先撤销。")
    _check_pair(leaving, successor, session, has_left=has_left)
    inventory = _inventory(leaving, session)
    _require_over(actor, inventory, *((Role.LEADER,) if has_left else _BUSINESS))
    change = ClerkChange(
        id=new_id(),
        leaving_id=leaving.id,
        leaving_name=leaving.name,
        successor_id=successor.id,
        successor_name=successor.name,
        has_left=has_left,
        reason=reason.strip()[:500],
        inventory=inventory,
        digest=digest_of(inventory),
        signatures={},
        state=ChangeState.PREPARED,
        prepared_by=actor.name,
    )
    session.add(change)
    session.flush()
    return change


def sign_change(
    actor: Actor, change_id: str, role: str, seen: str, *, session: Session
) -> ClerkChange:
    """Sign the inventory as `giver`, `taker` or `witness`; with the last of the three it is done.

    Done means, in this transaction: the leaving account is closed and its sign-ins end, documents
    in its hand have the successor as handler, its jobs are the successor's, and one event tells of
    it. `seen` is the digest of the inventory that was shown.

    The giver is the leaving clerk, or the leader where the clerk has left; the witness is the
    leader or a clerk, and none of the other two.

    Raises NotAllowed, NotFound, Conflict when what is in hand is no longer what the inventory says,
    WrongState.
    """
    change = locked(session, ClerkChange, change_id)
    if change is None or role not in ROLE_NAMES or not sees(actor, change):
        raise NotFound("没有这次交接。", "请回到列表重新查看。")
    if change.state != ChangeState.PREPARED:
        raise WrongState("这次交接已经办完或撤销。", "请刷新页面。")
    _may_sign(actor, change, role)
    leaving = account_of(change.leaving_id, session)
    successor = account_of(change.successor_id, session)
    _check_pair(leaving, successor, session, has_left=change.has_left)
    if digest_of(_inventory(leaving, session)) != change.digest or not hmac.compare_digest(
        seen, change.digest
    ):
        raise Conflict(
            "手头的事与清册不同了，没有签。", "请撤销后重新生成清册，三人重新签。",
            code="inventory_changed",
        )  # fmt: skip
    signed = {"account": actor.id, "name": actor.name, "at": utc_text()}
    change.signatures = {**change.signatures, role: signed}
    if len(change.signatures) == len(ROLE_NAMES):
        _carry_out(actor, change, leaving, successor, session)
    return change


def withdraw_change(actor: Actor, change_id: str, *, session: Session) -> None:
    """Give up a change that is not done. Raises NotAllowed, NotFound, WrongState."""
    change = locked(session, ClerkChange, change_id)
    if change is None or not sees(actor, change):
        raise NotFound("没有这次交接。", "请回到列表重新查看。")
    if change.state != ChangeState.PREPARED:
        raise WrongState("这次交接已经办完或撤销。", "请刷新页面。")
    change.state, change.ended_at = ChangeState.WITHDRAWN, now()
    audit.record(session, actor, "clerk.change_withdrawn", change)


def change_of(actor: Actor, change_id: str, session: Session) -> ClerkChange:
    """One change of clerk, for who may read all that is in it. Raises NotFound."""
    change = session.get(ClerkChange, change_id)
    if change is None or not sees(actor, change):
        raise NotFound("没有这次交接。", "请回到列表重新查看。")
    return change


def sees(actor: Actor, change: ClerkChange) -> bool:
    """Whether somebody may read the inventory: it names what is in hand in each of its fonds."""
    return _is_over(actor, change.inventory, *_BUSINESS)


def _is_over(actor: Actor, inventory: Mapping[str, Any], *roles: Role) -> bool:
    return all(actor.may(*roles, fonds=each["id"]) for each in inventory["fonds"])


def _require_over(actor: Actor, inventory: Mapping[str, Any], *roles: Role) -> None:
    for each in inventory["fonds"]:
        require(actor, *roles, fonds=each["id"])


def may_sign(actor: Actor, change: ClerkChange, role: str) -> bool:
    """Whether somebody is to sign as this, and nobody has yet."""
    try:
        _may_sign(actor, change, role)
    except (NotAllowed, WrongState):
        return False
    return change.state == ChangeState.PREPARED


def _may_sign(actor: Actor, change: ClerkChange, role: str) -> None:
    if role in change.signatures:
        raise WrongState(f"{ROLE_NAMES[role]}已经签过。", "请由其余的人签。")
    if actor.id in {each["account"] for each in change.signatures.values()}:
        raise WrongState("一个人不能签两次。", "请由另一个人签。", code="two_people")
    others = {change.leaving_id, change.successor_id}
    if role == "giver" and change.has_left:
        right = actor.id not in others and _is_over(actor, change.inventory, Role.LEADER)
    elif role == "giver":
        right = actor.id == change.leaving_id
    elif role == "taker":
        right = actor.id == change.successor_id
    else:
        right = actor.id not in others
    if not right:
        raise NotAllowed(f"您不是这次交接的{ROLE_NAMES[role]}。", "请由本人登录后签。")


def _check_pair(leaving: Account, successor: Account, session: Session, *, has_left: bool) -> None:
    if leaving.id == successor.id:
        raise WrongState("移交人和接收人是同一人。", "请选另一个人接收。")
    gives, takes = actor_of(leaving), actor_of(successor)
    if not gives.has(Role.CLERK):
        raise WrongState(f"“{leaving.name}”不是文书档案员。", "请重新选择移交人。")
    if leaving.disabled and not has_left:
        raise WrongState(
            f"“{leaving.name}”的账号已停用，不能签字。",
            "请由单位负责人勾选“移交人已离岗”再生成清册。",
        )
    lacks = [
        each.name
        for each in fonds_here(session)
        if gives.may(Role.CLERK, fonds=each.id) and not takes.may(Role.CLERK, fonds=each.id)
    ]
    if lacks or successor.disabled or successor.waiting or not takes.has(Role.CLERK):
        what = "、".join(lacks) or "这些全宗"
        raise WrongState(
            f"“{successor.name}”还没有{what}的文书档案员权限。",
            "请安全保密管理员先给接收人授权，再办交接。",
            code="successor_not_granted",
        )


def _inventory(leaving: Account, session: Session) -> dict[str, Any]:
    gives = actor_of(leaving)
    names = {
        each.id: each.name for each in fonds_here(session) if gives.may(Role.CLERK, fonds=each.id)
    }
    return in_hand(names, names, session)


def _carry_out(
    actor: Actor, change: ClerkChange, leaving: Account, successor: Account, session: Session
) -> None:
    ids = [each["id"] for each in change.inventory["fonds"]]
    pass_on(ids, leaving.name, successor.name, session=session)
    session.execute(
        update(Job)
        .where(Job.owner == leaving.id)
        .where(Job.state.not_in((JobState.DONE, JobState.FAILED)))
        .values(owner=successor.id)
    )
    close_account(leaving, session)
    change.state, change.ended_at = ChangeState.DONE, now()
    audit.record(
        session, actor, "clerk.changed", change,
        leaving=f"account:{leaving.id}", successor=f"account:{successor.id}",
        counts=change.inventory["counts"], digest=change.digest, reason=change.reason,
        signed={role: each["name"] for role, each in change.signatures.items()},
    )  # fmt: skip
