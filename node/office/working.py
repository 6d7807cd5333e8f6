"""Long work on a node's folder: jobs of which one process at a time does one chunk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import select

from node.office.places import NodeFolder
from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock
from shared.kernel.jobs import Job, JobState, job_of

_LOCK_PAUSE = 0.2


class FolderWork:
    """Works off jobs of some kinds; `step` is for `Background`, `finish` for a command.

    A chunk holds the lock of one of the node's subfolders, so that a command beside the running
    process waits for its turn.
    """

    kinds: ClassVar[Sequence[str]]
    #: The subfolder whose lock a chunk holds, and what for, as people are told.
    place: ClassVar[tuple[str, str]]

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._database = folder.database()

    def step(self) -> bool:
        """Do one chunk of the oldest open job; False when there is none to do here."""
        with self._database.read() as session:
            job_id = session.scalar(
                select(Job.id)
                .where(Job.state.in_([JobState.WAITING, JobState.RUNNING]))
                .where(Job.kind.in_(self.kinds))
                .order_by(Job.created_at, Job.id)
                .limit(1)
            )
        return job_id is not None and self._chunk(job_id)

    def finish(self, job_id: str) -> Job:
        """Run one job to its end in this thread; returns it."""
        while True:
            with self._database.read() as session:
                job = job_of(job_id, session=session)
            if not job.is_open:
                return job
            if not self._chunk(job_id):
                time.sleep(_LOCK_PAUSE)

    def _chunk(self, job_id: str) -> bool:
        """Do one chunk; False when another process is at it."""
        name, purpose = self.place
        try:
            with folder_lock(self._folder.path / name, purpose):
                self._do_chunk(job_id)
        except Conflict as error:
            if error.code != "folder_in_use":
                raise
            return False
        return True

    def _do_chunk(self, job_id: str) -> None:
        raise NotImplementedError
