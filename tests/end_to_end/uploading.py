"""A node that sends a package and dies by kill -9 with as many parts under way as there may be."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from node.office.places import NodeFolder
from node.sync import in_flight
from node.sync.asking import HubDoor
from node.sync.uploads import Uploader
from tests.killed import Bomb, mined

#: So many parts go through before: the first brings a second sender, these two bring the others.
ALONE = 3


def node_uploads(folder: Path, acknowledged: Path, answers: int) -> None:
    """Send until `MOST` parts are under way and so many of them were answered; then death.

    The numbers of the parts that were answered are written, a line each, before it.
    """
    in_flight.QUICK_SECONDS = float("inf")  # also on a busy machine
    together = threading.Barrier(in_flight.MOST, timeout=60)
    bomb = Bomb(answers or 1)
    put_part = HubDoor.put_part
    send = mined(put_part, bomb, after=False) if answers == 0 else put_part
    noting = threading.Lock()

    def sent(door: HubDoor, grant: dict[str, Any], number: int, part: bytes) -> None:
        if number > ALONE:
            together.wait()
        (send if number > ALONE else put_part)(door, grant, number, part)
        with noting, acknowledged.open("a") as file:
            file.write(f"{number}\n")
            file.flush()
            if number > ALONE and answers:
                bomb.tick()

    HubDoor.put_part = sent  # type: ignore[assignment, method-assign]
    Uploader(NodeFolder(folder)).step()
