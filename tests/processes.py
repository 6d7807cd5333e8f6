"""Processes of `hub run` and `node run`, found by the data folder that they hold."""

from __future__ import annotations

import re
from pathlib import Path

_HOLDER = re.compile(r"进程 (\d+)（(?:hub|node) run）")


def running_on(folder: Path) -> int | None:
    """The process that runs on a data folder; None when nobody does."""
    lock = folder / "run.lock"
    try:
        holder = _HOLDER.match(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if holder is None:
        return None
    process = Path("/proc", holder[1])
    # Of a killed one the text remains, and its number may be another's by now.
    try:
        holds = any(each.readlink() == lock for each in (process / "fd").iterdir())
    except FileNotFoundError:
        return None
    return int(holder[1]) if holds else None
