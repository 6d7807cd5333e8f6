"""A roll-over of the hub's key that dies by kill -9 at a named point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.federation.key_files import KeyFiles
from hub.federation.key_roll import roll_hub_key, roll_seal
from hub.federation.places import HubFolder
from shared.kernel.actor import system_actor
from shared.storage import FolderStore
from tests.killed import Bomb, mined

STEPS: dict[str, Any] = {"prepare": KeyFiles, "keep": KeyFiles, "put": FolderStore}
STEPS["advance"] = KeyFiles


def hub_rolls_over(folder: Path, point: str, archive: str) -> None:
    """Roll the hub's key (`-`) or an archive's seal over; die `<step>-before` or `<step>-after`."""
    hub = HubFolder(folder)
    bomb = Bomb()
    step, _, moment = point.partition("-")
    if step == "commit":
        event.listen(hub.database().engine, "commit", lambda connection: bomb.tick())
    else:
        holder = STEPS[step]
        setattr(holder, step, mined(getattr(holder, step), bomb, after=moment == "after"))
    if archive == "-":
        roll_hub_key(system_actor("test"), hub)
    else:
        roll_seal(system_actor("test"), hub, archive)
