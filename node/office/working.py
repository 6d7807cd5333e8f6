"""Long work on a node's folder: jobs of which one process at a time does one chunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.office.places import NodeFolder
from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock
from shared.kernel.jobs import JobRunner, Steps

#: The subfolders that work on whole fonds, and on imports, holds while it does a chunk.
HANDING, TAKING_IN = "handing", "importing"


class FolderRunner(JobRunner):
    """Works off jobs that write into one of the node's subfolders.

    A chunk holds the lock of that subfolder, so that a command beside the running process waits
    for its turn; `purpose` is what people are told it is in use for.
    """

    def __init__(
        self, folder: NodeFolder, name: str, purpose: str, steps: Mapping[str, Steps[Any]]
    ) -> None:
        super().__init__(folder.database(), steps)
        self._folder = folder
        self._locked = (name, purpose)

    def run_chunk(self, job_id: str) -> bool:
        """Do one chunk; False when another process is at it."""
        name, purpose = self._locked
        try:
            with folder_lock(self._folder.path / name, purpose):
                return super().run_chunk(job_id)
        except Conflict as error:
            if error.code != "folder_in_use":
                raise
            return False
