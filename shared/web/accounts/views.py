"""One's own password, and the administrators' pages of accounts."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

from flask import (
    Blueprint,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)  # fmt: skip
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import identity
from shared.identity import (
    Account,
    AccountGrant,
    account_of,
    acts,
    current_actor,
    emergency,
    signed_in,
    with_roles,
)
from shared.identity.elsewhere import link_elsewhere, waiting_elsewhere
from shared.identity.grants import make_grants, proposed_grants, role_names
from shared.identity.passwords import GOOD_STRENGTH, strength_of
from shared.identity.service import STATE_NAMES, looked_after_by
from shared.identity.signing_in import is_sealed, prove_old_password
from shared.kernel.actor import (
    ADMINISTRATORS,
    OPENNESS_NAMES,
    ROLE_NAMES,
    Duty,
    Grant,
    Openness,
    Role,
)
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotFound
from shared.records.classes import load_classes
from shared.records.grants import read_grant
from shared.web.accounts.admission import counted, this_visit
from shared.web.accounts.ways import current_policy
from shared.web.current import current_database
from shared.web.forms import Form
from shared.web.listing import Filter, Listing

blueprint = Blueprint("accounts", __name__)

_SPARE_ROWS = 3
_OPENERS = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)


class GrantRow(NamedTuple):
    """A grant as a row of the form says it."""

    role: str = ""
    scope: str = ""
    class_code: str = ""
    openness: str = ""
    until: str = ""


@blueprint.route("/password", methods=["GET", "POST"])
@signed_in
def password() -> ResponseReturnValue:
    form = Form(request.form)
    actor = current_actor()
    if request.method == "POST":
        with form.catching():
            new = form.raw("password")
            if new != form.raw("again"):
                raise Invalid("again", "两次输入的新密码不一致。", "请重新输入。")
            old = form.raw("old_password")
            counted(
                lambda: prove_old_password(
                    actor.id, old, database=current_database(), policy=current_policy()
                )
            )
            with current_database().write() as transaction:
                account = account_of(actor.id, transaction)
                identity.change_password(
                    actor, account, old, new, session=transaction, policy=current_policy()
                )
                token = identity.issue_token(
                    account, session=transaction, policy=current_policy(), visit=this_visit()
                )
            current_app.extensions["danglian.sessions"].begin(token)
            flash("密码已修改，其他地方的登录已失效。", "success")
            return redirect(request.script_root + "/")
    with current_database().read() as transaction:
        elsewhere = account_of(actor.id, transaction).issuer is not None
    return form.answer(
        "accounts/password.html",
        must_change=g.get("danglian_must_change"),
        elsewhere=elsewhere,
    )


_STRENGTHS = ("很弱", "很弱", "弱", "可以", "强")


@blueprint.post("/password/strength")
@signed_in
def strength() -> ResponseReturnValue:
    """How hard to guess what is being typed would be, in words; nothing of it is kept."""
    typed = request.form.get("password", "")
    if not typed:
        return ""
    if len(typed) < current_policy().password_length:
        return f"还不足 {current_policy().password_length} 个字符。"
    known = request.form.get("login", "") or current_actor().name
    found = strength_of(known, typed)
    more = "" if found >= GOOD_STRENGTH else "，容易被猜到：请换几个不相干的词连起来"
    return f"强度：{_STRENGTHS[found]}{more}。"


# Accounts


@blueprint.get("/accounts/")
@with_roles(*ADMINISTRATORS)
def index() -> ResponseReturnValue:
    offered = {str(role): ROLE_NAMES[role] for role in current_app.config["DANGLIAN_ROLES"]}
    listing = Listing.from_request(
        request.args,
        sorts={
            "login": Account.login,
            "name": Account.name,
            "last_sign_in": Account.last_sign_in,
            "created_at": Account.created_at,
        },
        default_sort="login",
        search=(Account.login, Account.name),
        filters={
            "role": Filter("角色", choices=offered, apply=_having_role),
            "state": Filter("状态", choices=STATE_NAMES, apply=_in_state),
        },
    )
    with current_database().read() as transaction:
        seen = looked_after_by(current_actor(), select(Account))
        page = listing.apply(seen, session=transaction)
        return render_template(
            "accounts/index.html", page=page, role_names=role_names, now=now(),
            may_make=current_actor().has(Role.SYSTEM_ADMINISTRATOR),
        )  # fmt: skip


def _linkable(account: Account) -> dict[str, str]:
    """Who may turn out to be this account's person: they have signed in, and wait for a grant."""
    if account.issuer is not None or account.emergency or account.duty != Duty.BUSINESS:
        return {}
    if not current_actor().has(Role.SECURITY_ADMINISTRATOR):
        return {}
    with current_database().read() as transaction:
        return {each.id: f"{each.name}（{each.login}）" for each in waiting_elsewhere(transaction)}


