"""What is wrong with a computer file, in one of four kinds."""

from __future__ import annotations

from dataclasses import dataclass

DAMAGED, LOCKED, ACTIVE, UNSURE = "damaged", "locked", "active", "unsure"


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a file: `damaged`, `locked`, `active` (programs inside), `unsure`."""

    kind: str
    problem: str
