"""A node's hand-over work that dies by kill -9 at a named point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from node.custody import work
from node.office.places import NodeFolder
from tests.killed import Bomb, mined


def node_hands_over(path: Path, what: str, at: int) -> None:
    """Work until nothing waits, or until death at the `at`-th of what is named.

    That is a commit (before it), or a `put` into the store of bundles or files (before or after).
    """
    work.BUNDLE_BYTES = 20_000  # so that a small fonds has several bundles
    folder = NodeFolder(path)
    bomb = Bomb(at)
    port, _, moment = what.partition("-")
    if port == "commit":
        event.listen(folder.database().engine, "commit", lambda connection: bomb.tick())
    else:
        store: Any = folder.bundles if port == "bundle" else folder.files
        store.put = mined(store.put, bomb, after=moment == "after")
    custody = work.CustodyWork(folder)
    while custody.step():
        pass