def _in_state(statement: Any, state: str) -> Any:
    if state == "disabled":
        return statement.where(Account.disabled)
    waiting = Account.waiting if state == "waiting" else Account.waiting.is_(False)
    return statement.where(Account.disabled.is_(False), waiting)


def _having_role(statement: Any, role: str) -> Any:
    holders = select(AccountGrant.account_id).where(AccountGrant.role == role)
    return statement.where(Account.id.in_(holders))


def account_looked_after(account_id: str, transaction: Session) -> Account:
    """The account, for an administrator who looks after it. Raises NotFound for any other."""
    account = account_of(account_id, transaction)
    if not current_actor().may(*ADMINISTRATORS, archive=account.archive_code):
        raise NotFound("没有这个账号。", "请回到账号列表重新查看。")
    return account


@blueprint.route("/accounts/new", methods=["GET", "POST"])
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def new() -> ResponseReturnValue:
    form = Form(request.form, {"must_change": True})
    if request.method == "POST":
        with form.catching():
            with current_database().write() as transaction:
                identity.create_account(
                    current_actor(),
                    form["login"],
                    form["name"],
                    form.raw("password"),
                    _chosen_grants(form),
                    session=transaction,
                    must_change=form.checked("must_change") and not form.checked("emergency"),
                    emergency=form.checked("emergency"),
                    policy=current_policy(),
                )
            flash("账号已建立，请安全保密管理员授权；授权以后本人才能登录。", "success")
            return redirect(url_for(".index"))
    return form.answer("accounts/new.html", rows=_grant_rows(form, ()), **_choices())


@blueprint.route("/accounts/<account_id>", methods=["GET", "POST"])
@with_roles(*ADMINISTRATORS)
def edit(account_id: str) -> ResponseReturnValue:
    """An account: its name for 系统管理员, its grants for 安全保密管理员, the rest to look at."""
    with current_database().read() as transaction:
        account = account_looked_after(account_id, transaction)
    shown = make_grants(proposed_grants(account)) if account.waiting else account.grants
    form = Form(request.form, {"name": account.name})
    actor = current_actor()
    others = _linkable(account)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as transaction:
                account = account_looked_after(account_id, transaction)
                if actor.has(Role.SYSTEM_ADMINISTRATOR):
                    identity.rename_account(actor, account, form["name"], session=transaction)
                else:
                    identity.set_grants(actor, account, _chosen_grants(form), session=transaction)
            flash("账号已保存。", "success")
            return redirect(url_for(".edit", account_id=account_id))
    return form.answer(
        "accounts/edit.html",
        account=account,
        locked=account.locked_until is not None and account.locked_until > now(),
        sealed=is_sealed(account),
        makes=actor.has(Role.SYSTEM_ADMINISTRATOR),
        grants=actor.has(Role.SECURITY_ADMINISTRATOR),
        others=others,
        is_administrator=account.duty != Duty.BUSINESS,
        is_system=any(each.role == Role.INTEGRATOR for each in account.grants),
        rows=_grant_rows(form, shown),
        **_choices(shown),
    )


@blueprint.post("/accounts/<account_id>/state")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def set_state(account_id: str) -> ResponseReturnValue:
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        if request.form.get("state") == "disabled":
            identity.disable_account(current_actor(), account, session=transaction)
        else:
            identity.enable_account(current_actor(), account, session=transaction)
    flash("账号已停用，其登录已失效。" if account.disabled else "账号可以使用了。", "success")
    return redirect(url_for(".edit", account_id=account_id))


@blueprint.post("/accounts/<account_id>/unlock")
@with_roles(Role.SECURITY_ADMINISTRATOR)
def unlock(account_id: str) -> ResponseReturnValue:
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        identity.unlock_account(current_actor(), account, session=transaction)
    flash("账号已解锁。", "success")
    return redirect(url_for(".edit", account_id=account_id))


