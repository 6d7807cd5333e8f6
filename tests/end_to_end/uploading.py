"""A node that sends a package and dies by kill -9 with as much under way as there may be."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path
from typing import Any

from node.office.places import NodeFolder
from node.sync import in_flight
from node.sync.asking import HubDoor
from node.sync.slices import Slice
from node.sync.uploads import Uploader
from shared.storage import part_count
from tests.killed import Bomb, mined

#: So many requests go through before: the first brings a second sender, these two the others.
ALONE = 3


def numbers_of(number: int, piece: Slice) -> range:
    """The parts that a request brings."""
    return range(number, number + part_count(len(piece)))


def node_uploads(folder: Path, acknowledged: Path, answers: int, at_once: int) -> None:
    """Send until `MOST` requests are under way and so many of them were answered; then death.

    Each has `at_once` parts, but for the first one. The numbers of the parts that were answered are
    written, a line for each request, before it.
    """
    in_flight.QUICK_SECONDS = in_flight._GOOD_SECONDS = 1e6  # also on a busy machine
    Uploader._at_once = at_once
    together = threading.Barrier(in_flight.MOST, timeout=60)
    bomb = Bomb(answers or 1)
    put_part = HubDoor.put_part
    send = mined(put_part, bomb, after=False) if answers == 0 else put_part
    noting = threading.Lock()
    turns = count(1)

    def sent(door: HubDoor, grant: dict[str, Any], number: int, piece: Slice) -> None:
        with noting:
            alone = next(turns) <= ALONE
        if not alone:
            together.wait()
        (put_part if alone else send)(door, grant, number, piece)
        with noting, acknowledged.open("a") as file:
            file.write(" ".join(map(str, numbers_of(number, piece))) + "\n")
            file.flush()
            if answers and not alone:
                bomb.tick()

    HubDoor.put_part = sent  # type: ignore[assignment, method-assign]
    Uploader(NodeFolder(folder)).step()
