"""Streams the whole feed out of a database, as the web process does: `python feed_child.py URL`.

A process of its own, so that its memory is that of streaming. Says in JSON what it took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import hub.schema
from hub.sharing import feed
from hub.sharing.policies import Audience
from shared.kernel.database import Database


def main(url: str) -> None:
    assert hub.schema.__all__
    database = Database(url, ("shared", "hub"))
    start, cpu, size, lines = time.perf_counter(), time.process_time(), 0, 0
    for piece in feed.export(database, Audience.PUBLIC, None):
        size += len(piece)
        lines += piece.count(b"\n")
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    database.close()
    # Not `getrusage`: its peak is that of whoever started this process, too.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    said = {"seconds": took, "cpu": cpu, "bytes": size, "entries": lines - 1, "peak_mb": peak}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
