"""The page of the audit log: all of it for the auditor, security events for 安全保密管理员."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy import or_
from werkzeug.datastructures import FileStorage

from shared import audit
from shared.audit import AuditEvent, Sealer, Thresholds
from shared.audit.archiving import Store
from shared.audit.members import membership
from shared.identity import current_actor, with_roles, with_roles_everywhere
from shared.kernel.actor import Role
from shared.kernel.clock import SHANGHAI, today
from shared.kernel.errors import Invalid, NotFound
from shared.web.audit_log.names import OUTCOME_NAMES, TimeLines
from shared.web.audit_log.seeing import events_seen_by
from shared.web.audit_log.showing import Names
from shared.web.current import current_database
from shared.web.downloads import download, stream_out
from shared.web.forms import Form, uploaded
from shared.web.listing import Filter, Listing

blueprint = Blueprint("audit_log", __name__, url_prefix="/audit")
#: The extension that gives the installation's own key, which signs an export.
OWN_KEY = "danglian.own_key"
#: The extension that gives the store of the older events' files.
OLDER = "danglian.older_log"
#: The extension that finds what happened to one thing.
TIME_LINES = "danglian.time_lines"
#: The extension with what counts as unusual.
THRESHOLDS = "danglian.audit_thresholds"

_SORTS = {
    "seq": AuditEvent.id,
    "actor": AuditEvent.actor_name,
    "action": AuditEvent.action,
    "subject": AuditEvent.subject,
}


@blueprint.get("/")
@with_roles(Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
def index() -> ResponseReturnValue:
    return _listed("audit/index.html")


@blueprint.get("/of/<path:subject>")
@with_roles(Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
def of(subject: str) -> ResponseReturnValue:
    """Everything that happened to one thing, newest first."""
    return _listed("audit/of.html", subject=subject)


def _listed(template: str, *, subject: str | None = None) -> str:
    listing = Listing.from_request(
        request.args,
        sorts=_SORTS,
        default_sort="-seq",
        search=_containing,
        filters={"outcome": Filter("结果", AuditEvent.outcome, OUTCOME_NAMES)},
        size=50,
    )
    names = current_app.extensions["danglian.action_names"]
    since, until = _day("since"), _day("until")
    with current_database().read() as session:
        lines: TimeLines = current_app.extensions[TIME_LINES]
        about = [subject, *lines.parts(session, subject)] if subject else None
        found = events_seen_by(current_actor(), subject=about, since=since, until=until)
        page = listing.apply(found, session=session)
        known = current_app.extensions["danglian.subject_names"]
        shown = Names(page.items, known, also=[subject] if subject else (), session=session)
        audits_all = current_actor().archives(Role.AUDITOR) is None
        typed = request.args.get("q", "").strip()
        things = lines.called(session, typed) if typed and audits_all and not subject else {}
        whole = current_actor().may(Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
        held = audit.witnesses(session) if whole else []
        unlike = [each for each in held if each.is_contradicted]
        called = known(session, [f"audit:{each.party}" for each in unlike])
        return render_template(
            template, page=page, names=names, shown=shown, subject=subject,
            held=len(held), unlike=unlike, called=called, outcomes=OUTCOME_NAMES,
            waiting=audit.waiting_for_seal(session), things=things,
            audits_all=audits_all,
            audits=current_actor().may(Role.AUDITOR),
            settles=current_actor().may(Role.SECURITY_ADMINISTRATOR),
        )  # fmt: skip


def _day(name: str) -> datetime | None:
    """A day of the address as the moment at which it begins here; None for none that is one."""
    try:
        return datetime.strptime(request.args.get(name, ""), "%Y-%m-%d").replace(tzinfo=SHANGHAI)
    except ValueError:  # no day, or what an old bookmark has: all days
        return None


@blueprint.get("/statistics")
@with_roles_everywhere(Role.AUDITOR)
def statistics() -> ResponseReturnValue:
    """What was done in the last thirty days, and what stands out."""
    thresholds: Thresholds = current_app.extensions[THRESHOLDS]
    with current_database().read() as session:
        by_action, by_actor = audit.statistics(session)
        return render_template(
            "audit/statistics.html", by_action=by_action, by_actor=by_actor,
            unusual=audit.unusual(session, thresholds), thresholds=thresholds,
            names=current_app.extensions["danglian.action_names"],
        )  # fmt: skip


@blueprint.get("/witnesses")
@with_roles_everywhere(Role.AUDITOR)
def witnesses() -> ResponseReturnValue:
    """The ends of the logs that this installation and the others hold of each other."""
    with current_database().read() as session:
        held = audit.witnesses(session)
        known = current_app.extensions["danglian.subject_names"]
        called = known(session, [f"audit:{each.party}" for each in held])
        head = audit.chain_head(session)
        return render_template("audit/witnesses.html", held=held, called=called, head=head)


@blueprint.get("/archived")
@with_roles_everywhere(Role.AUDITOR)
def archived() -> ResponseReturnValue:
    """The signed files of older events."""
    with current_database().read() as session:
        return render_template("audit/archived.html", files=audit.archives(session))


@blueprint.get("/archived/<int:last>")
@with_roles_everywhere(Role.AUDITOR)
def archived_file(last: int) -> ResponseReturnValue:
    with current_database().read() as session:
        row = next((each for each in audit.archives(session) if each.last == last), None)
    if row is None:
        raise NotFound("没有这个归档文件。", "请回到列表重新选择。")
    name = f"操作日志-{row.first}-{row.last}.jsonl"
    return download(_older().open(row.name), name, size=row.size)


def _older() -> Store:
    store: Store = current_app.extensions[OLDER]()
    return store


def _containing(statement: Any, text: str) -> Any:
    """Events whose actor, subject or action (by either name) contains the text."""
    names = current_app.extensions["danglian.action_names"]
    called = [action for action, name in names.items() if text in name]
    columns = (AuditEvent.actor_name, AuditEvent.action, AuditEvent.subject)
    return statement.where(
        or_(
            AuditEvent.action.in_(called),
            *(each.icontains(text, autoescape=True) for each in columns),
        )
    )


@blueprint.route("/member", methods=["GET", "POST"])
@with_roles_everywhere(Role.AUDITOR)
def member() -> ResponseReturnValue:
    """Whether a thing was in an act on many, by the list of all; a proof is for the command."""
    form = Form(request.form, {"seq": request.args.get("seq", "")})
    found: AuditEvent | None = None
    holds = False
    if request.method == "POST":
        with form.catching():
            found = _act_on_many(form)
            names = _names(uploaded("names"))
            shown = membership(form["name"], names)
            holds = (shown.root, len(names)) == (found.root, found.count)
    names_of = current_app.extensions["danglian.action_names"]
    return form.answer("audit/member.html", found=found, holds=holds, names=names_of)


def _act_on_many(form: Form) -> AuditEvent:
    with current_database().read() as session:
        one = events_seen_by(current_actor()).where(AuditEvent.seq == (form.number("seq") or 0))
        found = session.scalars(one).first()
    if found is None or found.root is None:
        raise Invalid(
            "seq",
            "在线的日志里没有这一条，或它不是成批办理的。",
            "序号见“操作日志”；更早的，用归档文件和 danglian audit member 核对。",
        )
    return found


def _names(file: FileStorage) -> list[str]:
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(
            "names", "名单不是文本文件。", "请给出 UTF-8 的文本文件，一行一个编号。"
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


@blueprint.post("/verify")
@with_roles_everywhere(Role.AUDITOR)
def verify() -> ResponseReturnValue:
    with current_database().read() as session:
        problems = audit.verify_all(session, _older())
        head = audit.chain_head(session)
    with current_database().write() as session:
        audit.record(
            session, current_actor(), "audit.verified", "audit", upto=head.seq,
            problems=[each.message for each in problems[:20]],
        )  # fmt: skip
    if problems:
        told = "".join(each.message for each in problems[:5])
        flash(
            f"日志校验发现 {len(problems)} 处问题：{told}请立即报告负责人，并保留数据目录。",
            "danger",
        )
    else:
        flash(f"日志完整：{head.seq} 条首尾衔接，未发现改动或缺失。", "success")
    return redirect(url_for(".index"))


@blueprint.get("/export")
@with_roles_everywhere(Role.AUDITOR)
def export() -> Response:
    """The log on line as a signed file (`danglian audit verify`)."""
    database, key = current_database(), current_app.extensions[OWN_KEY]()
    with database.write() as session:
        audit.record(session, current_actor(), "audit.exported", "audit")
    Sealer(database, lambda: key).finish()

    def lines() -> Iterator[bytes]:
        with database.read() as session:
            yield from audit.export_lines(session, key)

    return stream_out(lines(), f"操作日志-{today()}.jsonl")


@blueprint.post("/settle")
@with_roles_everywhere(Role.SECURITY_ADMINISTRATOR)
def settle() -> ResponseReturnValue:
    """The contradictions between logs that were looked into, with what was found."""
    reason = request.form.get("reason", "").strip()[:200]
    if not reason:
        flash("请写明查明的原因，例如“恢复了昨天的备份”。", "danger")
        return redirect(url_for(".index"))
    with current_database().write() as session:
        count = audit.settle(current_actor(), request.form.getlist("party"), reason, session)
    flash(f"已销去 {count} 处不符，原因记入日志。", "success")
    return redirect(url_for(".index"))
