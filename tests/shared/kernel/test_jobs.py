"""A job is done in chunks: prepared outside of any transaction, written down in a short one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from shared.kernel.database import Database
from shared.kernel.errors import Invalid
from shared.kernel.jobs import Job, JobRunner, JobState, Steps, job_of, stop, submit


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.in_file(tmp_path / "jobs.sqlite", ("shared",))
    made.create_schema()
    yield made
    made.close()


class Counting:
    """A kind of job that counts to three; what happens meanwhile is up to the test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tidied: list[int | None] = []
        self.runner = JobRunner(database, {"count": Steps(self.prepare, self.commit, self.tidy)})
        with database.write() as session:
            self.job_id = submit(session, "count", {}).id

    def prepare(self, job: Job) -> int:
        return job.done + 1

    def commit(self, job: Job, prepared: int, _session: Session) -> bool:
        job.done = prepared
        return job.done == 3

    def tidy(self, _job: Job, prepared: int | None) -> None:
        self.tidied.append(prepared)

    def stop(self) -> None:
        with self.database.write() as session:
            stop(job_of(self.job_id, session=session))

    def state(self) -> tuple[str, int, str]:
        with self.database.read() as session:
            job = job_of(self.job_id, session=session)
        return job.state, job.done, job.problem


def test_a_job_is_worked_off_chunk_by_chunk(database: Database) -> None:
    counting = Counting(database)
    assert counting.runner.step()
    assert counting.state() == (JobState.RUNNING, 1, "")
    assert counting.runner.finish(counting.job_id).state == JobState.DONE
    assert counting.tidied == [1, 2, 3]
    assert not counting.runner.step()


def test_others_can_write_while_a_chunk_is_prepared(database: Database) -> None:
    class Slow(Counting):
        def prepare(self, job: Job) -> int:
            with self.database.write() as session:
                submit(session, "other", {})
            return super().prepare(job)

    slow = Slow(database)
    assert slow.runner.finish(slow.job_id).state == JobState.DONE


@pytest.mark.parametrize("where", ["prepare", "commit"])
def test_an_error_ends_the_job_with_its_sentence_and_is_tidied_up(
    database: Database, where: str
) -> None:
    class Failing(Counting):
        def prepare(self, job: Job) -> int:
            if where == "prepare":
                raise Invalid("file", "表格已损坏。", "请重新上传。")
            return super().prepare(job)

        def commit(self, job: Job, prepared: int, session: Session) -> bool:
            super().commit(job, prepared, session)
            raise Invalid("file", "表格已损坏。", "请重新上传。")

    failing = Failing(database)
    assert failing.runner.step()
    assert failing.state() == (JobState.FAILED, 0, "表格已损坏。请重新上传。")
    assert failing.tidied == [None if where == "prepare" else 1]


def test_a_job_that_is_stopped_while_it_prepares_writes_nothing(database: Database) -> None:
    class Stopped(Counting):
        def prepare(self, job: Job) -> int:
            self.stop()
            return super().prepare(job)

    stopped = Stopped(database)
    assert stopped.runner.step()
    assert stopped.state()[:2] == (JobState.STOPPED, 0)
