"""Work in a process of its own that dies by kill -9, at a named point or at any moment.

The process is a fork of one that has loaded the program and done nothing yet: a real process with
a real end, without a second for Python to start before each of a hundred deaths.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from shared.demo.forks import FORKS

_PATIENCE = 120.0
if FORKS is not None:
    # What the modules of such work import, too: else each process would do so before it dies.
    FORKS.set_forkserver_preload(
        [
            *("pytest", "hypothesis", "tests.federation", "tests.city", "tests.node.browser"),
            *("tests.servers.postgresql", "tests.hub.repository.validating"),
            "shared.demo.loaded",
        ]
    )


class Bomb:
    """Counts, and kills the process when the count is reached."""

    def __init__(self, at: int = 1) -> None:
        self.left = at

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def mined(call: Callable[..., Any], bomb: Bomb, *, after: bool) -> Callable[..., Any]:
    """The call with a bomb before or after it."""

    def exploding(*arguments: Any, **options: Any) -> Any:
        if not after:
            bomb.tick()
        answer = call(*arguments, **options)
        if after:
            bomb.tick()
        return answer

    return exploding


def dies(work: Callable[..., None], *arguments: Any, seconds: float | None = None) -> bool:
    """Let work be done in a process of its own until it is killed; False if it never was.

    It kills itself, or is killed so many seconds after it began. The work is a function of a
    module, which the process imports before.
    """
    assert FORKS is not None
    hear, tell = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_do, args=(tell, work, arguments))
    process.start()
    tell.close()
    hear.recv()  # that it begins
    process.join(_PATIENCE if seconds is None else seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        assert seconds is not None, f"{work.__name__}{arguments} neither died nor came to its end"
    if process.exitcode not in (0, -signal.SIGKILL):
        raise AssertionError(hear.recv() if process.exitcode == 1 else process.exitcode)
    hear.close()
    return process.exitcode != 0


def _do(tell: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    tell.send("begins")
    try:
        work(*arguments)
    except BaseException:
        tell.send(traceback.format_exc())
        raise
