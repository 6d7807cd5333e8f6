"""The versioned data files beside this module: read once, as plain values."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@cache
def load_json(name: str) -> Any:
    """One data file of this folder. What it returns is shared: never change it."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))
