"""Folders that many tests begin with: made once in a process, and copied for each of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

Made = TypeVar("Made")


def prepared(make: Callable[[Path], Made], path: Path) -> Made:
    """Lay a copy of the folder that `make` fills at `path`; what `make` returned is for all copies.

    It closes whatever it opened there. What lies at `path` already stays, unless the copy has it.
    """
    source, made = _once(make)
    shutil.copytree(source, path, dirs_exist_ok=True)
    return made


@cache
def _once(make: Callable[[Path], Made]) -> tuple[Path, Made]:
    source = Path(_shelf().name, f"{make.__module__}.{make.__qualname__}")
    source.mkdir(mode=0o700)  # as the folder of a hub is
    return source, make(source)


@cache
def _shelf() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="danglian-prepared-")
