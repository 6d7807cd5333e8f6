"""Long work as rows in a table: progress to show, a button to stop, a restart after a kill.

A job is worked off in chunks. What takes time (reading files, building packages) is prepared
outside of any transaction; then one short transaction writes it down and moves `done` forward in
the same commit, so that a kill repeats nothing that was committed. The capability that owns a
kind of job registers its `Steps`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, Index, Integer, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Database, Model, UtcTime, locked
from shared.kernel.errors import DanglianError, NotFound, Unavailable
from shared.kernel.identifiers import new_id

log = logging.getLogger(__name__)

#: So many jobs are looked at for one that can be done here.
_MOST_LOOKED_AT = 50
_PAUSE = 0.2

#: What a kind of job prepares for its transaction.
Prepared = TypeVar("Prepared")


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Job(Model):
    """One piece of long work, with what it needs and how far it is."""

    __tablename__ = "kernel_job"
    __table_args__ = (Index("kernel_job_open", "state", "kind"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(10), default=JobState.WAITING)
    title: Mapped[str] = mapped_column(String(500), default="")
    owner: Mapped[str] = mapped_column(String(80), default="")
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime, default=None)

    @property
    def percent(self) -> int:
        """Progress from 0 to 100."""
        if self.state == JobState.DONE:
            return 100
        return min(99, self.done * 100 // self.total) if self.total else 0

    @property
    def is_open(self) -> bool:
        """Whether the job still has work before it."""
        return self.state in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True)
class Steps(Generic[Prepared]):
    """How the chunks of one kind of job are done.

    `prepare` does the slow part of the next chunk, outside of any transaction, from what is
    committed; `commit` writes it down in the transaction it is given, and is True when the job is
    done with it; `tidy` then puts away what the chunk left lying about, whatever became of it.
    A DanglianError in `prepare` or `commit` ends the job with its sentence.
    """

    prepare: Callable[[Job], Prepared]
    commit: Callable[[Job, Prepared, Session], bool]
    tidy: Callable[[Job, Prepared | None], None] = lambda _job, _prepared: None


def submit(
    session: Session,
    kind: str,
    arguments: dict[str, Any],
    *,
    title: str = "",
    owner: str = "",
) -> Job:
    """Put a job into the table; it starts after the caller's commit."""
    job = Job(id=new_id(), kind=kind, arguments=arguments, title=title, owner=owner)
    session.add(job)
    session.flush()
    return job


def job_of(job_id: str, *, session: Session) -> Job:
    """The job with this id. Raises NotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise no_job()
    return job


def no_job() -> NotFound:
    """How a job answers that there is not, or that is somebody else's."""
    return NotFound("没有这个任务。", "请回到列表重新查看。")


def stop(job: Job) -> None:
    """End a job after its current chunk; what is done stays done."""
    if job.is_open:
        job.state = JobState.STOPPED
        job.finished_at = now()


def go_on(job: Job) -> None:
    """Have a job that was stopped, or has failed, work on where it stands."""
    if job.state in (JobState.STOPPED, JobState.FAILED):
        job.state, job.problem, job.finished_at = JobState.WAITING, "", None


class JobRunner:
    """Works off the jobs of one database, one chunk at a time.

    `step` is for `Background`, `finish` for the command line.
    """

    def __init__(self, database: Database, steps: Mapping[str, Steps[Any]]) -> None:
        self._database = database
        self._steps = dict(steps)

    def step(self) -> bool:
        """Do one chunk of the oldest open job; False when there is none to do here."""
        with self._database.read() as session:
            job_ids = session.scalars(
                select(Job.id)
                .where(Job.state.in_([JobState.WAITING, JobState.RUNNING]))
                .where(Job.kind.in_(list(self._steps)))
                .order_by(Job.created_at, Job.id)
                .limit(_MOST_LOOKED_AT)
            ).all()
        return any(self.run_chunk(job_id) for job_id in job_ids)

    def finish(self, job_id: str) -> Job:
        """Run one job to its end in this thread; returns it."""
        while True:
            with self._database.read() as session:
                job = job_of(job_id, session=session)
            if not job.is_open:
                return job
            if not self.run_chunk(job_id):
                time.sleep(_PAUSE)

    def run_chunk(self, job_id: str) -> bool:
        """Do the next chunk of one job; False when another worker did it meanwhile."""
        with self._database.read() as session:
            job = job_of(job_id, session=session)
        if not job.is_open:
            return True
        steps = self._steps[job.kind]
        before = (job.done, dict(job.result))
        prepared = None
        try:
            prepared = steps.prepare(job)
            return self._commit(job_id, before, prepared, steps)
        except Unavailable:
            raise
        except Exception as error:
            if not isinstance(error, DanglianError):
                log.exception("job %s failed", job_id)
            self._fail(job_id, error)
        finally:
            steps.tidy(job, prepared)
        return True

    def _commit(
        self, job_id: str, before: tuple[int, dict[str, Any]], prepared: Any, steps: Steps[Any]
    ) -> bool:
        with self._database.write() as session:
            job = locked(session, Job, job_id)
            if job is None or not job.is_open:
                return True
            if (job.done, job.result) != before:
                return False
            job.state = JobState.RUNNING
            if steps.commit(job, prepared, session):
                job.state = JobState.DONE
                job.finished_at = now()
            return True

    def _fail(self, job_id: str, error: Exception) -> None:
        with self._database.write() as session:
            job = job_of(job_id, session=session)
            if not job.is_open:
                return
            job.state = JobState.FAILED
            job.finished_at = now()
            if isinstance(error, DanglianError):
                job.problem = f"{error.message}{error.remedy}"
            else:
                job.problem = (
                    "处理时出现内部错误，已停止；已完成的部分保留。请把任务编号告诉管理员。"
                )
