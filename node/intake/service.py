"""The verbs of intake: sheets are looked into, mapped, checked, and their good rows taken.

The order is fixed: `look_into` (no database) → `begin` → `check` (a job stages every row with its
problems, and links volumes with their items) → `take` (a job hands the good rows to filing) or
`discard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from node.intake.access import SEEING, intake_of, intake_to_change, require_idle
from node.intake.columns import check_mapping
from node.intake.models import Intake, IntakeFile, IntakeRow, IntakeState, RowState
from node.intake.preparing import (
    PreviewRow,
    add_sheets,
    begin,
    check_levels,
    context_of,
    map_columns,
    preview,
    set_defaults,
    set_sheet,
)
from node.intake.rejected import rejected_workbook
from node.office.service import fonds_here, require_writable
from shared import audit
from shared.kernel import jobs
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import WrongState

__all__ = [
    "CHECK", "SEEING", "TAKE", "UNPACK", "PreviewRow", "add_sheets", "begin", "check",
    "context_of", "counts_of", "discard", "intake_of", "intake_to_change", "listing",
    "map_columns", "preview", "rejected", "require_idle", "resume", "row_listing", "rows_of",
    "set_defaults", "set_sheet", "stop", "submit", "take",
]  # fmt: skip

CHECK = "intake.check"
TAKE = "intake.take"
UNPACK = "intake.unpack"


def check(
    actor: Actor, intake_id: str, *, session: Session, files_folder: str | None = None
) -> jobs.Job:
    """Have every row read and staged, with its problems; a job that can be stopped and resumed."""
    intake = intake_to_change(actor, intake_id, IntakeState.UPLOADED, session=session)
    require_idle(intake, session=session)
    check_levels(intake)
    session.execute(delete(IntakeRow).where(IntakeRow.intake_id == intake_id))
    session.execute(
        update(IntakeFile).where(IntakeFile.intake_id == intake_id).values(wanted=False)
    )
    for sheet in intake.sheets:
        check_mapping(sheet.fields)
        sheet.read = sheet.header_row
        sheet.finished = False
    intake.linked_to = ""
    intake.files_folder = files_folder
    intake.state = IntakeState.CHECKING
    return submit(actor, intake, CHECK, f"检查表格：{intake.file_name}", session=session)


def take(actor: Actor, intake_id: str, *, session: Session) -> jobs.Job:
    """Hand the good rows to filing, as records to arrange 待整理; a job. Raises WrongState."""
    intake = intake_to_change(actor, intake_id, IntakeState.CHECKED, session=session)
    if not counts_of(intake_id, session=session)[RowState.GOOD]:
        raise WrongState("没有可以导入的行。", "请改正有问题的行后重新导入表格。")
    intake.state = IntakeState.TAKING
    audit.record(session, actor, "intake.taken", f"intake:{intake_id}", fonds=intake.fonds_id)
    return submit(actor, intake, TAKE, f"导入表格：{intake.file_name}", session=session)


def submit(
    actor: Actor, intake: Intake, kind: str, title: str, *, session: Session, **more: str
) -> jobs.Job:
    """Put a job of an import into the table; `more` are arguments beside the import's id."""
    arguments = {"intake_id": intake.id, **more}
    job = jobs.submit(session, kind, arguments, title=title, owner=actor.id)
    intake.job_id = job.id
    return job


def stop(actor: Actor, intake_id: str, *, session: Session) -> Intake:
    """Stop the running job after its present chunk; what was taken stays, the rest can be later."""
    intake = intake_of(actor, intake_id, session=session)
    require(actor, Role.CLERK, fonds=intake.fonds_id)
    require_writable(intake.fonds_id, session)
    back = {
        IntakeState.CHECKING: IntakeState.UPLOADED,
        IntakeState.TAKING: IntakeState.CHECKED,
    }
    job = jobs.job_of(intake.job_id, session=session) if intake.job_id else None
    state = IntakeState(intake.state)
    if job is None or (state not in back and not job.is_open):
        raise WrongState("没有正在进行的检查或导入。", "请刷新页面查看最新状态。")
    jobs.stop(job)
    intake.state = back.get(state, state)
    return intake


