"""A roll-over of the hub's key in a process of its own that dies by kill -9 at a named point.

Run as `python -m tests.hub.federation.killed_roll <folder> <point> <archive or ->`; points are
`<step>-before` and `<step>-after` of the steps below.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.federation.key_files import KeyFiles
from hub.federation.key_roll import roll_hub_key, roll_seal
from hub.federation.places import HubFolder
from shared.kernel.actor import system_actor
from shared.storage import FolderStore

STEPS: dict[str, Any] = {"prepare": KeyFiles, "keep": KeyFiles, "put": FolderStore}
STEPS["advance"] = KeyFiles


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def mined(call: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def exploding(*arguments: Any, **options: Any) -> Any:
        if not after:
            die()
        call(*arguments, **options)
        die()

    return exploding


def main(folder: Path, point: str, archive: str) -> None:
    hub = HubFolder(folder)
    step, _, moment = point.partition("-")
    if step == "commit":
        event.listen(hub.database().engine, "commit", die)
    else:
        holder = STEPS[step]
        setattr(holder, step, mined(getattr(holder, step), after=moment == "after"))
    if archive == "-":
        roll_hub_key(system_actor("test"), hub)
    else:
        roll_seal(system_actor("test"), hub, archive)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
