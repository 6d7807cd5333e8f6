"""A node's hand-over work in a process of its own that dies by kill -9 at a named point.

Run as `python -m tests.end_to_end.custody.killed <folder> <what> <n>`: the process kills itself
before the n-th commit, or at the n-th `put` into the store of bundles or files (before or after).
Without reaching that point it works until nothing waits, and ends with 0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from node.custody import work
from node.office.places import NodeFolder
from tests.hub.receiving.killed import Bomb, mined


def main(path: Path, what: str, at: int) -> None:
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
