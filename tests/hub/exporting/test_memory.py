"""A large file goes out in every form without being held in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.desk import make_desk
from tests.hub.exporting.exported import Received
from tests.hub.receiving.test_uploads import ask, parts, put

LARGE = 200 * 1024 * 1024
#: What a process may take beside what a small export takes: pieces on their way, buffers.
ROOM_KB = 48 * 1024
#: `ru_maxrss` would have in it what the parent held when it forked; this is of the process alone.
_RUN = """
import re, sys
from pathlib import Path
from shared.command.main import danglian
try:
    danglian(sys.argv[1:])
finally:
    said = Path("/proc/self/status").read_text()
    sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+) kB", said)[1] + "\\n")
"""


def peak(received: Received, form: str, target: Path) -> int:
    """Export everything in a process of its own; the most memory that it had, in kilobytes."""
    folder = str(received.hub.city.folder.path)
    words = ["hub", "export", "--dir", folder, "--to", str(target), "--form", form, "--json"]
    ran = subprocess.run(
        [sys.executable, "-c", _RUN, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    return int(ran.stderr.split()[-1])


@pytest.mark.at_length
@pytest.mark.timeout(1800)
def test_a_large_file_takes_no_memory(received: Received, tmp_path: Path) -> None:
    forms = ("own", "eep", "bagit", "dat93", "ocfl")
    small = {form: peak(received, form, tmp_path / f"small-{form}") for form in forms}
    batch = received.unit.hand_over(1, inline=False, extra=LARGE)
    offered = batch.offers[0]
    client = make_desk(received.hub.city).test_client()
    grant = ask(received.hub, received.unit, offered)
    for number, piece in enumerate(parts(offered.package), 1):
        put(client, grant, number, piece)
    received.take_in(batch)
    for form in forms:
        target = tmp_path / form
        assert peak(received, form, target) - small[form] < ROOM_KB, form
        there = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        assert there > LARGE
