"""What is wrong with a computer file, in one of a few kinds."""

from __future__ import annotations

from dataclasses import dataclass

#: It cannot be shown whole; it can, but only after repair; it has a password or is encrypted.
DAMAGED, REPAIRABLE, LOCKED = "damaged", "repairable", "locked"
#: It carries programs or files; parts that nothing in it refers to.
ACTIVE, STRAY = "active", "stray"
#: It can be read now and perhaps not in thirty years; it claims PDF/A or OFD-A and is not.
SHORT_LIVED, FALSE_CLAIM = "short_lived", "false_claim"
#: Not all of it was looked at; nothing of it was, as the process that tried did not survive it.
UNSURE, UNEXAMINED = "unsure", "unexamined"
#: A library came where it does not go with sound files; who knows what it left behind.
UPSETTING = frozenset({DAMAGED, REPAIRABLE, UNEXAMINED})


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a file: its kind, the problem in Chinese, and the part or page."""

    kind: str
    problem: str
    where: str | None = None
