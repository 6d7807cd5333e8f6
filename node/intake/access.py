"""Who may see an import, and whether it may be changed now."""

from __future__ import annotations

from sqlalchemy.orm import Session

from node.intake.models import STATE_LABELS, Intake, IntakeState
from node.office.service import require_writable
from shared.kernel import jobs
from shared.kernel.actor import Actor, Role, require
from shared.kernel.errors import NotFound, WrongState

SEEING = (Role.CLERK, Role.LEADER)


def intake_of(actor: Actor, intake_id: str, *, session: Session) -> Intake:
    """An import that the actor may see. Raises NotFound."""
    intake = session.get(Intake, intake_id)
    if intake is None or not actor.may(*SEEING, fonds=intake.fonds_id):
        raise NotFound("没有这次导入。", "请回到导入列表重新查看。")
    return intake


def intake_to_change(
    actor: Actor, intake_id: str, *states: IntakeState, session: Session
) -> Intake:
    """An import that the actor may change, in one of these states. Raises WrongState."""
    intake = intake_of(actor, intake_id, session=session)
    require(actor, Role.CLERK, fonds=intake.fonds_id)
    require_writable(intake.fonds_id, session)
    if intake.state not in states:
        raise WrongState(
            f"这次导入现为“{STATE_LABELS[IntakeState(intake.state)]}”，不能这样操作。",
            "请刷新页面查看最新状态。",
        )
    return intake


def require_idle(intake: Intake, *, session: Session) -> None:
    """Raise WrongState while a job of the import is under way."""
    if intake.job_id and jobs.job_of(intake.job_id, session=session).is_open:
        raise WrongState("任务正在进行。", "请等待完成，或先停止。")
