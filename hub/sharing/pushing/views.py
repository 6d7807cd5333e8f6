"""The page 推送 of a consumer: its address, how far it is, what went wrong."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.federation.edge import current_folder
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.service import KEEPERS
from hub.sharing.pushing import service as pushing
from hub.sharing.pushing.models import MOST_URL, STATE_NAMES
from hub.sharing.pushing.reaching import Reach, reach_of
from hub.sharing.pushing.signing import SecretKeeper
from shared.identity import current_actor, with_roles
from shared.kernel.errors import NotFound, WrongState
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
            STATES=STATE_NAMES,
        )  # fmt: skip


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
    settings = current_folder().settings
    if settings.zone == "lan":
        raise WrongState(
            "这个平台设在局域网（zone = lan），不向外共享。", "请在政务网的平台上办理。",
            code="not_in_this_zone",
        )  # fmt: skip
    return reach_of(settings)


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
    """Try at once, or push no more."""
    with current_database().write() as session:
        match verb:
            case "resume":
                pushing.resume_push(current_actor(), consumer_id, session=session)
                said = "马上再试；结果稍后在这里显示。"
            case "remove":
                pushing.remove_push(current_actor(), consumer_id, session=session)
                said = "已取消推送；对方仍可自己来读。"
            case _:
                raise NotFound("没有这个操作。", "请刷新后重新办理。")
    flash(said, "success")
    return redirect(url_for(".show", consumer_id=consumer_id))