def resume(actor: Actor, intake_id: str, *, session: Session) -> jobs.Job:
    """Go on after a failed job, where it stood. Raises WrongState when it is still running."""
    intake = intake_to_change(
        actor, intake_id, IntakeState.CHECKING, IntakeState.TAKING, session=session
    )
    require_idle(intake, session=session)
    kind = CHECK if intake.state == IntakeState.CHECKING else TAKE
    return submit(actor, intake, kind, f"继续：{intake.file_name}", session=session)


def discard(actor: Actor, intake_id: str, *, session: Session) -> Intake:
    """Give the import up: its staged rows go; what filing already has stays there."""
    intake = intake_of(actor, intake_id, session=session)
    require(actor, Role.CLERK, fonds=intake.fonds_id)
    require_writable(intake.fonds_id, session)
    if intake.state == IntakeState.DISCARDED:
        return intake
    if intake.job_id:
        jobs.stop(jobs.job_of(intake.job_id, session=session))
    session.execute(
        delete(IntakeRow)
        .where(IntakeRow.intake_id == intake_id)
        .where(IntakeRow.state != RowState.TAKEN)
    )
    session.execute(delete(IntakeFile).where(IntakeFile.intake_id == intake_id))
    intake.state = IntakeState.DISCARDED
    intake.finished_at = now()
    audit.record(session, actor, "intake.discarded", f"intake:{intake_id}", fonds=intake.fonds_id)
    return intake


def listing(actor: Actor, *, session: Session) -> Any:
    """The imports that the actor may see, as a statement to page through."""
    ids = [each.id for each in fonds_here(session) if actor.may(*SEEING, fonds=each.id)]
    return select(Intake).where(Intake.fonds_id.in_(ids))


def row_listing(actor: Actor, intake_id: str, *, session: Session) -> Any:
    """The staged rows of an import, as a statement to page through."""
    intake_of(actor, intake_id, session=session)
    return select(IntakeRow).where(IntakeRow.intake_id == intake_id)


def counts_of(intake_id: str, *, session: Session) -> dict[str, int]:
    """How many rows are in each state."""
    found = session.execute(
        select(IntakeRow.state, func.count())
        .where(IntakeRow.intake_id == intake_id)
        .group_by(IntakeRow.state)
    )
    return {str(state): 0 for state in RowState} | {row[0]: row[1] for row in found}


def rows_of(
    actor: Actor,
    intake_id: str,
    states: Sequence[RowState],
    *,
    session: Session,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[IntakeRow], int]:
    """Staged rows in these states, by row number, and how many there are."""
    intake_of(actor, intake_id, session=session)
    where = (IntakeRow.intake_id == intake_id, IntakeRow.state.in_(states))
    total = session.scalar(select(func.count()).select_from(IntakeRow).where(*where)) or 0
    found = session.scalars(
        select(IntakeRow)
        .where(*where)
        .order_by(IntakeRow.part, IntakeRow.number)
        .offset(offset)
        .limit(limit)
    )
    return list(found), total


def rejected(actor: Actor, intake_id: str, *, session: Session) -> bytes:
    """The rows that were not taken, as a spreadsheet with a column of reasons (原因).

    Each sheet that came has one in it, so that volumes and items find each other again.
    """
    intake = intake_of(actor, intake_id, session=session)
    parts = []
    for sheet in intake.sheets:
        rows = session.scalars(
            select(IntakeRow)
            .where(IntakeRow.intake_id == intake_id, IntakeRow.part == sheet.part)
            .where(IntakeRow.state.in_([RowState.BAD, RowState.CLASSIFIED]))
            .order_by(IntakeRow.number)
            .execution_options(yield_per=1000)
        )
        parts.append((sheet, rows))
    return rejected_workbook(parts)
