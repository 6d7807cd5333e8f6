"""The unit signs the form 移交与接收登记表: drafted, sealed outside of transactions, told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import require_grant, tell_hub_many
from node.transfer.batches import batch_to_change
from node.transfer.models import Batch
from node.transfer.questions import records_of
from shared import audit
from shared.kernel.actor import Actor, Role
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now, utc_text
from shared.kernel.errors import NotAllowed, WrongState
from shared.kernel.keys import Seal, sign_document
from shared.packaging import ROOTED_FORMAT, HandoverForm, rooted
from shared.records.states import NODE_BATCH


def draft_signature(actor: Actor, batch_id: str, *, session: Session) -> dict[str, Any]:
    """What the leader confirms by signing the form of a batch, still unsigned; writes nothing."""
    batch = batch_to_change(actor, batch_id, session, Role.LEADER)
    if actor.system:
        raise NotAllowed("登记表须由单位负责人本人签字。", "请用负责人的账号登录后签字。")
    NODE_BATCH.after("sign", batch.state)
    if batch.form is None:
        raise WrongState("还没有收到移交与接收登记表。", "请等待市级平台下发后再签字。")
    _require_own_root(batch, batch.form, session)
    return {
        "batch_id": batch.id,
        "form": batch.form,
        "form_digest": digest_of(batch.form),
        "signed_by": actor.name,
        "signed_at": utc_text(),
    }


def seal_draft(draft: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """The draft with the unit's seal over the form, for `sign`.

    A seal may lie in a device or a service: it signs outside of transactions.
    """
    return {**draft, **sign_document(seal, draft["form"])}


def _require_own_root(batch: Batch, wire: dict[str, Any], session: Session) -> None:
    """Raise WrongState when the form's Merkle root is not over what this node has offered."""
    if wire.get("format") != ROOTED_FORMAT:
        return
    form = HandoverForm.from_wire(wire)
    offered = {each.record_id: each for each in records_of(batch.id, session=session)}
    named = [item.record_id for item in form.items if item.record_id in offered]
    wires = {wire["id"]: wire for wire in filing.wires(named, session=session)}
    # A batch that came back with its verdict, after a restore, has no digests of its own.
    digests = {each: offered[each].record_digest or digest_of(wire) for each, wire in wires.items()}
    if len(wires) != len(form.items) or rooted(form, wires, digests=digests) != form:
        raise WrongState(
            "登记表的 Merkle 根与本机的目录和文件不符，没有签字。",
            "请不要签字，把这批的名称告诉档案馆，核对后重新审核。",
            code="form_root_differs",
        )


def sign(actor: Actor, batch_id: str, confirmation: dict[str, Any], *, session: Session) -> Batch:
    """The leader confirms the form 移交与接收登记表, whole or corrected, with the unit's seal."""
    batch = batch_to_change(actor, batch_id, session, Role.LEADER)
    if actor.system:
        raise NotAllowed("登记表须由单位负责人本人签字。", "请用负责人的账号登录后签字。")
    state = NODE_BATCH.after("sign", batch.state)
    if batch.form is None or confirmation["form_digest"] != digest_of(batch.form):
        raise WrongState("登记表在签字期间发生了变化。", "请重新打开登记表再签字。")
    require_grant(session)
    batch.state = state
    batch.confirmation = confirmation
    batch.signed_by, batch.signed_at = actor.name, now()
    tell_hub_many(session, [("confirmation", batch.id, confirmation)])
    audit.record(
        session, actor, "batch.signed", f"batch:{batch_id}", form=confirmation["form_digest"]
    )
    return batch
