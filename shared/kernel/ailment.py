"""What a doctor finds: one thing that is stuck, and how to free it."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Ailment:
    """One thing that does not move by itself: its stable code, what it means, what to do."""

    code: str
    problem: str
    remedy: str

    def to_wire(self) -> dict[str, str]:
        """As a plain mapping."""
        return asdict(self)
