"""Processes of `hub run` and `node run`, found by the data folder that they hold."""

from __future__ import annotations

from pathlib import Path


def running_on(folder: Path) -> list[int]:
    """The processes that hold the lock of a data folder, or wait for it."""
    lock = folder / "run.lock"
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _opens(process, lock)]


def _opens(process: Path, file: Path) -> bool:
    try:
        return any(each.readlink() == file for each in (process / "fd").iterdir())
    except OSError:
        return False  # it has just ended, or has just closed one
