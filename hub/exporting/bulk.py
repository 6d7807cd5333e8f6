"""Exports of many records 批量导出: an archivist proposes one, 安全保密管理员 confirms it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hub.exporting import jobs
from hub.exporting.forms import FORMS
from hub.exporting.plan import Plan, many_selected
from shared.audit import Many
from shared.identity import acts
from shared.identity.acts import ActKind
from shared.identity.models import ProposedAct
from shared.identity.service import account_of, actor_of
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import WrongState

EXPORT = "export.bulk"


def propose_export(
    actor: Actor, plan: Plan, chosen: Many, reason: str, *, session: Session
) -> ProposedAct:
    """Propose an export of so many records that one person alone may not make it.

    Raises NotAllowed, Invalid without a reason, Conflict.
    """
    held = actor.archives(Role.ARCHIVIST)
    archive = plan.filters.archive
    if archive is None and held is not None and len(held) == 1:
        archive = next(iter(held))
    return acts.propose(
        actor, EXPORT, KINDS,
        subject=f"export:{plan.export_id}",
        title=f"导出 {chosen.count} 件：{FORMS[plan.form]}",
        reason=reason,
        arguments={"plan": plan.to_wire(), "count": chosen.count, "root": chosen.root},
        archive=archive,
        session=session,
    )  # fmt: skip


def _begin(actor: Actor, act: ProposedAct, session: Session) -> str:
    proposer = account_of(act.proposed_by, session)
    if proposer.disabled:
        raise WrongState("提交人的账号已停用，不能导出。", "请由在岗的人重新提交。")
    plan = Plan.from_wire(act.arguments["plan"])
    by = actor_of(proposer)
    if "root" in act.arguments:
        chosen = Many(int(act.arguments["count"]), str(act.arguments["root"]))
    else:  # proposed before events named what is exported
        chosen = many_selected(by, plan.filters, session=session)
    jobs.start(by, plan, chosen, session=session)
    return f"{act.proposed_name}可以在“导出”里取。"


KINDS: acts.Kinds = {
    EXPORT: ActKind("批量导出", (Role.ARCHIVIST,), (Role.SECURITY_ADMINISTRATOR,), _begin)
}
