"""Processes forked from one that has loaded the program, where the system can fork.

They start in a tenth of a second instead of one, and share the memory of what is loaded.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import Any

#: Forks from a process that has loaded what `shared.demo.loaded` loads; None where nothing forks.
FORKS = get_context("forkserver") if hasattr(os, "fork") else None
if FORKS is not None:
    FORKS.set_forkserver_preload(["__main__", "shared.demo.loaded"])


class Forked:
    """A forked process, to be waited for and asked to end as one of `subprocess` is."""

    #: It is told otherwise that its parent lives.
    stdin = None

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        assert FORKS is not None  # noqa: S101 - else this is not called
        self._process = FORKS.Process(target=target, args=arguments, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    def poll(self) -> int | None:
        """None while it runs, else a number that says nothing.

        Another thread that starts a process may take its exit code away.
        """
        return 0 if wait([self._process.sentinel], 0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutError when it does not come in so many seconds."""
        if not wait([self._process.sentinel], timeout):
            raise TimeoutError
        return 0

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)
