"""A hub's loops in a process of its own that dies by kill -9 at a named point.

Run as `python -m tests.hub.receiving.killed <folder> <what> <n>`: the process kills itself at the
n-th `put` or `put_part` (before or after it), or before the n-th commit (`commit`, or
`recover-commit` while it recovers). Without reaching that
point it works until nothing waits, and ends with 0.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.federation.places import HubFolder
from hub.receiving.restoring import restore_received
from hub.wiring import steps


class Bomb:
    """Counts, and kills the process when the count is reached."""

    def __init__(self, at: int) -> None:
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


def main(folder: Path, what: str, at: int) -> None:
    hub = HubFolder(folder)
    bomb = Bomb(at)
    port, _, moment = what.partition("-")
    if "commit" in (port, moment):
        event.listen(hub.database().engine, "commit", lambda connection: bomb.tick())
    else:
        target: Any = hub.store if port == "put" else hub.staging
        name = "put" if port == "put" else "put_part"
        setattr(target, name, mined(getattr(target, name), bomb, after=moment == "after"))
    if port == "recover":
        restore_received(hub, lambda text: None)
    for step in steps(hub).values():
        while step():
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
