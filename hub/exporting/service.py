"""The verbs of exporting: begin one, and do it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from hub.catalogue.query import Filters
from hub.exporting.plan import Plan, many_selected, narrowed_to, require_form
from hub.federation import service as federation
from shared import audit
from shared.inspection.profile import Profile
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid, NotAllowed
from shared.kernel.identifiers import new_id
from shared.packaging.exchange import About

#: So many of the ids that were named one by one stand in the audit.
_NAMED_IN_AUDIT = 50


def draft(
    actor: Actor,
    hub_id: str,
    form: str,
    filters: Filters,
    *,
    session: Session,
    about: About | None = None,
    tree_bytes: int | None = None,
) -> tuple[Plan, audit.Many]:
    """The plan of an export of received records of the actor's archives, and which they are.

    Without `tree_bytes` an archive's own media are what its receiving profile says of them.

    Raises NotAllowed for who is no archivist, NotFound for an archive that is none, Invalid when
    there is nothing to export.
    """
    if not actor.has(Role.ARCHIVIST):
        raise NotAllowed("导出馆藏需要“档案接收员”权限。", "如确需办理，请联系安全保密管理员。")
    if filters.archive is not None:
        federation.archive_of(filters.archive, session)
    chosen = many_selected(actor, filters, session=session)
    if not chosen.count:
        raise Invalid(
            "filters",
            "没有可以导出的档案：本馆已接收的里面没有符合条件的。",
            "请放宽条件，或确认是否已完成接收。",
            code="nothing_to_export",
        )
    plan = Plan(
        new_id(), hub_id, require_form(form), filters, actor.name, utc_text(), about or About()
    )
    if tree_bytes is None and filters.archive is not None:
        tree_bytes = _medium_of(filters.archive, session)
    return (plan if tree_bytes is None else replace(plan, tree_bytes=tree_bytes)), chosen


def _medium_of(archive_code: str, session: Session) -> int | None:
    """What a medium of an archive holds, as its receiving profile says; None when it does not."""
    row = federation.ruleset_in_force(archive_code, session)
    said = row.document.get("profile") if row is not None else None
    megabytes = Profile.from_wire(said).medium_mb
    return None if megabytes is None else megabytes * 1_000_000


def begin(actor: Actor, plan: Plan, chosen: audit.Many, *, session: Session) -> None:
    """Begin an export 导出, before its first byte is out: who, which selection, which records.

    The plan is one that was drafted for this actor.
    """
    if not actor.has(Role.ARCHIVIST):
        raise NotAllowed("导出馆藏需要“档案接收员”权限。", "如确需办理，请联系安全保密管理员。")
    said = narrowed_to(plan.filters)
    if plan.filters.records:
        said["records"] = said["records"][:_NAMED_IN_AUDIT]
    audit.record(
        session,
        actor,
        "export.begun",
        f"export:{plan.export_id}",
        audit.Act(each=chosen),
        kind=plan.form,
        selection=said,
        count=chosen.count,
    )
