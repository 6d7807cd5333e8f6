"""The page 推送 of a consumer: by which way and where to, how far it is, what went wrong."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.federation.edge import current_folder
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.service import KEEPERS
from hub.sharing.pushing import service as pushing
from hub.sharing.pushing.models import MOST_URL, QUEUE, STATE_NAMES, WAY_NAMES, Push
from hub.sharing.pushing.reaching import Reach, reach_of
from hub.sharing.pushing.signing import SecretKeeper
from hub.sharing.pushing.subscribers import queue_name
from shared.identity import current_actor, with_roles
from shared.kernel.clock import now
from shared.kernel.errors import NotFound, WrongState
from shared.messaging.links import names_broker
from shared.web import Form, current_database

blueprint = Blueprint(
    "pushing", __name__, url_prefix="/consumers/<consumer_id>/push", template_folder="templates"
)


@blueprint.get("/")
@with_roles(*KEEPERS)
def show(consumer_id: str) -> ResponseReturnValue:
    return _page(consumer_id)


def _page(consumer_id: str, secret: str | None = None) -> ResponseReturnValue:
    with current_database().read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
        push, terms = pushing.push_of(consumer_id, session), consumer.terms
        standing = pushing.standing_of(push, terms, session) if push and terms else None
        return render_template(
            "pushing/show.html", consumer=consumer, push=push, standing=standing, secret=secret,
            queue=queue_name(consumer_id), link=current_folder().link_for_nodes,
            has_broker=names_broker(current_folder().settings.link),
            lets_in=terms is not None and pushing.terms_in_force(consumer, QUEUE) is not None,
            former_until=_former_until(push), STATES=STATE_NAMES, WAYS=WAY_NAMES,
        )  # fmt: skip


def _former_until(push: Push | None) -> datetime | None:
    """Until when a former secret signs as well; None when none does."""
    if push is None or push.former_until is None or push.former_until <= now():
        return None
    return push.former_until


@blueprint.post("/queue")
@with_roles(*KEEPERS)
def queue(consumer_id: str) -> ResponseReturnValue:
    """Give the consumer a queue; the answer shows its password, and nothing does again."""
    _require_sharing()
    if not names_broker(current_folder().settings.link):
        raise WrongState(
            "平台没有使用消息服务器，不能设消息队列。",
            "请改用推送到对方的地址，或先按管理员手册“用 RabbitMQ 收发”安装消息服务器。",
            code="no_broker",
        )
    with current_database().write() as session:
        password = pushing.set_queue(current_actor(), consumer_id, session=session)
    return _page(consumer_id, password)


@blueprint.route("/address", methods=["GET", "POST"])
@with_roles(*KEEPERS)
def address(consumer_id: str) -> ResponseReturnValue:
    """Set or change the address; the answer shows the new secret, and nothing does again."""
    with current_database().read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
        push = pushing.push_of(consumer_id, session)
    form = Form(request.form, defaults={"url": push.url if push else ""})
    if request.method == "POST":
        with form.catching():
            reach, keeper = _reach(), SecretKeeper(current_folder().path)
            with current_database().write() as session:
                secret = pushing.set_push(
                    current_actor(), consumer_id, form["url"], reach=reach, keeper=keeper,
                    session=session,
                )  # fmt: skip
            return _page(consumer_id, secret)
    return form.answer("pushing/address.html", consumer=consumer, push=push, most=MOST_URL)


def _reach() -> Reach:
    """To where may be pushed. Raises WrongState in a network from which nothing is shared."""
    _require_sharing()
    return reach_of(current_folder().settings)


def _require_sharing() -> None:
    if current_folder().settings.zone == "lan":
        raise WrongState(
            "这个平台设在局域网（zone = lan），不向外共享。", "请在政务网的平台上办理。",
            code="not_in_this_zone",
        )  # fmt: skip


@blueprint.post("/secret")
@with_roles(*KEEPERS)
def rotate(consumer_id: str) -> ResponseReturnValue:
    """Make a new secret: the answer shows it, and nothing does again."""
    keeper = SecretKeeper(current_folder().path)
    with current_database().write() as session:
        secret = pushing.rotate_push_secret(
            current_actor(), consumer_id, keeper=keeper, session=session
        )
    return _page(consumer_id, secret)


@blueprint.post("/<verb>")
@with_roles(*KEEPERS)
def move(consumer_id: str, verb: str) -> ResponseReturnValue:
    """Try at once, begin anew, sign by the new secret alone, or push no more."""
    with current_database().write() as session:
        match verb:
            case "resume":
                pushing.resume_push(current_actor(), consumer_id, session=session)
                said = "马上再试；结果稍后在这里显示。"
            case "remove":
                pushing.remove_push(current_actor(), consumer_id, session=session)
                said = "已取消推送；对方仍可自己来读。"
            case "anew":
                pushing.begin_anew(current_actor(), consumer_id, session=session)
                said = "从头推送；对方收到后会先删去原有的。"
            case "forget":
                pushing.end_former_secret(current_actor(), consumer_id, session=session)
                said = "旧密钥已停用，只用新密钥签名。"
            case _:
                raise NotFound("没有这个操作。", "请刷新后重新办理。")
    flash(said, "success")
    return redirect(url_for(".show", consumer_id=consumer_id))
