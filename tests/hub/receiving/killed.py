"""A hub's loops that die by kill -9 at a named point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from hub.federation.places import HubFolder
from hub.receiving.restoring import restore_received
from hub.wiring import steps
from tests.killed import Bomb, mined


def hub_works(folder: Path, what: str, at: int) -> None:
    """Work until nothing waits, or until death at the `at`-th of what is named.

    `put-before` or `put-after` (or `replace-…`, `delete-…`, `part-…`, `abort-…`) is a part of the
    store's (or the staging's) work;
    `commit` comes before a commit, and `recover-commit` while the hub recovers.
    """
    hub = HubFolder(folder)
    bomb = Bomb(at)
    port, _, moment = what.partition("-")
    if "commit" in (port, moment):
        event.listen(hub.database().engine, "commit", lambda connection: bomb.tick())
    else:
        target: Any = hub.store if port in ("put", "replace", "delete") else hub.staging
        name = "put_part" if port == "part" else port
        setattr(target, name, mined(getattr(target, name), bomb, after=moment == "after"))
    if port == "recover":
        restore_received(hub, lambda text: None)
    for step in steps(hub).values():
        while step():
            pass