@blueprint.post("/accounts/<account_id>/propose/<kind>")
@with_roles(Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
def propose(account_id: str, kind: str) -> ResponseReturnValue:
    """Propose what two people have to do together: deleting it, an administrator's password."""
    if kind not in acts.ACCOUNT_ACTS:
        raise NotFound("没有这种双人办理的事。", "请回到账号页面。")
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        reason = request.form.get("reason", "")
        acts.propose_on_account(current_actor(), kind, account, reason, session=transaction)
    flash("已提交，请另一位管理员在“待双人确认”确认。", "success")
    return redirect(url_for("acts.index"))


@blueprint.post("/accounts/<account_id>/link")
@with_roles(Role.SECURITY_ADMINISTRATOR)
def link(account_id: str) -> ResponseReturnValue:
    """Let it be the account of somebody who signs in through the identity service."""
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        other = account_looked_after(request.form.get("other", ""), transaction)
        link_elsewhere(current_actor(), account, other, session=transaction)
    flash("已关联；本人以后通过统一身份认证登录，原来的密码作废。", "success")
    return redirect(url_for(".edit", account_id=account_id))


@blueprint.post("/accounts/<account_id>/emergency/ask")
@with_roles(*_OPENERS)
def ask_opening(account_id: str) -> ResponseReturnValue:
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        reason = request.form.get("reason", "")
        emergency.ask_opening(current_actor(), account, reason, session=transaction)
    flash("已申请启封，请通知另一位管理员同意。", "success")
    return redirect(url_for(".edit", account_id=account_id))


@blueprint.post("/accounts/<account_id>/emergency/open")
@with_roles(*_OPENERS)
def open_emergency(account_id: str) -> ResponseReturnValue:
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        emergency.open_sealed(
            current_actor(), account, session=transaction, policy=current_policy()
        )
    flash("应急账号已启封。", "success")
    return redirect(url_for(".edit", account_id=account_id))


@blueprint.post("/accounts/<account_id>/emergency/seal")
@with_roles(*_OPENERS)
def seal(account_id: str) -> ResponseReturnValue:
    with current_database().write() as transaction:
        emergency.seal_again(
            current_actor(), account_looked_after(account_id, transaction), session=transaction
        )
    flash("应急账号已封存。", "success")
    return redirect(url_for(".edit", account_id=account_id))


@blueprint.route("/accounts/<account_id>/password", methods=["GET", "POST"])
@with_roles(Role.SECURITY_ADMINISTRATOR)
def reset(account_id: str) -> ResponseReturnValue:
    form = Form(request.form)
    with current_database().read() as transaction:
        account = account_looked_after(account_id, transaction)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as transaction:
                account = account_looked_after(account_id, transaction)
                identity.reset_password(
                    current_actor(),
                    account,
                    form.raw("password"),
                    session=transaction,
                    policy=current_policy(),
                )
            flash("密码已重置；本人下次登录时须修改。", "success")
            return redirect(url_for(".edit", account_id=account_id))
    return form.answer("accounts/reset.html", account=account)


def _sent_rows(form: Form) -> list[GrantRow]:
    """The rows of grants as they were sent; one without a role is a spare one."""
    fields = (form.all(name) for name in GrantRow._fields)
    return [row for row in map(GrantRow._make, zip_longest(*fields, fillvalue="")) if row.role]


def _chosen_grants(form: Form) -> list[Grant]:
    """The grants as the form's rows tell them, at least one. Raises Invalid."""
    chosen = [_grant(row) for row in _sent_rows(form)]
    if not chosen:
        raise Invalid("role", "账号没有角色，什么也不能办。", "请至少选择一个角色。")
    return chosen


def _grant(row: GrantRow) -> Grant:
    kind, _, value = row.scope.partition(":")
    return read_grant(
        row.role,
        archive_code=value if kind == "archive" else None,
        fonds_id=value if kind == "fonds" else None,
        class_code=row.class_code or None,
        openness=row.openness or Openness.ALL,
        until=row.until or None,
    )


def _scope_of(grant: AccountGrant) -> str:
    if grant.fonds_id:
        return f"fonds:{grant.fonds_id}"
    return f"archive:{grant.archive_code}" if grant.archive_code else ""


def _grant_rows(form: Form, grants: Any) -> list[GrantRow]:
    """What was sent, else what is; then some empty ones."""
    rows = [
        GrantRow(each.role, _scope_of(each), each.class_code or "", each.openness, each.until or "")
        for each in grants
    ]
    if request.method == "POST":
        rows = _sent_rows(form)
    return [*rows, *([GrantRow()] * _SPARE_ROWS)]


def _choices(grants: Any = ()) -> dict[str, Any]:
    roles = {str(role): ROLE_NAMES[role] for role in current_app.config["DANGLIAN_ROLES"]}
    with current_database().read() as transaction:
        scopes = dict(current_app.extensions["danglian.scopes"](transaction))
    for each in grants:
        roles.setdefault(each.role, ROLE_NAMES[Role(each.role)])
        scopes.setdefault(_scope_of(each), _scope_of(each).partition(":")[2])
    scopes.pop("", None)
    return {
        "roles": roles,
        "scopes": scopes,
        "classes": {each.code: each.name for each in load_classes().values()},
        "opennesses": {str(each): name for each, name in OPENNESS_NAMES.items()},
    }
