"""Pages 共享应用: who reads what is shared, on what terms, and what was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.models import STATE_NAMES, Consumer, ConsumerRequest, ConsumerUsage
from hub.sharing.consumers.service import KEEPERS
from hub.sharing.consumers.terms import SERVICE_NAMES, Terms
from hub.sharing.consumers.written import request_lines
from hub.sharing.policies import AUDIENCE_NAMES, Audience
from shared.identity import current_actor, with_roles
from shared.kernel.clock import today
from shared.kernel.errors import Invalid, NotFound
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import stream_out

blueprint = Blueprint("consumers", __name__, url_prefix="/consumers", template_folder="templates")

COLOURS = {"applied": "yellow", "active": "green", "suspended": "red", "refused": "secondary"}
NAMES: dict[str, Any] = {
    "STATES": STATE_NAMES,
    "COLOURS": COLOURS,
    "AUDIENCES": AUDIENCE_NAMES,
    "SERVICES": SERVICE_NAMES,
}
#: Which answers a filter of the log lets through, by their hundreds; 0 for none.
_OUTCOMES = {"2": "成功", "3": "没有变化", "4": "被拒绝", "5": "出错", "0": "没有答完"}
#: A log of millions of lines is not counted to its end.
_COUNT_LIMIT = 10_000
_MOST_KEY_TEXT = 20_000


@blueprint.get("/")
@with_roles(*KEEPERS)
def index() -> ResponseReturnValue:
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={
                "name": Consumer.name,
                "body": Consumer.body,
                "until": Consumer.until,
                "applied": Consumer.applied_at,
            },
            default_sort="-applied",
            search=(Consumer.name, Consumer.body),
            filters={"state": Filter("状态", Consumer.state, STATE_NAMES)},
        )
        page = listing.apply(select(Consumer), session=session)
        used = {
            each.consumer_id: each
            for each in session.scalars(
                select(ConsumerUsage).where(
                    ConsumerUsage.day == today(),
                    ConsumerUsage.consumer_id.in_([each.id for each in page.items]),
                )
            )
        }
        return render_template("consumers/index.html", page=page, used=used, today=today(), **NAMES)


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(*KEEPERS)
def new() -> ResponseReturnValue:
    form = Form(request.form, defaults={"since": today(), "requests": 60, "rows": 100_000})
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                made = consumers.apply(
                    current_actor(), form["name"], form["body"], _terms(form, session),
                    contact=form.get("contact"), session=session,
                )  # fmt: skip
                consumer_id = made.id
            flash("已提交申请，请另一位档案接收员批准。", "success")
            return redirect(url_for(".show", consumer_id=consumer_id))
    return _terms_page(form, None)


@blueprint.route("/<consumer_id>/terms", methods=["GET", "POST"])
@with_roles(*KEEPERS)
def change(consumer_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
        form = Form(request.form, defaults=_typed(consumer, session))
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                consumers.apply_for_change(
                    current_actor(), consumer_id, _terms(form, session), session=session
                )
            flash("已提交申请；批准以前，原来的条件不变。", "success")
            return redirect(url_for(".show", consumer_id=consumer_id))
    return _terms_page(form, consumer)


def _terms_page(form: Form, consumer: Consumer | None) -> ResponseReturnValue:
    with current_database().read() as session:
        archives = federation.archives(session)
    return form.answer(
        "consumers/terms.html",
        consumer=consumer,
        archives=[(each.code, each.name) for each in archives],
        chosen=set(form.all("archive")),
        wanted=set(form.all("service")),
        **NAMES,
    )


def _terms(form: Form, session: Session) -> Terms:
    return Terms(
        purpose=form["purpose"],
        basis=form.get("basis"),
        audience=form["audience"],
        services=tuple(form.all("service")),
        archives=tuple(form.all("archive")),
        fonds=_fonds(form["fonds"].splitlines(), session),
        since=form["since"],
        until=form["until"],
        requests=form.number("requests") or 0,
        rows=form.number("rows") or 0,
        networks=tuple(each for each in form["networks"].splitlines() if each.strip()),
        certificate=form["certificate"],
        client_elsewhere=form["client_elsewhere"],
    )


def _fonds(lines: list[str], session: Session) -> tuple[str, ...]:
    """The fonds that were typed, by id or name. Raises Invalid."""
    typed = [each.strip() for each in lines if each.strip()]
    if not typed:
        return ()
    by_name: dict[str, list[str]] = {}
    known = federation.all_fonds(session)
    for each in known:
        by_name.setdefault(each.name, []).append(each.id)
    ids = {each.id for each in known}
    found: list[str] = []
    for text in typed:
        named = [text] if text in ids else by_name.get(text, [])
        if len(named) != 1:
            problem = "有几个" if named else "没有"
            raise Invalid(
                "fonds",
                f"{problem}名为“{text[:60]}”的全宗。",
                "请照全宗页面填写全宗名称；同名的填写全宗编号。",
            )
        found += named
    return tuple(found)


def _typed(consumer: Consumer, session: Session) -> dict[str, Any]:
    """What the form shows for the terms that were applied for last, or are in force."""
    terms = consumer.proposal or consumer.terms
    if terms is None:
        return {"since": today(), "requests": 60, "rows": 100_000}
    fonds = federation.fonds_named(terms.fonds, session)
    return {
        **terms.to_wire(),
        "archive": list(terms.archives),
        "service": list(terms.services),
        "fonds": "\n".join(fonds[each].name if each in fonds else each for each in terms.fonds),
        "networks": "\n".join(terms.networks),
    }


@blueprint.get("/<consumer_id>")
@with_roles(*KEEPERS)
def show(consumer_id: str) -> ResponseReturnValue:
    return _page(consumer_id)


def _page(consumer_id: str, secret: str | None = None) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
        listing = Listing.from_request(
            request.args,
            sorts={
                "day": ConsumerUsage.day,
                "requests": ConsumerUsage.requests,
                "taken": ConsumerUsage.taken,
                "sent": ConsumerUsage.sent,
            },
            default_sort="-day",
        )
        used = select(ConsumerUsage).where(ConsumerUsage.consumer_id == consumer_id)
        proposal, terms = consumer.proposal, consumer.terms
        return render_template(
            "consumers/show.html",
            consumer=consumer,
            secret=secret,
            proposed=_said(proposal, session) if proposal is not None else None,
            approved=_said(terms, session) if terms is not None else None,
            page=listing.apply(used, session=session),
            totals=_totals(consumer_id, session),
            may_decide=consumers.may_decide(actor, consumer),
            may_resume=consumers.may_resume(actor, consumer),
            is_over=consumer.until is not None and consumer.until < today(),
            **NAMES,
        )


def _said(terms: Terms, session: Session) -> list[tuple[str, Any]]:
    """The terms as pairs of label and value."""
    archives = {each.code: each.name for each in federation.archives(session)}
    fonds = federation.fonds_named(terms.fonds, session)
    return [
        ("用途", terms.purpose),
        ("依据", terms.basis),
        ("共享范围", AUDIENCE_NAMES[Audience(terms.audience)]),
        (
            "接口",
            "、".join(SERVICE_NAMES[each] for each in SERVICE_NAMES if each in terms.services),
        ),
        ("档案馆", "、".join(archives.get(each, each) for each in terms.archives) or "全部"),
        (
            "全宗",
            "、".join(fonds[each].name if each in fonds else each for each in terms.fonds)
            or "全部",
        ),
        ("使用期限", f"{terms.since} 至 {terms.until}"),
        ("配额", f"每分钟 {terms.requests} 次，每天 {terms.rows} 条"),
        ("允许的地址", "、".join(terms.networks) or "不限"),
        ("客户端证书指纹", terms.certificate or "不要求"),
        ("统一身份认证客户端", terms.client_elsewhere),
    ]


def _totals(consumer_id: str, session: Session) -> Any:
    columns = (ConsumerUsage.requests, ConsumerUsage.refused, ConsumerUsage.taken)
    return session.execute(
        select(*(func.coalesce(func.sum(each), 0) for each in (*columns, ConsumerUsage.sent)))
        .where(ConsumerUsage.consumer_id == consumer_id)
    ).one()  # fmt: skip


@blueprint.post("/<consumer_id>/secret")
@with_roles(*KEEPERS)
def rotate(consumer_id: str) -> ResponseReturnValue:
    """Make a new secret: the answer shows it, and nothing does again."""
    with current_database().write() as session:
        secret = consumers.rotate_secret(current_actor(), consumer_id, session=session)
    return _page(consumer_id, secret)


@blueprint.route("/<consumer_id>/keys", methods=["GET", "POST"])
@with_roles(*KEEPERS)
def public_keys(consumer_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            keys = _keys(form["public_keys"])
            with current_database().write() as session:
                consumers.set_public_keys(current_actor(), consumer_id, keys, session=session)
            flash("已登记公钥，原来的密钥不再有效。", "success")
            return redirect(url_for(".show", consumer_id=consumer_id))
    return form.answer("consumers/keys.html", consumer=consumer)


def _keys(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if len(text) <= _MOST_KEY_TEXT else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid("public_keys", "这不是 JWK Set。", '请粘贴 {"keys": [ … ]} 样子的全部内容。')
    return found


@blueprint.post("/<consumer_id>/<verb>")
@with_roles(*KEEPERS)
def move(consumer_id: str, verb: str) -> ResponseReturnValue:
    """Approve, refuse, suspend, resume."""
    reason = request.form.get("reason", "")
    with current_database().write() as session:
        actor = current_actor()
        match verb:
            case "approve":
                consumers.approve(actor, consumer_id, session=session)
                said = "已批准。"
            case "refuse":
                consumers.refuse(actor, consumer_id, reason, session=session)
                said = "已答复不批准。"
            case "suspend":
                consumers.suspend(actor, consumer_id, reason, session=session)
                said = "已停用，立即生效。"
            case "resume":
                consumers.resume(actor, consumer_id, session=session)
                said = "已恢复；应用须重新获取令牌。"
            case _:
                raise NotFound("没有这个操作。", "请刷新后重新办理。")
    flash(said, "success")
    return redirect(url_for(".show", consumer_id=consumer_id))


@blueprint.get("/<consumer_id>/requests")
@with_roles(*KEEPERS)
def requests(consumer_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
        page = _listing().apply(_asked(consumer_id), session=session, count_limit=_COUNT_LIMIT)
        return render_template(
            "consumers/requests.html", consumer=consumer, page=page,
            query=request.query_string.decode("ascii", "replace"),
        )  # fmt: skip


@blueprint.get("/<consumer_id>/requests.csv")
@with_roles(*KEEPERS)
def export(consumer_id: str) -> Response:
    """What search and filters let through, as CSV, oldest first."""
    database = current_database()
    with database.read() as session:
        consumer = consumers.consumer_of(consumer_id, session)
    chosen = (
        _listing().narrowed(_asked(consumer_id)).order_by(ConsumerRequest.at, ConsumerRequest.id)
    )

    def pieces() -> Iterator[bytes]:
        with database.read() as session:
            yield from request_lines(consumer.name, session.scalars(chosen.execution_options(
                yield_per=1000
            )))  # fmt: skip

    return stream_out(pieces(), f"访问记录-{consumer.name}.csv")


def _asked(consumer_id: str) -> Select[ConsumerRequest]:
    return select(ConsumerRequest).where(ConsumerRequest.consumer_id == consumer_id)


def _listing() -> Listing:
    return Listing.from_request(
        request.args,
        sorts={"at": ConsumerRequest.at, "taken": ConsumerRequest.taken,
               "sent": ConsumerRequest.sent},
        default_sort="-at",
        search=(ConsumerRequest.path, ConsumerRequest.place),
        filters={"outcome": Filter("结果", choices=_OUTCOMES, apply=_of_outcome)},
        size=50,
    )  # fmt: skip


def _of_outcome(statement: Any, value: str) -> Any:
    if value == "0":
        return statement.where(ConsumerRequest.status.is_(None))
    least = int(value) * 100
    return statement.where(ConsumerRequest.status.between(least, least + 99))
