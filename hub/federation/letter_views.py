"""The page of dead letters: why each message is not believed; put back, or thrown away."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from hub.federation.edge import current_folder
from hub.federation.letters import FAILED, Outcome, decide, letters_lost
from hub.federation.models import Node
from shared.identity import current_actor, with_roles_everywhere
from shared.kernel.actor import Role
from shared.messaging.models import DeadLetter
from shared.web import Filter, Listing, current_database

blueprint = Blueprint("letters", __name__, url_prefix="/letters", template_folder="templates")

#: Why a message was not taken, and what to do about it.
REASONS = {
    "signature": "签名不对：内容在途中损坏，或不是该单位发的。损坏的会自动重发",
    "truncated": "不完整：在途中被截断，会自动重发",
    "magic": "不是本系统的消息",
    "size": "超过允许的大小",
    "header": "信封无法识别",
    "body": "内容无法识别，请该单位升级程序",
    "run": "内容无法识别，请该单位升级程序",
    "ack": "内容无法识别，请该单位升级程序",
    "kind": "不认识这类消息，请升级平台",
    "newer_version": "该单位的程序比平台新，请先升级平台",
    "unknown_node": "不是已登记的单位",
    "suspended": "该单位已停用；恢复后会自动重发",
    "recipient": "是发给别的平台的，请检查该单位的设置",
    "sender": "信封上的单位与通道不符",
    "direction": "方向不对",
    FAILED: "平台处理时出错，该单位会自动重发；请把运行日志交给维护人员",
}


@blueprint.get("/")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """What came without a valid envelope, and why; what it said is not shown to anybody."""
    listing = Listing.from_request(
        request.args,
        sorts={"arrived_at": DeadLetter.arrived_at, "size": DeadLetter.size},
        default_sort="-arrived_at",
        search=(DeadLetter.claimed_sender,),
        filters={"reason": Filter("原因", DeadLetter.reason, REASONS)},
    )
    with current_database().read() as session:
        page = listing.apply(select(DeadLetter), session=session)
        lost = letters_lost(session)
        claimed = {letter.claimed_sender for letter in page.items}
        names = {
            node.id: node.name for node in session.scalars(select(Node).where(Node.id.in_(claimed)))
        }
    return render_template(
        "letters/index.html", page=page, reasons=REASONS, names=names, failed=FAILED, lost=lost
    )


@blueprint.post("/<letter_id>/replay")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
def replay(letter_id: str) -> ResponseReturnValue:
    """Put a letter back into the queue that it came from."""
    decide(current_actor(), current_folder(), letter_id, Outcome.REPLAYED)
    flash("已放回收件队列，重新处理。", "success")
    return redirect(url_for(".index"))


@blueprint.post("/<letter_id>/drop")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
def drop(letter_id: str) -> ResponseReturnValue:
    """Throw a letter away."""
    decide(current_actor(), current_folder(), letter_id, Outcome.DROPPED)
    flash("已删除这条无效消息。", "success")
    return redirect(url_for(".index"))
