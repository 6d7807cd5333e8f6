"""Exports that were begun on the page: jobs that the hub's loops work off, each in its folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.exporting.folder import ExportFolder, Totals
from hub.exporting.forms import FORMS
from hub.exporting.plan import Plan
from hub.exporting.service import begin
from hub.exporting.work import Export
from hub.federation.places import HubFolder
from hub.repository.examining import Pace
from shared import audit
from shared.identity.service import account_of, actor_of
from shared.kernel import jobs
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import NotAllowed, NotFound, Unavailable, WrongState
from shared.kernel.jobs import Job, JobRunner, JobState, Steps

KIND = "exporting.export"
_FOLDER, _REMOVED = "exports", ".removed-"
#: So long a chunk lasts, but for a record that is larger: then it may be stopped.
_SECONDS = 1.0
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class _Progress:
    totals: Totals
    is_whole: bool


# ---- verbs and questions


def start(actor: Actor, plan: Plan, chosen: audit.Many, *, session: Session) -> Job:
    """Begin an export that the hub makes by itself; see `begin`."""
    begin(actor, plan, chosen, session=session)
    title = f"导出 {chosen.count} 件：{FORMS[plan.form]}"
    job = jobs.submit(session, KIND, plan.to_wire(), title=title, owner=actor.id)
    job.total = chosen.count
    return job


def exported_alone(actor: Actor, most: int, *, session: Session) -> int:
    """How many records somebody has exported within a day without a second person.

    `most` is how many one may: an export of more was confirmed.
    """
    query = select(func.coalesce(func.sum(Job.total), 0)).where(
        Job.kind == KIND,
        Job.owner == actor.id,
        Job.total <= most,
        Job.created_at > now() - timedelta(days=1),
    )
    return session.scalar(query) or 0


def go_on(actor: Actor, job_id: str, *, session: Session) -> Job:
    """Go on with an export that was stopped, or broken off. Raises NotFound, WrongState."""
    job = export_of(actor, job_id, session=session)
    if job.state not in (JobState.STOPPED, JobState.FAILED) or is_removed(job):
        raise WrongState("这次导出没有停下，或已经删除。", "请刷新后再看。")
    jobs.go_on(job)
    return job


def remove(actor: Actor, hub: HubFolder, job_id: str) -> Job:
    """Remove what was exported from the hub. Raises NotFound, WrongState while it goes on."""
    with hub.database().write() as session:
        job = export_of(actor, job_id, session=session)
        if job.is_open:
            raise WrongState("导出还在进行。", "请先停止，再删除。")
        if not is_removed(job):
            job.result = {**job.result, "removed": True, "message": "已删除导出的内容。"}
            audit.record(session, actor, "export.removed", f"export:{job.arguments['export_id']}")
    path = folder_of(hub, job)
    if path.exists():
        path.rename(path.with_name(f"{_REMOVED}{path.name}"))
    return job


def is_removed(job: Job) -> bool:
    """Whether what was exported is no longer there."""
    return bool(job.result.get("removed"))


def exports_of(actor: Actor) -> Select[Job]:
    """The exports that the actor has begun on the page."""
    return select(Job).where(Job.kind == KIND, Job.owner == actor.id)


def export_of(actor: Actor, job_id: str, *, session: Session) -> Job:
    """One of them. Raises NotFound, also for another's."""
    job = session.scalar(exports_of(actor).where(Job.id == job_id))
    if job is None:
        raise NotFound("没有这次导出。", "请回到“导出”重新查看。")
    return job


def folder_of(hub: HubFolder, job: Job) -> Path:
    """Where it lies in the hub's data folder."""
    return hub.path / _FOLDER / job.id


# ---- the loops


def steps(hub: HubFolder) -> dict[str, Callable[[], bool]]:
    """The background steps of this room, by name."""
    runner = JobRunner(hub.database(), {KIND: _steps(hub)})
    return {"exporting.work": runner.step, "exporting.sweep": lambda: _sweep(hub)}


def _steps(hub: HubFolder) -> Steps[_Progress]:
    def prepare(job: Job) -> _Progress:
        pace = Pace(hub.settings.fixity_mb_per_second * _MEGABYTE)
        until = time.monotonic() + _SECONDS
        plan = Plan.from_wire(job.arguments)
        actor = _owner(hub, job)
        try:
            with ExportFolder.opened(folder_of(hub, job), plan) as folder:
                export = Export(
                    hub, folder, actor, pace=pace, enough=lambda: time.monotonic() > until
                )
                while export.step() and time.monotonic() < until:
                    pass
                return _Progress(folder.totals, folder.is_whole)
        except Unavailable as error:
            if error.code != "export_disk_full":
                raise
            raise WrongState(error.message, error.remedy, code=error.code) from error

    def commit(job: Job, progress: _Progress, session: Session) -> bool:
        totals = progress.totals
        job.done = totals.records + totals.left_out
        job.result = {**job.result, **asdict(totals), "message": _message(totals)}
        return progress.is_whole

    return Steps(prepare, commit)


def _owner(hub: HubFolder, job: Job) -> Actor:
    """Who has begun it, with the rights of today."""
    with hub.database().read() as session:
        account = account_of(job.owner, session)
        if account.disabled:
            raise NotAllowed("发起人的账号已停用，导出停止。", "如仍需要，请由在用的账号重新导出。")
        return actor_of(account)


def _message(totals: Totals) -> str:
    left_out = f"，{totals.left_out} 件没有导出，原因见 records.csv" if totals.left_out else ""
    return f"已导出 {totals.records} 件，{totals.files} 个文件{left_out}。"


def _sweep(hub: HubFolder) -> bool:
    """Delete what was removed."""
    for path in (hub.path / _FOLDER).glob(f"{_REMOVED}*"):
        shutil.rmtree(path, ignore_errors=True)
    return False
